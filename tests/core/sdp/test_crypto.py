import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sdp.crypto import (
    SUITES,
    CryptoLine,
    answered,
    choose,
    offer_lines,
    read_line,
    without_keys,
    write_line,
)
from callgate.core.sdp.description import SdpError
from callgate.core.sdp.limits import CRYPTO_LINES_MAX

CM, CM_SHORT, GCM = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"
# The example of RFC 4568 section 9.1, with the key of its inline method.
KEY = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
KEY_BYTES = base64.b64decode(KEY)


@pytest.mark.rfc("4568", "6.1", "SRTP Key Parameter")
@pytest.mark.rfc("4568", "9.1", 'Generic "Crypto" Attribute Grammar')
@pytest.mark.parametrize(
    ("value", "line"),
    [
        (f"1 {CM} inline:{KEY}", CryptoLine(1, CM, KEY_BYTES)),
        (f"1 {CM} inline:{KEY}|2^20|1:32", CryptoLine(1, CM, KEY_BYTES, 1 << 20, bytes(31) + b"\x01")),
        (f"999999999 {CM_SHORT} inline:{KEY}|1:4", CryptoLine(999_999_999, CM_SHORT, KEY_BYTES, None, b"\0\0\0\x01")),
        (f"2 {CM} inline:{KEY}|1000", CryptoLine(2, CM, KEY_BYTES, 1_000)),
        (f"2 {CM} inline:{KEY}|2^48", CryptoLine(2, CM, KEY_BYTES, 1 << 48)),
        (f"2 aes_cm_128_hmac_sha1_80 INLINE:{KEY}", CryptoLine(2, CM, KEY_BYTES)),
        (f"3  {CM}\tinline:{KEY}  WSH=128 -NEW=thing", CryptoLine(3, CM, KEY_BYTES)),
        (f"4 {GCM} inline:{base64.b64encode(bytes(28)).decode()}", CryptoLine(4, GCM, bytes(28))),
        (f"4 {GCM} inline:{base64.b64encode(bytes(28)).decode().rstrip('=')}", CryptoLine(4, GCM, bytes(28))),
    ],
)
def test_lines_as_peers_write_them(value: str, line: CryptoLine) -> None:
    assert read_line(value) == line


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "has no number as its tag"),
        (f"x {CM} inline:{KEY}", "has no number as its tag"),
        (f"1234567890 {CM} inline:{KEY}", "has no number as its tag"),
        (f"1 {CM}", "line 1 is incomplete; expected a suite and a key"),
        (f"1 F8_128_HMAC_SHA1_80 inline:{KEY}", "line 1 has the suite 'F8_128_HMAC_SHA1_80'; expected AES_CM_128"),
        (f"1 {CM} inline:{KEY} UNENCRYPTED_SRTP", "session parameter 'UNENCRYPTED_SRTP', which we do not do"),
        (f"1 {CM} inline:{KEY} UNENCRYPTED_SRTCP", "'UNENCRYPTED_SRTCP'"),
        (f"1 {CM} inline:{KEY} UNAUTHENTICATED_SRTP", "'UNAUTHENTICATED_SRTP'"),
        (f"1 {CM} inline:{KEY} KDR=4", "'KDR=4'"),
        (f"1 {CM} inline:{KEY} FEC_ORDER=FEC_SRTP", "'FEC_ORDER=FEC_SRTP'"),
        (f"1 {CM} inline:{KEY} WSH=wide", "'WSH=wide'"),
        (f"1 {CM} inline:{KEY} NEW", "'NEW'"),
        (f"1 {CM} inline:{KEY};inline:{KEY}", "line 1 has several keys; expected one"),
        (f"1 {CM} {KEY}", "does not carry its key inline"),
        (f"1 {CM} uri:{KEY}", "does not carry its key inline"),
        (f"1 {CM} inline:", "is not 30 bytes in base64"),
        (f"1 {CM} inline:{KEY[:-4]}", "is not 30 bytes in base64"),
        (f"1 {CM} inline:{KEY}AAAA", "is not 30 bytes in base64"),
        (f"1 {CM} inline:{KEY[:-1]}!", "is not 30 bytes in base64"),
        (f"1 {CM} inline:{KEY[:-1]}é", "is not 30 bytes in base64"),
        (f"1 {GCM} inline:{KEY}", "the key of a=crypto line 1 is not 28 bytes in base64, as AEAD_AES_128_GCM takes"),
        (f"1 {CM} inline:{KEY}|0", "expected 1 to 2\\^48 packets"),
        (f"1 {CM} inline:{KEY}|2^49", "expected 1 to 2\\^48 packets"),
        (f"1 {CM} inline:{KEY}|281474976710657", "expected 1 to 2\\^48 packets"),
        (f"1 {CM} inline:{KEY}|3^5", "expected 1 to 2\\^48 packets"),
        (f"1 {CM} inline:{KEY}|", "expected 1 to 2\\^48 packets"),
        (f"1 {CM} inline:{KEY}|1:0", "expected NUMBER:BYTES, 1 to 128 bytes"),
        (f"1 {CM} inline:{KEY}|1:129", "expected NUMBER:BYTES, 1 to 128 bytes"),
        (f"1 {CM} inline:{KEY}|256:1", "expected NUMBER:BYTES, 1 to 128 bytes"),
        (f"1 {CM} inline:{KEY}|2^20|x:1", "expected NUMBER:BYTES, 1 to 128 bytes"),
        (f"1 {CM} inline:{KEY}|1:1|2^20", "more of its key than lifetime and MKI"),
        (f"1 {CM} inline:{KEY}|2^20|1:1|1", "more of its key than lifetime and MKI"),
    ],
)
def test_what_cannot_be_taken_is_said_without_the_key(value: str, words: str) -> None:
    with pytest.raises(SdpError, match=words) as caught:
        read_line(value)
    assert KEY[:12] not in str(caught.value)


