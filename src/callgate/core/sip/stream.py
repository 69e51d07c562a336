"""Messages on TCP and TLS: where one ends and the next begins."""

from typing import Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.limits import MESSAGE_BYTES_MAX
from callgate.core.sip.message import Request, Response
from callgate.core.sip.parse import answerable, content_length, parse_head


class KeepAlive:
    """A double line end between messages, RFC 5626 section 4.4.1 (Keep-Alive with CRLF).

    The shell answers it with one CRLF.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeepAlive)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "KeepAlive()"


class Pong:
    """A single line end, where one was awaited: the answer to a `KeepAlive` of ours."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pong)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "Pong()"


_KEEP_ALIVE: Final = KeepAlive()
_PONG: Final = Pong()
_HEAD_END: Final = b"\r\n\r\n"


class StreamFramer:
    """Cuts one connection's bytes into messages; however they are split, the messages are the same.

    RFC 3261 section 18.3 (Framing): Content-Length is required on a stream. After a mistake nobody can know where the
    next message begins: the connection has to be closed.

    Attributes:
        error: the mistake that ended it; ``None`` while all is well. Look at it after each `feed`.
    """

    __slots__ = ("_awaits_pong", "_buffer", "_line_ends", "_message", "_needed", "_scanned", "error")

    def __init__(self) -> None:
        self.error: ParseError | None = None
        self._buffer = bytearray()
        self._scanned = 0  # bytes at the front of the buffer in which no end of the headers begins
        self._message: Request | Response | None = None  # whose body is awaited
        self._needed = 0  # length of that body
        self._line_ends = 0  # of a keep-alive, 0 or 1
        self._awaits_pong = False

    def expect_pong(self, on: bool) -> None:
        """We have sent a keep-alive, or wait no longer: while we do, the next line end is the answer to it.

        Whether it is, or the peer's own keep-alive has begun, cannot be told and need not be: three line ends are one
        of each, in any order.
        """
        self._awaits_pong = on

    def feed(self, data: bytes) -> list[Request | Response | KeepAlive | Pong]:
        """Take bytes as they came; return what they complete.

        Raises:
            ParseError: the bytes complete nothing and hold a mistake, or there was one before. A mistake behind
                complete messages is found in `error`, and raised by the next call.
        """
        if self.error is not None:
            raise self.error
        self._buffer += data
        complete: list[Request | Response | KeepAlive | Pong] = []
        try:
            while self._take(complete):
                pass
        except ParseError as error:
            self.error = error
            self._buffer.clear()
            if not complete:
                raise
        return complete

    def _take(self, complete: list[Request | Response | KeepAlive | Pong]) -> bool:
        """Complete one thing more; false when bytes are missing for it."""
        if self._message is None and not self._take_head(complete):
            return False
        message = self._message
        if message is None or len(self._buffer) < self._needed:
            return message is None
        message.body = bytes(self._buffer[: self._needed])
        del self._buffer[: self._needed]
        self._message = None
        complete.append(message)
        return True

    def _take_head(self, complete: list[Request | Response | KeepAlive | Pong]) -> bool:
        """Read line ends, or headers; false when bytes are missing for either."""
        buffer = self._buffer
        while self._scanned == 0 and buffer[:1] == b"\r":
            if len(buffer) < 2:
                return False
            if buffer[1] != 0x0A:
                raise ParseError("line ends with a lone CR, expected CRLF")
            del buffer[:2]
            if self._awaits_pong:
                self._awaits_pong = False
                complete.append(_PONG)
                continue
            self._line_ends += 1
            if self._line_ends == 2:
                self._line_ends = 0
                complete.append(_KEEP_ALIVE)
        end = buffer.find(_HEAD_END, self._scanned)
        if end < 0:
            if len(buffer) > MESSAGE_BYTES_MAX:
                raise ParseError(f"headers do not end within {MESSAGE_BYTES_MAX} bytes", 513)
            self._scanned = max(0, len(buffer) - len(_HEAD_END) + 1)
            return False
        head_length = end + len(_HEAD_END)
        if head_length > MESSAGE_BYTES_MAX:
            raise ParseError(f"headers do not end within {MESSAGE_BYTES_MAX} bytes", 513)
        message = parse_head(bytes(buffer[:end]))
        length = content_length(message)
        if length is None:
            raise ParseError("content-length is missing on a stream", partial=answerable(message))
        if head_length + length > MESSAGE_BYTES_MAX:
            problem = f"message over {MESSAGE_BYTES_MAX} bytes: {head_length + length}"
            raise ParseError(problem, 513, partial=answerable(message))
        del buffer[:head_length]
        self._scanned = 0
        self._line_ends = 0
        self._message = message
        self._needed = length
        return True
