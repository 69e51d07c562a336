"""How many two-way calls a core and a machine carry: real workers, real sockets, and a search for the limit.

Every call is G.711 on one side and a WebSocket to a model on the other, a frame each way every 20 ms. Callers and
models live in processes of their own (`crowd`), on other cores where there are some. A number of calls is carried when
99 of 100 frames left within 5 ms of their time and none was lost in either direction. The search doubles until a number
is not carried, then halves the gap.
"""

import asyncio
import contextlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from callgate.bench import crowd
from callgate.bench.crowd import FRAME_S, Seen
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.protocol import Inspected
from callgate.media.ticker import LATENESS_STEP_S
from callgate.media.workers import WorkerMedia
from callgate.ports import BrainPlan, MediaSession, SoundPath

LATENESS_MS_MAX: Final = 5.0
_WARM_UP_S: Final = 2.0
_START_S_MAX: Final = 60.0
# Frames on their way when a window is opened or closed: one in each buffer, one more for good measure.
_IN_FLIGHT: Final = 3
_SEARCH_CALLS_FIRST: Final = 100
_SEARCH_STEP: Final = 0.05  # the gap at which a search ends, of the number itself
_SEARCH_CALLS_MAX: Final = 6_400


class BenchFailed(Exception):
    """A measurement could not be made; words for an operator."""


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


class _Ear:
    """Waits for one session."""

    def __init__(self) -> None:
        self.is_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_closed: asyncio.Future[SoundQuality] = asyncio.get_running_loop().create_future()

    def _fail(self, words: str) -> None:
        for future in (self.is_ready, self.is_closed):
            if not future.done():
                future.set_exception(BenchFailed(words))
                future.exception()  # one of the two may never be asked for

    def ready(self) -> None:
        """The model is connected."""
        self.is_ready.set_result(None)

    def brain_failed(self, reason: str) -> None:
        """It is not."""
        self._fail(reason)

    def message(self, role: str, text: str, medium: str, start_ms: float | None, end_ms: float | None) -> None:
        """No words here."""

    def event(self, severity: str, type: str, text: str, extras: JsonObject) -> None:
        """Nothing of interest."""

    def hang_up_requested(self, outcome: str) -> None:
        """The judge of lost sound; there is none lost for so long."""

    def measured(self, quality: SoundQuality) -> None:
        """We count ourselves."""

    def closed(self, quality: SoundQuality) -> None:
        """It is over."""
        if not self.is_closed.done():
            self.is_closed.set_result(quality)

    def lost(self) -> None:
        """The worker died."""
        self._fail("a media worker died")


