"""What both sides of a dialog do alike: sort the peer's requests, answer BYE, re-INVITE, UPDATE and OPTIONS, send BYE.

What takes a state of its own is kept elsewhere: where the call stands in `core.sip.invite_usage`, whose turn it is to
offer in `core.sip.offer_answer`, a 2xx until its ACK in `acceptance`, refreshes in `session_timer`, re-INVITEs of ours
in `reinvite`, what is told after a REFER in `referral`.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from callgate.core.sip.dialog import Dialog
from callgate.core.sip.errors import SipError
from callgate.core.sip.invite_usage import Effect as UsageEffect
from callgate.core.sip.invite_usage import Input as UsageInput
from callgate.core.sip.invite_usage import InviteUsage
from callgate.core.sip.message import Request, Response, respond
from callgate.core.sip.offer_answer import Effect, Input, OfferAnswer, State
from callgate.core.sip.reason import reason_words, write_reason
from callgate.core.sip.refer import Referral
from callgate.ports import ReferAnswer, ReofferAnswer
from callgate.signaling.acceptance import Acceptance
from callgate.signaling.digits_by_info import answer_info
from callgate.signaling.exchange import ServerExchange
from callgate.signaling.other_methods import answer_other
from callgate.signaling.referral import answer_refer
from callgate.signaling.reinvite import Reinvite
from callgate.signaling.session_timer import SessionKeeper
from callgate.signaling.transport import Peer

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"
SUPPORTED: Final = ("timer", "100rel")
_RETRY_AFTER_S_MAX: Final = 10  # RFC 3261 section 14.2 (UAS Behavior), by chance from 0 on
Headers = Sequence[tuple[str, str]]


class WithinDialog:
    """One dialog and its peer. What the peer does is told to the methods that begin with ``on_``.

    Attributes:
        dialog: ``None`` until there is one.
        peer: where the last message came from.
        offers: whose turn it is to describe the sound.
        usage: whether the call is answered, acknowledged, hung up.
        peer_allows: the methods that the peer's last Allow names; none before the first.
        owns_call_id: whether the Call-ID is ours.
        begun_by: the peer's INVITE; ``None`` when ours began it. ``sips:`` in it is answered with ``sips:``.
    """

    owns_call_id = False

    def __init__(self, endpoint: "SipEndpoint", peer: Peer, offers: State = State.AGREED) -> None:
        self._endpoint = endpoint
        self.peer = peer
        self.dialog: Dialog | None = None
        self.begun_by: Request | None = None
        self.offers = OfferAnswer(offers)
        self.peer_allows: frozenset[str] = frozenset()
        self._acceptance = Acceptance(endpoint, self._unacknowledged)
        self._session = SessionKeeper(self, endpoint)
        self._reinviting = False
        self.usage = InviteUsage()
        self._cause = ""  # of our BYE, which may have to wait for an ACK

    # ------------------------------------------------------------------------------------------- for the subclasses

    def on_hung_up(self, cause: str) -> None:
        """BYE came."""
        raise NotImplementedError

    def on_vanished(self, cause: str) -> None:
        """The peer keeps the session alive no more; BYE has been sent."""
        raise NotImplementedError

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO."""
        raise NotImplementedError

    def on_referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        """A REFER came, where these are served; see `ports.DialogListener`."""
        raise NotImplementedError

    def on_reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE or UPDATE came; empty `sdp`: a re-INVITE without an offer."""
        raise NotImplementedError

    def on_offer(self) -> bytes:
        """Our SDP is needed, unchanged."""
        raise NotImplementedError

    def on_settled(self, sdp: bytes) -> None:
        """The answer to it came; empty when it was missing."""
        raise NotImplementedError

    def on_confirmed(self, body: bytes) -> None:
        """The ACK of a 2xx of ours came; with the answer where that had offered."""
        raise NotImplementedError

    def on_unacknowledged(self) -> None:
        """It never came; a BYE has been sent."""
        raise NotImplementedError

    def on_disconnected(self) -> None:
        """The connection has gone."""
        raise NotImplementedError

    def on_left(self) -> None:
        """Our BYE has been answered, or never will be: nothing more is told."""

    def session_headers(self, request: Request) -> Headers:
        """What our 2xx to a request says of the session's refreshes."""
        return self._session.accept(request)

    # --------------------------------------------------------------------------------------------- for the endpoint

    def received(self, request: Request, exchange: ServerExchange) -> None:
        """A request of the peer, other than ACK and CANCEL."""
        assert self.dialog is not None
        if not self.dialog.in_order(request):
            exchange.respond(respond(request, 500, "CSeq Out of Order"))
            return
        if exchange.peer.reliable:
            self.peer = exchange.peer
        self.note(request)
        match request.method:
            case "BYE":
                self._bye_came(request, exchange)
            case "INVITE":
                self._reinvite_came(request, exchange)
            case "UPDATE":
                self._update_came(request, exchange)
            case "INFO":
                self._info_came(request, exchange)
            case "OPTIONS":
                supported = ", ".join(self._endpoint.supported)
                headers = (("Allow", self._endpoint.allow), ("Supported", supported), ("Accept", "application/sdp"))
                exchange.respond(respond(request, 200, headers=headers))
            case "PRACK":
                self.prack_came(request, exchange)
            case "REFER" if not self.usage.left:
                if answer_refer(self, self._endpoint, request, exchange):
                    self.dialog.refresh(request)
            case _:
                exchange.respond(answer_other(request, self._endpoint.allow))

    def acknowledged(self, request: Request) -> None:
        """An ACK of a 2xx."""
        if not self._acceptance.acknowledged(request):
            return  # a copy
        if self._take(UsageInput.ACKNOWLEDGED) is UsageEffect.SEND_BYE:
            return
        effect = self.offers.take(Input.ANSWER_CAME if request.body else Input.ANSWER_MISSING)
        self.on_confirmed(b"" if effect is None else request.body)

    def note(self, message: Request | Response) -> None:
        """Remember what the peer allows."""
        if "Allow" in message.headers:
            with suppress(SipError):
                self.peer_allows = frozenset(message.headers.elements("Allow"))

    # ------------------------------------------------------------------------------------------------ what we send

    def leave(self, cause: str = "") -> None:
        """Send BYE, after the ACK when one is awaited. RFC 3261 section 15 (Terminating a Session)."""
        if not self.usage.left:
            self._session.stop()
            self._cause = self._cause or cause
            self._take(UsageInput.WE_LEAVE)

    def request(
        self,
        method: str,
        headers: Headers = (),
        body: bytes = b"",
        responded: Callable[[Response], None] = lambda response: None,
        failed: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """Send a request.

        A 401 or 407 to it is never answered: callers' credentials are not ours.
        """
        assert self.dialog is not None
        peer = self._endpoint.next_hop(self.dialog, self.peer)
        request = self.dialog.request(method, via=self._endpoint.via(peer), headers=headers, body=body)
        self._endpoint.transact(request, peer, responded, failed)

    def update(self, headers: Headers, responded: Callable[[Response], None], failed: Callable[[str], None]) -> None:
        """Send an UPDATE without an offer."""

        def take(response: Response) -> None:
            if 200 <= response.status < 300 and self.dialog is not None:
                self.note(response)
                self.dialog.refresh(response)
            responded(response)

        self.request("UPDATE", (*self._introduction(self.peer), *headers), b"", take, failed)

    @property
    def may_reinvite(self) -> bool:
        """Whether no INVITE and no offer is under way. RFC 3261 section 14.1 (UAC Behavior)."""
        return not self._reinviting and not self._acceptance.waiting and self.offers.state is State.AGREED

    def reinvite(self, headers: Headers, responded: Callable[[Response], None], failed: Callable[[str], None]) -> None:
        """Send a re-INVITE that changes nothing. RFC 4028 section 7.4: its `o=` line is that of the last SDP."""
        assert self.dialog is not None

        def take(response: Response) -> None:
            self._reinviting = False
            if response.status < 300:
                self.note(response)
                if self.offers.take(Input.ANSWER_CAME if response.body else Input.ANSWER_MISSING) is not None:
                    self.on_settled(response.body)
            else:
                self.offers.take(Input.PEER_DECLINED)
            responded(response)

        def fail(reason: str) -> None:
            self._reinviting = False
            self.offers.take(Input.PEER_DECLINED)
            failed(reason)

        sdp = self.on_offer()
        self.offers.take(Input.WE_OFFERED)
        self._reinviting = True
        introduced = (*self._introduction(self.peer), *headers)
        Reinvite(self._endpoint, self.dialog, self.peer, introduced, sdp, take, fail)

    def accept(self, exchange: ServerExchange, headers: Headers, sdp: bytes, to_tag: str | None = None) -> None:
        """Send a 2xx to an INVITE, and again until its ACK comes."""
        request = exchange.request
        answer = respond(
            request,
            200,
            to_tag=to_tag,
            headers=(*self.introduction(exchange.peer), *self.session_headers(request), *headers),
            body=sdp,
            content_type="application/sdp" if sdp else None,
        )
        self._take(UsageInput.WE_ANSWERED)
        self._acceptance.send(exchange, answer)

    def introduction(self, peer: Peer) -> Headers:
        """What every response of ours that describes us says."""
        endpoint = self._endpoint
        return (self._contact(peer), ("Allow", endpoint.allow), ("Supported", ", ".join(endpoint.supported)))

    def _introduction(self, peer: Peer) -> Headers:
        """The same for requests: provisional responses to ours are not asked to be reliable."""
        return (self._contact(peer), ("Allow", self._endpoint.allow), ("Supported", "timer"))

    def contact(self) -> tuple[str, str]:
        """Where the peer reaches us, for a request of ours."""
        return self._contact(self.peer)

    def _contact(self, peer: Peer) -> tuple[str, str]:
        return "Contact", self._endpoint.contact(peer, self.begun_by)

    def _take(self, input: UsageInput) -> UsageEffect | None:
        """Something happened to the call; a BYE that this asks for is sent."""
        effect = self.usage.take(input)
        if effect is UsageEffect.SEND_BYE:
            self._end()
            # Q.850 cause 16 is normal call clearing.
            headers = [("Reason", write_reason("Q.850", 16, self._cause))] if self._cause else []
            self.request("BYE", headers, b"", self._bye_answered, lambda reason: self._gone())
        return effect

    def _bye_answered(self, response: Response) -> None:
        if response.status >= 200:  # even a 481 ends it
            self._gone()

    def _end(self) -> None:
        self._acceptance.stop()
        self._session.stop()
        self.offers.take(Input.ENDED)

    def _gone(self) -> None:
        self._take(UsageInput.BYE_DONE)
        self._endpoint.drop(self)
        self.on_left()

    def _unacknowledged(self) -> None:
        self._cause = self._cause or "the answer was never acknowledged"
        self._take(UsageInput.UNACKNOWLEDGED)
        self.on_unacknowledged()

    # ----------------------------------------------------------------------------------------------- what they send

    def prack_came(self, request: Request, exchange: ServerExchange) -> None:
        """A PRACK came, where nothing waits for one."""
        exchange.respond(respond(request, 481))

    def _bye_came(self, request: Request, exchange: ServerExchange) -> None:
        exchange.respond(respond(request, 200))
        self._endpoint.drop(self)
        effect = self._take(UsageInput.BYE_CAME)
        self._end()
        if effect is UsageEffect.HUNG_UP:
            self.on_hung_up(reason_words(request.headers))

    def _reinvite_came(self, request: Request, exchange: ServerExchange) -> None:
        if self._reinviting:
            exchange.respond(respond(request, 491))  # RFC 3261 section 14.2 (UAS Behavior)
            return
        answer = self.answer_offer(request, exchange, Input.OFFER_CAME if request.body else Input.OFFER_WANTED)
        if answer is None:
            return
        assert self.dialog is not None
        if not request.body:
            self.offers.take(Input.WE_OFFERED)
        self.dialog.refresh(request)
        self.accept(exchange, answer.headers, answer.sdp)

    def _update_came(self, request: Request, exchange: ServerExchange) -> None:
        answer: ReofferAnswer | None = ReofferAnswer(200)
        if request.body or self.usage.left:
            answer = self.answer_offer(request, exchange, Input.OFFER_CAME)
        if answer is None:
            return
        assert self.dialog is not None
        self.dialog.refresh(request)
        headers = (*self.introduction(exchange.peer), *self.session_headers(request), *answer.headers)
        content_type = "application/sdp" if answer.sdp else None
        exchange.respond(respond(request, 200, headers=headers, body=answer.sdp, content_type=content_type))

    def answer_offer(self, request: Request, exchange: ServerExchange, input: Input) -> ReofferAnswer | None:
        """Our SDP for a re-INVITE, an UPDATE or a PRACK; ``None`` when a refusal has been sent."""
        refusal = self._refusal(request, input)
        if refusal is None and request.method == "INVITE" and self._acceptance.waiting:
            # Who sends another INVITE has had the answer to the last one; its ACK is late or lost. See decision 0023.
            self._acceptance.stop()
            if self._take(UsageInput.ACKNOWLEDGED) is None:
                self.on_confirmed(b"")
            if self.usage.left:
                refusal = respond(request, 481)
        if refusal is None:
            try:
                answer = self.on_reoffered(request.body)
            except Exception:
                if request.body:
                    self.offers.take(Input.WE_DECLINED)
                raise
            if request.body:
                self.offers.take(Input.WE_ANSWERED if answer.status < 300 else Input.WE_DECLINED)
            if answer.status < 300:
                return answer
            refusal = respond(request, answer.status, headers=answer.headers)
        exchange.respond(refusal)
        return None

    def _refusal(self, request: Request, input: Input) -> Response | None:
        if self.usage.left:  # our BYE is on its way
            return respond(request, 481)
        if request.body and request.content_type != "application/sdp":
            return respond(request, 415, headers=(("Accept", "application/sdp"),))
        match self.offers.take(input):
            case Effect.COLLIDE:
                return respond(request, 491)
            case Effect.LATER:
                return self.later(request)
        return None

    def later(self, request: Request) -> Response:
        """The refusal of what comes while something before it is not done. RFC 3261 section 14.2 (UAS Behavior)."""
        return respond(request, 500, headers=(("Retry-After", str(self._endpoint.number(_RETRY_AFTER_S_MAX + 1))),))

    def _info_came(self, request: Request, exchange: ServerExchange) -> None:
        response, pressed = answer_info(request)
        exchange.respond(response)
        if pressed is not None and not self.usage.left:
            self.on_digit(*pressed)
