"""Media Streams: what telephone platforms say to bots over a WebSocket, and bots to them. We are the platform.

Four platforms speak nearly the same; what differs is a row of `DIALECTS`. Everything is JSON in text, sound in base64.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from callgate.entities.json import JsonObject

NAME_CHARACTERS_MAX: Final = 200  # of a mark
PARAMETERS_MAX: Final = 50  # custom ones
PARAMETER_CHARACTERS_MAX: Final = 500  # of each, name and value: what the first of these platforms takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one platform writes.

    Attributes:
        sound: how sound is written, as `core.audio.format` names it.
        frame_ms: of sound in one message to the bot.
        greets: whether ``connected`` comes before ``start``.
        media: event with which a bot sends sound.
        clear: with which it throws the queue away.
        mark: with which it asks to be told.
        marked: with which it is told.
        cleared: with which it is told that the queue is empty; empty: it is not.
        snake: whether fields have underscores instead of capitals.
        clear_marks: whether a clear reports the marks that it throws away.
    """

    sound: str = "pcmu/8000"
    frame_ms: int = 20
    greets: bool = True
    media: str = "media"
    clear: str = "clear"
    mark: str = "mark"
    marked: str = "mark"
    cleared: str = ""
    snake: bool = False
    clear_marks: bool = True


DIALECTS: Final[Mapping[str, Dialect]] = {
    "twilio": Dialect(),
    "telnyx": Dialect(snake=True),
    "plivo": Dialect(
        greets=False,
        media="playAudio",
        clear="clearAudio",
        mark="checkpoint",
        marked="playedStream",
        cleared="clearedAudio",
        clear_marks=False,
    ),
    "exotel": Dialect(sound="pcm16/8000", frame_ms=100, snake=True),
}


# ------------------------------------------------------------------------------------------------------ from a bot


@dataclass(frozen=True, slots=True)
class Sound:
    """To be played after what is queued."""

    sound: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Be told by this name when all sound so far has been heard."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Throw away what waits to be heard."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that cannot be read; words for who wrote the bot."""

    words: str


Command = Sound | Mark | Clear | Malformed


def read(message: bytes, dialect: Dialect) -> Command | None:
    """What a bot said; ``None`` for an event that is not known, which is passed over as the platforms do."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError) as error:
        return Malformed(f"not JSON: {error}"[:200])
    if not isinstance(found, dict):
        return Malformed("not a JSON object")
    event = found.get("event")
    if event == dialect.media:
        media = found.get("media")
        payload = media.get("payload") if isinstance(media, dict) else None
        if not isinstance(payload, str):
            return Malformed(f"{event} without media.payload")
        try:
            return Sound(base64.b64decode(payload, validate=True))
        except (binascii.Error, ValueError) as error:
            return Malformed(f"media.payload is not base64: {error}")
    if event == dialect.mark:
        mark = found.get("mark", found)
        name = mark.get("name") if isinstance(mark, dict) else None
        if not isinstance(name, str) or len(name) > NAME_CHARACTERS_MAX:
            return Malformed(f"{event} without a name of at most {NAME_CHARACTERS_MAX} characters")
        return Mark(name)
    if event == dialect.clear:
        return Clear()
    return None


