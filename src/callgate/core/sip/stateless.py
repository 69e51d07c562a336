"""Refusals without state: what strangers get. RFC 3261 section 8.2.7 (Stateless UAS Behavior)."""

import hashlib
import hmac
from collections.abc import Sequence

from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request, respond


def stateless_tag(request: Request, secret: bytes) -> str:
    """The To-tag of a stateless refusal: the same for every copy of the request, with nothing kept.

    Args:
        request: its top Via, Call-ID, From and CSeq name it.
        secret: of this process, so that nobody can foretell or forge a tag.
    """
    headers = request.headers
    named = "\n".join(headers.get(name) or "" for name in ("Via", "Call-ID", "From", "CSeq"))
    return hmac.new(secret, named.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:16]


def refuse_statelessly(
    request: Request, status: int, *, secret: bytes, size_max: int, headers: Sequence[tuple[str, str]] = ()
) -> bytes | None:
    """The refusal on the wire: no body, no words beyond the usual phrase, never longer than the request.

    An amplifier for spoofed requests would answer with more than it got; where even the bare refusal would be longer,
    there is none.

    Args:
        request: its source already stamped on the top Via.
        status: 400 to 699.
        secret: for the tag.
        size_max: bytes of the request as it came.
        headers: sent along while there is room, e.g. ``Unsupported`` with a 420; the first is left out first.
    """
    tag = stateless_tag(request, secret)
    for left_out in range(len(headers) + 1):
        if status == 401 and left_out == len(headers):
            status = 403  # RFC 3261 section 21.4.2 (401 Unauthorized): without a challenge it asks for nothing
        wire = respond(request, status, to_tag=tag, headers=headers[left_out:]).encode()
        if len(wire) <= size_max:
            return wire
    return None


def acknowledges(ack: Request, secret: bytes) -> bool:
    """Whether an ACK, its source stamped, is that of a stateless refusal of ours to an INVITE."""
    headers = Headers([(name, ack.headers.get(name) or "") for name in ("Via", "Call-ID", "From")])
    headers.add("CSeq", f"{ack.cseq.number} INVITE")
    tag = ack.to.tag or ""
    expected = stateless_tag(Request("INVITE", ack.uri, headers), secret)
    return hmac.compare_digest(tag.encode("utf-8", "surrogateescape"), expected.encode())
