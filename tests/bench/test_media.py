import dataclasses
from collections.abc import Sequence

import pytest

from callgate.bench.load import BenchFailed, Load
from callgate.bench.media import LATENESS_MS_MAX, Arrangement, Measured, measure, one_core, search, whole_machine
from callgate.bench.workers import Workers

SECONDS = 1.0


@pytest.mark.parametrize("wideband", [False, True])
async def test_a_few_calls_are_carried(wideband: bool) -> None:
    found = await measure(5, arrangement=one_core(), wideband=wideband, seconds=SECONDS)
    assert (found.calls, found.lost_to_callers, found.lost_to_models) == (5, 0, 0)
    assert 0 < found.lateness_ms_p50 <= found.lateness_ms_p99 <= found.lateness_ms_max
    assert found.cpu > 0
    assert 0 < found.delay_ms_p50 <= found.delay_ms_p99
    assert 0 < found.memory_kb < 5_000


class Deserter(Workers):
    """Hangs up on one caller as soon as it has begun."""

    async def carry(self, load: Load) -> list[int]:
        ports = await super().carry(load)
        self._sessions.pop().close()
        return ports


async def test_what_is_lost_is_seen() -> None:
    found = await measure(3, arrangement=one_core(), wideband=False, seconds=SECONDS, carrier=Deserter)
    assert found.lost_to_callers == pytest.approx(SECONDS * 50, abs=10)
    assert found.lost_to_models == pytest.approx(SECONDS * 50, abs=10)
    assert not found.carried


class Stranded(Workers):
    """Is told of models where none are."""

    async def carry(self, load: Load) -> list[int]:
        load.model_port = 1
        return await super().carry(load)


async def test_a_model_that_cannot_be_reached_is_told() -> None:
    with pytest.raises(BenchFailed, match="could not be started"):
        await measure(1, arrangement=one_core(), wideband=False, seconds=SECONDS, carrier=Stranded)


async def test_a_load_that_died_is_told() -> None:
    load = Load(1, wideband=False, core=one_core().crowd_cores[0], alone=False)
    await load.ready()
    assert load.model_port > 0
    assert len(load.caller_ports) == 1
    load._process.kill()
    with pytest.raises(BenchFailed, match="has ended"):
        await load.seen()
    await load.stop()


GOOD = Measured(
    calls=0,
    lateness_ms_p50=1.0,
    lateness_ms_p99=2.0,
    lateness_ms_max=9.0,
    lost_to_callers=0,
    lost_to_models=0,
    cpu=0.5,
    delay_ms_p50=12.0,
    delay_ms_p99=20.0,
    memory_kb=50.0,
    crowd_late_ms=1.0,
)


@pytest.mark.parametrize(
    "wrong", [{"lateness_ms_p99": LATENESS_MS_MAX + 0.1}, {"lost_to_callers": 1}, {"lost_to_models": 1}]
)
def test_any_of_these_is_too_much(wrong: dict[str, float]) -> None:
    assert GOOD.carried
    assert not dataclasses.replace(GOOD, **wrong).carried  # type: ignore[arg-type]


class Machine:
    """Carries so many calls, and not always what it could: some tries fail by chance."""

    def __init__(self, carries: int, unlucky: Sequence[int] = ()) -> None:
        self._carries = carries
        self._unlucky = set(unlucky)
        self.tried: list[int] = []

    async def attempt(self, calls: int) -> Measured:
        lucky = len(self.tried) not in self._unlucky
        self.tried.append(calls)
        return dataclasses.replace(GOOD, calls=calls, lost_to_models=0 if lucky and calls <= self._carries else 5)


@pytest.mark.parametrize("carries", [3, 99, 100, 437, 950, 2_999])
async def test_the_search_finds_the_limit(carries: int) -> None:
    machine = Machine(carries)
    told: list[Measured] = []
    best = await search(machine.attempt, first=100, tell=told.append)
    assert best is not None
    assert 0.94 * carries <= best.calls + 1
    assert best.calls <= carries
    assert [found.calls for found in told] == machine.tried
    assert len(machine.tried) < 25


async def test_what_fails_once_is_tried_again() -> None:
    machine = Machine(100, unlucky=[0])
    best = await search(machine.attempt, first=100, tell=lambda found: None)
    assert best is not None
    assert best.calls == 100
    assert machine.tried[:3] == [100, 100, 200]


async def test_a_machine_that_carries_nothing() -> None:
    assert await search(Machine(0).attempt, first=100, tell=lambda found: None) is None


def test_workers_and_callers_are_apart_where_they_can_be() -> None:
    assert one_core().apart or len(set(one_core().worker_cores + one_core().crowd_cores)) == 1
    everything = whole_machine()
    assert everything.worker_cores == everything.crowd_cores
    assert not everything.apart
    assert Arrangement((0,), (1,)).apart
