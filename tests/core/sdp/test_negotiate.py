from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sdp.crypto import write_line
from callgate.core.sdp.description import SdpError, parse
from callgate.core.sdp.negotiate import Negotiated, answer, assess, offer, read_answer
from callgate.core.sdp.path import Crypto, SoundPath
from callgate.core.sdp.terms import SoundTerms, sound_policy

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
PLAIN = HEAD + "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"


def lines(sdp: bytes) -> list[str]:
    return sdp.decode().split("\r\n")


@pytest.mark.rfc("3264", "6", "Generating the Answer")
def test_the_peers_first_codec_and_its_number_for_digits_are_taken() -> None:
    negotiated = answer(PLAIN.encode(), address="198.51.100.7", port=20_000, session_id=7)
    path = negotiated.path
    assert (path.remote_address, path.remote_port) == ("192.0.2.1", 4000)
    assert (path.codec, path.payload_type, path.digits_payload_type) == ("PCMA", 8, 101)
    assert path.send
    assert path.receive
    assert "m=audio 20000 RTP/AVP 8 101" in lines(negotiated.sdp)
    assert "c=IN IP4 198.51.100.7" in lines(negotiated.sdp)


@pytest.mark.rfc("3264", "6", "Generating the Answer")
def test_a_dynamic_number_for_a_known_codec_is_kept() -> None:
    body = HEAD + "m=audio 4000 RTP/AVP 97 96\r\na=rtpmap:97 opus/48000/2\r\na=rtpmap:96 PCMU/8000/1\r\n"
    path = answer(body.encode(), address="198.51.100.7", port=20_000, session_id=7).path
    assert (path.codec, path.payload_type, path.digits_payload_type) == ("PCMU", 96, None)


@pytest.mark.rfc("3264", "6", "Generating the Answer")
def test_other_streams_are_refused_in_their_place() -> None:
    body = HEAD + "m=video 5000 RTP/AVP 96\r\n" + PLAIN[len(HEAD) :] + "m=audio 4002 RTP/AVP 0\r\n"
    sdp = answer(body.encode(), address="198.51.100.7", port=20_000, session_id=7).sdp
    assert [(stream.kind, stream.port) for stream in parse(sdp)] == [("video", 0), ("audio", 20_000), ("audio", 0)]


@pytest.mark.rfc("3264", "8.4", "Putting a Unicast Media Stream on Hold")
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


@pytest.mark.rfc("3264", "8.4", "Putting a Unicast Media Stream on Hold")
def test_an_address_of_zeros_holds_the_old_way() -> None:
    body = PLAIN.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0")
    assert not answer(body.encode(), address="198.51.100.7", port=20_000, session_id=7).path.send


