"""Where clients without a phone join their calls: one port of the node, which every worker listens on.

The system gives each connection to one of the workers, and that one carries the call: sound never crosses a process.
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from picows import (
    WSListener,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from callgate.media.client_line import MESSAGE_BYTES_MAX
from callgate.runtime.websocket import PING_S, PONG_S_MAX, MessageSocket

WAITING_MAX: Final = 64  # connections that the control process has not judged yet: it takes a millisecond for each
_HANDSHAKE_S_MAX: Final = 5.0
_PATH: Final = re.compile(rb"/calls/([0-9a-fA-F-]{36})/server_web_socket(?:\?.*)?")


class JoinSocket(MessageSocket):
    """A client's connection."""

    def __init__(self, connected: Callable[["JoinSocket"], None], closed: Callable[["JoinSocket", str], None]) -> None:
        super().__init__(_ignore, _ignore, lambda words: closed(self, words), MESSAGE_BYTES_MAX, "the client")
        self._connected = connected

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        super().on_ws_connected(transport)
        self.watch(transport)
        self._connected(self)


async def listen(
    host: str,
    port: int,
    *,
    waiting: Callable[[], int],
    knocked: Callable[[str, JoinSocket], None],
    closed: Callable[[JoinSocket, str], None],
) -> None:
    """Take clients for as long as the process lives.

    Args:
        host: address to listen on.
        port: shared with the other workers.
        waiting: how many have knocked and are not judged yet.
        knocked: told of each client, and of the call it wants to join.
        closed: told when a client has gone by itself, and why.

    Raises:
        OSError: the port cannot be listened on.
    """

    def route(request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        found = _PATH.fullmatch(request.path)
        if found is None:
            return _refusal(HTTPStatus.NOT_FOUND, "calls are joined at the joinUrl that their creation answered")
        if waiting() >= WAITING_MAX:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients at once; try again in a second")
        call_id = found[1].decode().lower()
        return JoinSocket(lambda socket: knocked(call_id, socket), closed)

    await ws_create_server(
        route,
        host,
        port,
        reuse_port=True,
        websocket_handshake_timeout=_HANDSHAKE_S_MAX,
        enable_auto_ping=True,
        auto_ping_idle_timeout=PING_S,
        auto_ping_reply_timeout=PONG_S_MAX,
        max_frame_size=MESSAGE_BYTES_MAX,
    )


def _refusal(status: HTTPStatus, words: str) -> WSUpgradeResponseWithListener:
    response = WSUpgradeResponse.create_error_response(status, f"{words}\n".encode(), {"Content-Type": "text/plain"})
    return WSUpgradeResponseWithListener(response, None)


def _ignore(message: bytes) -> None:
    """Before the call is joined nobody listens."""
