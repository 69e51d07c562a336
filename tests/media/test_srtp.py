"""SRTP against itself, against vectors that others computed, and against whatever comes from a network."""

import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sdp.crypto import SUITES
from callgate.core.sdp.path import Crypto
from callgate.media.srtp import Srtp

RTP = struct.Struct(">BBHII")
REPORT = struct.pack(">BBHIIIIII", 0x80, 200, 6, 7, 1, 2, 3, 4, 5)  # a sender report without blocks
every_suite = pytest.mark.parametrize("suite", SUITES)


def rtp(sequence: int, ssrc: int = 7, payload: bytes = b"\x55" * 160) -> bytes:
    return RTP.pack(0x80, 0, sequence & 0xFFFF, sequence * 160 & 0xFFFF_FFFF, ssrc) + payload


def keys(suite: str, ours: bytes = b"a", theirs: bytes = b"b", mki: bytes = b"") -> Crypto:
    size = SUITES[suite]
    return Crypto(suite, ours * size, theirs * size, mki)


def pair(suite: str) -> tuple[Srtp, Srtp]:
    return Srtp(keys(suite)), Srtp(keys(suite, b"b", b"a"))


def sent(packet: bytes | None) -> bytes:
    assert packet is not None
    return packet


@every_suite
def test_what_one_side_says_the_other_hears(suite: str) -> None:
    ours, theirs = pair(suite)
    for sequence in (1, 2, 3):
        wire = sent(ours.protect(rtp(sequence)))
        assert b"\x55" * 8 not in wire
        assert theirs.unprotect(wire) == rtp(sequence)
        assert ours.unprotect(sent(theirs.protect(rtp(sequence, ssrc=9)))) == rtp(sequence, ssrc=9)
    assert theirs.unprotect_rtcp(sent(ours.protect_rtcp(REPORT))) == REPORT
    assert (ours.dropped, theirs.dropped) == (0, 0)


@pytest.mark.parametrize(
    ("suite", "rtp_bytes", "rtcp_bytes"),
    [
        ("AES_CM_128_HMAC_SHA1_80", 10, 4 + 10),
        ("AES_CM_128_HMAC_SHA1_32", 4, 4 + 10),  # RFC 4568 section 6.2.2: SRTCP has the long tag nevertheless
        ("AEAD_AES_128_GCM", 16, 4 + 16),
    ],
)
def test_tags_are_as_long_as_the_suite_says(suite: str, rtp_bytes: int, rtcp_bytes: int) -> None:
    ours, _ = pair(suite)
    assert len(sent(ours.protect(rtp(1)))) - len(rtp(1)) == rtp_bytes
    assert len(sent(ours.protect_rtcp(REPORT))) - len(REPORT) == rtcp_bytes


@every_suite
def test_wrong_keys_replays_and_plain_packets_are_dropped_and_counted(suite: str) -> None:
    ours, theirs = pair(suite)
    stranger = Srtp(keys(suite, b"x", b"y"))
    wire = sent(ours.protect(rtp(1)))
    assert theirs.unprotect(wire) == rtp(1)
    assert theirs.unprotect(wire) is None
    assert (theirs.replayed, theirs.unauthenticated) == (1, 0)
    assert theirs.unprotect(sent(stranger.protect(rtp(2)))) is None
    assert theirs.unprotect(rtp(3)) is None
    assert theirs.unprotect_rtcp(REPORT) is None
    assert theirs.unprotect_rtcp(sent(stranger.protect_rtcp(REPORT))) is None
    assert (theirs.replayed, theirs.unauthenticated) == (1, 4)
    report = sent(ours.protect_rtcp(REPORT))
    assert theirs.unprotect_rtcp(report) == REPORT
    assert theirs.unprotect_rtcp(report) is None
    assert (theirs.replayed, theirs.unauthenticated, theirs.dropped) == (2, 4, 6)
    assert theirs.unprotect(sent(ours.protect(rtp(2)))) == rtp(2)  # none of it has harmed the call


