"""What signaling and calls say to each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from callgate.core.sip.challenge import Login
from callgate.core.sip.refer import Referral
from callgate.core.sip.uri import SipUri
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision
from callgate.ports.media import MediaSession


@dataclass(frozen=True, slots=True)
class ReofferAnswer:
    """What to answer a re-INVITE with.

    Attributes:
        status: 200, or 488 …
        sdp: the answer (or our offer, when the re-INVITE had none); empty with a refusal.
        headers: to be sent along, e.g. a ``Warning``.
    """

    status: int
    sdp: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ReferAnswer:
    """What to answer a REFER with.

    Attributes:
        status: 202, or a refusal.
        words: why it is refused.
    """

    status: int
    words: str = ""


class DialogListener(Protocol):
    """Who is told what the peer does within a dialog. Called on the event loop, never concurrently."""

    def confirmed(self, body: bytes) -> None:
        """The ACK for our 200 came; `body` is its SDP (only after a delayed offer), else empty."""
        ...

    def unacknowledged(self) -> None:
        """No ACK came within 64·T1; a BYE has been sent. RFC 3261 section 13.3.1.4 (The INVITE is Accepted)."""
        ...

    def offer(self) -> bytes:
        """Our SDP as it stands, made when there is none, to be offered.

        In the first reliable response to an INVITE without an offer; and, unchanged, in a re-INVITE that only
        refreshes the session.
        """
        ...

    def settled(self, sdp: bytes) -> None:
        """The answer to `offer` came in a PRACK or in a 200; empty when it had none."""
        ...

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE or UPDATE came; empty `sdp`: a re-INVITE without an offer. Answered at once with the result."""
        ...

    def digit(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO (``application/dtmf-relay`` or ``application/dtmf``)."""
        ...

    def hung_up(self, cause: str) -> None:
        """The peer sent BYE; `cause` is its ``Reason`` header in words, or empty."""
        ...

    def vanished(self, cause: str) -> None:
        """The peer went away without a goodbye: it refreshes its session no more, or knows nothing of it."""
        ...

    def referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        """A REFER came; only where these are served.

        Args:
            wanted: whom the peer wants called.
            tell: after a 202 told each status that comes from there; one of 200 or more is the last. Not on this turn
                of the event loop.
        """
        ...


class LegListener(DialogListener, Protocol):
    """Who is told what a caller does on its leg."""

    def cancelled(self, cause: str) -> None:
        """The caller gave up before an answer (CANCEL; the 487 has been sent), or its connection went away."""
        ...

    def no_prack(self) -> None:
        """A reliable provisional response was not acknowledged within 64·T1; the INVITE has been refused with 504.

        RFC 3262 section 3 (UAS Behavior).
        """
        ...


class DialListener(Protocol):
    """Who is told what becomes of a call of ours."""

    def progress(self, status: int, reason: str, sdp: bytes) -> None:
        """A provisional response."""
        ...

    def answered(self, sdp: bytes) -> None:
        """200 OK; the ACK has been sent."""
        ...

    def refused(self, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> None:
        """A final response of 300 or more."""
        ...

    def failed(self, reason: str) -> None:
        """No final response will come."""
        ...


class Leg(Protocol):
    """Our side of a call towards who calls."""

    def listen(self, listener: LegListener) -> None:
        """Say who is told; at once after the leg was handed over."""
        ...

    def ring(self) -> None:
        """Send 180 Ringing; may be called again. Nothing is sent once the leg has had its final answer.

        A peer that requires reliable responses without having made an offer gets ours along: the listener's `offer`.
        """
        ...

    def answer(self, sdp: bytes) -> None:
        """Send 200 OK with `sdp`, repeated until the ACK comes; not before a PRACK for which it has to wait."""
        ...

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = (), cause: str = "") -> None:
        """Send a final refusal (400 to 699); `cause` is for peers that can be told one."""
        ...

    def hang_up(self, cause: str = "") -> None:
        """Send BYE (after the ACK, or when it is given up on); `cause` becomes a ``Reason`` header."""
        ...


class SipLeg(Leg, Protocol):
    """Our side of one SIP dialog that a caller began (UAS)."""

    @property
    def attempt(self) -> Attempt:
        """The INVITE that began it."""
        ...

    @property
    def dialog_name(self) -> tuple[str, str, str]:
        """Call-ID, our tag and the peer's: what names its dialog."""
        ...

    @property
    def media_address(self) -> str:
        """The IP address to put into SDP towards this peer (the route's local address, or the advertised one)."""
        ...

    @property
    def reliable_transport(self) -> bool:
        """Whether the leg runs over TCP or TLS, so that the source address is proved before the ACK."""
        ...


class DialledLeg(Leg, Protocol):
    """Our side of one SIP dialog that an INVITE of ours begins (UAC). It rings and answers over there."""

    @property
    def dialog_name(self) -> tuple[str, str, str]:
        """As of `SipLeg`; once it has been answered."""
        ...


@dataclass(frozen=True, slots=True)
class Callee:
    """Where a call of ours goes.

    Attributes:
        transport: ``udp``, ``tcp`` or ``tls``.
        address: IP text.
        media_address: the IP address to put into SDP towards it.
    """

    transport: str
    address: str
    media_address: str


class CannotDial(Exception):
    """A call of ours cannot be placed.

    Attributes:
        status: of SIP, that says as much.
    """

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


class Dialler(Protocol):
    """Who places calls of ours."""

    async def dial(
        self,
        uri: SipUri,
        spoken: str,
        *,
        from_uri: str,
        headers: Sequence[tuple[str, str]],
        sdp: Callable[[Callee], bytes],
        listener: DialListener,
        login: Login | None = None,
    ) -> DialledLeg:
        """Find where a URI leads, and send an INVITE there.

        Args:
            uri: whom to call.
            spoken: the transport where `uri` names none.
            from_uri: who calls; empty: this node, at the address that the callee's sound goes to.
            headers: further ones.
            sdp: makes the offer.
            listener: told what becomes of it; never before this has returned.
            login: what a challenge is answered with, once; ``None``: it is a refusal.

        Raises:
            CannotDial: it leads nowhere, where nobody may be called, or to ourselves.
        """
        ...


@dataclass(frozen=True, slots=True)
class Considered:
    """What came of considering an attempt.

    Attributes:
        decision: the verdict.
        session: the slot and port reserved for it; ``None`` when refused, or when it goes on with a call that has one.
    """

    decision: Decision
    session: MediaSession | None


class IncomingCalls(Protocol):
    """Who signaling asks about INVITEs without a To-tag. Retransmissions never reach it."""

    def consider(self, attempt: Attempt) -> Considered:
        """The verdict, at once.

        Refusals and their records are complete with it; for admit and ask `arrived` follows on the same turn of the
        event loop, and a session has been reserved, unless there is one.
        """
        ...

    def arrived(self, leg: SipLeg, considered: Considered) -> None:
        """A leg exists for an attempt to admit or to ask about; 100 Trying is out."""
        ...


class Strangers(Protocol):
    """Who keeps count of sources outside everybody's ranges. Others may be asked about: they are never noisy."""

    def noisy(self, address: str) -> bool:
        """Whether what comes from `address` (IP text) now is not to be looked at."""
        ...

    def ignored(self, address: str) -> None:
        """What came was not looked at."""
        ...

    def refused(self, address: str) -> None:
        """What came was refused, or was nothing that could be answered; an INVITE is counted by who decided on it."""
        ...
