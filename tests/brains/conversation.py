"""A caller, a telephone and a clock for one brain: a small real `BrainHost` and `Bridge`."""

import array
import asyncio
import math

from callgate.entities.call import ToolUse
from callgate.entities.json import Json, JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.bridge import SessionBridge
from callgate.media.playout import Playout
from callgate.ports.brain import Brain, BrainFactory, BrainPlan, Bridge, ClientLink, NewStage, StageRefused, ToolChannel

_FRAME_S = 0.02
SILENCE = bytes(320)


def tone(frames: int, level: int = 8_000, frequency: float = 300.0) -> bytes:
    """A voice, as far as energy goes: `frames` × 20 ms."""
    steps = (level * math.sin(2 * math.pi * frequency * index / 8_000) for index in range(160 * frames))
    return array.array("h", map(int, steps)).tobytes()


class Conversation:
    """One call of one brain; time passes only while the caller speaks or is silent."""

    def __init__(self, factory: BrainFactory, settings: JsonObject | None = None) -> None:
        self._now = 1_000.0
        self._playout = Playout(lambda name: self.brain.marked(name))
        self.messages: list[tuple[str, str]] = []
        self.events: list[tuple[str, str]] = []
        self.hung_up: list[str] = []
        self.turns = 0
        self.failures: list[str] = []
        self._sent: list[bytes] = []
        self.brain: Brain = factory.make(BrainPlan("demo", "c", settings or {}), self)

    @property
    def bridge(self) -> Bridge:
        return SessionBridge(self._playout, lambda digits, tone_ms, gap_ms: None, SoundQuality)

    codec = "PCMU"

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

    async def stage(self, settings: JsonObject) -> NewStage:
        raise StageRefused("the demo agent uses no tools")

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        self.events.append((severity, type))

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

    # ---- the caller's verbs

    async def begins(self) -> None:
        await self.brain.start()
        self.brain.begin()

    def says(self, pcm: bytes) -> None:
        """The caller's sound goes in, the agent's comes out, frame by frame."""
        for at in range(0, len(pcm), 320):
            self._now += _FRAME_S
            self.brain.hear(pcm[at : at + 320].ljust(320, b"\0"))
            self._sent.append(self._playout.take() or SILENCE)
            self._playout.ring()

    def speaks(self, ms: int) -> None:
        self.says(tone(ms // 20))

    def silent(self, ms: int) -> None:
        self.says(SILENCE * (ms // 20))

    def presses(self, digits: str) -> None:
        for digit in digits:
            self.brain.digit(digit, 100)

    async def waits(self, ms: int) -> None:
        """Silence in real time, for engines that run beside."""
        for _ in range(ms // 20):
            self.silent(20)
            await asyncio.sleep(_FRAME_S)

    def heard(self) -> bytes:
        """What the caller has been sent since this was last asked."""
        sent, self._sent = self._sent, []
        return b"".join(sent)

    def agent_said(self) -> list[str]:
        return [text for role, text in self.messages if role == "agent"]

    def is_speaking(self) -> bool:
        return self._playout.queued_ms > 0
