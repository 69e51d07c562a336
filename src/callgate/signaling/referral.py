"""A REFER of the peer: answered, and its sender told by NOTIFY how the call to the target goes. RFC 3515."""

from typing import TYPE_CHECKING, Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import REASONS, Request, Response, respond
from callgate.core.sip.reason import why
from callgate.core.sip.refer import read_referral
from callgate.core.sip.subscription import Effect, Input, State, move
from callgate.ports import ReferAnswer
from callgate.signaling.exchange import ServerExchange

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint
    from callgate.signaling.within_dialog import WithinDialog

# Longer than anybody is rung (`calls.transfer`), so that the last NOTIFY is always one of ours.
_EXPIRES_S: Final = 300.0
_DECLINED: Final = ReferAnswer(603, "calls are not transferred")


def answer_refer(side: "WithinDialog", endpoint: "SipEndpoint", request: Request, exchange: ServerExchange) -> bool:
    """Answer a REFER; whether it has been accepted. RFC 3515 section 2.4.2 (Processing a REFER Request)."""
    try:
        wanted = read_referral(request)
    except ParseError as error:
        exchange.respond(respond(request, error.status, headers=why(error.status, error.reason)))
        return False
    subscription = Subscription(side, endpoint, request.cseq.number)
    answer = side.on_referred(wanted, subscription.tell if wanted.told else _nobody) if endpoint.refers else _DECLINED
    if answer.status >= 300:
        exchange.respond(respond(request, answer.status, headers=why(answer.status, answer.words)))
        return False
    headers = side.introduction(exchange.peer)
    if wanted.told:
        exchange.respond(respond(request, answer.status, headers=headers))
        subscription.tell(100)
    else:
        exchange.respond(respond(request, 200, headers=(*headers, ("Refer-Sub", "false"))))
    return True


class Subscription:
    """What the sender of a REFER is told, from its 202 until the target has answered or refused.

    It lives as long as somebody has news for it, also when the call's own part of the dialog is over: who sends a call
    on may hang up at once, and its dialog stays for the NOTIFYs.
    """

    def __init__(self, side: "WithinDialog", endpoint: "SipEndpoint", number: int) -> None:
        """`number` is the CSeq of the REFER: RFC 3515 section 2.4.6 (Multiple REFER Requests in a Dialog)."""
        self._side = side
        self._endpoint = endpoint
        self._event = f"refer;id={number}"
        self._ends_s = endpoint.clock.monotonic() + _EXPIRES_S
        self._state = State.QUIET
        self._status = 0

    def tell(self, status: int) -> None:
        """Tell a status of the target's."""
        if status == self._status:
            return  # 180 after 180
        self._status = status
        self._take(Input.NEWS if status < 200 else Input.FINAL)

    def _take(self, input: Input) -> None:
        found = move(self._state, input)
        self._state = found.state
        if found.effect is not None:
            self._notify(last=found.effect is Effect.NOTIFY_LAST)

    def _notify(self, *, last: bool) -> None:
        left_s = max(1, int(self._ends_s - self._endpoint.clock.monotonic()))
        headers = (
            self._side.contact(),
            ("Event", self._event),
            # RFC 3515 section 2.4.7 (Using the Subscription-State Header Field with Event Refer).
            ("Subscription-State", "terminated;reason=noresource" if last else f"active;expires={left_s}"),
            ("Content-Type", "message/sipfrag;version=2.0"),
        )
        # The usual phrase, not the target's own, which is nobody's to vouch for.
        body = f"SIP/2.0 {self._status} {REASONS.get(self._status, '')}\r\n".encode()
        self._side.request("NOTIFY", headers, body, self._responded, lambda reason: self._take(Input.NOT_HEARD))

    def _responded(self, response: Response) -> None:
        if response.status >= 200:
            self._take(Input.HEARD if response.status < 300 else Input.NOT_HEARD)


def _nobody(status: int) -> None:
    """RFC 4488: nobody wants to know."""
