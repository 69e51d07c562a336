"""All transports of a node: what is listened on, how a peer reaches us there, and how bytes get to it."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from callgate.core.sip.attempt import unmapped
from callgate.core.sip.errors import ParseError
from callgate.core.sip.locate import Destination
from callgate.core.sip.message import Request
from callgate.core.sip.name_addr import parse_name_addr
from callgate.core.sip.uri import parse_uri, write_host
from callgate.core.sip.via import BRANCH_COOKIE, Via
from callgate.ports import Alarms, Clock, Ids
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.addresses import AddressBook, Advertised, Machine
from callgate.signaling.connections import ConnectionLimits, Connections
from callgate.signaling.hops import HopFinder
from callgate.signaling.listeners import bind, bind_both
from callgate.signaling.resolve import Place, Resolver
from callgate.signaling.tcp import TcpConnection
from callgate.signaling.tls import TlsConnection, TlsContexts
from callgate.signaling.transport import USUAL_PORTS, Connection, Hop, Listener, Peer, Receiver
from callgate.signaling.udp import UdpTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """What an operator says about transports.

    Attributes:
        limits: of connections.
        tls: certificates; ``None``: nothing listens for TLS.
        advertised: for peers outside `local_networks`.
        local_networks: see `AddressBook`.
        media_bind: the address that sound's sockets are bound to; empty: that of the first listener.
        resolver: of names; ``None``: one that asks the system.
    """

    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    tls: TlsContexts | None = None
    advertised: Advertised = field(default_factory=Advertised)
    local_networks: tuple[str, ...] = ()
    media_bind: str = ""
    resolver: Resolver | None = None


class Transports:
    """UDP, TCP and TLS, on any number of addresses and ports.

    Args:
        receiver: who takes what comes.
        options: what an operator says.
        clock: time.
        alarms: wake-ups.
        ids: branches.
        tasks: owns what runs in the background.
        known: whether a source is admitted.
        in_use: whether a call needs a connection.
        warn: told in words what an operator must know.

    Attributes:
        listeners: those there are, in the order they were asked for.
    """

    def __init__(
        self,
        receiver: Receiver,
        options: TransportOptions,
        *,
        clock: Clock,
        alarms: Alarms,
        ids: Ids,
        tasks: TaskOwner,
        known: Callable[[str], bool],
        in_use: Callable[[Connection], bool],
        warn: Callable[[str], None],
    ) -> None:
        self.listeners: list[Listener] = []
        self._receiver = receiver
        self._options = options
        self._ids = ids
        self._tasks = tasks
        self._warn = warn
        self._tls = options.tls
        self._udp: dict[Listener, UdpTransport] = {}
        self._servers: list[asyncio.Server] = []
        self._books: dict[str, AddressBook] = {}
        self._connections = Connections(receiver, clock, alarms, limits=options.limits, known=known, in_use=in_use)
        self._resolver = options.resolver or Resolver()
        self._machine = Machine(options.advertised)
        self._hops = HopFinder(self._resolver, self._connect, clock)

    async def start(self, host: str, port: int, further: Sequence[Listener] = ()) -> tuple[str, int]:
        """Listen on UDP and TCP, and on whatever else is wanted.

        Args:
            host: IP address.
            port: the same for both; 0 picks one that is free for both.
            further: other listeners.

        Returns:
            Address and port of the first two.

        Raises:
            CannotListen: an address cannot be had; none is listened on then.
        """
        udp, tcp = bind_both(host, port)
        bound = [("udp", udp), ("tcp", tcp)]
        try:
            for wanted in further:
                beside = [_listener(transport, sock) for transport, sock in bound]
                bound.append((wanted.transport, bind(wanted, beside=[*beside, *further])))
        except OSError:
            for _, sock in bound:
                sock.close()
            raise
        for transport, sock in bound:
            await self._open(_listener(transport, sock), sock)
        first: tuple[str, int] = udp.getsockname()[:2]
        return first

    def close(self) -> None:
        """Stop receiving and sending."""
        for udp in self._udp.values():
            udp.close()
        for server in self._servers:
            server.close()
        self._connections.close()
        self._resolver.close()

    # ------------------------------------------------------------------------------------------ how a peer reaches us

    def via(self, peer: Peer | Hop) -> str:
        """Our hop towards a peer, with a fresh branch."""
        return str(self._via(peer.guess if isinstance(peer, Hop) else peer, f"{BRANCH_COOKIE}{self._ids.token(12)}"))

    def contact(self, peer: Peer, request: Request | None = None) -> str:
        """Where a peer reaches us.

        Args:
            peer: who.
            request: what is answered with it: to ``sips:`` belongs ``sips:``, where we can be reached so.
        """
        listener = self._listener(peer)
        secure = self._listener_for("tls", peer.address) if request is not None and _asks_for_sips(request) else None
        if secure is not None:
            return f"<sips:callgate@{self._host(secure, peer)}:{secure.port}>"
        transport = "" if listener.transport == "udp" else f";transport={listener.transport}"
        return f"<sip:callgate@{self._host(listener, peer)}:{listener.port}{transport}>"

    def media_address(self, peer: Peer) -> str:
        """The address of ours that a peer's sound goes to."""
        return self._book(self._options.media_bind or self.listeners[0].address).towards(peer.address)

    # -------------------------------------------------------------------------------------------- how we reach a peer

    async def peer_of(self, uri: str, transport: str) -> Peer:
        """Whom a URI names; its host may be a name, which the system resolves.

        Raises:
            ParseError: it is none.
            OSError: its host cannot be resolved.
        """
        target = parse_uri(uri)
        port = target.port or USUAL_PORTS[transport]
        found = await asyncio.get_running_loop().getaddrinfo(
            target.host, port, type=socket.SOCK_DGRAM, family=socket.AF_INET6 if ":" in target.host else socket.AF_INET
        )
        return Peer(transport, str(found[0][4][0]), port, name=target.host if transport == "tls" else "")

    async def places(self, wanted: Destination) -> list[Place]:
        """Where a destination is, best first; empty when nobody knows in time."""
        return await self._resolver.places(wanted)

    def reaches(self, transport: str, address: str) -> bool:
        """Whether there is a socket to send from: over TCP and TLS one is made."""
        listener = self._listener_for(transport, address)
        return transport != "udp" or (listener is not None and _same_family(listener, address))

    def is_own(self, address: str, port: int) -> bool:
        """Whether we listen at an address (IP text) and port, as this machine or the world knows them."""
        at_port = [listener for listener in self.listeners if listener.port == port]
        if any(listener.address == address for listener in at_port):
            return True
        if at_port and address in self._options.advertised:
            return True
        bound_to_all = any(ip_address(listener.address).is_unspecified for listener in at_port)
        return bound_to_all and (ip_address(address).is_loopback or self._machine.nature(address) == "own")

    def find(
        self, request: Request, hop: Peer | Hop, found: Callable[[Peer], None], failed: Callable[[str], None]
    ) -> None:
        """Find where a request goes; its top Via then says how it does.

        Args:
            request: about to be sent.
            hop: what is known of where to.
            found: told the peer; at once, where nobody has to be asked.
            failed: told in words why there is none.
        """
        if isinstance(hop, Peer):
            found(hop)
            return
        size = len(request.encode())
        peer = self._hops.at_once(hop, size)
        if peer is not None:
            found(peer)
        else:
            self._tasks.spawn(self._find(request, hop, size, found, failed), name="sip next hop")

    async def _find(
        self, request: Request, hop: Hop, size: int, found: Callable[[Peer], None], failed: Callable[[str], None]
    ) -> None:
        try:
            peer = await self._hops.find(hop, size)
        except OSError as error:
            failed(_words(error))
            return
        # RFC 3261 section 18.1.1: the Via names the transport that is used in the end.
        request.headers.set_first("Via", str(self._via(peer, request.via.branch or "")))
        found(peer)

    def deliver(self, data: bytes, peer: Peer, failed: Callable[[str], None]) -> None:
        """Send bytes to a peer; `failed` is told when they certainly did not get there."""
        if peer.transport == "udp":
            udp = self._udp.get(self._listener(peer))
            if udp is not None:
                udp.send(data, peer.address, peer.port)
        elif peer.connection is not None and not peer.connection.closed:
            peer.connection.send(data)
        else:
            self._tasks.spawn(self._connect_and_send(data, peer, failed), name="sip connect")

    async def _connect_and_send(self, data: bytes, peer: Peer, failed: Callable[[str], None]) -> None:
        try:
            connected = await self._connect(peer)
        except OSError as error:
            failed(_words(error))
            return
        assert connected.connection is not None
        connected.connection.send(data)

    async def _connect(self, peer: Peer, within_s: float | None = None) -> Peer:
        connection = self._connections.connection_to(peer)
        if connection is None:
            if peer.transport == "tls" and self._tls is None:
                self._tls = TlsContexts()  # we have no certificate, and can still look at others'
            listener = self._listener_for(peer.transport, peer.address)
            connection = await self._connections.connect(peer, self._tls, listener, within_s)
        return replace(peer, connection=connection)

    # ------------------------------------------------------------------------------------------------------- fragments

    async def _open(self, listener: Listener, sock: socket.socket) -> None:
        self.listeners.append(listener)
        if listener.transport == "udp":
            self._udp[listener] = await UdpTransport.open(sock, self._receiver, listener)
            return

        def connection() -> TcpConnection:
            if listener.transport == "tcp":
                return TcpConnection(self._connections, listener)
            assert self._tls is not None, "who listens for TLS has a certificate"
            return TlsConnection(self._connections, listener, self._tls)

        self._servers.append(await asyncio.get_running_loop().create_server(connection, sock=sock))

    def _book(self, bound: str) -> AddressBook:
        book = self._books.get(bound)
        if book is None:
            options = self._options
            book = self._books[bound] = AddressBook(
                bound, advertised=options.advertised, local_networks=options.local_networks, warn=self._warn
            )
        return book

    def _host(self, listener: Listener, peer: Peer) -> str:
        return write_host(self._book(listener.address).towards(peer.address))

    def _via(self, peer: Peer, branch: str) -> Via:
        listener = self._listener(peer)
        host = self._book(listener.address).towards(peer.address)
        return Via(peer.transport.upper(), host, listener.port, (("rport", None), ("branch", branch)))

    def _listener(self, peer: Peer) -> Listener:
        """Where a peer reaches us: where it came in, else what is most like it."""
        if peer.listener is not None:
            return peer.listener
        return self._listener_for(peer.transport, peer.address) or self.listeners[0]

    def _listener_for(self, transport: str, address: str) -> Listener | None:
        """A listener of that transport whose socket can reach an address; else any of that transport."""
        of_transport = [listener for listener in self.listeners if listener.transport == transport]
        for listener in of_transport:
            if _same_family(listener, address):
                return listener
        return of_transport[0] if of_transport else None


def _listener(transport: str, sock: socket.socket) -> Listener:
    address, port = sock.getsockname()[:2]
    return Listener(transport, unmapped(address), port)


def _same_family(listener: Listener, address: str) -> bool:
    """Whether a socket there can reach an address: one of both families reaches either."""
    here = ip_address(listener.address)
    return here.version == ip_address(address).version or (here.version == 6 and here.is_unspecified)


def _asks_for_sips(request: Request) -> bool:
    """RFC 3261 section 12.1.1 (UAS behavior): the Request-URI, else the latest route, else the Contact, has sips."""
    try:
        if request.uri[:5].lower() == "sips:":
            return True
        routes = request.headers.elements("Record-Route")
        if routes:
            return parse_name_addr(routes[0]).uri[:5].lower() == "sips:"
        contact = request.contact
        return contact is not None and contact.uri[:5].lower() == "sips:"
    except ParseError:
        return False


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