@pytest.mark.parametrize(
    ("body", "outcome", "words", "code"),
    [
        (HEAD + "m=video 5000 RTP/AVP 96\r\n", "no-common-codec", "only video is offered", 304),
        (HEAD, "no-common-codec", "no stream is offered", 304),
        (
            HEAD + "m=audio 4000 RTP/AVP 18 9\r\n",
            "no-common-codec",
            "audio is offered as G729, G722; expected PCMU or PCMA",
            305,
        ),
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


@pytest.mark.rfc("3264", "5", "Generating the Initial Offer")
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


# ------------------------------------------------------------------------------------------------------------- codecs

EVERYTHING = SoundTerms(("PCMU", "PCMA", "G722", "OPUS", "L16"))
WIDE = (
    HEAD + "m=audio 4000 RTP/AVP 96 9 0 13 101 110\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 maxplaybackrate=16000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
)


def answered(body: str, terms: SoundTerms = EVERYTHING, before: SoundPath | None = None) -> Negotiated:
    return answer(
        body.encode(), address="198.51.100.7", port=20_000, session_id=7, terms=terms, new_key=Keys(), before=before
    )


class Keys:
    """Keys that differ, and are the same in every run."""

    def __init__(self) -> None:
        self._made = 0

    def __call__(self, size: int) -> bytes:
        self._made += 1
        return bytes([self._made]) * size


@pytest.mark.rfc("7587", "7", "SDP Considerations")
def test_opus_comes_with_its_clock_its_digits_and_its_words() -> None:
    negotiated = answered(WIDE)
    path = negotiated.path
    assert (path.codec, path.payload_type, path.clock_hz) == ("OPUS", 96, 48_000)
    assert (path.digits_payload_type, path.digits_clock_hz) == (110, 48_000)
    assert path.comfort_noise_payload_type is None
    assert path.format_parameters == "maxplaybackrate=16000"
    assert "m=audio 20000 RTP/AVP 96 110" in lines(negotiated.sdp)
    assert "a=rtpmap:96 opus/48000/2" in lines(negotiated.sdp)
    assert "a=fmtp:96 useinbandfec=1;stereo=0;sprop-stereo=0" in lines(negotiated.sdp)


@pytest.mark.rfc("3551", "4.5.2", "G722")
def test_g722_has_the_clock_of_8000_and_comfort_noise_is_echoed() -> None:
    negotiated = answered(WIDE, SoundTerms(("PCMU", "G722")))
    path = negotiated.path
    assert (path.codec, path.clock_hz, path.digits_payload_type, path.digits_clock_hz) == ("G722", 8_000, 101, 8_000)
    assert path.comfort_noise_payload_type == 13
    assert "m=audio 20000 RTP/AVP 9 13 101" in lines(negotiated.sdp)
    assert {"a=rtpmap:9 G722/8000", "a=rtpmap:13 CN/8000"} <= set(lines(negotiated.sdp))


def test_our_own_order_chooses_when_it_is_to() -> None:
    assert answered(WIDE, SoundTerms(("PCMU", "G722", "OPUS"), own_order=True)).path.codec == "PCMU"


def test_a_peer_without_digits_is_promised_none() -> None:
    path = answered(HEAD + "m=audio 4000 RTP/AVP 0\r\n").path
    assert path.digits_payload_type is None


@pytest.mark.parametrize(
    ("asked", "packet_ms"),
    [
        ("", 20),
        ("a=ptime:10\r\n", 20),
        ("a=ptime:30\r\na=maxptime:40\r\n", 20),
        ("a=ptime:40\r\n", 20),
        ("a=maxptime:20\r\n", 20),
        ("a=maxptime:10\r\n", 10),
        ("a=maxptime:nonsense\r\n", 20),
    ],
)
def test_packets_of_20_ms_unless_the_peer_can_take_no_such(asked: str, packet_ms: int) -> None:
    negotiated = answered(PLAIN.replace("a=ptime:20\r\n", "") + asked)
    assert negotiated.path.packet_ms == packet_ms
    assert f"a=ptime:{packet_ms}" in lines(negotiated.sdp)


@pytest.mark.rfc("3264", "8.3.2", "Changing the Set of Media Formats")
def test_a_new_offer_may_change_the_codec() -> None:
    first = answered(PLAIN).path
    second = answered(HEAD + "m=audio 4000 RTP/AVP 9 101\r\na=rtpmap:101 telephone-event/8000\r\n", before=first).path
    assert (first.codec, second.codec) == ("PCMA", "G722")


def test_our_offer_names_all_our_codecs_and_the_clocks_of_digits() -> None:
    offered = offer(address="192.0.2.9", port=5_000, session_id=1, terms=EVERYTHING)
    assert "m=audio 5000 RTP/AVP 0 8 9 111 96 101 102 110" in lines(offered)
    assert "a=rtpmap:110 telephone-event/48000" in lines(offered)
    for codec, clock_hz, digits in (("OPUS", 48_000, 110), ("G722", 8_000, 101), ("L16", 16_000, 102)):
        theirs = answer(offered, address="192.0.2.1", port=4_000, session_id=1, terms=SoundTerms((codec,)))
        ours = read_answer(theirs.sdp, offered)
        for path in (ours, theirs.path):
            assert (path.codec, path.clock_hz, path.digits_payload_type) == (codec, clock_hz, digits)
            assert path.digits_clock_hz == clock_hz


@pytest.mark.rfc("3264", "8.3.2", "Changing the Set of Media Formats")
def test_numbers_once_agreed_on_are_offered_again() -> None:
    before = answered(WIDE.replace("110", "111")).path
    offered = offer(address="192.0.2.9", port=5_000, session_id=1, terms=SoundTerms(("OPUS", "PCMU")), before=before)
    assert {"a=rtpmap:96 opus/48000/2", "a=rtpmap:111 telephone-event/48000"} <= set(lines(offered))
    before = answered(WIDE.replace(" 110", "").replace("96", "101").replace("101 telephone", "110 telephone")).path
    offered = offer(address="192.0.2.9", port=5_000, session_id=1, terms=SoundTerms(("OPUS", "PCMU")), before=before)
    numbers = lines(offered)[5].split()[3:]
    assert len(set(numbers)) == len(numbers)
    assert numbers[0] == "101"


# --------------------------------------------------------------------------------------------------------------- RTCP


@pytest.mark.rfc("3605", "2.1", "The RTCP Attribute")
@pytest.mark.parametrize(
    ("said", "port", "mux"),
    [
        ("", 4_001, False),
        ("a=rtcp:5555\r\n", 5_555, False),
        ("a=rtcp:5555 IN IP4 192.0.2.1\r\n", 5_555, False),
        ("a=rtcp:5555 IN IP4 203.0.113.9\r\n", None, False),  # found out when its packets come
        ("a=rtcp:70000\r\n", 4_001, False),
        ("a=rtcp-mux\r\n", 4_000, True),
        ("a=rtcp:5555\r\na=rtcp-mux\r\n", 4_000, True),
    ],
)
def test_where_reports_go(said: str, port: int | None, mux: bool) -> None:
    negotiated = answered(PLAIN + said)
    assert (negotiated.path.rtcp_port, negotiated.path.rtcp_mux) == (port, mux)
    assert ("a=rtcp-mux" in lines(negotiated.sdp)) is mux


def test_the_last_port_has_none_behind_it() -> None:
    assert answered(PLAIN.replace("4000", "65535")).path.rtcp_port is None


# --------------------------------------------------------------------------------------------------------- encryption

CM, CM_SHORT, GCM = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"
OFF, BARRED = SoundTerms(), sound_policy(srtp_udp="preferred").udp
PREFERRED = sound_policy(srtp_udp="preferred", srtp_without_tls=True).udp
REQUIRED = sound_policy(srtp_udp="required", srtp_without_tls=True).udp
LINE = "a=crypto:" + write_line(1, CM, b"p" * 30) + "\r\n"
SAVP = PLAIN.replace("RTP/AVP", "RTP/SAVP")
DTLS = PLAIN.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF") + "a=fingerprint:sha-256 00:11\r\n"
ODD = LINE.rstrip() + " UNENCRYPTED_SRTP\r\n"


@pytest.mark.parametrize("terms", [PREFERRED, REQUIRED])
@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"])
def test_keys_that_are_offered_are_taken_over_the_protocol_of_the_offer(terms: SoundTerms, protocol: str) -> None:
    negotiated = answered(PLAIN.replace("RTP/AVP", protocol) + LINE, terms)
    stream = parse(negotiated.sdp)[0]
    assert stream.protocol == protocol
    assert negotiated.path.crypto == Crypto(CM, b"\x01" * 30, b"p" * 30)
    assert stream.crypto == (write_line(1, CM, b"\x01" * 30),)


@pytest.mark.parametrize(
    ("terms", "body"),
    [
        (OFF, PLAIN),
        (OFF, PLAIN + LINE),
        (BARRED, PLAIN + LINE),
        (PREFERRED, PLAIN),
        (PREFERRED, PLAIN + ODD),
        (PREFERRED, PLAIN + "a=fingerprint:sha-256 00:11\r\n"),
    ],
)
def test_sound_goes_in_the_clear_where_both_sides_can_live_with_it(terms: SoundTerms, body: str) -> None:
    assert assess(body.encode(), terms).outcome is None
    negotiated = answered(body, terms)
    assert negotiated.path.crypto is None
    assert b"crypto" not in negotiated.sdp
    assert parse(negotiated.sdp)[0].protocol == "RTP/AVP"


@pytest.mark.parametrize(
    ("terms", "body", "words"),
    [
        (OFF, SAVP + LINE, "audio is offered over RTP/SAVP; expected RTP/AVP: srtp is off"),
        (BARRED, SAVP + LINE, "expected RTP/AVP: srtp.without_tls is off"),
        (PREFERRED, SAVP, "over RTP/SAVP, and there is no a=crypto line"),
        (PREFERRED, SAVP + ODD, "session parameter 'UNENCRYPTED_SRTP', which we do not do"),
        (PREFERRED, DTLS, "over UDP/TLS/RTP/SAVPF with keys by DTLS; expected keys in SDP"),
        (REQUIRED, DTLS + LINE, "with keys by DTLS"),
        (PREFERRED, SAVP + "a=fingerprint:sha-256 00:11\r\n", "over RTP/SAVP with keys by DTLS"),
        (OFF, DTLS, "with keys by DTLS"),
        (REQUIRED, PLAIN, "audio is offered over RTP/AVP without a=crypto; encryption is required here"),
        (REQUIRED, PLAIN + ODD, "encryption is required here, and a=crypto line 1 has the session parameter"),
        (sound_policy(srtp_udp="required").udp, PLAIN + LINE, "required here; srtp.without_tls is off"),
        (PREFERRED, PLAIN.replace("RTP/AVP", "TCP/RTP/AVP"), "over TCP/RTP/AVP; expected RTP/AVP or RTP/SAVP"),
    ],
)
def test_why_an_offer_cannot_be_taken(terms: SoundTerms, body: str, words: str) -> None:
    assessment = assess(body.encode(), terms)
    assert (assessment.outcome, assessment.warning_code) == ("no-common-codec", 302)
    assert words in assessment.reason
    with pytest.raises(SdpError):
        answered(body, terms)


def test_a_fingerprint_of_the_whole_session_counts_for_its_streams() -> None:
    body = HEAD + "a=fingerprint:sha-256 00:11\r\n" + SAVP[len(HEAD) :]
    assert "by DTLS" in assess(body.encode(), PREFERRED).reason
    assert answered(body + LINE, PREFERRED).path.crypto is not None


def test_of_two_streams_the_encrypted_one_is_preferred() -> None:
    body = PLAIN + SAVP[len(HEAD) :].replace("4000", "4002") + LINE
    for terms, ports in ((PREFERRED, [0, 20_000]), (REQUIRED, [0, 20_000]), (OFF, [20_000, 0])):
        assert [stream.port for stream in parse(answered(body, terms).sdp)] == ports


@pytest.mark.rfc("4568", "7", "Use of the crypto Attribute")
def test_the_first_suite_that_we_have_is_taken_with_its_tag() -> None:
    offered = (
        "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:AAAA\r\na=crypto:" + write_line(7, GCM, b"p" * 28) + "\r\n" + LINE
    )
    negotiated = answered(SAVP + offered, PREFERRED)
    assert negotiated.path.crypto == Crypto(GCM, b"\x01" * 28, b"p" * 28)
    assert parse(negotiated.sdp)[0].crypto == (write_line(7, GCM, b"\x01" * 28),)


def test_lifetime_and_identifier_of_the_peers_key_are_known() -> None:
    crypto = answered(SAVP + LINE.rstrip() + "|2^31|1:4\r\n", PREFERRED).path.crypto
    assert crypto is not None
    assert (crypto.remote_lifetime, crypto.remote_mki) == (1 << 31, b"\0\0\0\x01")


@pytest.mark.rfc("3711", "3.3.1", "Packet Index Determination, and ROC, s_l Update")
def test_while_the_peer_keeps_its_key_we_keep_ours() -> None:
    first = answered(SAVP + LINE, PREFERRED).path
    assert first.crypto is not None
    ours = Crypto(CM, b"o" * 30, first.crypto.remote_key)
    before = replace(first, crypto=ours)
    assert answered(SAVP + LINE + "a=sendonly\r\n", PREFERRED, before).path.crypto == ours
    for line in (write_line(1, CM, b"q" * 30), write_line(1, CM_SHORT, b"p" * 30), write_line(1, GCM, b"p" * 28)):
        crypto = answered(f"{SAVP}a=crypto:{line}\r\n", PREFERRED, before).path.crypto
        assert crypto is not None
        assert crypto.local_key != ours.local_key
    assert answered(PLAIN, PREFERRED, before).path.crypto is None


@pytest.mark.parametrize(("terms", "protocol"), [(PREFERRED, "RTP/AVP"), (REQUIRED, "RTP/SAVP")])
def test_our_offer_carries_keys_and_its_answer_settles_them(terms: SoundTerms, protocol: str) -> None:
    offered = offer(address="192.0.2.9", port=5_000, session_id=1, terms=terms, new_key=Keys())
    stream = parse(offered)[0]
    assert stream.protocol == protocol
    assert [line.split()[1] for line in stream.crypto] == [CM, GCM, CM_SHORT]
    theirs = answer(
        offered, address="192.0.2.1", port=4_000, session_id=1, terms=PREFERRED, new_key=lambda size: b"t" * size
    )
    ours = read_answer(theirs.sdp, offered)
    assert ours.crypto == Crypto(CM, b"\x01" * 30, b"t" * 30)
    assert theirs.path.crypto == Crypto(CM, b"t" * 30, b"\x01" * 30)


def test_an_answer_in_the_clear_is_taken_only_where_it_may_be() -> None:
    plain = (HEAD + "m=audio 4000 RTP/AVP 0\r\n").encode()
    preferred = offer(address="192.0.2.9", port=5_000, session_id=1, terms=PREFERRED, new_key=Keys())
    assert read_answer(plain, preferred).crypto is None
    required = offer(address="192.0.2.9", port=5_000, session_id=1, terms=REQUIRED, new_key=Keys())
    with pytest.raises(SdpError, match="over RTP/AVP without keys; expected RTP/SAVP, as offered"):
        read_answer(plain, required)
    with pytest.raises(SdpError, match="there is no a=crypto line"):
        read_answer(plain.replace(b"AVP", b"SAVP"), required)
    other = b"a=crypto:" + write_line(1, CM_SHORT, b"t" * 30).encode() + b"\r\n"
    with pytest.raises(SdpError, match="line 1 AES_CM_128_HMAC_SHA1_32 was not offered"):
        read_answer(plain.replace(b"AVP", b"SAVP") + other, required)
    clear = offer(address="192.0.2.9", port=5_000, session_id=1)
    with pytest.raises(SdpError, match="the answer is over RTP/SAVP; expected RTP/AVP"):
        read_answer(plain.replace(b"AVP", b"SAVP") + LINE.encode(), clear)


def test_encryption_that_is_required_and_barred_is_not_offered() -> None:
    with pytest.raises(SdpError, match="encryption is required here; srtp.without_tls is off"):
        offer(address="192.0.2.9", port=5_000, session_id=1, terms=sound_policy(srtp_udp="required").udp)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (HEAD, "the answer has 0 streams; expected 1"),
        (HEAD + "m=audio 0 RTP/AVP 0\r\n", "the answer is audio at port 0; expected audio, as offered"),
        (HEAD.replace("c=IN IP4 192.0.2.1\r\n", "") + "m=audio 4000 RTP/AVP 0\r\n", "no connection address"),
        (HEAD + "m=audio 4000 RTP/AVP 18\r\n", "the answer chooses G729, which was not offered"),
        (HEAD + "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n", "the answer is over UDP/TLS/RTP/SAVPF"),
    ],
)
def test_answers_that_settle_nothing(body: str, words: str) -> None:
    with pytest.raises(SdpError, match=words):
        read_answer(body.encode(), offer(address="192.0.2.9", port=5_000, session_id=1))


