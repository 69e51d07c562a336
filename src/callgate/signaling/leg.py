"""A caller's leg: the dialog that an INVITE to us began."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from callgate.core.sip.dialog import Dialog
from callgate.core.sip.invite_usage import Input as UsageInput
from callgate.core.sip.message import Request, respond
from callgate.core.sip.offer_answer import Input, State
from callgate.core.sip.reason import why
from callgate.core.sip.reliable import parse_rack, reliably
from callgate.entities.attempt import Attempt
from callgate.ports import LegListener
from callgate.signaling.exchange import ServerExchange
from callgate.signaling.reliable import ReliableResponses
from callgate.signaling.told import ToldDialog
from callgate.signaling.within_dialog import Headers

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint


class IncomingLeg(ToldDialog[LegListener]):
    """Implements `ports.Leg`."""

    def __init__(self, endpoint: "SipEndpoint", exchange: ServerExchange, attempt: Attempt, tag: str) -> None:
        """Raises `ParseError` when the INVITE cannot begin a dialog."""
        super().__init__(endpoint, exchange.peer, State.OWED if exchange.request.body else State.EMPTY)
        self._attempt = attempt
        self._exchange = exchange
        self.tag = tag
        self.dialog = Dialog.of_caller(exchange.request, tag)
        self._address = endpoint.media_address(exchange.peer)
        self.begun_by = exchange.request
        self._reliable = ReliableResponses(endpoint, exchange, self._accept, self._never_pracked)
        self._final: bytes | None = None  # the SDP for the 200; it may have to wait for a PRACK
        self.note(exchange.request)

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

    def ring(self) -> None:
        """Send 180 Ringing, reliably where the peer requires it."""
        if not self._exchange.open or self._final is not None or self._listener is None:
            return
        request, sdp = self._exchange.request, b""
        if self._reliable.required and self.offers.state is State.EMPTY:
            # RFC 3262 section 5 (The Offer/Answer Model and PRACK): the first reliable response must have the offer.
            sdp = self._listener.offer()
            self.offers.take(Input.WE_OFFERED)
        ringing = respond(
            request,
            180,
            to_tag=self.tag,
            headers=self.introduction(self._exchange.peer),
            body=sdp,
            content_type="application/sdp" if sdp else None,
        )
        if reliably(request, sdp=bool(sdp)):
            self._reliable.send(ringing)
        else:
            self._exchange.respond(ringing)

    def answer(self, sdp: bytes) -> None:
        """Send 200 OK, as soon as the PRACK of an offer in our ringing has come."""
        if self._exchange.open and self._final is None:
            self._final = sdp
            self._reliable.answer()

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = (), cause: str = "") -> None:
        """Send a final refusal; a leg's peer has been admitted, and may know why."""
        if self._exchange.open:
            # RFC 3326 section 2 allows it in responses whose status says so; others ignore it, and people read traces.
            self._exchange.respond(
                respond(
                    self._exchange.request,
                    status,
                    to_tag=self.tag,
                    headers=(*headers, *why(status, cause), ("Server", self._endpoint.user_agent)),
                )
            )
            self._reliable.refused()
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
        if self._exchange.open and request.method in ("INVITE", "INFO", "REFER"):
            # RFC 3261 section 14.2 (UAS Behavior): one INVITE at a time; and no key is pressed for nobody, who cannot
            # be sent on either.
            exchange.respond(self.later(request))
            return
        super().received(request, exchange)

    def prack_came(self, request: Request, exchange: ServerExchange) -> None:
        """A PRACK came. RFC 3262 section 3 (UAS Behavior)."""
        if not self._reliable.acknowledges(parse_rack(request.headers.get("RAck") or "")):
            exchange.respond(respond(request, 481))
            return
        if self.offers.state is State.ASKED:
            exchange.respond(respond(request, 200))
            self.offers.take(Input.ANSWER_CAME if request.body else Input.ANSWER_MISSING)
            self.on_settled(request.body)  # when it does not fit, the INVITE is refused
        elif request.body:
            answer = self.answer_offer(request, exchange, Input.OFFER_CAME)
            if answer is not None:
                exchange.respond(respond(request, 200, body=answer.sdp, content_type="application/sdp"))
        else:
            exchange.respond(respond(request, 200))
        self._reliable.acknowledged()

    def session_headers(self, request: Request) -> Headers:
        """Nothing is agreed on before the INVITE is answered."""
        if self._exchange.open and request is not self._exchange.request:
            return ()
        return super().session_headers(request)

    def on_hung_up(self, cause: str) -> None:
        """BYE came; within an early dialog the INVITE is answered too. RFC 3261 section 15.1.2 (UAS Behavior)."""
        if self._exchange.open:
            self._give_up(cause)
        else:
            super().on_hung_up(cause)

    def on_disconnected(self) -> None:
        """The connection of an unanswered INVITE has gone: nobody is left to be answered."""
        if self._exchange.open:
            self.usage.take(UsageInput.REFUSED)
            self._reliable.refused()
            self._exchange.abandon()
            self._endpoint.drop(self)
            if (listener := self._let_go()) is not None:
                listener.cancelled("connection closed")

    def _accept(self) -> None:
        """The 200 may go.

        What was agreed on by PRACK it does not repeat, for it would be another offer: RFC 3261 section 13.2.1 (Creating
        the Initial INVITE) forbids one once there has been an answer.
        """
        sdp = self._final or b""
        match self.offers.state:
            case State.OWED:
                self.offers.take(Input.WE_ANSWERED)
            case State.EMPTY:
                self.offers.take(Input.WE_OFFERED)
            case _:
                sdp = b""
        self.accept(self._exchange, (("Server", self._endpoint.user_agent),), sdp, self.tag)

    def _never_pracked(self) -> None:
        listener = self._listener
        self.refuse(504)
        if listener is not None:
            listener.no_prack()

    def _give_up(self, cause: str) -> None:
        self._reliable.refused()
        self._exchange.respond(respond(self._exchange.request, 487, to_tag=self.tag))
        listener = self._let_go()
        self._over()
        if listener is not None:
            listener.cancelled(cause)

    def _over(self) -> None:
        """Refused: what comes next is another call."""
        self.usage.take(UsageInput.REFUSED)
        self._let_go()
        self._endpoint.drop(self)
        self._endpoint.served(self._exchange)
