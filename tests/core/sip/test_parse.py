import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers
from callgate.core.sip.limits import (
    HEADER_COUNT_MAX,
    HEADER_LINE_CHARS_MAX,
    MESSAGE_BYTES_MAX,
    METHOD_CHARS_MAX,
    START_LINE_CHARS_MAX,
)
from callgate.core.sip.message import Request, Response, respond
from callgate.core.sip.parse import is_keepalive, parse

HEAD = (
    "OPTIONS sip:user@example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
    "From: <sip:jo@example.com>;tag=1\r\nTo: <sip:user@example.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
)


def request(data: str | bytes) -> Request:
    message = parse(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))
    assert isinstance(message, Request)
    return message


def refusal(data: str | bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        request(data)
    return caught.value


@pytest.mark.rfc("3261", "7.1", "Requests")
def test_a_request_is_read() -> None:
    message = request(HEAD + "l : 3\r\n\r\nabc")
    assert (message.method, message.uri, message.version, message.body) == (
        "OPTIONS",
        "sip:user@example.com",
        "SIP/2.0",
        b"abc",
    )
    assert [name for name, _ in message.headers] == ["Via", "From", "To", "Call-ID", "CSeq", "Content-Length"]


@pytest.mark.rfc("3261", "7.2", "Responses")
def test_a_response_is_read() -> None:
    message = parse(b"sip/2.0 180 Ring ring\r\nTo: x\r\n\r\n")
    assert isinstance(message, Response)
    assert (message.status, message.reason, message.headers.get("t")) == (180, "Ring ring", "x")


@pytest.mark.rfc("3261", "7.3.1", "Header Field Format")
def test_folds_become_one_blank() -> None:
    message = request(HEAD + "Subject: a\r\n \t b\r\n\tc\r\nX-Empty:\r\n\r\n")
    assert (message.headers.get("Subject"), message.headers.get("X-Empty")) == ("a b c", "")


@pytest.mark.rfc("3261", "18.3", "Framing")
def test_the_body_ends_with_content_length_else_with_the_datagram() -> None:
    assert request(HEAD + "Content-Length: 2\r\n\r\nabcd").body == b"ab"
    assert request(HEAD + "\r\nabcd").body == b"abcd"


@pytest.mark.rfc("3261", "7.5", "Framing SIP Messages")
def test_empty_lines_before_a_message_are_ignored() -> None:
    assert request("\r\n\r\n" + HEAD + "\r\n").method == "OPTIONS"


def test_any_bytes_in_headers_survive() -> None:
    data = HEAD.encode() + b"X-Odd: caf\xc3\xa9 \xff\xfe\x00\r\nContent-Length: 0\r\n\r\n"
    message = request(data)
    assert (message.headers.get("X-Odd") or "").startswith("café ")
    assert message.encode() == data


@pytest.mark.parametrize(
    ("tail", "word"),
    [
        ("Content-Length: 5\r\n\r\nabc", "content-length 5, but 3"),
        ("Content-Length: -1\r\n\r\n", "'-1'"),
        ("Content-Length: 3, 3\r\n\r\nabc", "'3, 3'"),
        ("Content-Length: 3\r\nl: 3\r\n\r\nabc", "stands 2 times"),
        ("Content-Length: ٣\r\n\r\nabc", "not a number"),
        ("Content-Length: 9999999999\r\n\r\n", "not a number"),
        ("X-Foo\r\n\r\n", "without a colon"),
        ("Via\r\n\r\n", "without a colon"),
        ("X Foo: 1\r\n\r\n", "not a token"),
        (": 1\r\n\r\n", "not a token"),
        ("Ä: 1\r\n\r\n", "not a token"),
        ("X-A: 1\nX-Callgate-Source: 192.0.2.1\r\n\r\n", "lone CR or LF"),
        ("X-A: 1\rX-B: 2\r\n\r\n", "lone CR or LF"),
        ("", "no empty line"),
        ("X-Long: " + "x" * HEADER_LINE_CHARS_MAX + "\r\n\r\n", "header line over"),
        ("X: 1\r\n" * (HEADER_COUNT_MAX + 1) + "\r\n", "header lines"),
    ],
)
def test_a_malformed_request_is_refused_in_words_and_can_be_answered(tail: str, word: str) -> None:
    error = refusal(HEAD + tail)
    assert word in error.reason
    assert error.status == 400
    assert error.partial is not None
    answer = parse(respond(error.partial, error.status, error.reason, to_tag="t").encode())
    assert isinstance(answer, Response)
    assert answer.via.branch == "z9hG4bKx"
    assert "X-Callgate-Source" not in answer.headers


@pytest.mark.rfc("3261", "7.1", "Requests")
@pytest.mark.parametrize(
    "start",
    [
        "OPTIONS  sip:a@b SIP/2.0",
        "OPTIONS sip:a@b  SIP/2.0",
        "OPTIONS sip:a@b SIP/2.0 ",
        "OPTIONS sip:a@b",
        "OPTIONS sip:a@b HTTP/1.1",
        "OPTIONS  SIP/2.0",
        "OPT(IONS sip:a@b SIP/2.0",
        "O" * (METHOD_CHARS_MAX + 1) + " sip:a@b SIP/2.0",
        "",
    ],
)
def test_a_malformed_request_line_is_refused_and_can_be_answered(start: str) -> None:
    error = refusal(start + "\r\n" + HEAD.partition("\r\n")[2] + "\r\n" if start else "x\r\n" + HEAD + "\r\n")
    assert error.status == 400
    assert error.partial is not None


@pytest.mark.rfc("3261", "7.1", "Requests")
@pytest.mark.parametrize("fold", ["\r\n ", "\r\n\t", " \r\n \r\n "])
def test_a_request_line_is_not_folded_as_headers_are(fold: str) -> None:
    error = refusal(HEAD.replace(" SIP/2.0", f"{fold}SIP/2.0", 1) + "\r\n")
    assert "folded" in error.reason
    assert error.partial is not None


def test_a_version_that_looks_like_one_is_left_to_be_judged() -> None:
    assert request(HEAD.replace("SIP/2.0\r\n", "sip/7.0\r\n", 1) + "\r\n").version == "SIP/7.0"


def test_limits_have_statuses_of_their_own() -> None:
    assert refusal("OPTIONS sip:" + "a" * START_LINE_CHARS_MAX + "@b SIP/2.0\r\nVia: x\r\n\r\n").status == 414
    assert refusal(HEAD + "\r\n" + "x" * MESSAGE_BYTES_MAX).status == 513


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\x80\x00\x12\x34 RTP",
        b"SIP/2.0 4294967301 x\r\nVia: x\r\n\r\n",
        b"SIP/2.0 099 x\r\nVia: x\r\n\r\n",
        b"SIP/3.0 200 x\r\nVia: x\r\n\r\n",
        b"SIP/2.0 200 x\r\nVia: x\r\nbroken\r\n\r\n",
        b"SIP/2.0 200 x\r\nVia: x\r\nContent-Length: 5\r\n\r\n",
        b"SIP/2.0 200 x\r\nVia: x\r\n",
        b"ACK sip:a@b SIP/2.0\r\nVia: x\r\nContent-Length: 5\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_what_may_not_be_answered_carries_no_partial(data: bytes) -> None:
    assert refusal(data).partial is None


@pytest.mark.rfc("5626", "3.5.1", "CRLF Keep-Alive Technique")
@pytest.mark.parametrize(
    ("data", "keeps_alive"),
    [
        (b"\r\n\r\n", True),
        (b"\r\n", True),
        (b"\x00\x00\x00\x00", True),
        (b"", True),
        (b"OPTI", False),
        (b"\r\n" * 9, False),
    ],
)
def test_keepalives(data: bytes, keeps_alive: bool) -> None:
    assert is_keepalive(data) is keeps_alive


@pytest.mark.parametrize(
    "filling",
    [b" ", b"\r\n ", b"\t", b";", b",", b'"', b"<", b":", b"\r\n", b"a:\r\n", b'"\\', b"%", b"[", b"SIP/", b";tag"],
)
def test_no_filling_takes_more_than_its_length(filling: bytes) -> None:
    """A datagram of 64 kB of one thing costs milliseconds: no pattern runs in more than linear time."""
    room = MESSAGE_BYTES_MAX - len(HEAD) - 100
    began = time.process_time()
    for prefix in (b"Subject: ", b"To: ", b"Via: ", b"Contact: <sip:", b"", b"INVITE "):
        data = prefix + filling * (room // len(filling))
        for whole in (HEAD.encode() + data + b"\r\n\r\n", data + b"\r\n\r\n"):
            try:
                message = parse(whole)
                _ = (message.vias, message.contacts, message.to)
            except ParseError:
                pass
    assert time.process_time() - began < 1


@given(st.binary(max_size=300))
@example(b"SIP/2.0 200 \xff\r\n\r\n")
def test_arbitrary_bytes_raise_only_its_own_error(data: bytes) -> None:
    try:
        parse(data)
    except ParseError as error:
        status = error.status
    else:
        status = 400
    assert status in (400, 414, 505, 513)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from([b"\r\n", b"\n", b" ", b":", b"\xff", b"", b"\x00", b";"])))
)
def test_mutated_messages_raise_only_its_own_error(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray((HEAD + "Contact: <sip:a@b>;q=1\r\nContent-Length: 3\r\n\r\nabc").encode())
    for at, change in changes:
        data[at : at + 1] = change
    try:
        message = parse(bytes(data))
    except ParseError as error:
        if error.partial is not None:
            respond(error.partial, 400, to_tag="t").encode()
        return
    for name in (
        "via",
        "vias",
        "cseq",
        "from_",
        "to",
        "call_id",
        "contact",
        "contacts",
        "content_type",
        "max_forwards",
    ):
        try:
            getattr(message, name)
        except ParseError:
            continue


_TOKEN = st.from_regex(r"[A-Za-z0-9\-.!%*_+`'~]{1,20}", fullmatch=True)
_VALUE = st.binary(max_size=40).map(
    lambda raw: raw.translate(None, b"\r\n").strip(b" \t").decode("utf-8", "surrogateescape")
)


@given(
    _TOKEN,
    st.lists(st.tuples(_TOKEN.filter(lambda name: name.lower() not in ("content-length", "l")), _VALUE), max_size=8),
    st.binary(max_size=50),
)
def test_parsing_is_the_twin_of_encoding(method: str, items: list[tuple[str, str]], body: bytes) -> None:
    written = Request(method, "sip:a@b", Headers(items), body)
    read = request(written.encode())
    assert (read.method, read.uri, read.body) == (method, "sip:a@b", body)
    assert list(read.headers)[:-1] == list(written.headers)
