"""A call with a brain whose model is a real server: time passes frame by frame, messages over a real socket."""

import asyncio
from collections.abc import Callable

from callgate.core.audio.format import SoundFormat
from callgate.core.rtp.digits import DigitSender
from callgate.entities.call import ToolUse
from callgate.entities.json import Json, JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.bridge import SessionBridge
from callgate.media.playout import Playout
from callgate.ports.brain import Brain, BrainFactory, BrainPlan, Bridge, ClientLink, NewStage, StageRefused, ToolChannel

_FRAME_S = 0.020
_S_MAX = 5.0


class ModelledCall:
    """The host of one brain."""

    def __init__(
        self,
        factory: BrainFactory,
        settings: JsonObject | None = None,
        codec: str = "PCMU",
        *,
        call_id: str = "call",
        about: JsonObject | None = None,
    ) -> None:
        self.codec = codec
        self._now = 1_000.0
        self._playout = Playout(lambda name: self.brain.marked(name))
        self._bridge = SessionBridge(self._playout, DigitSender().press, SoundQuality)
        self.messages: list[tuple[str, str]] = []
        self.tools: list[ToolUse] = []
        self.stages: list[JsonObject] = []
        self.refuses_stages = ""  # in these words
        self.spans: list[tuple[float | None, float | None]] = []
        self.events: list[tuple[str, str]] = []
        self.hung_up: list[str] = []
        self.turns = 0
        self.failures: list[str] = []
        self.sent: list[bytes] = []
        self.heard: list[bytes | None] = []  # by the caller, frame by frame; nothing where nothing was queued
        self.brain: Brain = factory.make(BrainPlan("model", call_id, settings or {}, about or {}), self)

    @property
    def bridge(self) -> Bridge:
        return self._bridge

    @property
    def format(self) -> SoundFormat:
        return self.brain.speaks

    def monotonic(self) -> float:
        return self._now

    def message(
        self,
        role: str,
        text: str,
        start_ms: float | None = None,
        end_ms: float | None = None,
        *,
        tool: ToolUse | None = None,
    ) -> None:
        self.messages.append((role.removeprefix("MESSAGE_ROLE_").lower(), text))
        self.spans.append((start_ms, end_ms))
        if tool is not None:
            self.tools.append(tool)

    async def stage(self, settings: JsonObject) -> NewStage:
        """Enter any stage whose body is not to be refused."""
        if self.refuses_stages:
            raise StageRefused(self.refuses_stages)
        self.stages.append(settings)
        return NewStage(f"stage {len(self.stages) + 1}", settings)

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        self.events.append((type, text))

    def turn_ended(self) -> None:
        self.turns += 1

    def hang_up(self, outcome: str) -> None:
        self.hung_up.append(outcome)

    def fail(self, reason: str) -> None:
        self.failures.append(reason)

    client: ClientLink | None = None

    def channel(self, kind: str) -> ToolChannel | None:
        return None

    def refit(self) -> None:
        if self._playout.format != self.brain.speaks:
            self._playout.clear()
            self._playout.format = self.brain.speaks

    async def begins(self) -> None:
        """The phone rings, and the caller is there."""
        await self.brain.start()
        self._playout.format = self.brain.speaks
        self.brain.begin()

    def lasts(self, ms: int, said: bytes | None = None) -> None:
        """Let time pass, with the caller saying something or nothing."""
        for _ in range(ms // 20):
            self._now += _FRAME_S
            self.brain.hear(said or self.brain.hears.silence)
            frame = self._playout.take()
            self.heard.append(frame)
            if frame is not None:
                self.sent.append(frame)
            self._playout.ring()

    def jumps(self, seconds: float) -> None:
        """Let a lot of time pass at once."""
        self._now += seconds
        self.lasts(20)

    async def lasts_until(self, seen: Callable[[], object]) -> None:
        """Let frame after frame pass, with time for messages in between."""
        async with asyncio.timeout(_S_MAX):
            while not seen():
                self.lasts(20)
                await asyncio.sleep(0.002)

    async def until(self, seen: Callable[[], object]) -> None:
        """Wait for messages on their way; time in the call stands still."""
        async with asyncio.timeout(_S_MAX):
            while not seen():  # noqa: ASYNC110 (what is waited for happens in another process' words, not in an event)
                await asyncio.sleep(0.002)
