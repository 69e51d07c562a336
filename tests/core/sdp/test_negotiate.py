import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sdp.description import SdpError, parse
from callgate.core.sdp.negotiate import answer, assess, offer, read_answer
from callgate.core.sdp.terms import SoundTerms

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
PLAIN = HEAD + "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"


def lines(sdp: bytes) -> list[str]:
    return sdp.decode().split("\r\n")


def test_the_peers_first_codec_and_its_number_for_digits_are_taken() -> None:
    negotiated = answer(PLAIN.encode(), address="198.51.100.7", port=20_000, session_id=7)
    path = negotiated.path
    assert (path.remote_address, path.remote_port) == ("192.0.2.1", 4000)
    assert (path.codec, path.payload_type, path.digits_payload_type) == ("PCMA", 8, 101)
    assert path.send
    assert path.receive
    assert "m=audio 20000 RTP/AVP 8 101" in lines(negotiated.sdp)
    assert "c=IN IP4 198.51.100.7" in lines(negotiated.sdp)


def test_a_dynamic_number_for_a_known_codec_is_kept() -> None:
    body = HEAD + "m=audio 4000 RTP/AVP 97 96\r\na=rtpmap:97 opus/48000/2\r\na=rtpmap:96 PCMU/8000/1\r\n"
    path = answer(body.encode(), address="198.51.100.7", port=20_000, session_id=7).path
    assert (path.codec, path.payload_type, path.digits_payload_type) == ("PCMU", 96, None)


def test_other_streams_are_refused_in_their_place() -> None:
    body = HEAD + "m=video 5000 RTP/AVP 96\r\n" + PLAIN[len(HEAD) :] + "m=audio 4002 RTP/AVP 0\r\n"
    sdp = answer(body.encode(), address="198.51.100.7", port=20_000, session_id=7).sdp
    assert [(stream.kind, stream.port) for stream in parse(sdp)] == [("video", 0), ("audio", 20_000), ("audio", 0)]


@pytest.mark.parametrize(
    ("direction", "ours", "send", "receive"),
    [
        ("sendrecv", "sendrecv", True, True),
        ("sendonly", "recvonly", False, True),
        ("recvonly", "sendonly", True, False),
        ("inactive", "inactive", False, False),
    ],
)
def test_hold_is_mirrored(direction: str, ours: str, send: bool, receive: bool) -> None:
    negotiated = answer((PLAIN + f"a={direction}\r\n").encode(), address="198.51.100.7", port=20_000, session_id=7)
    assert f"a={ours}" in lines(negotiated.sdp)
    assert (negotiated.path.send, negotiated.path.receive) == (send, receive)


def test_an_address_of_zeros_holds_the_old_way() -> None:
    body = PLAIN.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0")
    assert not answer(body.encode(), address="198.51.100.7", port=20_000, session_id=7).path.send


@pytest.mark.parametrize(
    ("body", "outcome", "words", "code"),
    [
        (HEAD + "m=video 5000 RTP/AVP 96\r\n", "no-common-codec", "only video is offered", 304),
        (HEAD, "no-common-codec", "no stream is offered", 304),
        (HEAD + "m=audio 4000 RTP/AVP 18 9\r\n", "no-common-codec", "audio is offered as G729, G722; expected PCMU or PCMA", 305),
        (HEAD + "m=audio 4000 RTP/SAVP 0\r\n", "no-common-codec", "over RTP/SAVP", 302),
        (HEAD + "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n", "no-common-codec", "over UDP/TLS/RTP/SAVPF", 302),
        (HEAD + "m=audio 0 RTP/AVP 0\r\n", "no-common-codec", "port 0", 304),
        ("hello", "offer-not-sdp", "does not begin with v=0", 399),
        (HEAD + "m=audio x RTP/AVP 0\r\n", "offer-not-sdp", "the port of a stream is 'x'", 399),
    ],
)
def test_what_cannot_be_taken_is_said_in_words(body: str, outcome: str, words: str, code: int) -> None:
    assessment = assess(body.encode())
    assert assessment.outcome == outcome
    assert words in assessment.reason
    assert assessment.warning_code == code
    with pytest.raises(SdpError):
        answer(body.encode(), address="198.51.100.7", port=20_000, session_id=7)


def test_our_offer_is_one_we_would_take_and_its_answer_settles_the_same() -> None:
    offered = offer(address="192.0.2.9", port=5_000, session_id=1)
    negotiated = answer(offered, address="198.51.100.7", port=20_000, session_id=7)
    theirs = read_answer(negotiated.sdp, offered)
    assert (theirs.remote_address, theirs.remote_port) == ("198.51.100.7", 20_000)
    assert (theirs.codec, theirs.payload_type, theirs.digits_payload_type) == ("PCMU", 0, 101)


def test_an_answer_that_chooses_what_was_not_offered_is_refused() -> None:
    offered = offer(address="192.0.2.9", port=5_000, session_id=1, terms=SoundTerms(("PCMA",)))
    with pytest.raises(SdpError, match="PCMU, which was not offered"):
        read_answer((HEAD + "m=audio 4000 RTP/AVP 0\r\n").encode(), offered)


_PIECES = st.sampled_from([*PLAIN.splitlines(), "m=", "m=audio 1 RTP/AVP 0", "c=IN IP4 x", "a=rtpmap:0", "a=inactive"])


@given(st.one_of(st.binary(max_size=400), st.lists(_PIECES).map(lambda p: "\r\n".join(["v=0", *p]).encode())))
def test_any_bytes_are_judged_and_what_is_judged_good_can_be_answered(body: bytes) -> None:
    assessment = assess(body)
    if assessment.outcome is None:
        path = answer(body, address="198.51.100.7", port=20_000, session_id=7).path
        assert path.codec in ("PCMU", "PCMA")
    else:
        assert assessment.reason
