"""One WebSocket, whichever side opened it: messages whole, bounded both ways, and words for its end.

RFC 6455 (The WebSocket Protocol), by picows, without compression: sound does not shrink, and to try costs.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport

CLOSE_S_MAX: Final = 1.0
BACKLOG_BYTES_MAX: Final = 1024 * 1024  # eight seconds of 24 kHz sound in base64: a peer that far behind is gone
PING_S: Final = 20.0
PONG_S_MAX: Final = 10.0
_CLOSE_BYTES_MAX: Final = 123  # RFC 6455 section 5.5 (Control Frames): 125 with the code
_WORDS_CHARACTERS_MAX: Final = 200  # of what a peer says when it refuses or closes


class MessageSocket(WSListener):
    """A connection.

    All callbacks are called on the event loop; `on_closed` once, with words, and nothing after it. It is not called for
    a connection that we close.

    Args:
        on_text: given each text message, UTF-8.
        on_binary: given each binary message.
        on_closed: told why, when it ends and not by us.
        message_bytes_max: of one message; a longer one ends the connection.
        peer: who is on the other side, in words.

    Attributes:
        close_code: with which the peer said that it closes; ``None``: it did not say.
    """

    def __init__(
        self,
        on_text: Callable[[bytes], None],
        on_binary: Callable[[bytes], None],
        on_closed: Callable[[str], None],
        message_bytes_max: int,
        peer: str,
    ) -> None:
        self.on_text = on_text
        self.on_binary = on_binary
        self.on_closed = on_closed
        self._message_bytes_max = message_bytes_max
        self._peer = peer
        self._watching: asyncio.Task[None] | None = None
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._parts_are_text = False
        self._closing = False
        self._why = ""
        self.close_code: int | None = None

    def watch(self, transport: WSTransport) -> None:
        """See to it that the connection's end is told; once it is open."""
        self._watching = asyncio.create_task(self._watch(transport), name=f"connection with {self._peer}")

    @property
    def backlog_bytes(self) -> int:
        """How much of what was sent has not left yet; at more than `BACKLOG_BYTES_MAX` the connection is ended."""
        transport = self._transport
        return 0 if transport is None else transport.underlying_transport.get_write_buffer_size()

    def send_text(self, text: str | bytes) -> None:
        """Send a text message; nothing happens once the connection has ended."""
        self._send(WSMsgType.TEXT, text.encode() if isinstance(text, str) else text)

    def send_binary(self, data: bytes) -> None:
        """Send a binary message, likewise."""
        self._send(WSMsgType.BINARY, data)

    async def close(self, code: int = 1000, words: str = "") -> None:
        """Say goodbye and let go; within `CLOSE_S_MAX`."""
        self._closing = True
        transport = self._transport
        if transport is None:
            return
        transport.send_close(cast("WSCloseCode", code), words.encode()[:_CLOSE_BYTES_MAX] or None)
        try:
            async with asyncio.timeout(CLOSE_S_MAX):
                await transport.wait_disconnected()
        except (TimeoutError, WSError, OSError):
            transport.disconnect(graceful=False)

    # -------------------------------------------------------------------------------------------- picows' callbacks

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame came; messages in pieces are put together."""
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            code, said = frame.get_close_code(), (frame.get_close_message() or b"").decode(errors="replace")
            number = int(cast("int", code))
            self.close_code = number
            self._why = self._why or f"{self._peer} closed the connection with {number}{after_colon(said)}"
            transport.send_close(code)
            transport.disconnect()
        elif frame.payload_size > self._message_bytes_max:
            self._end(f"a message of {frame.payload_size} bytes came; expected at most {self._message_bytes_max}")
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY) and frame.fin and not self._parts:
            self._take(kind == WSMsgType.TEXT, frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            if kind != WSMsgType.CONTINUATION:
                self._parts, self._parts_bytes, self._parts_are_text = [], 0, kind == WSMsgType.TEXT
            self._parts.append(frame.get_payload_as_bytes())
            self._parts_bytes += len(self._parts[-1])
            if self._parts_bytes > self._message_bytes_max:
                self._end(f"a message of {self._parts_bytes} bytes came; expected at most {self._message_bytes_max}")
            elif frame.fin:
                whole, self._parts = b"".join(self._parts), []
                self._take(self._parts_are_text, whole)

    # ---------------------------------------------------------------------------------------------------- fragments

    async def _watch(self, transport: WSTransport) -> None:
        try:
            await transport.wait_disconnected()
        except WSError as error:
            self._why = self._why or f"{self._peer} broke the protocol: {error}"
        except OSError as error:
            self._why = self._why or f"the connection broke: {error}"
        self._transport = None
        if not self._closing:
            self._closing = True
            self.on_closed(self._why or "the connection broke")

    def _take(self, is_text: bool, message: bytes) -> None:
        if not self._closing:
            (self.on_text if is_text else self.on_binary)(message)

    def _send(self, kind: WSMsgType, data: bytes) -> None:
        transport = self._transport
        if transport is None or self._closing:
            return
        if self.backlog_bytes > BACKLOG_BYTES_MAX:
            self._end(f"{self._peer} is more than {BACKLOG_BYTES_MAX} bytes behind")
            return
        transport.send(kind, data)

    def _end(self, why: str) -> None:
        self._why = self._why or why
        if self._transport is not None:
            self._transport.disconnect(graceful=False)


def after_colon(words: str) -> str:
    """What a peer said, fit for a record: one line, not too long."""
    line = " ".join("".join(character if character.isprintable() else " " for character in words).split())
    return f": {line[:_WORDS_CHARACTERS_MAX]}" if line else ""
