"""Brains for tests: small, but real ones; made inside the worker like any other."""

import asyncio
from collections.abc import Mapping, Sequence

from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.core.audio.tones import tone
from callgate.entities.call import ToolUse
from callgate.entities.json import JsonObject
from callgate.ports.brain import Brain, BrainFactory, BrainHost, BrainPlan, StageRefused


class EchoBrain:
    """Plays 440 Hz for 100 ms when the call begins, then whatever it hears."""

    def __init__(self, host: BrainHost, settings: JsonObject) -> None:
        self.host = host
        self.settings = settings
        self.hears = self.speaks = PCM_8K
        self.heard = 0
        self.asking: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        if self.settings.get("unreachable"):
            raise OSError("nobody at home")

    def begin(self) -> None:
        self.host.bridge.play(tone(440, 100))
        self.host.bridge.mark("greeted")

    def hear(self, frame: bytes) -> None:
        self.heard += 1
        if self.heard == 10:
            self.host.event("info", "heard 10 frames", "")
        if self.settings.get("breaks"):
            raise RuntimeError("broken")
        if any(frame):
            self.host.bridge.play(frame)

    def held(self, on: bool) -> None:
        self.host.event("info", "held", str(on))

    def digit(self, digit: str, duration_ms: int) -> None:
        self.host.message("MESSAGE_ROLE_USER", f"digit {digit}")
        if digit == "9":
            self.host.hang_up("agent-hangup")

    def marked(self, name: str) -> None:
        self.host.event("info", "marked", name)

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        self.host.message("MESSAGE_ROLE_AGENT", text)
        if then_hang_up:
            self.host.hang_up(then_hang_up)

    def tell(self, message: JsonObject) -> None:
        self.host.event("info", "told", str(message["type"]))
        if message["type"] == "stage":
            self.asking.add(asyncio.get_running_loop().create_task(self.restage(message)))

    async def restage(self, message: JsonObject) -> None:
        about = ToolUse("look", "i", state={"a": [1, {"b": None}]})
        self.host.message("MESSAGE_ROLE_TOOL_CALL", "{}", tool=about)
        try:
            entered = await self.host.stage(message)
        except StageRefused as error:
            self.host.event("info", "refused", str(error))
            return
        self.host.event("info", "entered", f"{entered.stage_id}: {entered.settings['systemPrompt']}")

    async def close(self) -> None:
        pass


class EchoFactory:
    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains hear and speak."""
        return (PCM_8K,)

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        return EchoBrain(host, plan.settings)

    def close(self) -> None:
        pass


def factories(settings: JsonObject) -> Mapping[str, BrainFactory]:
    return {"echo": EchoFactory()}
