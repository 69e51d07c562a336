"""REFER: whom a peer asks us to call. RFC 3515 section 2.1 (The Refer-To Header Field)."""

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote_to_bytes

from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request
from callgate.core.sip.name_addr import NameAddr, parse_name_addr
from callgate.core.sip.replaces import parse_replaces
from callgate.core.sip.text import storable_uri
from callgate.core.sip.uri import SipUri, parse_uri

_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Referral:
    """What a REFER asks for.

    Attributes:
        uri: whom to call; without header fields and ``method``, storable.
        method: what to send there, ``INVITE`` mostly.
        headers: for that request: ``Referred-By``, and of the URI's own ``Replaces`` and ``Require: replaces``.
        referred_by: the URI of who says that it asks, storable; empty when it does not say.
        told: whether the referrer wants to be told how it goes; not with ``Refer-Sub: false``, RFC 4488.
    """

    uri: SipUri
    method: str = "INVITE"
    headers: tuple[tuple[str, str], ...] = ()
    referred_by: str = ""
    told: bool = True


def read_referral(request: Request) -> Referral:
    """Read a REFER.

    Of the header fields that a URI may carry only those of an attended transfer are taken: RFC 3261 section 19.1.5
    (Forming Requests from a URI) warns of the rest.

    Raises:
        ParseError: status 400; Refer-To is missing, stands twice or names nobody that SIP could reach, or what comes
            with it is malformed.
    """
    headers = request.headers
    count = headers.count("Refer-To")
    if count != 1:
        raise ParseError(f"Refer-To stands {count} times, expected once")
    try:
        uri = parse_uri(storable_uri(parse_name_addr(headers.get("Refer-To") or "").uri))
    except ParseError as error:
        raise ParseError(f"Refer-To: {error.reason}") from None  # 414 and 416 are for the Request-URI alone
    by = _referred_by(request)
    return Referral(
        replace(uri, parameters=tuple(item for item in uri.parameters if item[0] != "method"), headers=""),
        uri.parameter("method") or "INVITE",
        (*_taken(uri.headers), *((("Referred-By", str(by)),) if by is not None else ())),
        "" if by is None else storable_uri(by.uri),
        (headers.get("Refer-Sub") or "").strip(" \t").lower() != "false",
    )


def _referred_by(request: Request) -> NameAddr | None:
    """RFC 3892 section 2.2 (Referee Behavior); without ``cid``, for the token that it names is not passed on."""
    count = request.headers.count("Referred-By")
    if not count:
        return None
    if count > 1:
        raise ParseError(f"Referred-By stands {count} times, expected once at most")
    try:
        by = parse_name_addr(request.headers.get("Referred-By") or "")
    except ParseError as error:
        raise ParseError(f"Referred-By: {error.reason}") from None
    return replace(by, parameters=tuple(item for item in by.parameters if item[0] != "cid"))


def _taken(headers: str) -> tuple[tuple[str, str], ...]:
    """Those header fields of a URI that are passed on."""
    found: dict[str, str] = {}
    for part in headers.split("&") if headers else ():
        name, _, value = part.partition("=")
        name = _decoded(name).lower()
        if name not in ("replaces", "require"):
            continue
        if name in found:
            raise ParseError(f"Refer-To: {name} stands twice in the URI")
        found[name] = _decoded(value)
    if "replaces" not in found:
        return ()
    try:
        replaces = str(parse_replaces(found["replaces"]))
    except ParseError as error:
        raise ParseError(f"Refer-To: {error.reason}") from None
    # RFC 5589 section 7.3 (Attended Transfer) has `Require=replaces` there, lest it be taken for one call more.
    tags = {tag.strip(" \t").lower() for tag in found.get("require", "").split(",")}
    return (("Replaces", replaces), *((("Require", "replaces"),) if "replaces" in tags else ()))


def _decoded(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise ParseError(f"Refer-To: bad escape in the URI's header fields: {text[:200]!r}")
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