# -------------------------------------------------------------------------------------------------------- to a bot


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream, by its names.

    Attributes:
        stream_id: of the stream.
        call_id: of the call.
        account_id: whose.
        caller: who calls; may be empty.
        called: who was called; likewise.
        parameters: told to the bot at the start.
    """

    stream_id: str
    call_id: str
    account_id: str
    caller: str = ""
    called: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


class Writer:
    """Writes one stream's messages, numbered."""

    def __init__(self, name: str, stream: Stream) -> None:
        """`name` is one of `DIALECTS`."""
        self._name = name
        self._dialect = DIALECTS[name]
        self._stream = stream
        self._sequence = 0
        self._chunks = 0
        self._sent_ms = 0

    def connected(self) -> bytes | None:
        """The first message, where there is one."""
        if not self._dialect.greets:
            return None
        if self._name == "twilio":
            return _json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        if self._name == "telnyx":
            return _json({"event": "connected", "version": "1.0.0"})
        return _json({"event": "connected"})

    def start(self) -> bytes:
        """Which call it is, and how sound is written."""
        stream, parameters = self._stream, _bounded(self._stream.parameters)
        if self._name == "twilio":
            return self._message(
                "start",
                start={
                    "streamSid": stream.stream_id,
                    "accountSid": stream.account_id,
                    "callSid": stream.call_id,
                    "tracks": ["inbound"],
                    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1},
                    "customParameters": parameters,
                },
            )
        if self._name == "telnyx":
            return self._message(
                "start",
                start={
                    "call_control_id": stream.call_id,
                    "call_session_id": stream.call_id,
                    "user_id": stream.account_id,
                    "from": stream.caller,
                    "to": stream.called,
                    "custom_parameters": parameters,
                    "media_format": {"encoding": "PCMU", "sample_rate": 8_000, "channels": 1},
                },
            )
        if self._name == "plivo":
            headers = ",".join(f"{name}={value}" for name, value in parameters.items())
            return self._message(
                "start",
                start={
                    "callId": stream.call_id,
                    "streamId": stream.stream_id,
                    "accountId": stream.account_id,
                    "tracks": ["inbound"],
                    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8_000},
                },
                extra_headers=headers,
            )
        return self._message(
            "start",
            start={
                "stream_sid": stream.stream_id,
                "call_sid": stream.call_id,
                "account_sid": stream.account_id,
                "from": stream.caller,
                "to": stream.called,
                "custom_parameters": parameters,
                "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "128kbps"},
            },
        )

    def media(self, sound: bytes, ms: int) -> bytes:
        """Some of the caller's sound, `ms` long."""
        self._chunks += 1
        at_ms, self._sent_ms = self._sent_ms, self._sent_ms + ms
        track = {} if self._name == "exotel" else {"track": "inbound"}
        return self._message(
            "media",
            media={
                **track,
                "chunk": str(self._chunks),
                "timestamp": str(at_ms),
                "payload": binascii.b2a_base64(sound, newline=False).decode(),
            },
        )

    def digit(self, digit: str, duration_ms: int) -> bytes:
        """The caller pressed a key."""
        if self._name == "twilio":
            return self._message("dtmf", dtmf={"track": "inbound_track", "digit": digit})
        if self._name == "telnyx":
            return self._message("dtmf", dtmf={"digit": digit})
        if self._name == "plivo":
            return self._message("dtmf", dtmf={"track": "inbound", "digit": digit, "timestamp": str(self._sent_ms)})
        return self._message("dtmf", dtmf={"digit": digit, "duration": str(duration_ms)})

    def marked(self, name: str) -> bytes:
        """All that was queued before a mark has been heard."""
        if self._name == "plivo":
            return self._message(self._dialect.marked, name=name)
        return self._message(self._dialect.marked, mark={"name": name})

    def cleared(self) -> bytes | None:
        """The queue is empty, where that is told."""
        return self._message(self._dialect.cleared) if self._dialect.cleared else None

    def stop(self) -> bytes:
        """The call is over."""
        stream = self._stream
        if self._name == "telnyx":
            return self._message("stop", stop={"user_id": stream.account_id, "call_control_id": stream.call_id})
        if self._name == "exotel":
            ids = {"account_sid": stream.account_id, "call_sid": stream.call_id}
            return self._message("stop", stop={**ids, "reason": "callended"})
        if self._name == "plivo":
            return self._message("stop")
        return self._message("stop", stop={"accountSid": stream.account_id, "callSid": stream.call_id})

    def _message(self, event: str, **fields: Any) -> bytes:
        self._sequence += 1
        if self._name == "telnyx":
            about: JsonObject = {"sequence_number": str(self._sequence), "stream_id": self._stream.stream_id}
        elif self._name == "exotel":
            about = {"sequence_number": str(self._sequence), "stream_sid": self._stream.stream_id}
        elif self._name == "plivo":
            about = {"sequenceNumber": self._sequence, "streamId": self._stream.stream_id}
        else:
            about = {"sequenceNumber": str(self._sequence), "streamSid": self._stream.stream_id}
        return _json({"event": event, **about, **fields})


def _bounded(parameters: Mapping[str, str]) -> dict[str, str]:
    names = list(parameters)[:PARAMETERS_MAX]
    return {name[:PARAMETER_CHARACTERS_MAX]: parameters[name][:PARAMETER_CHARACTERS_MAX] for name in names}


def _json(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
