"""The brain of a measurement: a WebSocket to a model that takes and sends bare frames, and nothing else.

It is what any brain's connection costs at least. Text of the model, one JSON object each, may be
``{"type": "clear"}``.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from callgate.core.audio.format import PCM_16K, PCMU_8K, SoundFormat
from callgate.entities.json import JsonObject
from callgate.ports.brain import Brain, BrainFactory, BrainHost, BrainPlan

_FRAME_BYTES_MAX: Final = 4 * 1024 * 1024  # 30 s at 48 kHz, pushed at once
_FORMATS: Final = {"pcm16": PCM_16K, "pcmu": PCMU_8K}


class _Listener(WSListener):
    """What the model says."""

    def __init__(self, host: BrainHost) -> None:
        self._host = host

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Sound is played, text obeyed."""
        if frame.msg_type == WSMsgType.BINARY:
            self._host.bridge.play(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.TEXT and json.loads(frame.get_payload_as_bytes()).get("type") == "clear":
            self._host.bridge.clear()


class WebSocketBrain:
    """One connection."""

    def __init__(self, host: BrainHost, url: str, sound: SoundFormat) -> None:
        self._host = host
        self._url = url
        self.hears = self.speaks = sound
        self._transport: WSTransport | None = None

    async def start(self) -> None:
        """Connect."""
        self._transport, _ = await ws_connect(
            lambda: _Listener(self._host), self._url, max_frame_size=_FRAME_BYTES_MAX, websocket_handshake_timeout=5
        )

    def begin(self) -> None:
        """The model talks when it likes."""

    def hear(self, frame: bytes) -> None:
        """To the model."""
        assert self._transport is not None
        self._transport.send(WSMsgType.BINARY, frame)

    def held(self, on: bool) -> None:
        """Nothing has timers here."""

    def digit(self, digit: str, duration_ms: int) -> None:
        """Not passed on."""

    def marked(self, name: str) -> None:
        """Nothing is marked."""

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """It has no voice of its own."""
        if then_hang_up:
            self._host.hang_up(then_hang_up)

    def tell(self, message: JsonObject) -> None:
        """Nobody tells it anything."""

    async def close(self) -> None:
        """Let go of the connection."""
        if self._transport is not None:
            self._transport.disconnect()


class _Factory:
    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains hear and speak."""
        return tuple(_FORMATS.values())

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """One with the ``url`` and ``sound`` of the call's settings."""
        return WebSocketBrain(host, str(plan.settings["url"]), _FORMATS[str(plan.settings["sound"])])

    def close(self) -> None:
        """Nothing is shared."""


def factories(settings: JsonObject) -> Mapping[str, BrainFactory]:
    """For a media worker."""
    return {"websocket": _Factory()}
