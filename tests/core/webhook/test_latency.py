"""Percentiles: of the last exactly, of all nearly, and the memory they take is bounded."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.webhook.latency import LAST_MAX, LatencyRecord
from callgate.entities.handler import Latencies


def test_without_questions_there_is_nothing_to_tell() -> None:
    record = LatencyRecord()
    assert record.last() == record.since_start() == Latencies(0, None, None, None, None)


def test_percentiles_are_nearest_ranks() -> None:
    record = LatencyRecord()
    for ms in range(100, 0, -1):
        record.take(float(ms))
    assert record.last() == Latencies(100, 50.0, 95.0, 99.0, 100.0)


def test_the_last_are_the_last() -> None:
    record = LatencyRecord()
    record.take(60_000.0)
    for _ in range(LAST_MAX):
        record.take(1.0)
    assert record.last() == Latencies(LAST_MAX, 1.0, 1.0, 1.0, 1.0)
    ever = record.since_start()
    assert (ever.count, ever.longest) == (LAST_MAX + 1, 60_000.0)
    assert ever.p99 == pytest.approx(1.0, rel=0.05)


@given(st.lists(st.floats(0, 60_000), min_size=1, max_size=300))
def test_those_of_all_are_at_most_a_twentieth_too_high(latencies: list[float]) -> None:
    record = LatencyRecord()
    for ms in latencies:
        record.take(ms)
    found, ordered = record.since_start(), sorted(latencies)
    for percent, told in ((50, found.p50), (95, found.p95), (99, found.p99)):
        exact = ordered[ceil(len(ordered) * percent / 100) - 1]
        assert told is not None
        assert exact <= told * 1.000001
        assert told <= max(exact * 1.050001, 0.1)
    assert found.longest == ordered[-1]
