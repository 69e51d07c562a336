"""One WebSocket of a brain: connected while the phone rings, to an address that may be reached."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from picows import WSError, WSInvalidStatusError, WSInvalidURL, WSParsedURL, ws_connect

from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.resolver import ForbiddenAddress
from callgate.runtime.websocket import PING_S, PONG_S_MAX, MessageSocket, after_colon

OPEN_S_MAX: Final = 5.0  # a caller who is kept waiting for longer hears ringing, and thinks of hanging up
MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024  # half a minute of sound at 48 kHz in base64, pushed at once


class BrainUnreachable(OSError):
    """A connection could not be made; words for the call's record."""


class BrainSocket(MessageSocket):
    """A connection to a server. Made by `connect`."""

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
        made = cls(on_text, on_binary, on_closed, message_bytes_max, "the server")
        try:
            async with asyncio.timeout(open_s_max):
                transport, _ = await ws_connect(
                    lambda: made,
                    url,
                    ssl_context=_tls() if url.lower().startswith("wss:") else None,
                    websocket_handshake_timeout=None,  # `open_s_max` is for all of it
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=PING_S,
                    auto_ping_reply_timeout=PONG_S_MAX,
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
            raise BrainUnreachable(f"refused with HTTP {status}{after_colon(said)}") from None
        except WSInvalidURL as error:
            raise BrainUnreachable(f"not a WebSocket URL: {error}") from None
        except (WSError, OSError, ValueError) as error:
            raise BrainUnreachable(str(error) or type(error).__name__) from None
        made.watch(transport)
        return made


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
