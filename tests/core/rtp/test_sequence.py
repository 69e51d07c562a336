from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rtp.sequence import Sequence


def push(sequence: Sequence, *numbers: int) -> list[int | None]:
    heard: list[int | None] = []
    for number in numbers:
        heard += [None if x is None else int.from_bytes(x) for x in sequence.push(number, number.to_bytes(2))]
    return heard


def test_in_order_is_at_once_also_over_the_wrap() -> None:
    assert push(Sequence(), 65_534, 65_535, 0, 1) == [65_534, 65_535, 0, 1]


def test_what_swaps_on_the_way_is_put_right() -> None:
    assert push(Sequence(), 1, 3, 2, 4) == [1, 2, 3, 4]


def test_a_gap_is_given_up_after_two_more() -> None:
    sequence = Sequence()
    assert push(sequence, 1, 3) == [1]
    assert push(sequence, 4) == [None, 3, 4]
    assert sequence.lost == 1
    assert push(sequence, 2) == []
    assert sequence.dropped == 1


def test_duplicates_are_dropped() -> None:
    sequence = Sequence()
    assert push(sequence, 5, 5, 6, 6) == [5, 6]
    assert sequence.dropped == 2


def test_a_new_beginning_is_followed() -> None:
    assert push(Sequence(), 1, 2, 30_000, 30_001) == [1, 2, 30_000, 30_001]


@given(st.lists(st.integers(0, 65_535), max_size=60))
def test_nothing_is_heard_twice_in_a_row_and_nothing_is_kept_for_ever(numbers: list[int]) -> None:
    sequence = Sequence()
    heard = push(sequence, *numbers)
    assert sum(x is not None for x in heard) + sequence.dropped + 2 >= len(numbers)
