"""Refusals without state: what strangers get. RFC 3261 section 8.2.7 (Stateless UAS Behavior)."""

import hashlib
import hmac
from collections.abc import Sequence

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
        headers: sent along while there is room, e.g. ``Unsupported`` with a 420.
    """
    tag = stateless_tag(request, secret)
    for extra in (headers, ()):
        wire = respond(request, status, to_tag=tag, headers=extra).encode()
        if len(wire) <= size_max:
            return wire
    return None
