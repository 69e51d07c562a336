"""Dialogs: what two sides must agree on to talk about the same call. RFC 3261 section 12 (Dialogs)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request, Response
from callgate.core.sip.name_addr import parse_name_addr
from callgate.core.sip.timers import Timers
from callgate.core.sip.uri import parse_uri


@dataclass(slots=True)
class Dialog:
    """One side's knowledge of a dialog.

    Attributes:
        call_id: of all its messages.
        local_tag: ours.
        remote_tag: the peer's; empty for an RFC 2543 peer.
        local: our From or To without the tag.
        remote: the peer's, with its tag.
        remote_target: the peer's Contact URI.
        route_set: Route values for our requests, in order.
        local_sequence: of our last request.
        remote_sequence: of the peer's last request; ``None`` before the first.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    remote_target: str
    route_set: tuple[str, ...] = ()
    local_sequence: int = 0
    remote_sequence: int | None = None

    @classmethod
    def of_caller(cls, invite: Request, local_tag: str) -> "Dialog":
        """The dialog that an INVITE to us begins. RFC 3261 section 12.1.1 (UAS behavior).

        Raises:
            ParseError: a header that is needed is malformed.
        """
        contact = invite.contact
        return cls(
            call_id=invite.call_id,
            local_tag=local_tag,
            remote_tag=invite.from_.tag or "",
            local=invite.headers.get("To") or "",
            remote=invite.headers.get("From") or "",
            remote_target=contact.uri if contact else "",
            route_set=tuple(invite.headers.elements("Record-Route")),
            remote_sequence=invite.cseq.number,
        )

    @classmethod
    def of_callee(cls, invite: Request, answer: Response) -> "Dialog":
        """The dialog that a 2xx to our INVITE begins. RFC 3261 section 12.1.2 (UAC Behavior).

        Raises:
            ParseError: a header that is needed is malformed.
        """
        contact = answer.contact
        return cls(
            call_id=invite.call_id,
            local_tag=invite.from_.tag or "",
            remote_tag=answer.to.tag or "",
            local=_without_tag(invite.headers.get("From") or ""),
            remote=answer.headers.get("To") or "",
            remote_target=contact.uri if contact else invite.uri,
            route_set=tuple(reversed(answer.headers.elements("Record-Route"))),
            local_sequence=invite.cseq.number,
        )

    @property
    def next_hop(self) -> str:
        """The URI of whom our requests go to first: the first route, else the remote target."""
        if self.route_set:
            return _bare(self.route_set[0])
        return self.remote_target

    def in_order(self, request: Request) -> bool:
        """Whether a request of the peer is newer than the ones before; takes note of it.

        RFC 3261 section 12.2.2 (UAS Behavior): an older one is answered with 500.
        """
        number = request.cseq.number
        if self.remote_sequence is not None and number <= self.remote_sequence:
            return False
        self.remote_sequence = number
        return True

    def refresh(self, message: Request | Response) -> None:
        """Take the peer's new Contact. RFC 3261 section 12.2 (Requests within a Dialog): target refresh requests.

        One that cannot be read changes nothing: of a request `validate_request` has seen it, and of a response there is
        nobody to tell.
        """
        try:
            contact = message.contact
            if contact is not None:
                parse_uri(contact.uri)
                self.remote_target = contact.uri
        except ParseError:
            pass

    def request(
        self,
        method: str,
        *,
        via: str,
        sequence: int | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Request:
        """A request within the dialog. RFC 3261 section 12.2.1.1 (Generating the Request).

        Args:
            method: ``BYE`` …
            via: our hop with a fresh branch.
            sequence: of the INVITE, for its ACK; ``None``: the next one.
            headers: further ones.
            body: with its Content-Type among `headers`.
        """
        if sequence is None:
            self.local_sequence += 1
            sequence = self.local_sequence
        uri, routes = self.remote_target, list(self.route_set)
        if routes and not parse_uri(_bare(routes[0])).loose:
            # A strict router expects itself in the Request-URI and the target at the end.
            uri, routes = _bare(routes[0]), [*routes[1:], f"<{self.remote_target}>"]
        items = [("Via", via), ("Max-Forwards", "70")]
        items += [("Route", route) for route in routes]
        items += [
            ("From", f"{self.local};tag={self.local_tag}"),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{sequence} {method}"),
        ]
        return Request(method, uri, Headers([*items, *headers]), body)


@dataclass(slots=True)
class Repetition:
    """A 2xx repeated until its ACK. RFC 3261 section 13.3.1.4 (The INVITE is Accepted).

    The dialog does this over every transport: between two proxies there may be UDP.

    Attributes:
        timers: T1, T2.
        begun: when it was first sent.
        next: when it is to be sent again.
    """

    timers: Timers
    begun: float
    next: float = field(init=False)
    _wait: float = field(init=False)

    def __post_init__(self) -> None:
        self._wait = self.timers.t1
        self.next = self.begun + self.timers.t1

    def due(self) -> float:
        """When to call `wake` next."""
        return min(self.next, self.begun + self.timers.whole)

    def wake(self, now: float) -> bool:
        """Whether to send it again; ``False``: the peer is given up."""
        if now >= self.begun + self.timers.whole:
            return False
        self._wait = self.timers.longer(self._wait)
        self.next = now + self._wait
        return True


def _bare(name_addr: str) -> str:
    """The URI of a route."""
    return parse_name_addr(name_addr).uri


def _without_tag(value: str) -> str:
    return value.rpartition(";tag=")[0] or value
