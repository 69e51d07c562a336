"""A caller's leg: the dialog that an INVITE to us began."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from callgate.core.sip.dialog import Dialog
from callgate.core.sip.message import Request, respond
from callgate.entities.attempt import Attempt
from callgate.ports import LegListener, ReofferAnswer
from callgate.signaling.exchange import ServerExchange
from callgate.signaling.within_dialog import ALLOW, WithinDialog, reason

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint


class IncomingLeg(WithinDialog):
    """Implements `ports.Leg`."""

    def __init__(self, endpoint: "SipEndpoint", exchange: ServerExchange, attempt: Attempt, tag: str) -> None:
        """Raises `ParseError` when the INVITE cannot begin a dialog."""
        super().__init__(endpoint, exchange.peer)
        self._attempt = attempt
        self._exchange = exchange
        self.tag = tag
        self._listener: LegListener | None = None
        self.dialog = Dialog.of_caller(exchange.request, tag)
        self._address = endpoint.media_address(exchange.peer)
        self._contact = endpoint.contact(exchange.peer, exchange.request)

    @property
    def attempt(self) -> Attempt:
        """The INVITE that began it."""
        return self._attempt

    @property
    def media_address(self) -> str:
        """The IP address to put into SDP towards this peer."""
        return self._address

    @property
    def reliable_transport(self) -> bool:
        """Whether the source address is proved before the ACK."""
        return self.peer.reliable

    def listen(self, listener: LegListener) -> None:
        """Say who is told."""
        self._listener = listener

    def ring(self) -> None:
        """Send 180 Ringing."""
        if self._exchange.open:
            self._exchange.respond(
                respond(self._exchange.request, 180, to_tag=self.tag, headers=(("Contact", self._contact),))
            )

    def answer(self, sdp: bytes) -> None:
        """Send 200 OK."""
        if self._exchange.open:
            headers = (("Contact", self._contact), ("Allow", ALLOW), ("Server", self._endpoint.user_agent))
            answer = respond(
                self._exchange.request,
                200,
                to_tag=self.tag,
                headers=headers,
                body=sdp,
                content_type="application/sdp",
            )
            self.repeat_until_ack(self._exchange, answer)

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = (), cause: str = "") -> None:
        """Send a final refusal; a leg's peer has been admitted, and may know why."""
        if self._exchange.open:
            # RFC 3326 section 2 allows it in responses whose status says so; others ignore it, and people read traces.
            why = (("Reason", reason("SIP", status, cause)),) if cause else ()
            self._exchange.respond(
                respond(
                    self._exchange.request,
                    status,
                    to_tag=self.tag,
                    headers=(*headers, *why, ("Server", self._endpoint.user_agent)),
                )
            )
            self._over()

    def hang_up(self, cause: str = "") -> None:
        """Send BYE; where no final answer was sent, a refusal: RFC 3261 section 15 (Terminating a Session)."""
        if self._exchange.open:
            self.refuse(500)
        else:
            self.leave(cause)

    def cancelled(self) -> None:
        """A CANCEL came. RFC 3261 section 9.2 (Server Behavior)."""
        if self._exchange.open:
            self._give_up("")

    def received(self, request: Request, exchange: ServerExchange) -> None:
        """A request of the peer within the dialog."""
        if self._exchange.open and request.method in ("INVITE", "INFO"):
            # RFC 3261 section 14.2 (UAS Behavior): nothing can be renegotiated before there is an answer.
            exchange.respond(respond(request, 500, headers=(("Retry-After", "2"),)))
            return
        super().received(request, exchange)

    def on_hung_up(self, cause: str) -> None:
        """BYE came; within an early dialog the INVITE is answered too. RFC 3261 section 15.1.2 (UAS Behavior)."""
        if self._exchange.open:
            self._give_up(cause)
        elif (listener := self._let_go()) is not None:
            listener.hung_up(cause)

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO."""
        if self._listener is not None:
            self._listener.digit(digit, duration_ms)

    def on_reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE came."""
        return self._listener.reoffered(sdp) if self._listener is not None else ReofferAnswer(488)

    def on_confirmed(self, body: bytes) -> None:
        """The ACK came."""
        if self._listener is not None:
            self._listener.confirmed(body)

    def on_unacknowledged(self) -> None:
        """The ACK never came."""
        if (listener := self._let_go()) is not None:
            listener.unacknowledged()

    def on_left(self) -> None:
        """Our BYE has been answered, or never will be."""
        self._let_go()

    def on_disconnected(self) -> None:
        """The connection of an unanswered INVITE has gone: nobody is left to be answered."""
        if self._exchange.open:
            self._left = True
            self._exchange.abandon()
            self._endpoint.drop(self)
            if (listener := self._let_go()) is not None:
                listener.cancelled("connection closed")

    def _give_up(self, cause: str) -> None:
        self._left = True
        self._exchange.respond(respond(self._exchange.request, 487, to_tag=self.tag))
        listener = self._let_go()
        self._over()
        if listener is not None:
            listener.cancelled(cause)

    def _let_go(self) -> LegListener | None:
        """Tell nobody any more. The transaction outlives the call by 64·T1; what served the call need not."""
        listener, self._listener = self._listener, None
        return listener

    def _over(self) -> None:
        """Refused: what comes next is another call."""
        self._let_go()
        self._endpoint.drop(self)
        self._endpoint.served(self._exchange)
