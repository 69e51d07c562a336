"""What crosses the socket between a media worker and a process of bots: frames, each of one call.

     0               4               8   9
    +---------------+---------------+---+---------- ...
    | bytes of body | number of call| k | body
    +---------------+---------------+---+---------- ...

Numbers are big-endian; `k` is the `Kind`. A body is sound, a JSON object, words in UTF-8, or empty. Both sides load
this file, and a bot's interpreter may have nothing of Callgate's installed: it needs the standard library only.
"""

import json
import struct
from enum import IntEnum
from typing import Any, Final, NamedTuple

_HEADER: Final = struct.Struct(">IIB")
_HEARD: Final = struct.Struct(">Q")
# Settings with a long prompt, or ten seconds of 48 kHz sound at once; what is longer has lost step.
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
PROCESS: Final = 0
"""The number in frames that are about the process and not about a call."""


class WireError(ValueError):
    """The other side has broken the protocol."""


class Kind(IntEnum):
    """What a frame is. Up to 15 from the worker to the bot, from 16 on the other way."""

    OPEN = 1  # a call rings: what is known of it
    BEGIN = 2  # the caller is there
    SOUND = 3  # eight bytes: how many of the bot's bytes have been heard or dropped; then 20 ms of the caller
    DIGIT = 4
    HELD = 5
    SAY = 6
    TELL = 7  # a data message
    CLOSE = 8  # the call is over
    PING = 9

    READY = 16  # about the process: the bot can be called; about a call: its pipeline runs, at which sample rates
    UNUSABLE = 17  # the bot cannot be imported, in words
    SPEECH = 18  # sound for the caller
    CLEAR = 19
    DIGITS = 20
    SAID = 21  # something for the call's messages
    TURN = 22  # the caller has finished
    MESSAGE = 23  # of the bot's application
    HANG_UP = 24  # when all has been heard
    FAILED = 25  # the bot gives the call up, in words
    DONE = 26  # the bot's function has ended; the last frame of its call
    PONG = 27


class Frame(NamedTuple):
    """One frame."""

    call: int
    kind: Kind
    body: bytes


def pack(call: int, kind: Kind, body: bytes = b"") -> bytes:
    """A frame as it crosses.

    Raises:
        WireError: its body is too long for the other side.
    """
    if len(body) > BODY_BYTES_MAX:
        raise WireError(f"a body of {len(body)} bytes; expected at most {BODY_BYTES_MAX}")
    return _HEADER.pack(len(body), call, kind) + body


def pack_sound(call: int, heard_bytes: int, sound: bytes) -> bytes:
    """A frame of `Kind.SOUND`."""
    return pack(call, Kind.SOUND, _HEARD.pack(heard_bytes) + sound)


def read_sound(body: bytes) -> tuple[int, bytes]:
    """How many bytes were heard, and the sound."""
    if len(body) < _HEARD.size:
        raise WireError(f"sound of {len(body)} bytes; expected at least {_HEARD.size}")
    return _HEARD.unpack_from(body)[0], body[_HEARD.size :]


def write_object(fields: dict[str, Any]) -> bytes:
    """A body that is a JSON object."""
    return json.dumps(fields, separators=(",", ":")).encode()


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        WireError: there is none.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise WireError(f"{body[:40]!r}; expected a JSON object")
    return value


class Unpacker:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes; the frames they complete.

        Raises:
            WireError: a body beyond all reason, or a kind that is none; the stream cannot be read any further.
        """
        self._buffer += data
        frames = []
        start = 0
        while len(self._buffer) - start >= _HEADER.size:
            length, call, kind = _HEADER.unpack_from(self._buffer, start)
            if length > BODY_BYTES_MAX:
                raise WireError(f"a body of {length} bytes; expected at most {BODY_BYTES_MAX}")
            if kind not in _KINDS:
                raise WireError(f"kind {kind}; expected one of {', '.join(str(one) for one in sorted(_KINDS))}")
            end = start + _HEADER.size + length
            if end > len(self._buffer):
                break
            frames.append(Frame(call, _KINDS[kind], bytes(self._buffer[start + _HEADER.size : end])))
            start = end
        del self._buffer[:start]
        return frames


_KINDS: Final = {int(kind): kind for kind in Kind}
