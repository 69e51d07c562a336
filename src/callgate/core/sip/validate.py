"""Is a request well-formed enough to be served? Everything a parser of lines cannot see.

RFC 3261 section 8.2 (UAS Behavior), in its order: version, mandatory headers, URI scheme, extensions, content; at last
the session interval, RFC 4028 section 9 (UAS Behavior).
"""

import re
from typing import Final

from callgate.core.sip.errors import REASON_CHARS_MAX, ParseError
from callgate.core.sip.limits import CALL_ID_CHARS_MAX, HOPS_MAX
from callgate.core.sip.message import SIP_VERSION, Request, Response
from callgate.core.sip.parameters import TOKEN
from callgate.core.sip.session_timer import too_small
from callgate.core.sip.uri import NOT_IN_URI, SCHEME, parse_uri
from callgate.core.sip.via import BRANCH_COOKIE
from callgate.entities.attempt import Defect

_MANDATORY: Final = ("Via", "From", "To", "Call-ID", "CSeq")
# Max-Forwards is mandatory too (RFC 3261 section 8.1.1, Generating the Request), but only proxies act on it, and old
# senders leave it out: RFC 4475 section 3.4.1 (INVITE with RFC 2543 Syntax).

_SINGLE: Final = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "Session-Expires")
"""With two of them, two elements may each believe another one: refused whatever they say."""

_NOT_IN_CALL_ID: Final = re.compile(r"[\x00-\x20\x7f]")


def validate_request(request: Request, *, supported: frozenset[str]) -> Defect | None:
    """Look for what makes a request unanswerable by anyone's rules.

    Not looked at: whether its method is known (405) and whether its body suits (415), which depend on more than the
    message; and Date and Expires, since an element should not refuse for values it does not use: RFC 4475 sections
    3.1.2.4 (Request Scalar Fields with Overlarge Values) and 3.1.2.12 (Invalid Time Zone in Date Header Field).

    Args:
        request: as parsed.
        supported: option tags that may be required, lower case, e.g. ``frozenset({"timer"})``.

    Returns:
        The refusal, or ``None`` for a well-formed request. An ACK is never answered, whatever is wrong with it.
    """
    if request.version != SIP_VERSION:
        return Defect(505, f"version is {request.version}, expected {SIP_VERSION}")
    headers = request.headers
    missing = [name for name in _MANDATORY if not headers.get(name)]
    if missing:
        return Defect(400, f"missing: {', '.join(missing)}")
    for name in _SINGLE:
        if headers.count(name) > 1:
            return Defect(400, f"{name} stands {headers.count(name)} times, expected once")
    try:
        _check_fields(request)
        _check_request_uri(request.uri)
        return _unsupported(request, supported) or too_small(request)
    except ParseError as error:
        return Defect(error.status, error.reason)


def validate_response(response: Response) -> Defect | None:
    """Look for what makes a response useless; such a one is dropped, and nothing is ever sent back.

    Returns:
        What is wrong, for a log; ``None`` for a response that can be matched.
    """
    headers = response.headers
    missing = [name for name in _MANDATORY if not headers.get(name)]
    if missing:
        return Defect(400, f"missing: {', '.join(missing)}")
    for name in _SINGLE:
        if headers.count(name) > 1:
            return Defect(400, f"{name} stands {headers.count(name)} times, expected once")
    try:
        _check_common(response)
        if len(headers.elements("Via")) > 1:
            # RFC 3261 section 18.1.2 (Receiving Responses) and 8.1.3.3 (Vias): it was meant for someone else.
            return Defect(400, "response with more than one Via, expected ours alone")
    except ParseError as error:
        return Defect(error.status, error.reason)
    return None


def _check_common(message: Request | Response) -> None:
    for name in ("Via", "Record-Route", "Route"):
        count = len(message.headers.elements(name))
        if count > HOPS_MAX:
            raise ParseError(f"{name}: more than {HOPS_MAX} hops: {count}")
    for _ in message.vias:
        pass
    _ = message.cseq
    for name, address in (("From", message.from_), ("To", message.to)):
        if address.uri.partition(":")[0].lower() in ("sip", "sips"):
            _check_sip_uri(name, address.uri)
    call_id = message.call_id
    if len(call_id) > CALL_ID_CHARS_MAX:
        raise ParseError(f"Call-ID: over {CALL_ID_CHARS_MAX} characters: {len(call_id)}")
    if _NOT_IN_CALL_ID.search(call_id):
        raise ParseError(f"Call-ID: holds a blank or a control character: {call_id!r}")


def _check_fields(request: Request) -> None:
    _check_common(request)
    cseq = request.cseq
    if cseq.method != request.method:
        raise ParseError(f"CSeq: method is {cseq.method}, expected the request's, {request.method}")
    _ = request.max_forwards
    via = request.via
    _ = via.rport
    if via.branch == BRANCH_COOKIE:
        # RFC 4475 section 3.2.1 (Missing Transaction Identifier): with nothing behind the cookie, every transaction of
        # that sender would be the same one.
        raise ParseError(f"Via: branch is {BRANCH_COOKIE} alone, expected an identifier behind it")
    for name in ("Record-Route", "Route"):
        for address in request.addresses(name):
            _check_sip_uri(name, address.uri)
    if request.method == "INVITE":
        # RFC 3261 section 8.1.1.8 (Contact): exactly one, of a SIP or SIPS URI; it is where ACK and BYE go.
        count = len(request.headers.elements("Contact"))
        if count != 1:
            raise ParseError(f"Contact: an INVITE must have exactly one, this has {count or 'none'}")
    if request.method in ("INVITE", "UPDATE"):
        for contact in request.contacts:
            _check_sip_uri("Contact", contact.uri)


def _check_sip_uri(name: str, uri: str) -> None:
    try:
        parse_uri(uri)
    except ParseError as error:
        # 414 and 416 are for the Request-URI alone.
        raise ParseError(f"{name}: {error.reason}") from None


def _check_request_uri(uri: str) -> None:
    if uri[:4].lower() == "tel:":
        if NOT_IN_URI.search(uri) or len(uri) == 4:
            raise ParseError(f"not a tel uri: {uri!r}")
        return
    if not SCHEME.match(uri):
        raise ParseError(f"request-uri is not a uri: {uri!r}")
    if parse_uri(uri).headers:
        # RFC 3261 section 19.1.1 (SIP and SIPS URI Components), table 1: not in a Request-URI.
        raise ParseError(f"request-uri carries headers: {uri!r}")


def _unsupported(request: Request, supported: frozenset[str]) -> Defect | None:
    if request.method not in ("ACK", "CANCEL"):
        # RFC 3261 section 8.2.2.3 (Require): in those two it is ignored.
        required = [tag for tag in request.headers.elements("Require") if tag]
        for tag in required:
            if not TOKEN.fullmatch(tag):
                raise ParseError(f"Require: not an option tag: {tag!r}")
        unknown = [tag for tag in required if tag.lower() not in supported]
        if unknown:
            tags = ", ".join(unknown)
            reason = f"requires an unknown extension: {tags}"
            return Defect(420, reason[:REASON_CHARS_MAX], (("Unsupported", tags),))
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None and request.body and encoding.lower() != "identity":
        # RFC 3261 section 8.2.3 (Content Processing).
        return Defect(415, f"content-encoding is {encoding[:80]!r}, expected none", (("Accept-Encoding", "identity"),))
    return None