def test_keys_are_shown_nowhere() -> None:
    path = answered(SAVP + LINE, PREFERRED).path
    key = write_line(1, CM, b"p" * 30).rpartition(":")[2]
    assert path.crypto is not None
    shown = repr(path) + repr(parse((SAVP + LINE).encode()))
    assert "pppp" not in shown
    assert "x01" not in shown
    assert key not in shown


def test_a_path_crosses_to_another_process_as_it_is() -> None:
    path = answered(SAVP + LINE.rstrip() + "|2^31|1:4\r\na=rtcp-mux\r\n", PREFERRED).path
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(path), type=SoundPath) == path


# --------------------------------------------------------------------------------------------------------- everything

_PIECES = st.sampled_from(
    [
        *PLAIN.splitlines(),
        *SAVP.splitlines()[-4:],
        *WIDE.splitlines()[-5:],
        LINE.strip(),
        ODD.strip(),
        "a=crypto:",
        "m=",
        "m=audio 1 RTP/AVP 0",
        "m=audio 1 UDP/TLS/RTP/SAVPF 0",
        "c=IN IP4 x",
        "a=rtpmap:0",
        "a=fingerprint:x",
        "a=rtcp:1",
        "a=rtcp:x y",
        "a=rtcp-mux",
        "a=maxptime:10",
        "a=inactive",
    ]
)
_BODIES = st.one_of(
    st.binary(max_size=400), st.lists(_PIECES).map(lambda p: "\r\n".join([*HEAD.splitlines(), *p]).encode())
)


