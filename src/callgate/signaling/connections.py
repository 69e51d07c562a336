"""All connections, over TCP and TLS, those that come and those we make: how many, from whom, for how long.

Who is admitted may hold many connections and leave them idle: a trunk keeps one for days, and some PBX opens one for
each call. A stranger may hold few, and for a short time whatever it sends on them: that bounds what a scanner that
opens and waits, or sends a byte now and then, can take, which is never the room of those who are admitted.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from callgate.ports import Alarms, Clock
from callgate.signaling.tcp import TcpConnection
from callgate.signaling.tls import TlsConnection, TlsContexts
from callgate.signaling.transport import Listener, Peer, Receiver

_CONNECT_S_MAX: Final = 5.0  # the handshake of TLS included; who waits for it is a caller who hung up
# Hosts get a whole /64 of IPv6 each and can change the rest of the address at will.
_IPV6_HOST_BITS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How many connections there may be, and for how long.

    Attributes:
        connections_max: open at a time; further ones are closed at once.
        source_max: of one admitted source.
        stranger_max: of one source that is not admitted; of IPv6, of its /64.
        strangers_max: of all these together.
        idle_s: an admitted one without a byte for this long and without a call is closed.
        stranger_s: a stranger's is closed after this, idle or not, unless it carries a call.
    """

    connections_max: int = 1_000
    source_max: int = 500
    stranger_max: int = 4
    strangers_max: int = 250
    idle_s: float = 600.0
    stranger_s: float = 30.0


class Connections:
    """The connections there are. Implements `tcp.Pool`.

    Args:
        receiver: who takes what comes.
        clock: for idleness.
        alarms: likewise.
        limits: how many, for how long.
        known: whether a source, IP text, is admitted.
        in_use: whether a call needs a connection.
    """

    def __init__(
        self,
        receiver: Receiver,
        clock: Clock,
        alarms: Alarms,
        *,
        limits: ConnectionLimits,
        known: Callable[[str], bool],
        in_use: Callable[[TcpConnection], bool],
    ) -> None:
        self.receiver = receiver
        self.clock = clock
        self.alarms = alarms
        self.in_use = in_use
        self._limits = limits
        self._known = known
        self._all: set[TcpConnection] = set()
        self._counted: dict[TcpConnection, tuple[str, bool]] = {}  # those that came: from whom, and whether a stranger
        self._of_source: Counter[str] = Counter()
        self._strangers = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    def admit(self, connection: TcpConnection) -> bool:
        """Whether there is room for one more; takes it in when there is."""
        limits = self._limits
        if len(self._all) >= limits.connections_max:
            return False
        if connection.made_by_us:
            self._all.add(connection)
            return True
        assert connection.peer is not None
        address = connection.peer.address
        stranger = not self._known(address)
        key = _host(address)
        if stranger and self._strangers >= limits.strangers_max:
            return False
        if self._of_source[key] >= (limits.stranger_max if stranger else limits.source_max):
            return False
        self._all.add(connection)
        self._count(connection, key, stranger)
        return True

    def life_s(self, connection: TcpConnection, begun: float, heard: float) -> float:
        """How long a connection may go on without anything new: seconds from now, 0 or less when it is at its end."""
        now = self.clock.monotonic()
        counted = self._counted.get(connection)
        if counted is not None and counted[1]:
            assert connection.peer is not None
            if not self._known(connection.peer.address):
                return begun + self._limits.stranger_s - now
            self._discount(connection)  # admitted since: a PATCH has opened the door
            self._count(connection, counted[0], stranger=False)
        return heard + self._limits.idle_s - now

    def forget(self, connection: TcpConnection) -> None:
        """A connection has gone."""
        if connection in self._all:
            self._all.remove(connection)
            self._discount(connection)
            self.receiver.disconnected(connection)

    def connection_to(self, peer: Peer) -> TcpConnection | None:
        """A connection that is there already; over TLS, one of ours on which the same name has been proved."""
        wanted = peer.transport, peer.address, peer.port
        for connection in self._all:
            other = connection.peer
            if other is None or not connection.ready or (other.transport, other.address, other.port) != wanted:
                continue
            if peer.transport == "tcp" or (connection.made_by_us and other.name == peer.name):
                return connection
        return None

    async def connect(
        self, peer: Peer, tls: TlsContexts | None, listener: Listener | None, within_s: float | None = None
    ) -> TcpConnection:
        """Make a connection.

        Args:
            peer: to whom.
            tls: certificates, for TLS.
            listener: what its peer is told that we listen on.
            within_s: seconds; ``None``: the usual.

        Raises:
            OSError: it could not be made in time, or its certificate is not what it should be.
        """

        def make() -> TcpConnection:
            if peer.transport != "tls":
                return TcpConnection(self, listener, made_by_us=True)
            assert tls is not None, "for TLS there are contexts"
            return TlsConnection(self, listener, tls, made_by_us=True, name=peer.name)

        loop = asyncio.get_running_loop()
        limit_s = _CONNECT_S_MAX if within_s is None else within_s
        connection: TcpConnection | None = None
        try:
            async with asyncio.timeout(limit_s):
                _, connection = await loop.create_connection(make, peer.address, peer.port)
                await connection.established()
        except TimeoutError:
            raise OSError(f"no connection to {peer.address}:{peer.port} within {limit_s:g} s") from None
        finally:
            if connection is not None and not connection.ready:
                connection.abort()
        if connection.closed:
            raise OSError("as many connections are open as may be")
        return connection

    def close(self) -> None:
        """Let every connection go."""
        for connection in tuple(self._all):
            connection.close()

    def _count(self, connection: TcpConnection, key: str, stranger: bool) -> None:
        self._counted[connection] = key, stranger
        self._of_source[key] += 1
        self._strangers += stranger

    def _discount(self, connection: TcpConnection) -> None:
        counted = self._counted.pop(connection, None)
        if counted is None:
            return
        key, stranger = counted
        self._strangers -= stranger
        self._of_source[key] -= 1
        if not self._of_source[key]:
            del self._of_source[key]


def _host(address: str) -> str:
    """What a source is counted under: an IPv4 address whole, an IPv6 address by its /64."""
    parsed = ip_address(address)
    if not isinstance(parsed, IPv6Address):
        return address
    return f"{int(parsed) >> (128 - _IPV6_HOST_BITS):x}::/{_IPV6_HOST_BITS}"
