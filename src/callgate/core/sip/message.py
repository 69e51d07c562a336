"""Requests and responses as values: the start line, the headers as text, the rest read when it is asked for.

A message is cheap to make: no header is looked into before a property asks for it. What a property has read is kept
together with the text it was read from, so changing a header through `headers` is always seen. Text that is no UTF-8
is carried as surrogate escapes (PEP 383) and leaves byte for byte as it came.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast

from callgate.core.sip.cseq import CSeq, parse_cseq
from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers, split_commas
from callgate.core.sip.limits import MAX_FORWARDS_MAX
from callgate.core.sip.name_addr import NameAddr, parse_name_addr
from callgate.core.sip.via import Via, parse_via

SIP_VERSION: Final = "SIP/2.0"

REASONS: Final[dict[int, str]] = {
    # RFC 3261 section 21 (Response Codes) and the IANA registry of SIP response codes.
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}

_REASON_CHARS_MAX: Final = 200  # keeps a refusal that quotes the caller's own words in one small datagram
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_TAG: Final = re.compile(r";[ \t]*tag[ \t]*=", re.IGNORECASE)

Parsed = TypeVar("Parsed")


class Message:
    """What requests and responses have in common.

    The properties read a header when they are asked for it; each raises `ParseError` when the header is malformed,
    and those that are not optional also when it is missing.

    Attributes:
        headers: mutable; Content-Length is written from the body, whatever is in it.
        body: the bytes behind the empty line.
    """

    __slots__ = ("_parsed", "body", "headers")

    def __init__(self, headers: Headers, body: bytes) -> None:
        self.headers = headers
        self.body = body
        self._parsed: dict[str, tuple[str, object]] = {}

    def _optional(self, name: str, read: Callable[[str], Parsed]) -> Parsed | None:
        raw = self.headers.get(name)
        if raw is None:
            return None
        kept = self._parsed.get(name)
        if kept is not None and kept[0] is raw:
            return cast("Parsed", kept[1])
        value = _named(name, read, raw)
        self._parsed[name] = (raw, value)
        return value

    def _required(self, name: str, read: Callable[[str], Parsed]) -> Parsed:
        value = self._optional(name, read)
        if value is None:
            raise ParseError(f"{name} is missing")
        return value

    @property
    def via(self) -> Via:
        """The top hop: the sender of a request, ourselves in a response."""
        return self._required("Via", _first_via)

    @property
    def vias(self) -> list[Via]:
        """Every hop, the latest first."""
        elements = self.headers.elements("Via")
        return [self.via, *(_named("Via", parse_via, element) for element in elements[1:])] if elements else []

    @property
    def cseq(self) -> CSeq:
        """The CSeq."""
        return self._required("CSeq", parse_cseq)

    @property
    def from_(self) -> NameAddr:
        """The From."""
        return self._required("From", parse_name_addr)

    @property
    def to(self) -> NameAddr:
        """The To."""
        return self._required("To", parse_name_addr)

    @property
    def call_id(self) -> str:
        """The Call-ID; compared byte for byte."""
        return self._required("Call-ID", str)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact; ``None`` when absent. A ``*`` is malformed here (it belongs to REGISTER alone)."""
        return self._optional("Contact", _first_name_addr)

    @property
    def contacts(self) -> list[NameAddr]:
        """Every Contact."""
        return self.addresses("Contact")

    def addresses(self, name: str) -> list[NameAddr]:
        """Every address of a list header, over all its lines: Contact, Route, Record-Route, …."""
        return [_named(name, parse_name_addr, element) for element in self.headers.elements(name)]

    def option_tags(self, name: str) -> frozenset[str]:
        """The option tags of Require, Supported …, in lower case; none when the header is absent or malformed."""
        try:
            return frozenset(tag.lower() for tag in self.headers.elements(name) if tag)
        except ParseError:
            return frozenset()

    @property
    def content_type(self) -> str | None:
        """The media type in lower case without parameters, e.g. ``application/sdp``; ``None`` when absent."""
        return self._optional("Content-Type", _media_type)

    @property
    def max_forwards(self) -> int | None:
        """The hops left, 0 to 255; ``None`` when absent."""
        return self._optional("Max-Forwards", _parse_max_forwards)

    def _start_line(self) -> str:
        raise NotImplementedError

    def encode(self) -> bytes:
        """The bytes for the wire, with Content-Length last.

        Raises:
            ValueError: a line break in the start line or a header: our own code let something through.
        """
        lines = [self._start_line()]
        lines += [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1:
            raise ValueError(f"line break inside a line of a message to be sent: {head!r}")
        return head.encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """A request, RFC 3261 section 7.1 (Requests).

    Attributes:
        method: case-sensitive, e.g. ``INVITE``.
        uri: the Request-URI as it came.
        version: ``SIP/2.0``, or what the peer wrote instead.
    """

    __slots__ = ("method", "uri", "version")

    def __init__(
        self, method: str, uri: str, headers: Headers | None = None, body: bytes = b"", version: str = SIP_VERSION
    ) -> None:
        super().__init__(Headers() if headers is None else headers, body)
        self.method = method
        self.uri = uri
        self.version = version

    def _start_line(self) -> str:
        return f"{self.method} {self.uri} {self.version}"

    def stamp_source(self, address: str, port: int) -> None:
        """Note on the top Via where the request came from, see `Via.stamped`.

        Args:
            address: IP text without brackets.
            port: 1 to 65535.

        Raises:
            ParseError: there is no Via, or it is malformed.
        """
        via = self.via
        stamped = via.stamped(address, port)
        if stamped is not via:
            others = split_commas(self.headers.get("Via") or "")[1:]
            line = ", ".join([str(stamped), *others])
            self.headers.set_first("Via", line)
            self._parsed["Via"] = (line, stamped)  # what it would be read as

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri}>"


