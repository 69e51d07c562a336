"""How many two-way calls a core and a machine carry: real workers, real sockets, and a search for the limit.

Every call is G.711 on one side and a WebSocket to a model on the other, a frame each way every 20 ms. Callers and
models live in processes of their own (`crowd`), on other cores where there are some. A number of calls is carried when
99 of 100 frames left within 5 ms of their time and none was lost in either direction. The search doubles until a number
is not carried, then halves the gap; a number that was not carried is tried once more, since machines are noisy.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from callgate.bench.crowd import FRAME_S, Crowd, Seen
from callgate.bench.load import Load
from callgate.bench.workers import Workers
from callgate.media.protocol import Inspected
from callgate.media.ticker import LATENESS_STEP_S

LATENESS_MS_MAX: Final = 5.0
_WARM_UP_S: Final = 2.0
_SETTLE_S: Final = 0.5  # a rest, and probes of before it
# Frames on their way when a window is opened or closed: one in each buffer, one more for good measure.
_IN_FLIGHT: Final = 3
SEARCH_CALLS_FIRST: Final = 100  # a worker: carried by any machine of these years, and half a minute to more
_SEARCH_STEP: Final = 0.05  # the gap at which a search ends, of the number itself
_SEARCH_CALLS_MAX: Final = 6_000  # that have ports: see `workers`
_TRIES: Final = 2


class Carrier(Protocol):
    """What carries the calls of a measurement."""

    async def start(self) -> None:
        """Be ready."""
        ...

    async def carry(self, load: Load) -> list[int]:
        """Join each caller of the load with the model of the same number; where each is to send its RTP."""
        ...

    async def inspect(self) -> Sequence[Inspected]:
        """How each process is."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


