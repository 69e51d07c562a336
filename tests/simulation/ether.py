"""A network in memory between endpoints: datagrams lost, copied or late as somebody decides; connections that break."""

import itertools
from collections.abc import Callable
from typing import Any, Protocol

from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request, respond
from callgate.core.sip.parse import parse
from callgate.signaling.endpoint import SipEndpoint
from callgate.signaling.exchange import ServerExchange
from callgate.signaling.transport import Listener, Peer
from callgate.signaling.within_dialog import WithinDialog
from callgate.testing.clock import ManualClock

_LATENCY_S = 0.010
_AGAIN_S = 1.0  # RFC 6298: how long TCP waits at first
_CONNECT_S = 5.0  # until a connection that cannot be made is given up


class Way(Protocol):
    """What becomes of the datagrams in one direction: `callgate.testing.network.Network` is one."""

    def arrivals(self, at_s: float) -> tuple[float, ...]:
        """When a datagram sent at `at_s` arrives: never, once, or several times."""
        ...


class Ether:
    """Carries datagrams by port, and the messages of connections.

    Args:
        clock: everybody's.

    Attributes:
        log: a line per message: when, from where to where, what it begins with, and when it arrives.
        under_way: how many have not arrived yet.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self._ends: dict[int, tuple[SipEndpoint, Way]] = {}
        self._connections: list[Cable] = []
        self._numbers = itertools.count(1)
        self.log: list[str] = []
        self.under_way = 0

    def join(self, port: int, endpoint: SipEndpoint, way: Way) -> None:
        """An endpoint at a port; `way` is what lies before everything it sends."""
        self._ends[port] = (endpoint, way)

    def send(self, data: bytes, source: int, target: int) -> None:
        """Take a datagram."""
        now = self.clock.monotonic()
        arrivals = self._ends[source][1].arrivals(now)
        self.note(data, f"{source}->{target}", arrivals)
        for at in arrivals:
            self.deliver(data, at, target, Peer("udp", "127.0.0.1", source))

    def connect(self, source: int, target: int) -> "Cable | None":
        """A connection, the one there is or a new one; ``None`` when nothing gets through."""
        for cable in self._connections:
            if not cable.closed and (cable.here, cable.there) == (source, target):
                return cable
        ways = [self._ends[port][1] for port in (source, target) if port in self._ends]
        if len(ways) < 2 or not all(way.arrivals(self.clock.monotonic()) for way in ways):
            return None
        cable = Cable(self, source, target)
        cable.other = Cable(self, target, 50_000 + next(self._numbers), cable)
        self._connections += [cable, cable.other]
        return cable

    def cut(self) -> None:
        """Every connection breaks, with what is on its way."""
        for cable in self._connections:
            if not cable.closed:
                cable.closed = True
                self._ends[cable.here][0].disconnected(cable)

    def way_from(self, port: int) -> Way:
        """What lies before everything that is sent there."""
        return self._ends[port][1]

    def deliver(self, data: bytes, at: float, target: int, peer: Peer) -> None:
        """Have bytes arrive."""
        self.under_way += 1
        self.clock.after(at - self.clock.monotonic() + _LATENCY_S, lambda: self._arrive(data, target, peer))

    def note(self, data: bytes, whose: str, arrivals: tuple[float, ...]) -> None:
        """Write a line."""
        now = self.clock.monotonic()
        first, _, rest = data.decode("utf-8", "replace").partition("\r\n")
        sequence = rest.partition("\r\nCSeq: ")[2].partition("\r\n")[0]
        fate = ", ".join(f"+{at - now:.3f}" for at in arrivals) or "lost"
        self.log.append(f"{now - 1_000:8.3f} {whose} {first[:40]} ({sequence}) {fate}")

    def _arrive(self, data: bytes, target: int, peer: Peer) -> None:
        self.under_way -= 1
        if target not in self._ends or (peer.connection is not None and peer.connection.closed):
            return
        endpoint = self._ends[target][0]
        try:
            message = parse(data)
        except ParseError as error:
            endpoint.garbled(error, peer, len(data))
        else:
            endpoint.received(message, peer, len(data))


class Cable:
    """One end of a connection: nothing on it is lost, copied or overtaken, only late. Implements `Connection`.

    Attributes:
        closed: whether it is broken.
        here: the port of whose end it is.
        there: of the other.
        other: the other end.
    """

    def __init__(self, ether: Ether, here: int, there: int, other: "Cable | None" = None) -> None:
        self._ether = ether
        self._last_s = 0.0
        self.here, self.there, self.other = here, there, other
        self.closed = False

    def send(self, data: bytes) -> None:
        """Queue bytes."""
        assert self.other is not None
        if self.closed:
            return
        now = self._ether.clock.monotonic()
        # What the network loses TCP sends again.
        self._last_s = max(self._last_s, *(self._ether.way_from(self.here).arrivals(now) or (now + _AGAIN_S,)))
        self._ether.note(data, f"{self.here}=>{self.other.here}", (self._last_s,))
        peer = Peer("tcp", "127.0.0.1", self.other.there, self.other, Listener("tcp", "127.0.0.1", self.other.here))
        self._ether.deliver(data, self._last_s, self.other.here, peer)


class EtherEndpoint(SipEndpoint):
    """An endpoint whose messages go through the ether; its sockets are there, and nothing uses them."""

    def __init__(self, ether: Ether, **more: Any) -> None:
        super().__init__(**more)
        self._ether = ether
        self.port = 0

    async def join(self, way: Way) -> None:
        """Listen."""
        _, self.port = await self.start("127.0.0.1", 0)
        self._ether.join(self.port, self, way)

    def deliver(self, data: bytes, peer: Peer, failed: Callable[[str], None]) -> None:
        """Send bytes to a peer."""
        if peer.transport == "udp":
            self._ether.send(data, self.port, peer.port)
            return
        cable = peer.connection if peer.connected else self._ether.connect(self.port, peer.port)
        if cable is None:
            self._ether.clock.after(_CONNECT_S, lambda: failed("no connection"))
        else:
            cable.send(data)


class ReferringEndpoint(EtherEndpoint):
    """A caller's, who takes NOTIFYs of what becomes of its REFERs.

    Attributes:
        notified: by ``Event``, the statuses told, in order; the last with whether it was said to be the last.
    """

    def __init__(self, ether: Ether, **more: Any) -> None:
        super().__init__(ether, **more)
        self.notified: dict[str, list[tuple[int, bool]]] = {}

    def _inside(self, side: WithinDialog, request: Request, exchange: ServerExchange) -> None:
        if request.method != "NOTIFY":
            super()._inside(side, request, exchange)
            return
        assert side.dialog is not None
        if not side.dialog.in_order(request):
            exchange.respond(respond(request, 500))
            return
        last = (request.headers.get("Subscription-State") or "").startswith("terminated")
        told = self.notified.setdefault(request.headers.get("Event") or "", [])
        told.append((int(request.body.split()[1]), last))
        exchange.respond(respond(request, 200))
