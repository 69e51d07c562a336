"""What both sides of a dialog do alike: answer BYE, INFO, OPTIONS and re-INVITE, repeat a 2xx, send BYE."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from callgate.core.sip.dialog import Dialog, Repetition
from callgate.core.sip.errors import SipError
from callgate.core.sip.message import Request, Response, respond
from callgate.ports import Alarm, ReofferAnswer
from callgate.signaling.exchange import ServerExchange
from callgate.signaling.transport import Peer

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"
_DIGIT_TYPES: Final = ("application/dtmf-relay", "application/dtmf")
_DIGITS: Final = frozenset("0123456789*#ABCD")
# What INFO's `Duration` may say; a key is not held for longer, and some phones say 0.
_DIGIT_MS_MAX: Final = 10_000
_DIGIT_MS_USUAL: Final = 160


class WithinDialog:
    """One dialog and its peer. What the peer does is told to the methods that begin with ``on_``.

    Attributes:
        dialog: ``None`` until there is one.
        peer: where the last message came from.
    """

    def __init__(self, endpoint: "SipEndpoint", peer: Peer) -> None:
        self._endpoint = endpoint
        self.peer = peer
        self.dialog: Dialog | None = None
        self._invite: ServerExchange | None = None  # the (re-)INVITE that waits for its ACK
        self._answer: Response | None = None
        self._repetition: Repetition | None = None
        self._alarm: Alarm | None = None
        self._leaving: str | None = None  # a BYE waits for the ACK; its cause
        self._left = False  # BYE came or went

    # ------------------------------------------------------------------------------------------- for the subclasses

    def on_hung_up(self, cause: str) -> None:
        """BYE came."""
        raise NotImplementedError

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO."""
        raise NotImplementedError

    def on_reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE came."""
        raise NotImplementedError

    def on_confirmed(self, body: bytes) -> None:
        """The ACK of a 2xx of ours came."""
        raise NotImplementedError

    def on_unacknowledged(self) -> None:
        """It never came; a BYE has been sent."""
        raise NotImplementedError

    def on_disconnected(self) -> None:
        """The connection has gone."""
        raise NotImplementedError

    def on_left(self) -> None:
        """Our BYE has been answered, or never will be: nothing more is told."""

    # --------------------------------------------------------------------------------------------- for the endpoint

    def received(self, request: Request, exchange: ServerExchange) -> None:
        """A request of the peer, other than ACK and CANCEL."""
        assert self.dialog is not None
        if not self.dialog.in_order(request):
            exchange.respond(respond(request, 500, "CSeq Out of Order"))
            return
        if exchange.peer.reliable:
            self.peer = exchange.peer
        match request.method:
            case "BYE":
                self._bye_came(request, exchange)
            case "INVITE":
                self._reinvite_came(request, exchange)
            case "INFO":
                self._info_came(request, exchange)
            case "OPTIONS":
                exchange.respond(respond(request, 200, headers=(("Allow", ALLOW), ("Accept", "application/sdp"))))
            case _:
                exchange.respond(respond(request, 405, headers=(("Allow", ALLOW),)))

    def acknowledged(self, request: Request) -> None:
        """An ACK of a 2xx."""
        invite = self._invite
        if self._repetition is None or invite is None or request.cseq.number != invite.request.cseq.number:
            return  # a copy
        self._stop_repeating()
        if self._leaving is not None:
            self._send_bye(self._leaving)
            return
        self.on_confirmed(request.body)

    # ------------------------------------------------------------------------------------------------ what we send

    def leave(self, cause: str = "") -> None:
        """Send BYE, after the ACK when one is awaited. RFC 3261 section 15 (Terminating a Session)."""
        if self._left:
            return
        if self._repetition is not None:
            self._leaving = cause
        else:
            self._send_bye(cause)

    def request(self, method: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> None:
        """Send a request whose response changes nothing."""
        assert self.dialog is not None
        peer = self._endpoint.next_hop(self.dialog, self.peer)
        request = self.dialog.request(method, via=self._endpoint.via(peer), headers=headers, body=body)
        self._endpoint.transact(request, peer, lambda response: None, lambda reason: None)

    def repeat_until_ack(self, exchange: ServerExchange, answer: Response) -> None:
        """Send a 2xx to an INVITE, and again until its ACK comes."""
        self._invite, self._answer = exchange, answer
        self._repetition = Repetition(self._endpoint.timers, self._endpoint.clock.monotonic())
        exchange.respond(answer)
        self._arm()

    def _send_bye(self, cause: str) -> None:
        self._left = True
        self._leaving = None
        assert self.dialog is not None
        # Q.850 cause 16 is normal call clearing.
        headers = [("Reason", reason("Q.850", 16, cause))] if cause else []
        peer = self._endpoint.next_hop(self.dialog, self.peer)
        bye = self.dialog.request("BYE", via=self._endpoint.via(peer), headers=headers)
        self._endpoint.transact(bye, peer, self._bye_answered, lambda reason: self._gone())

    def _bye_answered(self, response: Response) -> None:
        if response.status >= 200:  # even a 481 ends it
            self._gone()

    def _gone(self) -> None:
        self._endpoint.drop(self)
        self.on_left()

    # ----------------------------------------------------------------------------------------------- what they send

    def _bye_came(self, request: Request, exchange: ServerExchange) -> None:
        exchange.respond(respond(request, 200))
        self._stop_repeating()
        self._endpoint.drop(self)
        if not self._left:
            self._left = True
            self.on_hung_up(_reason_words(request))

    def _reinvite_came(self, request: Request, exchange: ServerExchange) -> None:
        if self._left:  # our BYE is on its way
            exchange.respond(respond(request, 481))
            return
        if self._repetition is not None:
            # RFC 3261 section 14.2 (UAS Behavior): one at a time.
            exchange.respond(respond(request, 500, headers=(("Retry-After", "2"),)))
            return
        if request.body and request.content_type != "application/sdp":
            exchange.respond(respond(request, 415, headers=(("Accept", "application/sdp"),)))
            return
        assert self.dialog is not None
        answer = self.on_reoffered(request.body)
        if answer.status >= 300:
            exchange.respond(respond(request, answer.status, headers=answer.headers))
            return
        self.dialog.refresh(request)
        headers = (("Contact", self._endpoint.contact(exchange.peer, request)), ("Allow", ALLOW), *answer.headers)
        response = respond(request, 200, headers=headers, body=answer.sdp, content_type="application/sdp")
        self.repeat_until_ack(exchange, response)

    def _info_came(self, request: Request, exchange: ServerExchange) -> None:
        if request.content_type not in _DIGIT_TYPES:
            if request.body:
                exchange.respond(respond(request, 415, headers=(("Accept", ", ".join(_DIGIT_TYPES)),)))
            else:
                exchange.respond(respond(request, 200))  # an empty INFO keeps a session alive
            return
        digit, duration_ms = _digit_of(request.body, relay=request.content_type == _DIGIT_TYPES[0])
        if digit is None:
            exchange.respond(respond(request, 400, "No Digit In The Body"))
            return
        exchange.respond(respond(request, 200))
        if not self._left:
            self.on_digit(digit, duration_ms)

    # --------------------------------------------------------------------------------------------------- repetition

    def _arm(self) -> None:
        assert self._repetition is not None
        self._alarm = self._endpoint.alarms.after(
            self._repetition.due() - self._endpoint.clock.monotonic(), self._repeat
        )

    def _repeat(self) -> None:
        repetition, exchange, answer = self._repetition, self._invite, self._answer
        if repetition is None or exchange is None or answer is None:
            return
        if repetition.wake(self._endpoint.clock.monotonic()):
            exchange.respond(answer)
            self._arm()
            return
        self._stop_repeating()
        self._send_bye(self._leaving or "the answer was never acknowledged")
        self.on_unacknowledged()

    def _stop_repeating(self) -> None:
        self._repetition = self._answer = self._invite = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


def _digit_of(body: bytes, *, relay: bool) -> tuple[str | None, int]:
    """The digit and its length in ms of an INFO's body; formats by habit of the field, no RFC has them."""
    text = body[:200].decode("ascii", "replace")
    signal, duration = ("", "") if relay else (text.strip(), "")
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().lower() == "signal":
            signal = value.strip()
        elif equals and name.strip().lower() == "duration":
            duration = value.strip()
    digit = {"10": "*", "11": "#"}.get(signal, signal.upper())
    ms = int(duration) if duration.isascii() and duration.isdigit() and len(duration) < 6 else _DIGIT_MS_USUAL
    return (digit if digit in _DIGITS and digit else None), min(ms or _DIGIT_MS_USUAL, _DIGIT_MS_MAX)


def reason(protocol: str, code: int, words: str) -> str:
    """The value of a Reason header. RFC 3326 section 2 (The Reason Header Field)."""
    quoted = "".join(c if c.isprintable() and c not in '"\\' else "'" for c in words[:200])
    return f'{protocol};cause={code};text="{quoted}"'


def _reason_words(request: Request) -> str:
    """The text of a Reason header, or its whole value; empty without one."""
    try:
        value = request.headers.get("Reason") or ""
    except SipError:
        return ""
    _, found, rest = value.partition('text="')
    return rest.partition('"')[0] if found else value
