"""Calls per second of a source, in the mean of ten seconds."""

import pytest

from callgate.core.admission.rate import SourceRates


def test_a_burst_is_allowed_up_to_ten_seconds_worth() -> None:
    rates = SourceRates(2.0)
    taken = 0
    for _ in range(50):
        if not rates.over("192.0.2.7", 100.0):
            rates.called("192.0.2.7", 100.0)
            taken += 1
    assert taken == 20
    assert not rates.over("192.0.2.8", 100.0)
    assert rates.over("192.0.2.7", 109.9)
    assert not rates.over("192.0.2.7", 110.0)


@pytest.mark.parametrize(("calls_per_s", "over"), [(0.0, False), (0.05, True), (0.1, False)])
def test_the_first_call_of_a_source(calls_per_s: float, over: bool) -> None:
    assert SourceRates(calls_per_s).over("192.0.2.7", 0.0) is over


def test_no_limit_counts_nothing() -> None:
    rates = SourceRates(0.0)
    for _ in range(10_000):
        rates.called("192.0.2.7", 0.0)
    assert not rates.over("192.0.2.7", 0.0)


def test_sources_remembered_are_bounded() -> None:
    rates = SourceRates(0.1)
    for number in range(5_000):
        rates.called(f"10.0.{number // 250}.{number % 250}", 0.0)
    assert not rates.over("10.0.0.0", 0.0)
    assert rates.over("10.0.19.249", 0.0)
