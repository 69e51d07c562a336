from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rates.buckets import TokenBuckets


def test_a_second_of_them_at_once_and_then_by_the_rate() -> None:
    buckets = TokenBuckets(10)
    assert [buckets.take([("a", 3)], 5.0) for _ in range(3)] == [None] * 3
    empty = buckets.take([("a", 3)], 5.0)
    assert empty is not None
    assert empty[0] == "a"
    assert abs(empty[1] - 1 / 3) < 1e-9
    assert buckets.take([("a", 3)], 5.5) is None
    assert buckets.take([("a", 3)], 5.5) is not None
    assert buckets.take([("a", 0)], 5.5) is None  # no limit


def test_what_one_bucket_refuses_takes_nothing_from_the_others() -> None:
    buckets = TokenBuckets(10)
    assert buckets.take([("key", 2), ("account", 1)], 0.0) is None
    assert buckets.take([("key", 2), ("account", 1)], 0.0) == ("account", 1.0)
    assert buckets.take([("key", 2)], 0.0) is None


def test_no_more_names_are_remembered_than_said() -> None:
    buckets = TokenBuckets(2)
    for name in "abc":
        assert buckets.take([(name, 1)], 0.0) is None
    assert len(buckets._buckets) == 2
    assert buckets.take([("c", 1)], 0.0) is not None
    assert buckets.take([("a", 1)], 0.0) is None  # forgotten, which is being full


@given(st.lists(st.floats(0, 2), max_size=80), st.integers(1, 9))
def test_never_more_than_the_rate_and_a_second_of_it(pauses: list[float], per_s: int) -> None:
    buckets, now, taken = TokenBuckets(1), 0.0, 0
    for pause in pauses:
        now += pause
        empty = buckets.take([("a", per_s)], now)
        taken += empty is None
        assert taken <= per_s + now * per_s + 1e-6
        if empty is not None:
            assert buckets.take([("a", per_s)], now + empty[1] + 1e-9) is None
            now, taken = now + empty[1] + 1e-9, taken + 1
