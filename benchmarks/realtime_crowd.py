"""Models behind the OpenAI Realtime protocol, as cheap as Python can make them, and the brains that talk to them."""

import base64
import binascii
import json
import struct
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection

from callgate.bench.crowd import Crowd
from callgate.brains.openai_realtime import OpenAIRealtimeFactory
from callgate.brains.realtime_server import RealtimeServer
from callgate.brains.tools.client import ToolClient
from callgate.core.audio.format import PCMU_8K, SoundFormat
from callgate.core.audio.pcm import audioop
from callgate.core.dialects.openai_realtime import append
from callgate.entities.json import JsonObject
from callgate.ports.brain import Brain, BrainFactory, BrainHost, BrainPlan
from callgate.runtime.address_guard import AddressGuard

_PCMU = {"type": "audio/pcmu"}


def _text(message: bytes) -> bytes:
    """A message of a server, in a frame. RFC 6455 section 5.2 (Base Framing Protocol)."""
    if len(message) < 126:
        return struct.pack(">BB", 0x81, len(message)) + message
    return struct.pack(">BBH", 0x81, 126, len(message)) + message


class RealtimeCrowd(Crowd):
    """Callers as ever; models send an answer that never ends, a frame of 20 ms in each message."""

    def __init__(self, pipe: Connection, calls: int, wideband: bool, alone: bool) -> None:
        super().__init__(pipe, calls, wideband, alone)
        self._messages = tuple(_text(_delta(payload)) for payload in self._payloads)
        self._before = len(append(b"")) - len(b'"}')
        self._message_bytes = 8 + len(append(self._payloads[0]))  # a long frame's header with its mask
        session = {"type": "realtime", "audio": {"input": {"format": _PCMU}, "output": {"format": _PCMU}}}
        greeting = ({"type": kind, "session": session} for kind in ("session.created", "session.updated"))
        self._greeting = b"".join(_text(json.dumps(message).encode()) for message in greeting)

    def _sound(self, message: bytes) -> bytes:
        try:
            return audioop.ulaw2lin(base64.b64decode(message[self._before : -2], validate=True), 2)
        except binascii.Error:
            return b"\0\0"  # another message, or the end of one


def _delta(sound: bytes) -> bytes:
    message = {
        "type": "response.output_audio.delta",
        "event_id": "event_0123456789abcdef",
        "response_id": "resp_0123456789abcdef",
        "item_id": "item_0123456789abcdef",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(sound).decode(),
    }
    return json.dumps(message).encode()


class _Factory:
    """Makes brains of which each has a server of its own, named by the call's settings."""

    def __init__(self) -> None:
        self._guard = AddressGuard(allow_loopback=True)
        self._client = ToolClient(self._guard)

    @property
    def formats(self) -> Sequence[SoundFormat]:
        return (PCMU_8K,)

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        server = RealtimeServer(str(plan.settings["url"]), self._guard)
        settings: JsonObject = {"systemPrompt": "Be kind.", "firstSpeakerSettings": {"user": {}}}
        return OpenAIRealtimeFactory(server, self._client).make(BrainPlan(plan.kind, plan.call_id, settings), host)

    def close(self) -> None:
        """Nothing is shared."""


def factories(settings: JsonObject) -> Mapping[str, BrainFactory]:
    """For workers of a benchmark."""
    return {"websocket": _Factory()}