@given(_BODIES, st.sampled_from([OFF, BARRED, PREFERRED, REQUIRED, EVERYTHING]))
def test_any_bytes_are_judged_and_what_is_judged_good_can_be_answered(body: bytes, terms: SoundTerms) -> None:
    assessment = assess(body, terms)
    if assessment.outcome is not None:
        assert assessment.reason
        assert "cHBw" not in assessment.reason  # the key's base64
        return
    negotiated = answer(body, address="198.51.100.7", port=20_000, session_id=7, terms=terms, new_key=Keys())
    path = negotiated.path
    assert path.codec in terms.codecs
    assert terms.srtp != "required" or path.crypto is not None
    assert not terms.srtp_barred or path.crypto is None
    ours = next(stream for stream in parse(negotiated.sdp) if stream.port)
    assert bool(ours.crypto) == (path.crypto is not None)


@given(_BODIES, st.sampled_from([OFF, PREFERRED, REQUIRED]))
def test_any_bytes_are_an_answer_or_refused(body: bytes, terms: SoundTerms) -> None:
    offered = offer(address="192.0.2.9", port=5_000, session_id=1, terms=terms, new_key=Keys())
    try:
        path = read_answer(body, offered)
    except SdpError:
        return
    assert terms.srtp != "required" or path.crypto is not None


