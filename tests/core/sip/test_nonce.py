from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.nonce import Nonces

SOURCE = "203.0.113.9"


def nonces(**more: int) -> Nonces:
    return Nonces(b"secret", life_s=300, **more)


def test_a_nonce_needs_no_memory_and_is_good_for_its_life() -> None:
    ours = nonces()
    nonce = ours.make(b"call-1", SOURCE, 1_000.7)
    assert len(ours) == 0
    assert ours.made_at(nonce, SOURCE, 1_000.9) == 1_000
    assert ours.made_at(nonce, SOURCE, 1_300.5) == 1_000
    assert ours.made_at(nonce, SOURCE, 1_301.5) is None
    assert ours.made_at(nonce, SOURCE, 999.0) is None


def test_copies_of_a_request_get_the_same_and_others_another() -> None:
    ours = nonces()
    nonce = ours.make(b"call-1", SOURCE, 1_000.0)
    assert ours.make(b"call-1", SOURCE, 1_000.5) == nonce
    others = {ours.make(b"call-2", SOURCE, 1_000.0), ours.make(b"call-1", "203.0.113.8", 1_000.0)}
    others |= {ours.make(b"call-1", SOURCE, 1_001.0), Nonces(b"other", life_s=1).make(b"call-1", SOURCE, 1_000.0)}
    assert nonce not in others
    assert len(others) == 4


def test_a_nonce_is_worth_nothing_elsewhere_nor_when_it_is_not_ours() -> None:
    ours = nonces()
    nonce = ours.make(b"call", SOURCE, 1_000.0)
    assert ours.made_at(nonce, "203.0.113.8", 1_000.0) is None
    assert Nonces(b"other", life_s=300).made_at(nonce, SOURCE, 1_000.0) is None
    for other in ("", "x" * 27, nonce[:-1], nonce + "A", "=" * 27, "é" * 27, nonce[1:] + nonce[0]):
        assert ours.made_at(other, SOURCE, 1_000.0) is None


def test_a_proof_counts_once_and_in_order() -> None:
    ours = nonces()
    nonce = ours.make(b"call", SOURCE, 0.0)
    assert ours.use(nonce, SOURCE, 1, 1.0)
    assert not ours.use(nonce, SOURCE, 1, 1.0)
    assert ours.use(nonce, SOURCE, 5, 2.0)
    assert not ours.use(nonce, SOURCE, 4, 2.0)
    assert not ours.use(nonce, SOURCE, 6, 302.0)
    assert not ours.use(nonce, SOURCE, 0, 3.0)


def test_memory_is_bounded_and_what_was_forgotten_is_never_taken_for_new() -> None:
    ours = nonces(nonces_max=3)
    made = [ours.make(b"%d" % number, SOURCE, number) for number in range(6)]
    unused = ours.make(b"unused", SOURCE, 1.0)
    for number in range(5):
        assert ours.use(made[number], SOURCE, 1, 10.0)
    assert len(ours) == 3
    assert not any(ours.use(nonce, SOURCE, 2, 10.0) for nonce in made[:2])
    assert not ours.use(unused, SOURCE, 1, 10.0)  # refused though it is new: that cannot be known
    assert all(ours.use(nonce, SOURCE, 2, 10.0) for nonce in made[2:5])
    assert ours.use(made[5], SOURCE, 1, 10.0)


def test_what_is_over_is_forgotten() -> None:
    ours = nonces()
    for second in range(2_000):
        assert ours.use(ours.make(b"call", SOURCE, float(second)), SOURCE, 1, float(second))
    assert len(ours) < 305


@given(st.text(max_size=40))
def test_any_text_is_none_of_ours(text: str) -> None:
    assert nonces().made_at(text, SOURCE, 1_000.0) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4), st.integers(0, 400)), max_size=60))
def test_no_proof_is_ever_taken_twice(uses: list[tuple[int, int, int]]) -> None:
    ours = nonces(nonces_max=2)
    made = [ours.make(b"%d" % number, SOURCE, 10.0 * number) for number in range(6)]
    taken = set()
    now = 60.0
    for which, count, later in uses:
        now += later / 10
        if ours.use(made[which], SOURCE, count, now):
            assert (which, count) not in taken
            taken.add((which, count))
