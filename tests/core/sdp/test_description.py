import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sdp.description import SdpError, parse
from callgate.core.sdp.limits import MEDIA_COUNT_MAX


@pytest.mark.rfc("8866", "5", "SDP Specification")
def test_what_a_stream_says_wins_over_what_the_session_says() -> None:
    body = (
        b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\na=sendonly\n"
        b"m=audio 4000 RTP/AVP 0\nm=audio 4002/2 RTP/AVP 8\nc=IN IP6 2001:db8::1\na=inactive\na=ptime:30\n"
    )
    first, second = parse(body)
    assert (first.address, first.direction, first.packet_ms) == ("192.0.2.1", "sendonly", None)
    assert (second.address, second.port, second.direction, second.packet_ms) == ("2001:db8::1", 4002, "inactive", 30)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "does not begin with v=0"),
        (b"v=0\nm=audio 70000 RTP/AVP 0\n", "the port of a stream is '70000'; expected 0 to 65535"),
        (b"v=0\nm=audio\n", "expected kind, port, protocol and formats"),
        (b"v=0\nc=IN IP4 example.org\n", "the connection address is 'example.org'; expected an IP address"),
        (b"v=0\n" + b"m=audio 1 RTP/AVP 0\n" * (MEDIA_COUNT_MAX + 1), "more than 32 streams"),
        (b"v=0\n" + b"a=x\n" * 9_000, "bytes; expected at most"),
    ],
)
def test_what_is_wrong_is_said(body: bytes, words: str) -> None:
    with pytest.raises(SdpError, match=words.replace("(", r"\(")):
        parse(body)


@given(st.binary(max_size=300).map(lambda tail: b"v=0\n" + tail))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        streams = parse(body)
    except SdpError:
        return
    assert all(0 <= stream.port <= 65_535 for stream in streams)
