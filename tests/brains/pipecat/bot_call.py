"""A call with a bot in a process of its own."""

import asyncio
from collections.abc import Callable
from typing import Any

from callgate.core.audio.tones import strength
from callgate.entities.json import Json, JsonObject
from tests.brains.modelled_call import ModelledCall
from tests.peers.pipecat_bots import SPEECH_HZ

_S_MAX = 20.0


class BotCall(ModelledCall):
    """Its time passes four times as fast as the bot's.

    Attributes:
        told: messages of the bot's application.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        self.told: list[JsonObject] = []
        super().__init__(*args, **named)

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        super().event(severity, type, text, **extras)
        message = extras.get("message")
        if type == "bot_message" and isinstance(message, dict):
            self.told.append(message)

    def presses(self, key: str) -> None:
        self.brain.digit(key, 100)

    def speech_frames(self) -> int:
        return sum(1 for frame in self.heard if frame is not None and strength(frame, SPEECH_HZ, 16_000) > 0.5)

    async def lasts_until(self, seen: Callable[[], object]) -> None:
        async with asyncio.timeout(_S_MAX):
            while not seen():
                self.lasts(20)
                await asyncio.sleep(0.005)
