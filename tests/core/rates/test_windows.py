from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rates.windows import Window, WindowCounts, wait_s


def test_what_is_exactly_a_window_ago_counts_no_more() -> None:
    windows = [Window(2, 10.0)]
    assert wait_s([0.0, 4.0], windows, 9.0) == 1.0
    assert wait_s([0.0, 4.0], windows, 10.0) == 0.0
    assert wait_s([0.0], windows, 0.0) == 0.0


def test_the_longest_wait_is_told() -> None:
    assert wait_s([0.0, 0.0, 0.5], [Window(1, 1.0), Window(3, 60.0)], 1.0) == 59.0


def test_names_have_nothing_to_do_with_each_other_and_are_forgotten() -> None:
    counts, windows = WindowCounts(2), [Window(1, 10.0)]
    assert [counts.count(name, windows, 0.0) for name in "abc"] == [0.0] * 3
    assert counts.count("c", windows, 4.0) == 6.0
    assert counts.count("a", windows, 4.0) == 0.0  # forgotten
    assert counts.count("c", [], 4.0) == 0.0


WINDOWS = st.lists(st.builds(Window, st.integers(1, 5), st.integers(1, 30).map(float)), min_size=1, max_size=3)


@given(WINDOWS, st.lists(st.integers(0, 12).map(float), max_size=60))
def test_no_stretch_of_time_ever_holds_too_many_and_none_is_refused_in_vain(
    windows: list[Window], pauses: list[float]
) -> None:
    counts, now, taken = WindowCounts(1), 0.0, list[float]()
    for pause in pauses:
        now += pause
        fits = all(
            sum(at > now - window.seconds for at in taken) < window.most for window in windows
        )  # by plain counting
        wait = counts.count("a", windows, now)
        assert (wait == 0) is fits
        if fits:
            taken.append(now)
        else:
            assert wait_s(taken, windows, now + wait) == 0