# ---------------------------------------------------------------------------------------- what carriers and phones send


@pytest.mark.rfc("3264", "6.1", "Unicast Streams")
def test_an_answer_may_number_otherwise_and_each_side_sends_what_the_other_expects() -> None:
    offered = offer(address="192.0.2.9", port=5_000, session_id=1, terms=SoundTerms(("OPUS", "PCMU")))
    assert "m=audio 5000 RTP/AVP 111 0 101 110" in lines(offered)
    body = HEAD + "m=audio 4000 RTP/AVP 120 121\r\na=rtpmap:120 opus/48000/2\r\na=rtpmap:121 telephone-event/48000\r\n"
    path = read_answer(body.encode(), offered)
    assert (path.payload_type, path.digits_payload_type) == (120, 121)  # what we send
    assert path.received == (111, 110, None)  # what the peer sends
    again = offer(address="192.0.2.9", port=5_000, session_id=1, version=1, terms=SoundTerms(("OPUS",)), before=path)
    assert {"a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000"} <= set(lines(again))


def test_an_answer_of_ours_numbers_as_the_offer_does() -> None:
    path = answered(WIDE).path
    assert path.own_payload_types is None
    assert path.received == (path.payload_type, path.digits_payload_type, path.comfort_noise_payload_type)


@pytest.mark.rfc("3264", "8", "Modifying the Session")
def test_streams_that_were_declined_keep_their_places_in_an_offer_of_ours() -> None:
    body = HEAD + "m=video 5000 RTP/AVP 96 97\r\n" + PLAIN[len(HEAD) :] + "m=image 5002 udptl t38\r\n"
    first = answered(body)
    offered = offer(address="192.0.2.9", port=5_000, session_id=1, before=first.path, last=first.sdp)
    assert [(stream.kind, stream.port) for stream in parse(offered)] == [("video", 0), ("audio", 5_000), ("image", 0)]
    assert "m=video 0 RTP/AVP 96 97" in lines(offered)
    theirs = HEAD + "m=video 0 RTP/AVP 96\r\nm=audio 4444 RTP/AVP 0\r\nm=image 0 udptl t38\r\n"
    assert read_answer(theirs.encode(), offered).remote_port == 4_444


