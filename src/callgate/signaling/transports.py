"""All transports of a node: what is listened on, where a request goes, and how its bytes get there."""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address

from callgate.core.sip.attempt import unmapped
from callgate.core.sip.dialog import Dialog
from callgate.core.sip.uri import parse_uri, write_host
from callgate.core.sip.via import BRANCH_COOKIE
from callgate.ports import Alarms, Clock, Ids
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.addresses import AddressBook
from callgate.signaling.tcp import TcpTransport
from callgate.signaling.transport import Connection, Peer, Receiver
from callgate.signaling.udp import UdpTransport


class Transports:
    """One address and port, UDP and TCP.

    Args:
        receiver: who takes what comes.
        clock: time.
        alarms: wake-ups.
        ids: branches.
        tasks: owns what runs in the background.
        tcp_connections_max: open at a time.
        tcp_idle_s: a connection without call and byte is closed after this.
        in_use: whether a call needs a connection.
        advertise: see `AddressBook`.
        local_networks: see `AddressBook`.
        warn: told in words what an operator must know.
    """

    def __init__(
        self,
        receiver: Receiver,
        *,
        clock: Clock,
        alarms: Alarms,
        ids: Ids,
        tasks: TaskOwner,
        tcp_connections_max: int,
        tcp_idle_s: float,
        in_use: Callable[[Connection], bool],
        advertise: str,
        local_networks: tuple[str, ...],
        warn: Callable[[str], None],
    ) -> None:
        self.addresses: AddressBook
        self._receiver = receiver
        self._ids = ids
        self._tasks = tasks
        self._advertise = advertise
        self._local_networks = local_networks
        self._warn = warn
        self._udp: UdpTransport | None = None
        self._tcp = TcpTransport(
            receiver, clock, alarms, connections_max=tcp_connections_max, idle_s=tcp_idle_s, in_use=in_use
        )

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen on UDP and TCP.

        Args:
            host: IP address.
            port: the same for both; 0 picks one that is free for both.

        Returns:
            Address and port.

        Raises:
            OSError: the address cannot be had.
        """
        udp, tcp = _bind_both(host, port)
        bound: tuple[str, int] = udp.getsockname()[:2]
        self.addresses = AddressBook(
            unmapped(bound[0]),
            bound[1],
            advertise=self._advertise,
            local_networks=self._local_networks,
            warn=self._warn,
        )
        self._udp = await UdpTransport.open(udp, self._receiver)
        await self._tcp.open(tcp)
        return bound

    def close(self) -> None:
        """Stop receiving and sending."""
        if self._udp is not None:
            self._udp.close()
        self._tcp.close()

    async def peer_of(self, uri: str, transport: str) -> Peer:
        """Whom a URI names; its host may be a name, which the system resolves.

        Raises:
            ParseError: it is none.
            OSError: its host cannot be resolved.
        """
        target = parse_uri(uri)
        port = target.port or 5060
        found = await asyncio.get_running_loop().getaddrinfo(
            target.host, port, type=socket.SOCK_DGRAM, family=socket.AF_INET6 if ":" in target.host else socket.AF_INET
        )
        return Peer(transport, str(found[0][4][0]), port)

    def via(self, peer: Peer) -> str:
        """Our hop towards a peer, with a fresh branch."""
        host, port = write_host(self.addresses.towards(peer.address)), self.addresses.port
        branch = f"{BRANCH_COOKIE}{self._ids.token(12)}"
        return f"SIP/2.0/{peer.transport.upper()} {host}:{port};rport;branch={branch}"

    def contact(self, peer: Peer) -> str:
        """Where a peer reaches us."""
        suffix = "" if peer.transport == "udp" else f";transport={peer.transport}"
        return f"<sip:callgate@{write_host(self.addresses.towards(peer.address))}:{self.addresses.port}{suffix}>"

    def next_hop(self, dialog: Dialog, last: Peer) -> Peer:
        """Where a request within a dialog goes.

        Raises:
            ParseError: the peer's Contact or Route is no URI.
        """
        if not dialog.next_hop:
            return last
        uri = parse_uri(dialog.next_hop)
        try:
            host = ip_address(uri.host)
        except ValueError:
            return last  # names need a resolver, RFC 3263; the source has proved that it listens
        if last.reliable and last.connection is not None and not last.connection.closed:
            return last
        if host.is_private and ip_address(last.address).is_global:
            return last  # a phone behind NAT that tells its inside address
        transport = uri.transport or "udp"
        if transport not in ("udp", "tcp") or host.version != ip_address(last.address).version:
            return last
        return Peer(transport, str(host), uri.port or 5060)

    def deliver(self, data: bytes, peer: Peer, failed: Callable[[str], None]) -> None:
        """Send bytes to a peer; `failed` is told when they certainly did not get there."""
        if peer.transport == "udp":
            if self._udp is not None:
                self._udp.send(data, peer.address, peer.port)
        elif peer.connection is not None and not peer.connection.closed:
            peer.connection.send(data)
        else:
            self._tasks.spawn(self._connect_and_send(data, peer, failed), name="sip connect")

    async def _connect_and_send(self, data: bytes, peer: Peer, failed: Callable[[str], None]) -> None:
        try:
            connection = self._tcp.connection_to(peer.address, peer.port) or await self._tcp.connect(
                peer.address, peer.port
            )
        except OSError as error:
            failed((error.strerror or str(error)).lower())
            return
        connection.send(data)


def _bind_both(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same address and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for attempt in range(20):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        tcp = socket.socket(family, socket.SOCK_STREAM)
        try:
            if family == socket.AF_INET6:  # `::` stands for IPv4 too, whatever the system's habit
                for sock in (udp, tcp):
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            udp.bind((host, port))
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((host, udp.getsockname()[1]))
            tcp.listen(1_024)
        except OSError:
            udp.close()
            tcp.close()
            if port != 0 or attempt == 19:  # a free UDP port may be taken for TCP
                raise
            continue
        udp.setblocking(False)
        tcp.setblocking(False)
        return udp, tcp
    raise AssertionError("unreachable")
