"""An INVITE as admission sees it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Defect:
    """Why a request is refused before anyone's rules are asked.

    Attributes:
        status: SIP status to answer: 400, 420, 482, 505 …
        reason: in words, for the record and the reason phrase.
        headers: to be sent with the answer, e.g. ``(("Unsupported", "foo"),)``.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What the credentials of an INVITE are worth.

    Attributes:
        result: ``proved``, ``missing``, ``wrong``, or ``stale``: right, but for a nonce that is not good any more.
        username: as the credentials say it; ``None`` when there are none.
        account_id: whose caller has proved itself; ``None`` otherwise.
        reason: in words for the record, why it has not; ``None`` otherwise.
    """

    result: str
    username: str | None = None
    account_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """The call that an INVITE wants to go on with.

    Attributes:
        state: ``joined``, ``early`` (not joined yet) or ``none``: there is no such call here.
        account_id: whose; ``None`` where there is none.
        call_id: likewise.
        source_address: where its peer called from.
        early_only: whether it is wanted only while nobody has answered.
        problem: why the header cannot be read; ``None`` when it can.
    """

    state: str = "none"
    account_id: str | None = None
    call_id: str | None = None
    source_address: str | None = None
    early_only: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an INVITE without a To-tag says, and where it came from.

    Attributes:
        source_address: IP address of the packet or connection, text; IPv4-mapped IPv6 already undone.
        source_port: 1 to 65535; 0 in an imagined attempt.
        transport: ``udp``, ``tcp``, ``tls``.
        request_uri: as it came.
        to_uri: the address of To, without display name and header parameters.
        from_uri: likewise of From.
        from_display_name: unquoted; ``None`` when absent or empty.
        call_id: the SIP Call-ID.
        headers: every header in order, compact names expanded, values unfolded.
        content_type: lower-case media type without parameters; ``None`` when absent.
        body: the offer's bytes; empty for a delayed offer.
        defect: what makes the request unanswerable by rules; ``None`` when well-formed.
        registration_id: the registration whose Contact was called; ``None`` for an ordinary call.
        noisy: the source has been refused so often that it is hardly answered any more.
        proof: what its credentials are worth; ``None`` where callers need not prove themselves.
        replaces: the call that it wants to go on with; ``None`` for a call of its own.
    """

    source_address: str
    source_port: int
    transport: str
    request_uri: str
    to_uri: str
    from_uri: str | None
    from_display_name: str | None
    call_id: str
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None
    body: bytes = b""
    defect: Defect | None = None
    registration_id: str | None = None
    noisy: bool = False
    proof: Proof | None = None
    replaces: Replaced | None = None
