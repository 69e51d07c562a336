"""SIP over TCP: connections that come and those we make. RFC 3261 section 18 (Transport)."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

from callgate.core.sip.attempt import unmapped
from callgate.core.sip.errors import ParseError
from callgate.core.sip.stream import KeepAlive, StreamFramer
from callgate.ports import Alarm, Alarms, Clock
from callgate.signaling.transport import Peer, Receiver

# A peer that does not read what it is sent is let go before it costs memory: some hundred messages.
_UNREAD_BYTES_MAX: Final = 256 * 1024
_CONNECT_S_MAX: Final = 5.0


class TcpConnection(asyncio.Protocol):
    """One connection, whoever made it."""

    def __init__(self, transport_owner: "TcpTransport") -> None:
        self._owner = transport_owner
        self._transport: asyncio.Transport | None = None
        self._framer = StreamFramer()
        self._idle: Alarm | None = None
        self._heard = 0.0
        self.peer: Peer | None = None

    @property
    def closed(self) -> bool:
        """Whether it is gone."""
        return self._transport is None or self._transport.is_closing()

    def send(self, data: bytes) -> None:
        """Queue bytes; a closed connection swallows them."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > _UNREAD_BYTES_MAX:
            transport.abort()
            return
        self._heard = self._owner.clock.monotonic()
        transport.write(data)

    def close(self) -> None:
        """Let go."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        # uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        if name is None:  # gone before it was accepted
            self._transport.abort()
            return
        self.peer = Peer("tcp", unmapped(name[0]), name[1], self)
        if self._owner.receiver.unwanted(self.peer, b"") or not self._owner.admit(self):
            self._transport.abort()
            return
        self._heard = self._owner.clock.monotonic()
        self._watch(self._owner.idle_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        if self._idle is not None:
            self._idle.cancel()
        self._owner.forget(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        assert self.peer is not None
        if self._owner.receiver.unwanted(self.peer, data) and not self._owner.in_use(self):
            if self._transport is not None:
                self._transport.abort()
            return
        self._heard = self._owner.clock.monotonic()
        try:
            messages = self._framer.feed(data)
        except ParseError as error:
            self._fail(error, len(data))
            return
        for message in messages:
            if isinstance(message, KeepAlive):
                self.send(b"\r\n")
            else:
                # On a stream nobody can be made to answer a third party, so the size of the request does not matter.
                self._owner.receiver.received(message, self.peer, 65_535)
        if self._framer.error is not None:
            self._fail(self._framer.error, len(data))

    def _fail(self, error: ParseError, size: int) -> None:
        assert self.peer is not None
        self._owner.receiver.garbled(error, self.peer, 65_535)
        self.close()

    def _watch(self, wait_s: float) -> None:
        self._idle = self._owner.alarms.after(wait_s, self._look)

    def _look(self) -> None:
        left = self._heard + self._owner.idle_s - self._owner.clock.monotonic()
        if left > 0 or self._owner.in_use(self):
            self._watch(max(left, self._owner.idle_s / 10))
        else:
            self.close()


class TcpTransport:
    """The listening socket and all connections.

    Args:
        receiver: who takes what comes.
        clock: for idleness.
        alarms: likewise.
        connections_max: open at a time; further ones are closed at once.
        idle_s: a connection without a byte for this long and without a call is closed.
        in_use: whether a call needs a connection.
    """

    def __init__(
        self,
        receiver: Receiver,
        clock: Clock,
        alarms: Alarms,
        *,
        connections_max: int,
        idle_s: float,
        in_use: Callable[[TcpConnection], bool],
    ) -> None:
        self.receiver = receiver
        self.clock = clock
        self.alarms = alarms
        self.idle_s = idle_s
        self.in_use = in_use
        self._connections_max = connections_max
        self._connections: set[TcpConnection] = set()
        self._server: asyncio.Server | None = None

    async def open(self, sock: socket.socket) -> None:
        """Listen on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: TcpConnection(self), sock=sock)

    async def connect(self, address: str, port: int) -> TcpConnection:
        """Make a connection.

        Raises:
            OSError: it could not be made in time.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S_MAX):
                _, connection = await loop.create_connection(lambda: TcpConnection(self), address, port)
        except TimeoutError:
            raise OSError(f"no connection to {address}:{port} within {_CONNECT_S_MAX:g} s") from None
        if connection.closed:
            raise OSError("as many connections are open as may be")
        return connection

    def connection_to(self, address: str, port: int) -> TcpConnection | None:
        """A connection that is there already."""
        for connection in self._connections:
            peer = connection.peer
            if peer is not None and peer.address == address and peer.port == port and not connection.closed:
                return connection
        return None

    def admit(self, connection: TcpConnection) -> bool:
        """Whether there is room for one more connection."""
        if len(self._connections) >= self._connections_max:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: TcpConnection) -> None:
        """A connection has gone."""
        if connection in self._connections:
            self._connections.remove(connection)
            self.receiver.disconnected(connection)

    def close(self) -> None:
        """Stop listening and let every connection go."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.close()
