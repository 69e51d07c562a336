import contextlib
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.audio.codecs import (
    G722,
    L16_8K,
    L16_16K,
    OPUS,
    PCMA,
    PCMU,
    Turn,
    WireCodec,
    available,
    opus_ticks,
    wire_codec,
)
from tests.core.audio.opus_mark import needs_opus
from tests.core.audio.spectrum import amplitude, decibels, pcm, samples, sine

ALL = [PCMU, PCMA, G722, pytest.param(OPUS, marks=needs_opus), L16_8K, L16_16K]


def name(codec: WireCodec) -> str:
    return f"{codec.name}/{codec.clock_hz}"


@pytest.mark.parametrize("codec", ALL, ids=name)
def test_a_tone_survives_there_and_back(codec: WireCodec) -> None:
    encode, decode = codec.new_encoder(), codec.new_decoder()
    sound, frame = pcm(sine(440, 400, codec.rate_hz)), codec.rate_hz // 25
    out = b""
    for at in range(0, len(sound), frame):
        payload = encode(sound[at : at + frame])
        assert codec.ticks(payload) == codec.clock_hz // 50
        heard = decode(payload)
        assert len(heard) == frame
        out += heard
    steady = samples(out)[codec.rate_hz // 10 :]
    assert abs(decibels(amplitude(steady, 440, codec.rate_hz) / 10_000)) < 1


@pytest.mark.rfc("3551", "4.5.2", "G722")
def test_the_clock_of_g722_is_8000_though_its_samples_are_16000() -> None:
    assert (G722.rate_hz, G722.clock_hz) == (16_000, 8_000)
    payload = G722.new_encoder()(bytes(640))
    assert len(payload) == 160
    assert G722.ticks(payload) == 160


def test_g722_carries_what_g711_cannot() -> None:
    encode, decode = G722.new_encoder(), G722.new_decoder()
    out = samples(decode(encode(pcm(sine(6_000, 400, 16_000, 5_000)))))[1_600:]
    assert abs(decibels(amplitude(out, 6_000, 16_000) / 5_000)) < 1


def test_l16_is_in_network_byte_order_and_exact() -> None:
    assert L16_8K.new_encoder()(b"\x34\x12") == b"\x12\x34"
    assert L16_8K.new_decoder()(b"\x12\x34\xff") == b"\x34\x12"


@pytest.mark.parametrize("codec", [PCMU, PCMA, G722, L16_8K], ids=name)
@given(payload=st.binary(max_size=400))
def test_decoders_take_any_bytes(codec: WireCodec, payload: bytes) -> None:
    assert len(codec.new_decoder()(payload)) % 2 == 0
    assert codec.ticks(payload) >= 0


@pytest.fixture(scope="module")
def opus_decoder() -> Turn:
    return OPUS.new_decoder()


@needs_opus
@settings(max_examples=300, deadline=None)
@given(payload=st.binary(max_size=200))
def test_an_opus_decoder_takes_any_bytes_or_says_no_and_goes_on(opus_decoder: Turn, payload: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(opus_decoder(payload)) % 2 == 0
    assert len(opus_decoder(b"\xf8\xff\xfe")) == 1_920  # RFC 6716: 20 ms of CELT silence
    assert 0 <= opus_ticks(payload) <= 5_760


@needs_opus
@pytest.mark.rfc("7587", "4.1", "RTP Header Usage")
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
def test_an_opus_encoder_takes_the_rate_of_the_brain(rate_hz: int) -> None:
    encode, decode = OPUS.new_encoder(rate_hz), OPUS.new_decoder()
    sound, frame = pcm(sine(440, 600, rate_hz)), rate_hz // 25
    packets = [encode(sound[at : at + frame]) for at in range(0, len(sound), frame)]
    assert {OPUS.ticks(packet) for packet in packets} == {960}  # the clock is 48,000 whatever the encoder was given
    out = samples(b"".join(decode(packet) for packet in packets))
    assert abs(decibels(amplitude(out[9_600:], 440, 48_000) / 10_000)) < 1


@pytest.mark.rfc("6716", "3.1", "The TOC Byte")
@pytest.mark.parametrize(
    ("first", "second", "ticks"),
    [
        (0xE0, None, 120),  # CELT 2.5 ms
        (0xE8, None, 240),
        (0xF8, None, 960),
        (0xF9, None, 1_920),  # two frames
        (0x18, None, 2_880),  # SILK 60 ms
        (0x1B, 0x02, 5_760),  # two of 60 ms, counted
        (0x1B, 0x03, 0),  # 180 ms: more than a packet may hold
        (0x60, None, 480),  # hybrid
        (0x03, None, 0),  # a count is announced and missing
    ],
)
def test_how_long_an_opus_packet_lasts(first: int, second: int | None, ticks: int) -> None:
    assert opus_ticks(bytes([first]) + (b"" if second is None else bytes([second]))) == ticks
    assert opus_ticks(b"") == 0


def test_lengths_and_rates_an_encoder_cannot_take_are_refused() -> None:
    with pytest.raises(ValueError, match="6 bytes"):
        G722.new_encoder()(bytes(6))
    with pytest.raises(ValueError, match="16000"):
        PCMU.new_encoder(16_000)


def test_codecs_are_found_by_name_and_clock() -> None:
    assert wire_codec("pcmu", 8_000) is PCMU
    assert wire_codec("opus", 48_000) is OPUS
    assert wire_codec("G722") is G722
    assert wire_codec("L16", 16_000) is L16_16K
    with pytest.raises(ValueError, match="GSM/8000"):
        wire_codec("GSM", 8_000)
    with pytest.raises(ValueError, match="G722/16000"):
        wire_codec("G722", 16_000)


def test_what_is_not_installed_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {PCMU, PCMA, G722, L16_8K, L16_16K} <= set(available())
    monkeypatch.setattr("callgate.core.audio.codecs.find_spec", lambda package: None if package == "av" else object())
    assert OPUS not in available()
    assert PCMU in available()
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "callgate.core.audio.opus", raising=False)
    with pytest.raises(RuntimeError, match="callgate\\[opus\\]"):
        OPUS.new_decoder()


@pytest.mark.parametrize("codec", [G722, pytest.param(OPUS, marks=needs_opus)], ids=name)
def test_long_calls_do_not_grow(codec: WireCodec) -> None:
    encode, decode = codec.new_encoder(), codec.new_decoder()
    frame = pcm(sine(440, 20, codec.rate_hz))
    for _ in range(50):
        decode(encode(frame))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            decode(encode(frame))
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
