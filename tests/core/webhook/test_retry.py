from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.webhook.retry import TRIES_MAX, is_taken, pause_s


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_takes_an_event(status: int) -> None:
    assert is_taken(status)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
def test_nothing_else_does_and_a_redirect_is_a_no(status: int) -> None:
    assert not is_taken(status)


def test_ten_tries_with_pauses_from_half_a_minute_on_that_double() -> None:
    pauses = [pause_s(tries, 0.5) for tries in range(1, TRIES_MAX + 1)]
    assert pauses == [30, 60, 120, 240, 480, 960, 1_920, 3_840, 7_680, None]


@given(tries=st.integers(1, 30), chance=st.floats(0, 1), first_s=st.floats(0.1, 3_600))
def test_chance_spreads_a_pause_by_a_tenth_and_the_next_one_is_always_longer(
    tries: int, chance: float, first_s: float
) -> None:
    wait_s = pause_s(tries, chance, first_s)
    assert (wait_s is None) == (tries >= TRIES_MAX)
    if wait_s is not None:
        even_s = first_s * 2 ** (tries - 1)
        assert 0.899 * even_s <= wait_s <= 1.101 * even_s
        following = pause_s(tries + 1, 0.0, first_s)
        assert following is None or following > wait_s


def test_it_always_ends() -> None:
    assert next(tries for tries in count(1) if pause_s(tries, 1.0) is None) == 10
