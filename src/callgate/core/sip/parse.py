"""Bytes to messages: the start line and the header lines, nothing more.

Everything inside a header is read on demand by `message.Message`. What stands here is what every byte of every packet
pays for, strangers' packets included, so it is a handful of C calls for the whole message and one short loop.

Strict where leniency would let two elements read one message in two ways (a bare CR or LF, a second Content-Length, a
missing colon), lenient elsewhere. Text is decoded as UTF-8 with surrogate escapes, so any bytes round-trip.
"""

import re
from typing import Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import KNOWN_NAMES, Headers, canonical
from callgate.core.sip.limits import (
    CONTENT_LENGTH_DIGITS_MAX,
    HEADER_COUNT_MAX,
    HEADER_LINE_CHARS_MAX,
    MESSAGE_BYTES_MAX,
    METHOD_CHARS_MAX,
    START_LINE_CHARS_MAX,
)
from callgate.core.sip.message import SIP_VERSION, Request, Response
from callgate.core.sip.parameters import TOKEN

_FOLD: Final = re.compile(r"\r\n[ \t]+")  # nothing before the CRLF: that would take quadratic time over blanks
_FOLD_BEGINS: Final = ("\r\n ", "\r\n\t")
_VERSION: Final = re.compile(r"SIP/[0-9]{1,4}\.[0-9]{1,4}", re.IGNORECASE)


def is_keepalive(datagram: bytes) -> bool:
    """Whether a datagram is no message but keeps a NAT binding open: line ends (RFC 5626) or a few zero bytes."""
    return len(datagram) <= 4 and not datagram.strip(b"\r\n\x00")


def parse(data: bytes) -> Request | Response:
    """Read the message in one datagram.

    RFC 3261 section 18.3 (Framing): the body ends with Content-Length, else with the datagram; what follows is dropped.

    Raises:
        ParseError: and nothing else, whatever the bytes; with `ParseError.partial` when it can be answered.
    """
    if len(data) > MESSAGE_BYTES_MAX:
        raise ParseError(f"message over {MESSAGE_BYTES_MAX} bytes: {len(data)}", 513)
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")  # RFC 3261 section 7.5 (Framing SIP Messages): empty lines before it are ignored
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise ParseError("no empty line ends the headers", partial=_partial(data))
    message = parse_head(data[:end])
    length = content_length(message)
    available = len(data) - end - 4
    if length is None or length == available:
        message.body = data[end + 4 :]
    elif length < available:
        message.body = data[end + 4 : end + 4 + length]
    else:
        raise ParseError(f"content-length {length}, but {available} bytes follow", partial=answerable(message))
    return message


def parse_head(head: bytes) -> Request | Response:
    """Read the start line and the headers.

    Args:
        head: everything before the empty line, without its line ends.

    Returns:
        The message with an empty body.

    Raises:
        ParseError: and nothing else.
    """
    text = head.decode("utf-8", "surrogateescape")
    start_folded = False
    if "\r\n " in text or "\r\n\t" in text:
        # RFC 3261 section 7.3.1 (Header Field Format): a fold is one blank.
        start_folded = text.startswith(_FOLD_BEGINS, text.find("\r\n"))
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    start = lines[0]
    problem: str | None = None
    status = 400
    if text.count("\n") != breaks or text.count("\r") != breaks:
        # Elsewhere a lone LF may end a line: a header hidden behind one would pass a proxy unseen, or us.
        problem = "line ends with a lone CR or LF, expected CRLF"
        # Neither may come back in an answer; with a blank in its place, a line still says whose request it was.
        lines = [line.replace("\r", " ").replace("\n", " ") for line in lines]
        start = lines[0]
    elif start_folded:
        # RFC 3261 section 7.1 (Requests): only headers may be folded; elsewhere the request ends with its first line.
        problem = "start line is folded, expected one line"
    elif breaks > HEADER_COUNT_MAX:
        problem = f"more than {HEADER_COUNT_MAX} header lines: {breaks}"
        del lines[HEADER_COUNT_MAX + 1 :]
    elif len(text) > HEADER_LINE_CHARS_MAX and max(map(len, lines)) > HEADER_LINE_CHARS_MAX:
        problem = f"header line over {HEADER_LINE_CHARS_MAX} characters"
    items: list[tuple[str, str]] = []
    append = items.append
    known = KNOWN_NAMES.get
    del lines[0]
    for line in lines:
        name, colon, value = line.partition(":")
        registered = known(name)
        if registered is None:
            name = name.rstrip(" \t")
            registered = canonical(name)
            if not TOKEN.fullmatch(name):
                problem = problem or f"header name is not a token: {name[:80]!r}"
                continue
        if not colon:
            problem = problem or f"header line without a colon: {line[:80]!r}"
            continue
        append((registered, value.strip(" \t")))
    headers = Headers.of_canonical(items)
    if start[:4].upper() == "SIP/":
        if problem is not None:
            raise ParseError(problem)
        return _response(start, headers)
    request: Request | None = None
    if len(start) > START_LINE_CHARS_MAX:
        problem, status = f"request line over {START_LINE_CHARS_MAX} characters: {len(start)}", 414
    else:
        request, complaint = _request(start, headers)
        problem = problem or complaint
    if problem is not None or request is None:
        raise ParseError(problem or "no request line", status, answerable(request or Request("", "", headers)))
    return request