def test_an_offer_that_declines_everything_has_no_answer() -> None:
    declined = (HEAD + "m=video 0 RTP/AVP 96\r\n").encode()
    with pytest.raises(SdpError, match="no stream in the offer"):
        read_answer(declined, declined)


BROWSER = (
    "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "a=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\na=ice-options:trickle\r\nk=clear:x\r\nz=nonsense\r\n"
    "m=audio 4000 RTP/AVP 0 101\r\nc=IN IP4 192.0.2.1\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"
    "a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\na=candidate:garbage\r\na=ice-ufrag:x\r\n"
    "a=ice-pwd:y\r\na=end-of-candidates\r\na=remote-candidates:1 192.0.2.2 9\r\na=mid:0\r\n"
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=ssrc:1 cname:x\r\na=rtcp-fb:* nack\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=silenceSupp:off - - - -\r\nb=AS:64\r\nX-odd line\r\n\r\n"
)


def test_ice_and_lines_that_nobody_knows_do_no_harm() -> None:
    negotiated = answered(BROWSER)
    path = negotiated.path
    assert (path.remote_address, path.remote_port) == ("192.0.2.1", 4_000)
    assert (path.codec, path.digits_payload_type) == ("PCMU", 101)
    assert not any("ice" in line or "candidate" in line or "mux" in line for line in lines(negotiated.sdp))