def test_the_first_line_that_can_be_taken_is() -> None:
    values = (f"1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}", f"2 {CM_SHORT} inline:{KEY}", f"3 {CM} inline:{KEY}")
    assert choose(values).tag == 2
    with pytest.raises(SdpError, match="line 1 has the suite 'AES_256_CM_HMAC_SHA1_80'"):
        choose(values[:1])
    with pytest.raises(SdpError, match="there is no a=crypto line"):
        choose(())


def test_a_flood_of_lines_is_not_read_to_its_end() -> None:
    with pytest.raises(SdpError, match="no number"):
        choose(("x",) * CRYPTO_LINES_MAX + (f"1 {CM} inline:{KEY}",))


def test_our_lines_can_be_read_and_each_has_its_own_key() -> None:
    made: list[int] = []

    def new_key(size: int) -> bytes:
        made.append(size)
        return bytes([len(made)]) * size

    lines = [read_line(value) for value in offer_lines(new_key)]
    assert [line.suite for line in lines] == list(SUITES)
    assert [line.tag for line in lines] == [1, 2, 3]
    assert len({line.key for line in lines}) == 3
    assert [len(line.key) for line in lines] == made == list(SUITES.values())


@pytest.mark.rfc("4568", "7.1.3", "Processing of the Initial Answer")
def test_an_answer_takes_a_line_that_was_offered() -> None:
    offered = offer_lines(lambda size: b"o" * size)
    theirs = write_line(3, CM_SHORT, b"t" * 30)
    ours, found = answered([theirs], offered)
    assert (ours.tag, ours.suite, ours.key) == (3, CM_SHORT, b"o" * 30)
    assert found.key == b"t" * 30
    for wrong in (write_line(4, CM_SHORT, b"t" * 30), write_line(1, CM_SHORT, b"t" * 30)):
        with pytest.raises(SdpError, match="was not offered"):
            answered([wrong], offered)


def test_a_key_is_in_no_repr() -> None:
    shown = repr(read_line(f"1 {CM} inline:{KEY}"))
    assert "key" not in shown
    assert repr(KEY_BYTES)[2:12] not in shown


_WORDS = st.sampled_from(
    ["1", CM, GCM, f"inline:{KEY}", "inline:", "|2^20", "|1:4", "WSH=64", "KDR=1", ";", " ", "2^", ":"]
)


@given(st.one_of(st.text(max_size=200), st.lists(_WORDS).map("".join), st.lists(_WORDS).map(" ".join)))
def test_any_text_is_read_or_refused(value: str) -> None:
    try:
        line = read_line(value)
    except SdpError:
        return
    assert len(line.key) == SUITES[line.suite]
    assert line.lifetime is None or 0 < line.lifetime <= 1 << 48
    assert len(line.mki) <= 128


@given(st.sampled_from(list(SUITES)), st.integers(0, 999_999_999), st.data())
def test_what_is_written_is_read_again(suite: str, tag: int, data: st.DataObject) -> None:
    key = data.draw(st.binary(min_size=SUITES[suite], max_size=SUITES[suite]))
    assert read_line(write_line(tag, suite, key)) == CryptoLine(tag, suite, key)


def test_a_description_without_its_keys_is_judged_as_it_was() -> None:
    sdp = (
        f"v=0\r\na=crypto:1 {CM} inline:{KEY}|2^20|1:4\r\na=crypto:2 {GCM} INLINE:{KEY[:38]}==;inline:{KEY}\r\nm=audio"
    )
    kept = without_keys(sdp)
    assert kept.replace("A" * 40, KEY).replace("A" * 38, KEY[:38]) == sdp
    assert KEY[:4] not in kept
    assert without_keys("a=crypto:1 x inline:a!b") == "a=crypto:1 x inline:A!A"
    assert without_keys("v=0\r\na=sendrecv\r\n") == "v=0\r\na=sendrecv\r\n"


@given(st.lists(_WORDS).map("".join))
def test_the_reading_of_a_line_does_not_depend_on_its_key(value: str) -> None:
    def shape(text: str) -> object:
        try:
            line = read_line(text)
        except SdpError as error:
            return str(error)
        return line.tag, line.suite, line.lifetime, line.mki

    assert shape(without_keys(value)) == shape(value)
