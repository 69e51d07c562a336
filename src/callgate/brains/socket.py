"""One WebSocket of a brain: connected while the phone rings, to an address that may be reached, and bounded both ways.

RFC 6455 (The WebSocket Protocol), by picows, without compression: sound does not shrink, and to try costs.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, cast

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSInvalidStatusError,
    WSInvalidURL,
    WSListener,
    WSMsgType,
    WSParsedURL,
    WSTransport,
    ws_connect,
)

from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.resolver import ForbiddenAddress

OPEN_S_MAX: Final = 5.0  # a caller who is kept waiting for longer hears ringing, and thinks of hanging up
CLOSE_S_MAX: Final = 1.0
MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024  # half a minute of sound at 48 kHz in base64, pushed at once
BACKLOG_BYTES_MAX: Final = 1024 * 1024  # eight seconds of 24 kHz sound in base64: a server that far behind is gone
_PING_S: Final = 20.0
_PONG_S_MAX: Final = 10.0
_WORDS_CHARACTERS_MAX: Final = 200  # of what a server says when it refuses or closes


class BrainUnreachable(OSError):
    """A connection could not be made; words for the call's record."""


class BrainSocket(WSListener):
    """A connection. Made by `connect`.

    All three callbacks are called on the event loop; `on_closed` once, with words, and nothing after it. It is not
    called for a connection that we close.
    """

    def __init__(
        self,
        on_text: Callable[[bytes], None],
        on_binary: Callable[[bytes], None],
        on_closed: Callable[[str], None],
        message_bytes_max: int,
    ) -> None:
        self._message_bytes_max = message_bytes_max
        self._watching: asyncio.Task[None] | None = None
        self._on_text = on_text
        self._on_binary = on_binary
        self._on_closed = on_closed
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._parts_are_text = False
        self._closing = False
        self._why = ""
        self.close_code: int | None = None
        """With which the server said that it closes; ``None``: it did not say."""

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        on_text: Callable[[bytes], None],
        on_binary: Callable[[bytes], None],
        on_closed: Callable[[str], None],
        headers: Mapping[str, str] | None = None,
        guard: AddressGuard,
        open_s_max: float = OPEN_S_MAX,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
    ) -> "BrainSocket":
        """Connect to ``ws://`` or ``wss://``.

        Args:
            url: where.
            on_text: given each text message, UTF-8.
            on_binary: given each binary message.
            on_closed: told why, when it ends and not by us.
            headers: of the handshake.
            guard: which addresses may be reached; asked about the one connected to.
            open_s_max: for name, connection, TLS and handshake together.
            message_bytes_max: of one message; a longer one ends the connection.

        Raises:
            BrainUnreachable: for whatever reason.
        """
        made = cls(on_text, on_binary, on_closed, message_bytes_max)
        try:
            async with asyncio.timeout(open_s_max):
                transport, _ = await ws_connect(
                    lambda: made,
                    url,
                    ssl_context=_tls() if url.lower().startswith("wss:") else None,
                    websocket_handshake_timeout=None,  # `open_s_max` is for all of it
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=_PING_S,
                    auto_ping_reply_timeout=_PONG_S_MAX,
                    max_frame_size=message_bytes_max,
                    max_redirects=0,
                    extra_headers=dict(headers or {}),
                    socket_factory=lambda parsed: _guarded(parsed, guard),
                )
        except TimeoutError:
            raise BrainUnreachable(f"no connection within {open_s_max:g} s") from None
        except WSInvalidStatusError as error:
            status = int(error.response.status) if error.response is not None else 0
            said = (error.raw_body or b"").decode(errors="replace")
            raise BrainUnreachable(f"refused with HTTP {status}{_after_colon(said)}") from None
        except WSInvalidURL as error:
            raise BrainUnreachable(f"not a WebSocket URL: {error}") from None
        except (WSError, OSError, ValueError) as error:
            raise BrainUnreachable(str(error) or type(error).__name__) from None
        made._watching = asyncio.create_task(made._watch(transport), name=f"connection to {url.partition('?')[0]}")
        return made

    def send_text(self, text: str | bytes) -> None:
        """Send a text message; nothing happens once the connection has ended."""
        self._send(WSMsgType.TEXT, text.encode() if isinstance(text, str) else text)

    def send_binary(self, data: bytes) -> None:
        """Send a binary message, likewise."""
        self._send(WSMsgType.BINARY, data)

    async def close(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Say goodbye and let go; within `CLOSE_S_MAX`."""
        self._closing = True
        transport = self._transport
        if transport is None:
            return
        transport.send_close(code)
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
            self._why = self._why or f"the server closed the connection with {number}{_after_colon(said)}"
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
            self._why = self._why or f"the server broke the protocol: {error}"
        except OSError as error:
            self._why = self._why or f"the connection broke: {error}"
        self._transport = None
        if not self._closing:
            self._closing = True
            self._on_closed(self._why or "the connection broke")

    def _take(self, is_text: bool, message: bytes) -> None:
        if not self._closing:
            (self._on_text if is_text else self._on_binary)(message)

    def _send(self, kind: WSMsgType, data: bytes) -> None:
        transport = self._transport
        if transport is None or self._closing:
            return
        if transport.underlying_transport.get_write_buffer_size() > BACKLOG_BYTES_MAX:
            self._end(f"the server is more than {BACKLOG_BYTES_MAX} bytes behind")
            return
        transport.send(kind, data)

    def _end(self, why: str) -> None:
        self._why = self._why or why
        if self._transport is not None:
            self._transport.disconnect(graceful=False)


async def _guarded(parsed: WSParsedURL, guard: AddressGuard) -> socket.socket:
    """A socket connected to the first address of the URL that may be reached and answers."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(parsed.host, parsed.port, type=socket.SOCK_STREAM)
    last: OSError | None = None
    for family, kind, protocol, _, address in found:
        refusal = guard.refusal(str(address[0]))
        if refusal is not None:
            last = last or ForbiddenAddress(refusal)
            continue
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            last = error
            continue
        except BaseException:
            sock.close()
            raise
        return sock
    raise last or OSError(f"no address for {parsed.host}")


@cache
def _tls() -> ssl.SSLContext:
    """The system's authorities; reading them takes some 10 ms."""
    return ssl.create_default_context()


def _after_colon(words: str) -> str:
    """What a server said, fit for a record: one line, not too long."""
    line = " ".join("".join(character if character.isprintable() else " " for character in words).split())
    return f": {line[:_WORDS_CHARACTERS_MAX]}" if line else ""
