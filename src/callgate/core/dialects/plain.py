"""Callgate's own protocol for agents over a WebSocket: sound in binary messages, everything else JSON in text.

`docs/websocket.md` describes it for those who write agents.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from callgate.entities.json import JsonObject

NAME_CHARACTERS_MAX: Final = 100  # of a mark
TEXT_CHARACTERS_MAX: Final = 10_000  # of a message


class Clear(msgspec.Struct, tag="clear", tag_field="type"):
    """Throw away what waits to be heard."""


class Mark(msgspec.Struct, tag="mark", tag_field="type"):
    """Be told when all sound so far has been heard."""

    name: str


class HangUp(msgspec.Struct, tag="hangUp", tag_field="type"):
    """End the call when all sound so far has been heard."""


class Digits(msgspec.Struct, tag="digits", tag_field="type", rename="camel"):
    """Press keys."""

    digits: str
    tone_ms: int = 200
    gap_ms: int = 100


class Message(msgspec.Struct, tag="message", tag_field="type"):
    """Put something said into the call's messages."""

    role: str
    text: str


Command = Clear | Mark | HangUp | Digits | Message

_decoder: Final = msgspec.json.Decoder(Command)
ROLES: Final = {"agent": "MESSAGE_ROLE_AGENT", "user": "MESSAGE_ROLE_USER"}


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that is no command; words for who wrote the agent."""

    words: str


def read(message: bytes) -> Command | Malformed:
    """What an agent wants."""
    try:
        command: Command = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Malformed(str(error))
    if isinstance(command, Mark) and len(command.name) > NAME_CHARACTERS_MAX:
        return Malformed(f"a mark of {len(command.name)} characters; expected at most {NAME_CHARACTERS_MAX}")
    if isinstance(command, Message):
        if command.role not in ROLES:
            return Malformed(f"role {command.role[:20]!r}; expected agent or user")
        if len(command.text) > TEXT_CHARACTERS_MAX:
            return Malformed(f"a message of {len(command.text)} characters; expected at most {TEXT_CHARACTERS_MAX}")
    return command


def start(call_id: str, format: str, settings: JsonObject) -> bytes:
    """The first message, while the phone rings: which call, how sound is written both ways, what the agent is to be."""
    encoding, _, rate = format.partition("/")
    return _message("start", callId=call_id, encoding=encoding, sampleRate=int(rate), settings=settings)


def begin() -> bytes:
    """The caller is there."""
    return _message("begin")


def digit(digit: str, duration_ms: int) -> bytes:
    """The caller pressed a key."""
    return _message("digit", digit=digit, durationMs=duration_ms)


def held(on: bool) -> bytes:
    """The caller holds, or is back."""
    return _message("held", on=on)


def marked(name: str) -> bytes:
    """A mark was reached."""
    return _message("marked", name=name)


def cleared(played_ms: float, dropped_ms: float) -> bytes:
    """The answer to a clear: how much of all that was ever sent has been heard, and how much was thrown away."""
    return _message("cleared", playedMs=round(played_ms), droppedMs=round(dropped_ms))


def say(text: str, last: bool) -> bytes:
    """The agent is to speak this now; when it is the last word, it hangs up afterwards."""
    return _message("say", text=text, last=last)


def data(message: JsonObject) -> bytes:
    """A data message of the public API."""
    return _message("data", message=message)


def error(words: str) -> bytes:
    """Something that came was not understood."""
    return _message("error", message=words)


def _message(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, **fields}, separators=(",", ":"), ensure_ascii=False).encode()