@every_suite
def test_a_packet_too_old_to_be_told_from_a_replay_is_one(suite: str) -> None:
    ours, theirs = pair(suite)
    old = sent(ours.protect(rtp(1)))
    for sequence in range(2, 400):
        assert theirs.unprotect(sent(ours.protect(rtp(sequence)))) is not None
    assert theirs.unprotect(old) is None
    assert theirs.replayed == 1


@every_suite
def test_one_changed_bit_anywhere_is_found_out(suite: str) -> None:
    ours, theirs = pair(suite)
    wire = bytearray(sent(ours.protect(rtp(1, payload=b"sound"))))
    for bit in range(len(wire) * 8):
        wire[bit // 8] ^= 1 << bit % 8
        assert theirs.unprotect(bytes(wire)) is None
        wire[bit // 8] ^= 1 << bit % 8
    assert theirs.unauthenticated == len(wire) * 8
    assert theirs.unprotect(bytes(wire)) == rtp(1, payload=b"sound")


@every_suite
def test_sequence_numbers_roll_over_again_and_again(suite: str) -> None:
    ours, theirs = pair(suite)
    for sequence in range(0xFFF0, 0xFFF0 + 3 * 0x10000):
        wire = sent(ours.protect(rtp(sequence, payload=b"")))
        if sequence % 7:  # some are lost, at the edge too
            assert theirs.unprotect(wire) == rtp(sequence, payload=b"")
    assert theirs.dropped == 0


@every_suite
def test_the_count_of_packets_goes_on_until_there_is_a_new_key(suite: str) -> None:
    ours, theirs = pair(suite)
    for sequence in range(0, 0x10000 + 10, 50):
        assert theirs.unprotect(sent(ours.protect(rtp(sequence)))) is not None
    ours.rekey(keys(suite))  # a re-INVITE that keeps both keys, as every refresh of a session does
    theirs.rekey(keys(suite, b"b", b"a", b""))
    assert theirs.unprotect(sent(ours.protect(rtp(0x10000 + 60)))) == rtp(0x10000 + 60)
    fresh = Srtp(keys(suite, b"b", b"a"))
    assert fresh.unprotect(sent(ours.protect(rtp(0x10000 + 61)))) is None  # it knows nothing of the roll-over
    ours.rekey(keys(suite, b"c"))
    theirs.rekey(keys(suite, b"b", b"c"))
    assert theirs.unprotect(sent(ours.protect(rtp(1)))) == rtp(1)
    assert ours.unprotect(sent(theirs.protect(rtp(5)))) == rtp(5)  # and its own direction went on


def test_another_suite_is_another_context() -> None:
    ours, theirs = pair("AES_CM_128_HMAC_SHA1_80")
    assert theirs.unprotect(sent(ours.protect(rtp(1)))) == rtp(1)
    ours.rekey(keys("AEAD_AES_128_GCM"))
    theirs.rekey(keys("AEAD_AES_128_GCM", b"b", b"a"))
    assert theirs.unprotect(sent(ours.protect(rtp(1)))) == rtp(1)


@every_suite
def test_a_peer_may_go_on_under_another_source(suite: str) -> None:
    ours, theirs = pair(suite)
    assert theirs.unprotect(sent(ours.protect(rtp(40_000, ssrc=7)))) is not None
    assert theirs.unprotect(sent(ours.protect(rtp(3, ssrc=8)))) == rtp(3, ssrc=8)
    assert theirs.unprotect(sent(ours.protect(rtp(40_001, ssrc=7)))) is not None


@every_suite
def test_an_identifier_of_the_master_key_is_taken_out(suite: str) -> None:
    mki = b"\x00\x01"
    ours, theirs = Srtp(keys(suite)), Srtp(keys(suite, b"b", b"a", mki))
    tag = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4, "AEAD_AES_128_GCM": 0}[suite]
    wire = sent(ours.protect(rtp(1)))
    assert theirs.unprotect(wire[: len(wire) - tag] + mki + wire[len(wire) - tag :]) == rtp(1)
    report = sent(ours.protect_rtcp(REPORT))
    at = len(report) - (0 if suite == "AEAD_AES_128_GCM" else 10)
    assert theirs.unprotect_rtcp(report[:at] + mki + report[at:]) == REPORT
    assert theirs.unprotect(sent(ours.protect(rtp(2)))) == rtp(2)  # who announces one and sends none is heard too
    assert theirs.dropped == 0


@every_suite
def test_what_is_no_packet_is_not_sent(suite: str) -> None:
    ours, _ = pair(suite)
    assert ours.protect(b"") is None
    assert ours.protect(rtp(1, payload=bytes(3_000))) is None
    assert ours.protect_rtcp(b"\x80") is None


@given(st.sampled_from(list(SUITES)), st.binary(max_size=1_600), st.binary(max_size=4))
def test_whatever_comes_is_dropped_and_counted(suite: str, data: bytes, mki: bytes) -> None:
    theirs = Srtp(keys(suite, b"b", b"a", mki))
    assert theirs.unprotect(data) is None
    assert theirs.unprotect_rtcp(data) is None
    assert theirs.dropped == 2


@given(st.sampled_from(list(SUITES)), st.binary(max_size=400))
def test_a_header_with_anything_behind_it_is_dropped_and_counted(suite: str, tail: bytes) -> None:
    theirs = Srtp(keys(suite, b"b", b"a"))
    for first in (0x80, 0x90, 0xA0, 0x8F, 0x9F, 0xBF):
        assert theirs.unprotect(bytes([first, 0, 0, 1]) + tail) is None
        assert theirs.unprotect_rtcp(bytes([first, 200]) + tail) is None


# The key of RFC 3711 appendix B.3 (Key Derivation Test Vectors), and that of the AES-GCM tests of libsrtp. The packets
# are those that the tests of libsrtp and of other implementations share; they stand in libsrtp's test/srtp_driver.c.
DERIVATION_KEY = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
DERIVED_AUTHENTICATION_KEY = bytes.fromhex("cebe321f6ff7716b6fd4ab49af256a156d38baa4")
GCM_KEY = bytes(range(16)) + bytes(range(0xA0, 0xAC))
PLAIN = bytes.fromhex("800f1234decafbadcafebabe") + b"\xab" * 16
PLAIN_RTCP = bytes.fromhex("81c8000bcafebabe") + b"\xab" * 16
VECTORS = {
    "AES_CM_128_HMAC_SHA1_80": (
        "4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
        "7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
    ),
    "AES_CM_128_HMAC_SHA1_32": (
        "4e55dc4ce79978d88ca4d215949d2402 b78d6acc",
        "7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
    ),
    "AEAD_AES_128_GCM": (
        "c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
        "c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001",
    ),
}


@pytest.mark.parametrize("suite", VECTORS)
def test_packets_are_those_that_other_implementations_make(suite: str) -> None:
    key = GCM_KEY if suite == "AEAD_AES_128_GCM" else DERIVATION_KEY
    wire, report = (bytes.fromhex(vector) for vector in VECTORS[suite])
    side = Srtp(Crypto(suite, key, key))
    assert side.protect(PLAIN) == PLAIN[:12] + wire
    assert side.protect_rtcp(PLAIN_RTCP) == PLAIN_RTCP[:8] + report
    assert side.unprotect(PLAIN[:12] + wire) == PLAIN
    assert side.unprotect_rtcp(PLAIN_RTCP[:8] + report) == PLAIN_RTCP


def test_the_tag_is_made_with_the_key_that_rfc_3711_derives() -> None:
    side = Srtp(Crypto("AES_CM_128_HMAC_SHA1_80", DERIVATION_KEY, DERIVATION_KEY))
    wire = sent(side.protect(PLAIN))
    roll_over_counter = bytes(4)
    assert wire[-10:] == hmac.digest(DERIVED_AUTHENTICATION_KEY, wire[:-10] + roll_over_counter, "sha1")[:10]