@dataclass(frozen=True, slots=True)
class Measured:
    """One number of calls, tried.

    Attributes:
        calls: at once.
        lateness_ms_p50: of frames sent, against their own slots.
        lateness_ms_p99: likewise.
        lateness_ms_max: likewise; 50 stands for more.
        lost_to_callers: frames that should have come to callers and did not.
        lost_to_models: likewise to models.
        cpu: of the workers, in cores.
        delay_ms_p50: from caller to model plus from model to caller: the sum of the two medians.
        delay_ms_p99: the sum of the two 99th percentiles.
        memory_kb: that each call takes in its worker.
        crowd_late_ms: how late the load itself was, at worst: above 20, blame it and not the worker.
    """

    calls: int
    lateness_ms_p50: float
    lateness_ms_p99: float
    lateness_ms_max: float
    lost_to_callers: int
    lost_to_models: int
    cpu: float
    delay_ms_p50: float
    delay_ms_p99: float
    memory_kb: float
    crowd_late_ms: float

    @property
    def carried(self) -> bool:
        """Whether all was well."""
        return self.lateness_ms_p99 <= LATENESS_MS_MAX and not self.lost_to_callers and not self.lost_to_models


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Who runs where.

    Attributes:
        worker_cores: one worker on each.
        crowd_cores: one crowd on each.
    """

    worker_cores: tuple[int, ...]
    crowd_cores: tuple[int, ...]

    @property
    def apart(self) -> bool:
        """Whether workers and crowds share no core."""
        return not set(self.worker_cores) & set(self.crowd_cores)


def one_core() -> Arrangement:
    """A worker alone on the first core, the load on the next, where there is one."""
    cores = sorted(os.sched_getaffinity(0))
    return Arrangement((cores[0],), (cores[1 % len(cores)],))


def whole_machine() -> Arrangement:
    """A worker on every core, and the load on the same cores: there is no other place for it."""
    cores = tuple(sorted(os.sched_getaffinity(0)))
    return Arrangement(cores, cores)


async def measure(
    calls: int,
    *,
    arrangement: Arrangement,
    wideband: bool,
    seconds: float,
    carrier: Callable[..., Carrier] = Workers,
    crowd: type[Crowd] = Crowd,
) -> Measured:
    """Carry so many calls for so long.

    Args:
        calls: at least 1.
        arrangement: who runs where.
        wideband: models speak s16le at 16,000 Hz; else µ-law.
        seconds: to measure, after two to warm up.
        carrier: makes what carries them, given ``calls``, ``cores`` and ``wideband``.
        crowd: what callers and models are.

    Raises:
        BenchFailed: a process ended, or a model could not be reached.
    """
    carrying = carrier(calls, cores=arrangement.worker_cores, wideband=wideband)
    loads: list[Load] = []
    try:
        await carrying.start()
        share = -(-calls // len(arrangement.crowd_cores))
        for index, core in enumerate(arrangement.crowd_cores):
            count = min(share, calls - index * share)
            if count > 0:
                loads.append(Load(count, wideband=wideband, core=core, alone=arrangement.apart, kind=crowd))
        for load in loads:
            await load.ready()
        before = await carrying.inspect()
        for load in loads:
            load.go(await carrying.carry(load))
        await asyncio.sleep(_WARM_UP_S)
        for load in loads:
            load.rest()
        await asyncio.sleep(_SETTLE_S)
        begun = await carrying.inspect()
        for load in loads:
            await load.seen()
        await asyncio.sleep(seconds)
        seen = [await load.seen() for load in loads]
        ended = await carrying.inspect()
    finally:
        await carrying.close()
        for load in loads:
            await load.stop()
    return _judged(calls, seen, before, begun, ended, seconds)


async def search(
    attempt: Callable[[int], Awaitable[Measured]], *, first: int, tell: Callable[[Measured], None]
) -> Measured | None:
    """The largest number of calls that is carried; ``None`` when not even one is.

    Args:
        attempt: tries a number, as `measure` does.
        first: to try.
        tell: told each try.

    Raises:
        BenchFailed: see `measure`.
    """
    best: Measured | None = None
    calls, too_many = first, 0
    while calls <= _SEARCH_CALLS_MAX:
        for _ in range(_TRIES):
            found = await attempt(calls)
            tell(found)
            if found.carried:
                break
        if found.carried:
            best = found
            calls = 2 * calls if not too_many else (calls + too_many) // 2
        else:
            too_many = calls
            calls = ((best.calls if best else 0) + calls) // 2
        lowest = best.calls if best else 0
        if too_many and too_many - lowest <= max(1, _SEARCH_STEP * too_many):
            break
    return best


def _judged(
    calls: int,
    seen: Sequence[Seen],
    before: Sequence[Inspected],
    begun: Sequence[Inspected],
    ended: Sequence[Inspected],
    seconds: float,
) -> Measured:
    lateness = [
        sum(after.lateness[step] - first.lateness[step] for first, after in zip(begun, ended, strict=True))
        for step in range(len(begun[0].lateness))
    ]
    there = sorted(delay for one in seen for delay in one.there_s)
    back = sorted(delay for one in seen for delay in one.back_s)
    return Measured(
        calls=calls,
        lateness_ms_p50=_percentile(lateness, 0.50),
        lateness_ms_p99=_percentile(lateness, 0.99),
        lateness_ms_max=_percentile(lateness, 1.0),
        lost_to_callers=sum(max(0, int(one.seconds / FRAME_S) - _IN_FLIGHT - one.received_least) for one in seen),
        lost_to_models=sum(max(0, int(one.seconds / FRAME_S - _IN_FLIGHT - one.heard_least)) for one in seen),
        cpu=sum(after.cpu_s - first.cpu_s for first, after in zip(begun, ended, strict=True)) / seconds,
        delay_ms_p50=1000 * (_at(there, 0.50) + _at(back, 0.50)),
        delay_ms_p99=1000 * (_at(there, 0.99) + _at(back, 0.99)),
        memory_kb=sum(after.memory_kb - first.memory_kb for first, after in zip(before, ended, strict=True)) / calls,
        crowd_late_ms=1000 * max(one.late_s_max for one in seen),
    )


def _percentile(histogram: Sequence[int], share: float) -> float:
    """In ms: the upper end of the step in which that share of all is reached."""
    wanted, count = share * sum(histogram), 0
    for step, times in enumerate(histogram):
        count += times
        if count >= wanted:
            return 1000 * LATENESS_STEP_S * (step + 1)
    return 0.0


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
