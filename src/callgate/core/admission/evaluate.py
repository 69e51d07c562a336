"""An imagined INVITE, judged by the same function as a live one, with every step in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from callgate.core.admission.capacity import ROOM, Capacity
from callgate.core.admission.decide import decide
from callgate.core.admission.explain import explain_trace, summary
from callgate.core.admission.policy import PolicySet
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision

# RFC 3261 section 25.1 (Basic Rules): what a user part may hold as it is; anything else is percent-encoded.
_USER_CHARACTERS = "-_.!~*'()&=+$,;?/"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A decision in words.

    Attributes:
        decision: the verdict, with the trace.
        summary: one line.
        words: for each entry of the trace, in order.
    """

    decision: Decision
    summary: str
    words: tuple[str, ...]


def imagine(
    *,
    source_address: str,
    to: str,
    domain: str,
    request_uri: str | None = None,
    from_uri: str | None = None,
    from_display_name: str | None = None,
    transport: str = "udp",
    headers: Sequence[tuple[str, str]] = (),
    sdp: str | None = None,
) -> Attempt:
    """An attempt from plain values, as a person would say them.

    Args:
        source_address: whom it comes from.
        to: a SIP, SIPS or tel URI, or only the dialled user.
        domain: host for a `to` without one: the account's domain.
        request_uri: where it differs from `to`; URI or user likewise.
        from_uri: the caller, URI or user; ``None``: anonymous.
        from_display_name: the caller's name.
        transport: ``udp``, ``tcp`` or ``tls``.
        headers: further headers.
        sdp: the offer; ``None``: a delayed one, which is not judged.
    """
    to_uri = _uri(to, domain)
    return Attempt(
        source_address=source_address,
        source_port=0,
        transport=transport,
        request_uri=_uri(request_uri, domain) if request_uri is not None else to_uri,
        to_uri=to_uri,
        from_uri=_uri(from_uri, domain) if from_uri is not None else None,
        from_display_name=from_display_name,
        call_id="imagined",
        headers=tuple(headers),
        content_type="application/sdp" if sdp is not None else None,
        body=sdp.encode("utf-8", "surrogatepass") if sdp is not None else b"",
    )


def evaluate(attempt: Attempt, policies: PolicySet, capacity: Capacity = ROOM) -> Evaluation:
    """Decide on an attempt and say every step in words."""
    decision = decide(attempt, policies, capacity)
    return Evaluation(decision, summary(decision), explain_trace(decision.trace))


def _uri(text: str, domain: str) -> str:
    if text.partition(":")[0].lower() in ("sip", "sips", "tel"):
        return text
    user, at, host = text.rpartition("@")
    if not at:
        user, host = text, domain
    return f"sip:{quote(user, safe=_USER_CHARACTERS)}@{host}"
