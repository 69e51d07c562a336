"""A network in memory: datagrams between endpoints, each lost, copied or late as somebody decides."""

from collections.abc import Callable
from typing import Any, Protocol

from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request, respond
from callgate.core.sip.parse import parse
from callgate.signaling.endpoint import SipEndpoint
from callgate.signaling.exchange import ServerExchange
from callgate.signaling.transport import Peer
from callgate.signaling.within_dialog import WithinDialog
from callgate.testing.clock import ManualClock

_LATENCY_S = 0.010


class Way(Protocol):
    """What becomes of the datagrams in one direction: `callgate.testing.network.Network` is one."""

    def arrivals(self, at_s: float) -> tuple[float, ...]:
        """When a datagram sent at `at_s` arrives: never, once, or several times."""
        ...


class Ether:
    """Carries datagrams by port.

    Args:
        clock: everybody's.

    Attributes:
        log: a line per datagram: when, from where to where, what it begins with, and when it arrives.
        under_way: how many have not arrived yet.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._ends: dict[int, tuple[SipEndpoint, Way]] = {}
        self.log: list[str] = []
        self.under_way = 0

    def join(self, port: int, endpoint: SipEndpoint, way: Way) -> None:
        """An endpoint at a port; `way` is what lies before everything it sends."""
        self._ends[port] = (endpoint, way)

    def send(self, data: bytes, source: int, target: int) -> None:
        """Take a datagram."""
        now = self._clock.monotonic()
        arrivals = self._ends[source][1].arrivals(now)
        first, _, rest = data.decode("utf-8", "replace").partition("\r\n")
        sequence = rest.partition("\r\nCSeq: ")[2].partition("\r\n")[0]
        fate = ", ".join(f"+{at - now:.3f}" for at in arrivals) or "lost"
        self.log.append(f"{now - 1_000:8.3f} {source}->{target} {first[:40]} ({sequence}) {fate}")
        for at in arrivals:
            self.under_way += 1
            self._clock.after(at - now + _LATENCY_S, lambda: self._arrive(data, source, target))

    def _arrive(self, data: bytes, source: int, target: int) -> None:
        self.under_way -= 1
        if target not in self._ends:
            return
        endpoint = self._ends[target][0]
        peer = Peer("udp", "127.0.0.1", source)
        try:
            message = parse(data)
        except ParseError as error:
            endpoint.garbled(error, peer, len(data))
        else:
            endpoint.received(message, peer, len(data))


class EtherEndpoint(SipEndpoint):
    """An endpoint whose datagrams go through the ether; its sockets are there, and nothing uses them."""

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
        assert peer.transport == "udp"
        self._ether.send(data, self.port, peer.port)


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
