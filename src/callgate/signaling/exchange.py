"""Transactions on the wire: a machine of `core.sip`, its alarm, and the bytes it repeats."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from callgate.core.sip.client_transaction import InviteClientTransaction, NonInviteClientTransaction
from callgate.core.sip.message import Request, Response
from callgate.core.sip.server_transaction import InviteServerTransaction, NonInviteServerTransaction
from callgate.core.sip.timers import Timers
from callgate.core.sip.transaction import Effect, Input, State, Transaction
from callgate.ports import Alarm, Alarms, Clock
from callgate.signaling.transport import USUAL_PORTS, Peer

NO_ANSWER: Final = "no answer in time"
"""What `ClientExchange` says of a request that nobody responded to: RFC 3261 section 8.1.3.1 counts it as a 408."""


class Wire(Protocol):
    """What an exchange needs of the endpoint."""

    clock: Clock
    alarms: Alarms
    timers: Timers

    def deliver(self, data: bytes, peer: Peer, failed: Callable[[str], None]) -> None:
        """Send bytes to a peer; `failed` is told when they certainly did not get there."""
        ...

    def forget(self, exchange: "ServerExchange | ClientExchange") -> None:
        """The exchange is over."""
        ...


class _Exchange:
    """The alarm that both sides keep."""

    def __init__(self, wire: Wire, transaction: Transaction) -> None:
        self._wire = wire
        self._transaction = transaction
        self._alarm: Alarm | None = None
        self._armed_for = 0.0

    @property
    def state(self) -> State:
        """Where the transaction stands."""
        return self._transaction.state

    def _take(self, input: Input) -> tuple[Effect, ...]:
        effects = self._transaction.take(input, self._wire.clock.monotonic())
        self._arm()
        return effects

    def _arm(self) -> None:
        due = self._transaction.due()
        if due is None:
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None
        elif self._alarm is None or due < self._armed_for:
            # An alarm that rings too early finds nothing due and is set again: cheaper than setting it at every move.
            if self._alarm is not None:
                self._alarm.cancel()
            self._armed_for = due
            self._alarm = self._wire.alarms.after(due - self._wire.clock.monotonic(), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        effects = self._transaction.wake(self._wire.clock.monotonic())
        self._arm()
        self._carry_out(effects)

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        raise NotImplementedError


class ServerExchange(_Exchange):
    """A request that came, and our responses.

    Attributes:
        request: its source stamped on the top Via.
        peer: where it came from.
        key: its place in the endpoint's table.
    """

    def __init__(self, wire: Wire, request: Request, peer: Peer, key: tuple[str, ...]) -> None:
        kind = InviteServerTransaction if request.method == "INVITE" else NonInviteServerTransaction
        super().__init__(wire, kind(wire.timers, reliable=peer.reliable))
        self.request = request
        self.peer = peer
        self.key = key
        self._back = _way_back(request, peer)
        self._last = b""

    @property
    def open(self) -> bool:
        """Whether no final response has been sent."""
        return self.state in (State.TRYING, State.PROCEEDING)

    def respond(self, response: Response) -> None:
        """Send a response, or a 2xx again."""
        wire = response.encode()
        status = response.status
        kind = Input.PROVISIONAL if status < 200 else Input.SUCCESS if status < 300 else Input.FAILURE
        effects = self._take(kind)
        if Effect.SEND in effects:
            self._last = wire
            self._wire.deliver(wire, self._back, self._not_sent)
        self._settle()

    def copied(self) -> None:
        """The request came again."""
        self._carry_out(self._take(Input.REQUEST))

    def acknowledged(self) -> None:
        """The ACK of a refusal came."""
        self._carry_out(self._take(Input.ACK))

    def abandon(self) -> None:
        """Nobody is left to be answered."""
        self._not_sent("")

    def _not_sent(self, reason: str) -> None:
        self._take(Input.TRANSPORT_FAILED)
        self._settle()

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        if Effect.REPEAT in effects and self._last:
            self._wire.deliver(self._last, self._back, self._not_sent)
        self._settle()

    def _settle(self) -> None:
        if self._transaction.over:
            self._wire.forget(self)


class ClientExchange(_Exchange):
    """A request of ours, and what came of it.

    Attributes:
        request: as sent.
        key: branch and method: its place in the endpoint's table.
    """

    def __init__(
        self,
        wire: Wire,
        request: Request,
        peer: Peer,
        responded: Callable[[Response], None],
        failed: Callable[[str], None],
    ) -> None:
        """`failed` is told in words when no final response will come."""
        super().__init__(wire, _client_transaction(wire, request, peer))
        self.request = request
        self.peer = peer
        self.key = (request.via.branch or "", request.method)
        self._responded = responded
        self._failed = failed
        self._data = b""
        self._ack = b""

    def begin(self, peer: Peer) -> None:
        """Send it, to where it has turned out that it goes; what has been given up meanwhile is not sent."""
        if self._transaction.over:
            return
        if peer.reliable != self.peer.reliable:
            self._transaction = _client_transaction(self._wire, self.request, peer)
        self.peer = peer
        self._data = self.request.encode()
        self._take(Input.REQUEST)
        self._wire.deliver(self._data, self.peer, self.not_sent)

    def received(self, response: Response, peer: Peer) -> None:
        """A response came from `peer`."""
        if peer.reliable:
            self.peer = peer  # with the connection, which what follows had better use
        status = response.status
        kind = Input.PROVISIONAL if status < 200 else Input.SUCCESS if status < 300 else Input.FAILURE
        effects = self._take(kind)
        if Effect.ACKNOWLEDGE in effects:
            self._acknowledge(response)
        if Effect.PASS in effects:
            self._responded(response)
        self._settle()

    def abandon(self) -> None:
        """Wait no longer for a final response that the peer owes."""
        self._take(Input.TRANSPORT_FAILED)
        self._settle()

    def _acknowledge(self, response: Response) -> None:
        """The ACK of a refusal is the transaction's. RFC 3261 section 17.1.1.3 (Construction of the ACK Request)."""
        if not self._ack:
            headers = self.request.headers
            ack = Request("ACK", self.request.uri)
            ack.headers.add("Via", headers.all("Via")[0])
            ack.headers.add("Max-Forwards", "70")
            for route in headers.all("Route"):
                ack.headers.add("Route", route)
            ack.headers.add("From", headers.get("From") or "")
            ack.headers.add("To", response.headers.get("To") or "")
            ack.headers.add("Call-ID", headers.get("Call-ID") or "")
            ack.headers.add("CSeq", f"{self.request.cseq.number} ACK")
            self._ack = ack.encode()
        self._wire.deliver(self._ack, self.peer, lambda reason: None)

    def not_sent(self, reason: str) -> None:
        """It certainly did not get there."""
        if Effect.REPORT_FAILURE in self._take(Input.TRANSPORT_FAILED):
            self._failed(reason)
        self._settle()

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        if Effect.REPEAT in effects:
            self._wire.deliver(self._data, self.peer, self.not_sent)
        if Effect.REPORT_TIMEOUT in effects:
            self._failed(NO_ANSWER)
        self._settle()

    def _settle(self) -> None:
        if self._transaction.over:
            self._wire.forget(self)


def _way_back(request: Request, peer: Peer) -> Peer:
    """Where responses go: RFC 3261 section 18.2.2 (Sending Responses), RFC 3581 section 4 (Server Behavior)."""
    via = request.via
    if peer.reliable:  # while its connection lasts; then a new one to where the sender says that it listens
        return replace(peer, port=via.port or USUAL_PORTS[peer.transport])
    return replace(peer, port=peer.port if via.wants_rport else via.port or USUAL_PORTS["udp"])


def _client_transaction(wire: Wire, request: Request, peer: Peer) -> Transaction:
    kind = InviteClientTransaction if request.method == "INVITE" else NonInviteClientTransaction
    return kind(wire.timers, reliable=peer.reliable)
