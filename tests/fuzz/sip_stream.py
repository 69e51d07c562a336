"""The bytes of a connection: however they are cut, the messages are the same.

The first byte says where the rest is cut; so the fuzzer finds boundaries by itself.
"""

from typing import Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Message
from callgate.core.sip.stream import StreamFramer

_PIECES_MAX: Final = 1_024
_BYTE_BY_BYTE_MAX: Final = 2_048


def check(data: bytes) -> None:
    """Nothing but `ParseError`, once; and the same in one piece, in many, and byte by byte when it is short."""
    seed, stream = (data[0], data[1:]) if data else (0, b"")
    whole = _read([stream])
    step = max(1 + seed, len(stream) // _PIECES_MAX + 1)
    assert _read([stream[at : at + step] for at in range(0, len(stream), step)]) == whole
    if len(stream) <= _BYTE_BY_BYTE_MAX:
        assert _read([stream[at : at + 1] for at in range(len(stream))]) == whole


def _read(pieces: list[bytes]) -> tuple[list[bytes], str]:
    """What was complete, written; and the words of the mistake that ended it."""
    framer = StreamFramer()
    found: list[bytes] = []
    for piece in pieces:
        try:
            found += [item.encode() if isinstance(item, Message) else b"\r\n" for item in framer.feed(piece)]
        except ParseError as error:
            assert framer.error is error
            return found, error.reason
        if framer.error is not None:
            return found, framer.error.reason
    return found, ""


if __name__ == "__main__":
    from tests.fuzz.running import run

    run("sip_stream")
