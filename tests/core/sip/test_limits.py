import time
from collections.abc import Callable

import pytest

from callgate.core.sip.errors import ParseError
from callgate.core.sip.limits import LIMITS
from callgate.core.sip.message import Request
from callgate.core.sip.parse import parse
from callgate.core.sip.stream import StreamFramer
from callgate.core.sip.validate import validate_request
from callgate.entities.limit import Limit

PARTS = {
    "method": "INVITE",
    "uri": "sip:agent@example.com",
    "Via": "SIP/2.0/UDP h;branch=z9hG4bKx",
    "From": "<sip:jo@example.com>;tag=1",
    "To": "<sip:agent@example.com>",
    "Call-ID": "c",
    "CSeq": "1 INVITE",
    "Contact": "<sip:jo@192.0.2.1>",
}


def message(*, more: str = "", body: bytes = b"", **changes: str) -> bytes:
    """An INVITE; `changes` replace a part (underscores for hyphens)."""
    parts = {**PARTS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    method, uri = parts.pop("method"), parts.pop("uri")
    lines = "".join(f"{name}: {value}\r\n" for name, value in parts.items())
    return f"{method} {uri} SIP/2.0\r\n{lines}{more}\r\n".encode() + body


def status(data: bytes) -> int:
    """What it is answered with: 0 for what is well-formed."""
    try:
        read = parse(data)
    except ParseError as error:
        return error.status
    assert isinstance(read, Request)
    defect = validate_request(read, supported=frozenset())
    return 0 if defect is None else defect.status


def whole(size: int) -> bytes:
    return message(body=b"x" * (size - len(message())))


def start_line(size: int) -> bytes:
    # Of another scheme, since a SIP URI reaches its own limit first.
    return message(uri="tel:" + "1" * (size - len("INVITE tel: SIP/2.0")))


def method(size: int) -> bytes:
    return message(method="M" * size, CSeq="1 " + "M" * size)


def uri(size: int) -> str:
    return "sip:" + "a" * (size - len("sip:@h")) + "@h"


def header_lines(count: int) -> bytes:
    return message(more="X-A: 1\r\n" * (count - 6))


def header_line(size: int) -> bytes:
    return message(more="X-A: " + "a" * (size - len("X-A: ")) + "\r\n")


def folded_header_line(size: int) -> bytes:
    return message(more="X-A:\r\n " + "a" * (size - len("X-A: ")) + "\r\n")


def hops(name: str, one: str) -> Callable[[int], bytes]:
    return lambda count: message(
        more="".join(f"{name}: {one}\r\n" for _ in range(3)) + f"{name}: " + ",".join([one] * (count - 3)) + "\r\n"
    )


def vias(count: int) -> bytes:
    return message(more="Via: " + ",".join(["SIP/2.0/UDP h"] * (count - 1)) + "\r\n")


# Each limit of the table: what makes a message of that size, and what it is answered with beyond.
SIZED: dict[tuple[str, str], list[tuple[Callable[[int], bytes], int]]] = {
    ("message", "bytes"): [(whole, 513)],
    ("start line", "characters"): [(start_line, 414)],
    ("method", "characters"): [(method, 400)],
    ("URI", "characters"): [
        (lambda size: message(uri=uri(size)), 414),
        (lambda size: message(Contact=f"<{uri(size)}>"), 400),
        (lambda size: message(From=f"<{uri(size)}>;tag=1"), 400),
        (lambda size: message(To=uri(size)), 400),
        (lambda size: message(more=f"Route: <{uri(size)}>\r\n"), 400),
    ],
    ("header lines", ""): [(header_lines, 400)],
    ("header line", "characters, unfolded"): [(header_line, 400), (folded_header_line, 400)],
    ("Content-Length", "digits"): [(lambda size: message(more=f"l: {'1'.zfill(size)}\r\n", body=b"x"), 400)],
    ("hops in Via, in Route and in Record-Route", "each, over all their lines"): [
        (vias, 400),
        (hops("Route", "<sip:h;lr>"), 400),
        (hops("Record-Route", "<sip:h;lr>"), 400),
    ],
    ("Call-ID", "characters"): [(lambda size: message(Call_ID="c" * size), 400)],
    ("host name", "characters"): [
        (lambda size: message(uri="sip:" + "h" * size), 400),
        (lambda size: message(Via=f"SIP/2.0/UDP {'h' * size};branch=z9hG4bKx"), 400),
    ],
    ("CSeq number", ""): [(lambda number: message(CSeq=f"{number} INVITE"), 400)],
    ("CSeq number", "digits"): [(lambda size: message(CSeq=f"{'1'.zfill(size)} INVITE"), 400)],
    ("Max-Forwards", ""): [(lambda number: message(more=f"Max-Forwards: {number}\r\n"), 400)],
}


def test_every_limit_is_tried() -> None:
    assert [(limit.what, limit.unit) for limit in LIMITS] == list(SIZED)
    assert all(limit.why and limit.beyond for limit in LIMITS)


@pytest.mark.parametrize(
    ("limit", "sized", "beyond"),
    [
        pytest.param(limit, sized, beyond, id=f"{limit.what} {limit.unit} {index}")
        for limit in LIMITS
        for index, (sized, beyond) in enumerate(SIZED[limit.what, limit.unit])
    ],
)
def test_as_much_is_taken_and_one_more_is_not(limit: Limit, sized: Callable[[int], bytes], beyond: int) -> None:
    assert status(sized(limit.most)) == 0
    assert status(sized(limit.most + 1)) == beyond
    assert str(beyond) in limit.beyond


def test_the_longest_message_is_the_same_on_a_stream() -> None:
    most = LIMITS[0].most
    length = most - len(message(more="l: 65000\r\n"))
    at, over = (message(more=f"l: {size}\r\n", body=b"x" * size) for size in (length, length + 1))
    assert (len(at), len(over)) == (most, most + 1)
    assert len(StreamFramer().feed(at)) == 1
    with pytest.raises(ParseError) as caught:
        StreamFramer().feed(over)
    assert caught.value.status == 513


@pytest.mark.parametrize("open", ["(", "(a ", '"(" (', "\\("])
def test_what_nests_is_passed_over_however_deep(open: str) -> None:
    begun = time.process_time()
    assert status(message(more=f"User-Agent: {open * (8_000 // len(open))}\r\n")) == 0
    parts = b"".join(b"--%d\r\nContent-Type: multipart/mixed;boundary=%d\r\n\r\n" % (n, n + 1) for n in range(1_000))
    assert status(message(more="Content-Type: multipart/mixed;boundary=0\r\n", body=parts)) == 0
    assert time.process_time() - begun < 0.5
