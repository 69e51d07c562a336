"""What the control process and a media worker say to each other: small messages over a socket pair.

Each message is four bytes of length, big-endian, and MessagePack. Sound never crosses it.
"""

import struct
from typing import Any, Final

import msgspec

from callgate.core.sdp.path import SoundPath
from callgate.entities.quality import SoundQuality

_LENGTH: Final = struct.Struct(">I")
# A call's settings may hold a long prompt; anything beyond this is a bug of ours.
MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024


class _Message(msgspec.Struct, tag=True, tag_field="message", array_like=True):
    pass


# ------------------------------------------------------------------------------------------------- control → worker


class Configure(_Message):
    """The first message: what the worker is to be."""

    factory: str  # "module:attribute" of what makes the factories of brains
    factory_settings: dict[str, Any]
    bind: str
    port_first: int
    port_last: int
    port_rest_s: float
    sessions_max: int
    media_timeout_s: float
    recordings: str  # folder; empty: nothing can be recorded
    recordings_free_bytes_min: int
    codecs: list[str]  # that calls may have
    join_host: str  # where clients without a phone join; empty: nowhere
    join_port: int  # shared by all workers of the node


class Reserve(_Message):
    """A session has been promised to a call: another one may be granted."""

    session: int


class Open(_Message):
    """Bind sound to a brain and start it. The path is ``None`` until a delayed offer is answered, and for a client."""

    session: int
    kind: str
    call_id: str
    settings: dict[str, Any]
    about: dict[str, Any]
    path: SoundPath | None
    record: bool


class Redirect(_Message):
    """Sound flows elsewhere or otherwise."""

    session: int
    path: SoundPath


class Begin(_Message):
    """The call is joined."""

    session: int


class Digit(_Message):
    """A digit that did not come over RTP."""

    session: int
    digit: str
    duration_ms: int


class Say(_Message):
    """Have the brain speak."""

    session: int
    text: str
    then_hang_up: str | None


class Tell(_Message):
    """Give the brain a data message."""

    session: int
    data: dict[str, Any]


class Press(_Message):
    """Press keys."""

    session: int
    digits: str


class Dismiss(_Message):
    """Close the connection of a client, with a code of RFC 6455 section 7.4 (Status Codes)."""

    session: int
    code: int
    words: str


class Staged(_Message):
    """The call has entered another stage, or has not: the answer to `Restage`, in the order of asking."""

    session: int
    stage_id: str
    settings: dict[str, Any]
    refused: str  # why it has not; empty: it has


class Close(_Message):
    """End a session, opened or not."""

    session: int


class Inspect(_Message):
    """How are you? Answered by `Inspected`."""


# ------------------------------------------------------------------------------------------------- worker → control


class Granted(_Message):
    """Sessions that may be promised, each with the port that is bound for it."""

    sessions: list[tuple[int, int]]


class Knocked(_Message):
    """A client has connected and wants to join a call."""

    session: int
    call_id: str


class Left(_Message):
    """A client's connection has gone."""

    session: int
    in_order: bool  # whether it said goodbye
    words: str


class Ready(_Message):
    """The brain can speak."""

    session: int


class Failed(_Message):
    """The brain could not be started, or failed."""

    session: int
    reason: str


class Said(_Message):
    """Something was said; times in ms since `Begin`."""

    session: int
    role: str
    text: str
    medium: str
    start_ms: float | None
    end_ms: float | None
    tool: dict[str, Any] | None  # the fields of `entities.call.ToolUse`


class Restage(_Message):
    """A tool wants the call to enter another stage; answered by `Staged`."""

    session: int
    settings: dict[str, Any]


class Happened(_Message):
    """An event of the call."""

    session: int
    severity: str
    type: str
    text: str
    extras: dict[str, Any]


class HangUp(_Message):
    """The brain has said its last word."""

    session: int
    outcome: str


class Measured(_Message):
    """How a session's sound fares."""

    session: int
    quality: SoundQuality


class Closed(_Message):
    """A session is over."""

    session: int
    quality: SoundQuality


class Inspected(_Message):
    """How the worker is."""

    sessions: int
    lateness: list[int]  # see `Ticker.lateness`
    cpu_s: float  # since its start
    memory_kb: int  # resident


class Unusable(_Message):
    """The worker cannot be what it was told to be; it ends."""

    reason: str


ToWorker = (
    Configure | Reserve | Open | Redirect | Begin | Digit | Say | Tell | Press | Staged | Dismiss | Close | Inspect
)
OfSession = Knocked | Left | Ready | Failed | Said | Restage | Happened | HangUp | Measured | Closed
ToControl = Granted | OfSession | Inspected | Unusable

_encoder: Final = msgspec.msgpack.Encoder()
to_worker: Final[msgspec.msgpack.Decoder[ToWorker]] = msgspec.msgpack.Decoder(ToWorker)
to_control: Final[msgspec.msgpack.Decoder[ToControl]] = msgspec.msgpack.Decoder(ToControl)


def pack(message: ToWorker | ToControl) -> bytes:
    """A message on the wire."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Cuts a stream into messages' bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; the bodies they complete.

        Raises:
            ValueError: a length beyond all reason: the two sides have lost step.
        """
        self._buffer += data
        bodies = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            if length > MESSAGE_BYTES_MAX:
                raise ValueError(f"a message of {length} bytes; expected at most {MESSAGE_BYTES_MAX}")
            end = start + _LENGTH.size + length
            if end > len(self._buffer):
                break
            bodies.append(bytes(self._buffer[start + _LENGTH.size : end]))
            start = end
        del self._buffer[:start]
        return bodies
