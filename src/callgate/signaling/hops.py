"""Where our requests within a dialog go: over which connection, to which address, by which transport.

RFC 3261 section 12.2.1.1 (Generating the Request) and 18.1.1 (Sending Requests), RFC 3263 section 4 (Client Usage).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from callgate.core.sip.dialog import Dialog
from callgate.core.sip.locate import believable, destination
from callgate.core.sip.uri import parse_uri
from callgate.ports import Clock
from callgate.signaling.resolve import Resolver
from callgate.signaling.transport import Hop, Peer

# RFC 3261 section 18.1.1: what is longer goes over TCP where nobody knows how long a packet may be on its way.
DATAGRAM_BYTES_MAX: Final = 1_300
# Whoever has no TCP mostly says so at once; behind a firewall that says nothing UDP must still be in time.
_LARGE_CONNECT_S_MAX: Final = 1.5
_REMEMBERED_S: Final = 600.0  # for so long a peer without TCP is not asked again
_REMEMBERED_MAX: Final = 1_000

Connect = Callable[[Peer, float | None], Awaitable[Peer]]


def next_hop(dialog: Dialog, last: Peer) -> Peer | Hop:
    """Where a request within a dialog goes.

    To the route set; without one to the Contact, if that is like the source, and else to where the INVITE came from. On
    TCP and TLS over the peer's connection while it lives: a phone behind NAT cannot be reached otherwise.

    Args:
        dialog: with its route set and remote target.
        last: where the peer's last message came from.

    Raises:
        ParseError: the peer's Contact or Route is no URI.
    """
    if not dialog.next_hop:
        return last
    uri = parse_uri(dialog.next_hop)
    routed = bool(dialog.route_set)
    if last.connected and not routed:
        return last
    wanted = destination(uri, last.transport)
    if not wanted.transports:
        return last  # a transport that we do not speak; the source has proved that it listens
    transport = wanted.transports[0]
    if wanted.address is None:
        return Hop(uri, last, routed, replace(last, transport=transport, connection=None))
    source = ip_address(last.address)
    if not believable(wanted.address, source, routed=routed) or (last.connected and wanted.address == source):
        return last
    listener = last.listener if last.transport == transport else None
    peer = Peer(transport, str(wanted.address), wanted.port_for(transport), None, listener, _name(transport, uri.host))
    return Hop(uri, last, routed, peer) if transport == "udp" and uri.transport is None else peer


class HopFinder:
    """Finds what a `Hop` stands for.

    Args:
        resolver: of names.
        connect: makes a connection, or finds one: to whom, within how many seconds (``None``: the usual).
        clock: time.
    """

    def __init__(self, resolver: Resolver, connect: Connect, clock: Clock) -> None:
        self._resolver = resolver
        self._connect = connect
        self._clock = clock
        self._without_tcp: dict[str, float] = {}  # until when

    def at_once(self, hop: Hop, size: int) -> Peer | None:
        """Where a hop leads, when that needs no waiting: an address, and a request of `size` bytes that fits."""
        known = destination(hop.uri, hop.last.transport).address is not None
        if known and (size <= DATAGRAM_BYTES_MAX or not self._takes_tcp(hop.guess)):
            return hop.guess
        return None

    async def find(self, hop: Hop, size: int) -> Peer:
        """Where a hop leads; for TCP and TLS with a connection.

        Raises:
            OSError: no connection could be made to any place; says why, of the last one.
        """
        trouble: OSError | None = None
        for peer in await self._places(hop):
            try:
                return await self._reach(peer, hop, size)
            except OSError as error:
                trouble = error
        if trouble is not None and hop.last.reliable and not hop.last.connected:
            raise trouble
        return hop.last  # names nothing that is found: the source has proved that it listens

    async def _reach(self, peer: Peer, hop: Hop, size: int) -> Peer:
        if peer.reliable:
            return peer if peer.connected else await self._connect(peer, None)
        if size > DATAGRAM_BYTES_MAX and hop.uri.transport is None and self._takes_tcp(peer):
            try:
                return await self._connect(replace(peer, transport="tcp", listener=None), _LARGE_CONNECT_S_MAX)
            except OSError:
                # RFC 3261 section 18.1.1: who has no TCP gets it over UDP all the same.
                if len(self._without_tcp) >= _REMEMBERED_MAX:
                    self._without_tcp.clear()
                self._without_tcp[peer.address] = self._clock.monotonic() + _REMEMBERED_S
        return peer

    async def _places(self, hop: Hop) -> list[Peer]:
        """Where a URI leads, best first; less what a peer at that source would have no right to name."""
        wanted = destination(hop.uri, hop.last.transport)
        if wanted.address is not None:
            return [hop.guess]
        source = ip_address(hop.last.address)
        peers = []
        for transport, address, port in await self._resolver.places(wanted):
            there = ip_address(address)
            if hop.last.connected and there == source:
                return [hop.last]
            if believable(there, source, routed=hop.routed):
                listener = hop.last.listener if hop.last.transport == transport else None
                peers.append(Peer(transport, address, port, None, listener, _name(transport, hop.uri.host)))
        return peers

    def _takes_tcp(self, peer: Peer) -> bool:
        until = self._without_tcp.get(peer.address)
        return until is None or until <= self._clock.monotonic()


def _name(transport: str, host: str) -> str:
    """Whose certificate is expected: RFC 5922 section 7.1 (Finding SIP Identities in a Certificate)."""
    return host if transport == "tls" else ""
