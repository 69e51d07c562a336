"""Our address as the world sees it, asked of a STUN server: RFC 8489 (Session Traversal Utilities for NAT).

Only the address is used. Ports that a router forwards keep their numbers, and others could not be reached anyway.
"""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final, cast

from callgate.core.stun.message import BINDING_REQUEST, BINDING_SUCCESS, StunError, StunMessage, pack, unpack
from callgate.ports import Alarm, Alarms, Ids
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.addresses import Advertised

# Section 6.2.1 (Sending over UDP or DTLS-over-UDP): 500 ms, doubling. Its seven times would hold up the start for 40 s.
_SENT_AT_S: Final = (0.0, 0.5, 1.5, 3.5)
_PATIENCE_S: Final = 5.0
_RETRY_S: Final = 30.0  # after a failure; a router restarts in a minute or two
_NAME_S_MAX: Final = 5.0  # for the name of the server


class NoAnswer(Exception):
    """The server has not said our address; says why."""


class _Question(asyncio.DatagramProtocol):
    """One Binding request, repeated until it is answered."""

    def __init__(self, alarms: Alarms, transaction: bytes) -> None:
        self._transaction = transaction
        self._request = pack(StunMessage(BINDING_REQUEST, transaction))
        self._transport: asyncio.DatagramTransport | None = None
        self._alarms: list[Alarm] = []
        self._source = alarms
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        for at_s in _SENT_AT_S:
            if at_s == 0:
                self._send()
            else:
                self._alarms.append(self._source.after(at_s, self._send))
        self._alarms.append(self._source.after(_PATIENCE_S, lambda: self._fail("no answer in time")))

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Called by the loop; the socket is connected, so the server's address has sent it."""
        try:
            message = unpack(data)
        except StunError as error:
            if data[8:20] == self._transaction:
                self._fail(f"an answer that cannot be used: {error}")
            return
        if message.transaction != self._transaction or message.type == BINDING_REQUEST:
            return
        if message.type != BINDING_SUCCESS:
            self._fail(f"{message.error} {message.reason[:80]}".strip())
        elif not _usable(message.address):
            self._fail(f"an answer without a usable address: {message.address!r}")
        elif not self.answer.done():
            self.answer.set_result(message.address)

    def error_received(self, exc: Exception) -> None:
        """Called by the loop."""
        self._fail(str(getattr(exc, "strerror", None) or exc).lower())

    def close(self) -> None:
        """Ask no more."""
        for alarm in self._alarms:
            alarm.cancel()
        if self._transport is not None:
            self._transport.close()

    def _send(self) -> None:
        if self._transport is not None and not self.answer.done():
            self._transport.sendto(self._request)

    def _fail(self, why: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(NoAnswer(why))


async def ask(host: str, port: int, *, alarms: Alarms, ids: Ids, bind: str = "") -> str:
    """Our address as a server sees it.

    Args:
        host: name or address of the server.
        port: likewise.
        alarms: for repetitions.
        ids: for the transaction's name.
        bind: our address to ask from, IP text; empty: any, as the route has it.

    Raises:
        NoAnswer: it is not known.
    """
    loop = asyncio.get_running_loop()
    family = (socket.AF_INET6 if ":" in bind else socket.AF_INET) if bind else socket.AF_UNSPEC
    try:
        async with asyncio.timeout(_NAME_S_MAX):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, family=family)
        question: _Question
        _, question = await loop.create_datagram_endpoint(
            lambda: _Question(alarms, ids.token(9).encode()),  # 9 bytes of chance are 12 letters
            local_addr=(bind, 0) if bind else None,
            remote_addr=(str(found[0][4][0]), port),
        )
    except TimeoutError:
        raise NoAnswer(f"the name {host} is not resolved in time") from None
    except OSError as error:
        raise NoAnswer((error.strerror or str(error)).lower()) from None
    try:
        return await question.answer
    finally:
        question.close()


class AddressFinder:
    """Keeps the advertised address what a STUN server says it is.

    Args:
        host: of the server.
        port: likewise.
        every_s: how long an answer is believed.
        bind: our address to ask from; empty: any.
        advertised: what is kept.
        alarms: wake-ups.
        ids: chance.
        tasks: owns the asking.
        told: told in words when the address is found, changes, or cannot be found; of failures in a row the first.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        every_s: float,
        bind: str,
        advertised: Advertised,
        alarms: Alarms,
        ids: Ids,
        tasks: TaskOwner,
        told: Callable[[str], None],
    ) -> None:
        self._host, self._port = host, port
        self._every_s = every_s
        self._bind = bind
        self._advertised = advertised
        self._alarms = alarms
        self._ids = ids
        self._tasks = tasks
        self._told = told
        self._alarm: Alarm | None = None
        self._failing = False
        self._closed = False

    async def find(self) -> None:
        """Ask once, and have it repeated; takes some seconds at most."""
        wait_s = self._every_s
        try:
            address = await ask(self._host, self._port, alarms=self._alarms, ids=self._ids, bind=self._bind)
        except NoAnswer as error:
            wait_s = min(_RETRY_S, self._every_s)
            if not self._failing:
                self._failing = True
                self._told(f"{self._host}:{self._port} (stun.server) does not say our address: {error}")
        else:
            self._failing = False
            if self._advertised.found(address):
                self._told(f"peers outside are told {address}, as {self._host} (stun.server) sees us")
        if not self._closed:
            self._alarm = self._alarms.after(wait_s, self._again)

    def close(self) -> None:
        """Ask no more."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()

    def _again(self) -> None:
        self._tasks.spawn(self.find(), name="stun")


def _usable(address: str) -> bool:
    """Whether anybody could reach us there."""
    if not address:
        return False
    parsed = ip_address(address)
    return not (parsed.is_unspecified or parsed.is_multicast or parsed.is_loopback or parsed.is_reserved)
