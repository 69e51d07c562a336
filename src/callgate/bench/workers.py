"""Media workers as they serve, under measurement: one pinned to each core that is given."""

import asyncio
import os
from collections.abc import Sequence
from typing import Final

from callgate.bench.load import BenchFailed, Load
from callgate.entities.call import ToolUse
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.protocol import Inspected
from callgate.media.workers import WorkerMedia
from callgate.ports import MediaSession, SoundPath
from callgate.ports.brain import BrainPlan, NewStage, StageRefused

_PORT_FIRST: Final = 20_000
_PORT_LAST: Final = 32_766  # below what systems give to clients, of which a crowd needs many
_OPENED_AT_ONCE: Final = 32


class Workers:
    """Implements `Carrier`.

    Args:
        calls: at once.
        cores: one worker on each.
        wideband: models speak s16le at 16,000 Hz; else µ-law.
        factory: ``module:attribute`` of what makes the brains, of the kind ``websocket``.
    """

    def __init__(
        self,
        calls: int,
        *,
        cores: Sequence[int],
        wideband: bool,
        factory: str = "callgate.bench.brain:factories",
    ) -> None:
        self._cores = cores
        self._sound = "pcm16" if wideband else "pcmu"
        self._sessions: list[MediaSession] = []
        self._media = WorkerMedia(
            count=len(cores),
            factory=factory,
            factory_settings={},
            bind="127.0.0.1",
            port_first=_PORT_FIRST,
            port_last=_PORT_LAST,
            port_rest_s=0.0,
            sessions_max=calls + len(cores),
        )

    async def start(self) -> None:
        """Start the processes."""
        await self._media.start()
        for pid, core in zip(self._media.pids, self._cores, strict=True):
            os.sched_setaffinity(pid, [core])

    async def carry(self, load: Load) -> list[int]:
        """Open a session for each caller; the ports of their RTP."""
        ears, sessions = [], []
        for number, port in enumerate(load.caller_ports):
            while (session := self._media.reserve()) is None:  # noqa: ASYNC110 (until the workers have granted more)
                await asyncio.sleep(0.001)
            ear = _Ear()
            model: JsonObject = {"url": f"ws://127.0.0.1:{load.model_port}/{number}", "sound": self._sound}
            session.open(BrainPlan("websocket", f"bench-{number}", model), _path(port), ear)
            ears.append(ear)
            sessions.append(session)
            if len(ears) % _OPENED_AT_ONCE == 0:
                await asyncio.gather(*(ear.ready_or_failed for ear in ears))
        await asyncio.gather(*(ear.ready_or_failed for ear in ears))
        for session in sessions:
            session.begin()
        self._sessions += sessions
        return [session.rtp_port for session in sessions]

    async def inspect(self) -> Sequence[Inspected]:
        """How each worker is."""
        return await self._media.inspect()

    async def close(self) -> None:
        """End the calls, then the processes."""
        for session in self._sessions:
            session.close()
        await self._media.close()


def _path(port: int) -> SoundPath:
    """As a phone has it: keys come as RFC 4733, so that nothing listens for their tones."""
    return SoundPath("127.0.0.1", port, "PCMU", 0, digits_payload_type=101)


class _Ear:
    """Waits until one session is ready."""

    def __init__(self) -> None:
        self.ready_or_failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def _fail(self, words: str) -> None:
        if not self.ready_or_failed.done():
            self.ready_or_failed.set_exception(BenchFailed(words))

    def ready(self) -> None:
        """The model is connected."""
        self.ready_or_failed.set_result(None)

    def brain_failed(self, reason: str) -> None:
        """It is not."""
        self._fail(reason)

    def message(
        self, role: str, text: str, medium: str, start_ms: float | None, end_ms: float | None, tool: ToolUse | None
    ) -> None:
        """No words here."""

    def stage(self, settings: JsonObject) -> NewStage:
        """No tools here."""
        raise StageRefused("a measured call has one stage")

    def event(self, severity: str, type: str, text: str, extras: JsonObject) -> None:
        """Nothing of interest."""

    def hang_up_requested(self, outcome: str) -> None:
        """The judge of lost sound; what is lost is counted at the other end."""

    def measured(self, quality: SoundQuality) -> None:
        """The callers and models count."""

    def closed(self, quality: SoundQuality) -> None:
        """It is over."""

    def lost(self) -> None:
        """The worker died."""
        self._fail("a media worker died")
