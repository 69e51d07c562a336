import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.limits import MESSAGE_BYTES_MAX
from callgate.core.sip.message import Message
from callgate.core.sip.stream import KeepAlive, Pong, StreamFramer

HEAD = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\nCSeq: 1 OPTIONS\r\n"
SHORT = HEAD + b"l: 0\r\n\r\n"
LONG = HEAD + b"Content-Length: 9\r\n\r\n\r\n\r\nbody\r"
ANSWER = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"
PING = b"\r\n\r\n"


def kinds(things: list[object]) -> list[object]:
    return [(str(thing), thing.body) if isinstance(thing, Message) else type(thing) for thing in things]


def feed(chunks: list[bytes]) -> tuple[list[object], str | None]:
    """What comes out, and the mistake that ended it."""
    framer = StreamFramer()
    out: list[object] = []
    for chunk in chunks:
        try:
            out += framer.feed(chunk)
        except ParseError:
            assert framer.error is not None
    return kinds(out), framer.error.reason if framer.error is not None else None


@pytest.mark.rfc("3261", "18.3", "Framing")
def test_messages_are_cut_by_their_length() -> None:
    out, error = feed([SHORT + LONG + ANSWER + SHORT])
    options = "<Request OPTIONS sip:a@b>"
    assert out == [(options, b""), (options, b"\r\n\r\nbody\r"), ("<Response 200 OK>", b""), (options, b"")]
    assert error is None


@pytest.mark.rfc("5626", "4.4.1", "Keep-Alive with CRLF")
def test_double_line_ends_between_messages_are_pings() -> None:
    out, _ = feed([PING + SHORT + b"\r\n" + SHORT + PING + PING])
    assert [thing for thing in out if thing is KeepAlive] == [KeepAlive] * 3
    assert len(out) == 5


@pytest.mark.rfc("5626", "4.4.1", "Keep-Alive with CRLF")
@pytest.mark.parametrize("data", [b"\r\n\r\n\r\n", b"\r\n" + SHORT + PING, SHORT + b"\r\n\r\n" + b"\r\n"])
def test_an_awaited_line_end_is_a_pong_and_the_others_are_pings(data: bytes) -> None:
    for chunks in ([data], [data[at : at + 1] for at in range(len(data))]):
        framer = StreamFramer()
        framer.expect_pong(True)
        out = [thing for chunk in chunks for thing in framer.feed(chunk) if not isinstance(thing, Message)]
        assert out == [Pong(), KeepAlive()]


def test_a_pong_that_is_awaited_no_longer_is_a_line_end_like_others() -> None:
    framer = StreamFramer()
    framer.expect_pong(True)
    framer.expect_pong(False)
    assert framer.feed(b"\r\n") == []
    assert framer.feed(SHORT)


@given(
    st.lists(
        st.sampled_from([SHORT, LONG, ANSWER, PING, b"\r\n", b"\r", HEAD + b"\r\n", b"junk\r\n\r\n", b"l: x\r\n\r\n"]),
        max_size=6,
    ),
    st.lists(st.integers(0, 600), max_size=12),
)
def test_any_split_gives_the_same(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[begin:end] for begin, end in zip(places, places[1:], strict=False)]
    assert feed(chunks) == feed([data])
    assert feed([data[at : at + 1] for at in range(len(data))]) == feed([data])


@given(st.lists(st.binary(max_size=50), max_size=6))
def test_arbitrary_bytes_raise_only_its_own_error(chunks: list[bytes]) -> None:
    feed(chunks)


@pytest.mark.rfc("3261", "18.3", "Framing")
@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (HEAD + b"\r\n", 400, "content-length is missing"),
        (HEAD + b"l: -1\r\n\r\n", 400, "content-length is not a number"),
        (HEAD + b"l: 1\r\nl: 1\r\n\r\n", 400, "stands 2 times"),
        (HEAD + b"l: 65535\r\n\r\n", 513, "message over"),
        (HEAD + b"broken\r\nl: 0\r\n\r\n", 400, "colon"),
        (HEAD + b"X: " + b"x" * MESSAGE_BYTES_MAX, 513, "do not end"),
        (b"\rX", 400, "lone CR"),
    ],
)
def test_a_mistake_is_fatal(data: bytes, status: int, words: str) -> None:
    framer = StreamFramer()
    with pytest.raises(ParseError) as caught:
        framer.feed(data)
    assert caught.value.status == status
    assert words in caught.value.reason
    assert framer.error is caught.value
    with pytest.raises(ParseError):
        framer.feed(SHORT)


def test_messages_before_a_mistake_are_not_lost() -> None:
    framer = StreamFramer()
    assert len(framer.feed(SHORT + b"junk\r\n\r\n" + SHORT)) == 1
    assert framer.error is not None
    with pytest.raises(ParseError):
        framer.feed(b"")


def test_a_mistake_in_a_request_can_be_answered() -> None:
    with pytest.raises(ParseError) as caught:
        StreamFramer().feed(HEAD + b"\r\n")
    assert caught.value.partial is not None


def test_a_message_just_within_the_limit_is_taken() -> None:
    length = MESSAGE_BYTES_MAX - len(HEAD + b"l: 65000\r\n\r\n")
    data = HEAD + b"l: %d\r\n\r\n" % length + b"x" * length
    assert len(data) == MESSAGE_BYTES_MAX
    assert len(feed([data[:70], data[70:]])[0]) == 1