class _CrowdProcess:
    """A crowd, from outside."""

    def __init__(self, calls: int, wideband: bool, cores: Sequence[int]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe: Connection
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=crowd.main, args=(theirs, calls, wideband), daemon=True)
        self._process.start()
        theirs.close()
        if cores:
            os.sched_setaffinity(self._process.pid or 0, cores)
        self.model_port = 0
        self.caller_ports: list[int] = []

    async def ready(self) -> None:
        heard = await self._hear()
        assert isinstance(heard, tuple)
        _, self.model_port, self.caller_ports = heard

    def go(self, ports: list[int]) -> None:
        self._pipe.send(("go", ports))

    async def seen(self) -> Seen:
        self._pipe.send(("seen",))
        seen = await self._hear()
        assert isinstance(seen, Seen)
        return seen

    async def stop(self) -> None:
        with contextlib.suppress(OSError):  # it has ended by itself
            self._pipe.send(("stop",))
        await asyncio.to_thread(self._process.join, 5)
        if self._process.is_alive():
            self._process.kill()

    async def _hear(self) -> "Seen | tuple[str, int, list[int]]":
        if not await asyncio.to_thread(self._pipe.poll, _START_S_MAX):
            raise BenchFailed(f"the process of callers did not answer within {_START_S_MAX:g} s")
        try:
            heard: Seen | tuple[str, int, list[int]] = self._pipe.recv()
        except EOFError:
            raise BenchFailed("the process of callers has ended; see its words above") from None
        return heard


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Who runs where.

    Attributes:
        worker_cores: one worker on each.
        crowd_cores: one crowd on each.
    """

    worker_cores: tuple[int, ...]
    crowd_cores: tuple[int, ...]


def one_core() -> Arrangement:
    """A worker alone on the first core, the load on the next, where there is one."""
    cores = sorted(os.sched_getaffinity(0))
    return Arrangement((cores[0],), (cores[1 % len(cores)],))


def whole_machine() -> Arrangement:
    """A worker on every core, and the load on the same cores: there is no other place for it."""
    cores = tuple(sorted(os.sched_getaffinity(0)))
    return Arrangement(cores, cores)


async def measure(
    calls: int, *, arrangement: Arrangement, wideband: bool, seconds: float, port_first: int = 40_000
) -> Measured:
    """Carry so many calls for so long.

    Raises:
        BenchFailed: a process ended, or a model could not be reached.
    """
    workers = len(arrangement.worker_cores)
    media = WorkerMedia(
        count=workers,
        factory="callgate.bench.brain:factories",
        factory_settings={},
        bind="127.0.0.1",
        port_first=port_first,
        port_last=min(65_535, port_first + 4 * calls + 4 * 64 * workers + 1),
        port_rest_s=0.0,
        sessions_max=calls + workers,
    )
    crowds: list[_CrowdProcess] = []
    sessions: list[MediaSession] = []
    try:
        await media.start()
        for pid, core in zip(media.pids, arrangement.worker_cores, strict=True):
            os.sched_setaffinity(pid, [core])
        share = -(-calls // len(arrangement.crowd_cores))
        for index, core in enumerate(arrangement.crowd_cores):
            count = min(share, calls - index * share)
            if count > 0:
                crowds.append(_CrowdProcess(count, wideband, [core]))
        for one in crowds:
            await one.ready()
        before = await media.inspect()
        for one in crowds:
            sessions += await _open(media, one, "pcm16" if wideband else "pcmu")
        await asyncio.sleep(_WARM_UP_S)
        begun = await media.inspect()
        for one in crowds:
            await one.seen()
        await asyncio.sleep(seconds)
        seen = [await one.seen() for one in crowds]
        ended = await media.inspect()
    finally:
        for session in sessions:
            session.close()
        await media.close()
        for one in crowds:
            await one.stop()
    return _judged(calls, seen, before, begun, ended, seconds)


async def _open(media: WorkerMedia, one: _CrowdProcess, sound: str) -> list[MediaSession]:
    ears, sessions = [], []
    for number, port in enumerate(one.caller_ports):
        while (session := media.reserve()) is None:  # noqa: ASYNC110 (until the workers have granted more)
            await asyncio.sleep(0.001)
        ear = _Ear()
        plan = BrainPlan(
            "websocket", f"bench-{number}", {"url": f"ws://127.0.0.1:{one.model_port}/{number}", "sound": sound}
        )
        session.open(plan, SoundPath("127.0.0.1", port, "PCMU", 0), ear)
        ears.append(ear)
        sessions.append(session)
        if number % 32 == 31:
            await asyncio.gather(*(ear.is_ready for ear in ears))
    await asyncio.gather(*(ear.is_ready for ear in ears))
    for session in sessions:
        session.begin()
    one.go([session.rtp_port for session in sessions])
    return sessions


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


async def search(
    *, arrangement: Arrangement, wideband: bool, seconds: float, tell: Callable[[Measured], None]
) -> Measured | None:
    """The largest number of calls that is carried; ``None`` when not even the first is. Each try is told.

    Raises:
        BenchFailed: see `measure`.
    """
    best: Measured | None = None
    calls, too_many = _SEARCH_CALLS_FIRST * len(arrangement.worker_cores), 0
    while calls <= _SEARCH_CALLS_MAX:
        found = await measure(calls, arrangement=arrangement, wideband=wideband, seconds=seconds)
        tell(found)
        if found.carried:
            best = found
            calls = 2 * calls if not too_many else (calls + too_many) // 2
        else:
            too_many = calls
            calls = ((best.calls if best else 0) + calls) // 2
        lowest = best.calls if best else 0
        if too_many and too_many - lowest <= _SEARCH_STEP * too_many:
            break
    return best