def content_length(message: Request | Response) -> int | None:
    """The Content-Length of a message that was parsed; ``None`` when absent.

    Raises:
        ParseError: no number, or more than one: nobody can know where such a message ends.
    """
    value = message.headers.get("Content-Length")
    if value is None:
        return None
    count = message.headers.count("Content-Length")
    if count > 1:
        raise ParseError(f"content-length stands {count} times", partial=answerable(message))
    if not (value.isascii() and value.isdigit() and len(value) <= CONTENT_LENGTH_DIGITS_MAX):
        raise ParseError(f"content-length is not a number of bytes: {value[:80]!r}", partial=answerable(message))
    return int(value)


def answerable(message: Request | Response) -> Request | None:
    """The message, when it is a request that may be refused: with a Via, and no ACK."""
    if isinstance(message, Request) and message.method != "ACK" and "Via" in message.headers:
        return message
    return None


def _response(start: str, headers: Headers) -> Response:
    version, _, rest = start.partition(" ")
    code, _, reason = rest.partition(" ")
    if version.upper() != SIP_VERSION:
        raise ParseError(f"status line is not of {SIP_VERSION}: {version[:80]!r}", 505)
    if not (len(code) == 3 and code.isascii() and code.isdigit() and "1" <= code[0] <= "6"):
        raise ParseError(f"status code is not 100 to 699: {code[:80]!r}")
    return Response(int(code), reason, headers)


def _request(start: str, headers: Headers) -> tuple[Request | None, str | None]:
    """What can be made of the request line, and what is wrong with it (``None``: nothing)."""
    words = start.split(" ")
    method = words[0]
    if not TOKEN.fullmatch(method) or len(method) > METHOD_CHARS_MAX:
        return None, f"method is not a token of at most {METHOD_CHARS_MAX} characters: {method[:80]!r}"
    if len(words) != 3:
        # Blanks inside the URI, twice in a row or at its end. RFC 4475 sections 3.1.2.8 (Malformed SIP Request-URI
        # (embedded LWS)), 3.1.2.9 (Multiple SP Separating Request-Line Elements) and 3.1.2.10 (SP Characters at End of
        # Request-Line) let us refuse them.
        return Request(method, "", headers), f"request line is not method, uri and version: {start[:200]!r}"
    _, uri, version = words
    if not uri or not _VERSION.fullmatch(version):
        return Request(method, "", headers), f"request line does not end with {SIP_VERSION}: {version[:80]!r}"
    return Request(method, uri, headers, b"", version.upper()), None


def _partial(data: bytes) -> Request | None:
    """What can be read of a request whose headers do not end; never raises."""
    try:
        return answerable(parse_head(data[:MESSAGE_BYTES_MAX].rstrip(b"\r\n")))
    except ParseError as error:
        return error.partial
