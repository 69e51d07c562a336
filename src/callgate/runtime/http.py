"""The one way to make an HTTP client here: guarded addresses, no redirects, no proxies, no cookies, no surprises."""

import asyncio
import functools
import socket
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.resolver import ForbiddenAddress, GuardedResolver

# Questions are rare and short; more than this at a time to one node means that their server hangs.
_CONNECTIONS_MAX: Final = 200

# Long enough to spare the next call of a busy minute the handshake, shorter than common servers' own idle limits (5 s
# and more), so that we rarely write into a connection that is being closed.
_KEEP_ALIVE_S: Final = 4.0

# Names change; a burst of calls asks once.
_NAMES_KEPT_S: Final = 10


class AnswerBroken(aiohttp.ClientPayloadError):
    """The connection broke after the first byte of an answer: the server has acted, so nothing may be repeated."""


class _CountingHandler(ResponseHandler):
    """aiohttp's connection, which also knows how many bytes have arrived."""

    bytes_received = 0

    def data_received(self, data: bytes) -> None:
        self.bytes_received += len(data)
        super().data_received(data)


class _Response(aiohttp.ClientResponse):
    """aiohttp's response, which tells an answer that broke from one that never began."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        before = protocol.bytes_received
        try:
            return await super().start(connection)
        except (aiohttp.ClientError, OSError) as error:
            if protocol.bytes_received > before:
                raise AnswerBroken(f"the answer broke off: {error!r}") from error
            raise


def http_session(guard: AddressGuard) -> aiohttp.ClientSession:
    """A client for URLs that accounts set. Close it. Must be called on the event loop.

    Every connection, whatever its URL said or its name resolved to, is checked against `guard` at the moment its
    socket is made; `ForbiddenAddress` is then among the causes of the error. Requests must still say
    ``allow_redirects=False`` and bound what they read. Timeouts are the caller's.
    """

    def guarded_socket(address_info: Any) -> socket.socket:
        family, type_, protocol, _, address = address_info
        refusal = guard.refusal(str(address[0]))
        if refusal is not None:
            raise ForbiddenAddress(refusal)
        return socket.socket(family=family, type=type_, proto=protocol)

    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(guard),
        socket_factory=guarded_socket,
        ttl_dns_cache=_NAMES_KEPT_S,
        limit=_CONNECTIONS_MAX,
        keepalive_timeout=_KEEP_ALIVE_S,
    )
    handler: Any = functools.partial(_CountingHandler, loop=asyncio.get_running_loop())
    connector._factory = handler
    connector._resolver_owner = True  # it would leave a resolver that it was given open
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,  # a small answer must not unfold into a large one
        response_class=_Response,
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        headers={"User-Agent": "callgate", "Accept-Encoding": "identity"},
    )


def forbidden_cause(error: BaseException) -> str | None:
    """The guard's words when an error of a request has `ForbiddenAddress` among its causes."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, ForbiddenAddress):
            return str(current)
        inner = getattr(current, "os_error", None)
        current = inner if isinstance(inner, ForbiddenAddress) else current.__cause__ or current.__context__
    return None