class Response(Message):
    """A response, RFC 3261 section 7.2 (Responses).

    Attributes:
        status: 100 to 699.
        reason: the phrase; may be empty.
    """

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers | None = None, body: bytes = b"") -> None:
        super().__init__(Headers() if headers is None else headers, body)
        self.status = status
        self.reason = reason

    def _start_line(self) -> str:
        return f"{SIP_VERSION} {self.status} {self.reason}"

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"


def respond(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """Make the response to a request, RFC 3261 section 8.2.6.2 (Headers and Tags).

    Works on malformed requests too (what is missing is left out), so that a 400 can be sent.

    Args:
        request: what came; its Via lines are copied as they are, so stamp the source first (`Request.stamp_source`).
        status: 100 to 699.
        reason: the phrase; control characters become blanks; ``None``: the usual one.
        to_tag: added to To when it has none; leave it out of a 100.
        headers: further ones.
        body: with its `content_type`.
        content_type: of the body.
    """
    source = request.headers
    items = [("Via", value) for value in source.all("Via")]
    if 100 < status < 300:
        # RFC 3261 section 12.1.1 (UAS behavior): the caller learns its route set from them.
        items += [("Record-Route", value) for value in source.all("Record-Route")]
    sender = source.get("From")
    if sender is not None:
        items.append(("From", sender))
    to = source.get("To")
    if to is not None:
        items.append(("To", f"{to};tag={to_tag}" if to_tag is not None and not _has_tag(request, to) else to))
    for name in ("Call-ID", "CSeq"):
        value = source.get(name)
        if value is not None:
            items.append((name, value))
    if status == 100:
        # RFC 3261 section 8.2.6.1 (Sending a Provisional Response).
        items += [("Timestamp", value) for value in source.all("Timestamp")]
    items += headers
    if content_type is not None:
        items.append(("Content-Type", content_type))
    phrase = REASONS.get(status, "") if reason is None else _CONTROL.sub(" ", reason)[:_REASON_CHARS_MAX]
    return Response(status, phrase, Headers(items), body)


def _named(name: str, read: Callable[[str], Parsed], raw: str) -> Parsed:
    """Read a value; a mistake in it says in which header."""
    try:
        return read(raw)
    except ParseError as error:
        raise ParseError(f"{name}: {error.reason}", error.status) from None


def _has_tag(request: Request, to: str) -> bool:
    try:
        return request.to.tag is not None
    except ParseError:
        return _TAG.search(to) is not None


def _first_via(value: str) -> Via:
    return parse_via(split_commas(value)[0])


def _first_name_addr(value: str) -> NameAddr:
    return parse_name_addr(split_commas(value)[0])


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip(" \t").lower()


def _parse_max_forwards(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and int(value) <= MAX_FORWARDS_MAX):
        raise ParseError(f"not 0 to {MAX_FORWARDS_MAX}: {value[:80]!r}")
    return int(value)
