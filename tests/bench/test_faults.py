"""What a measurement tells of carriers that fail in known ways."""

import os

import pytest

from callgate.bench import media
from callgate.bench.load import BenchFailed, Load
from callgate.bench.media import Arrangement, Measured, measure
from tests.bench.relay import Faults, Made, Relay, relay

CORE = min(os.sched_getaffinity(0))
# Not apart: the load sleeps between frames, and leaves the tests' process its time.
SHARED = Arrangement((CORE,), (CORE,))
SECONDS = 0.6


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay needs no time to warm up."""
    monkeypatch.setattr(media, "_WARM_UP_S", 0.1)
    monkeypatch.setattr(media, "_SETTLE_S", 0.3)


async def measured(faults: Faults, calls: int = 2) -> Measured:
    return await measure(calls, arrangement=SHARED, wideband=False, seconds=SECONDS, carrier=relay(faults))


async def test_processor_and_memory_are_told_for_the_window_and_each_call() -> None:
    # A relay says that it used 0.25 s and 1,000 kB more each time it is asked: once for the window, twice in all.
    found = await measured(Faults())
    assert found.cpu == pytest.approx(0.25 / SECONDS)
    assert found.memory_kb == pytest.approx(2_000 / 2)


async def test_percentiles_are_the_upper_ends_of_their_steps() -> None:
    found = await measured(Faults(lateness={0: 60, 3: 38, 40: 1, 199: 1}))
    assert (found.lateness_ms_p50, found.lateness_ms_p99, found.lateness_ms_max) == (0.25, 10.25, 50.0)
    assert not found.carried


async def test_one_packet_that_is_held_up_shows_in_the_worst_lateness() -> None:
    found = await measured(Faults(stall_s=0.030))
    assert found.lateness_ms_max >= 30
    assert found.lateness_ms_p50 < found.lateness_ms_max


async def test_frames_that_wait_show_in_the_delay() -> None:
    found = await measured(Faults(hold_frames=4))
    assert found.delay_ms_p50 >= 60  # of 80, less the frame that is on its way as the first tick comes


async def test_frames_swallowed_on_their_way_to_callers_are_lost() -> None:
    found = await measured(Faults(swallow_to_callers=True, lateness={0: 50}))
    assert found.lost_to_callers >= 5  # about half of 30
    assert not found.carried


async def test_frames_swallowed_on_their_way_to_models_are_lost() -> None:
    found = await measured(Faults(swallow_to_models=True, lateness={0: 50}))
    assert found.lost_to_models >= 5
    assert not found.carried


async def test_one_call_that_gets_nothing_is_not_hidden_by_the_others() -> None:
    found = await measured(Faults(capacity=2, lateness={0: 50}), calls=3)
    assert found.lost_to_callers >= 20  # all of 30, but for those in flight
    assert found.lost_to_models >= 20


async def test_the_carrier_is_closed_when_a_measurement_fails() -> None:
    made = Made()

    class Failing(Relay):
        async def carry(self, load: Load) -> list[int]:
            raise BenchFailed("no model")

    with pytest.raises(BenchFailed, match="no model"):
        await measure(
            1,
            arrangement=SHARED,
            wideband=False,
            seconds=SECONDS,
            carrier=lambda calls, *, cores, wideband: Failing(calls, Faults(), made),
        )
    assert (made.started, made.closed) == (1, 1)