@pytest.mark.parametrize("terms", [EVERYTHING, SoundTerms(), SoundTerms(("G722",)), SoundTerms(("OPUS", "PCMA"))])
def test_an_answer_has_one_codec_and_its_digits(terms: SoundTerms) -> None:
    offered = HEAD + (
        "m=audio 4000 RTP/AVP 96 9 8 0 101 110\r\na=rtpmap:96 opus/48000/2\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
    )
    (stream,) = parse(answered(offered, terms).sdp)
    first, second = (written for _, written in stream.mappings)
    assert second.startswith("telephone-event/")
    assert second.split("/")[1] == first.split("/")[1]


@pytest.mark.parametrize("said", ["a=sendonly\r\n", "a=inactive\r\n", "a=recvonly\r\n", "a=sendrecv\r\n"])
def test_a_hold_that_a_refresh_of_ours_repeats_stays_one(said: str) -> None:
    """The offer of a refresh is our last answer; the peer's answer to that says what it said before."""
    held = answered(PLAIN + said)
    again = read_answer((PLAIN.replace("8 0 101", "8 101") + said).encode(), held.sdp)
    assert (again.send, again.receive) == (held.path.send, held.path.receive)


def test_zeros_with_sendonly_hold_with_music() -> None:
    body = PLAIN.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0") + "a=sendonly\r\n"
    path = answered(body).path
    assert (path.send, path.receive) == (False, True)
