import pytest

pytest.importorskip("av", reason="needs the extra callgate[opus]")

from callgate.core.audio.opus import PAYLOAD_BYTES_MAX, OpusDecoder, OpusEncoder
from tests.core.audio.spectrum import amplitude, decibels, pcm, samples, sine


def test_what_no_packet_can_be_is_refused() -> None:
    decoder = OpusDecoder()
    for payload in (b"", bytes(PAYLOAD_BYTES_MAX + 1), b"\xff\xff\xff", b"\x03"):
        with pytest.raises(ValueError, match="opus payload"):
            decoder.decode(payload)
    assert len(decoder.decode(b"\xf8\xff\xfe")) == 1_920


@pytest.mark.parametrize(
    ("packet", "ms"),
    [
        (b"\xe0\xff\xfe", 2.5),
        (b"\xe8\xff\xfe", 5),
        (b"\xf0\xff\xfe", 10),
        (b"\xf8\xff\xfe", 20),
        (b"\x18" + bytes(9), 60),
    ],
)
def test_packets_of_every_length_are_decoded(packet: bytes, ms: float) -> None:
    assert len(OpusDecoder().decode(packet)) == 2 * 48 * ms


def test_a_minute_keeps_its_bandwidth_and_its_bit_rate() -> None:
    encoder, decoder = OpusEncoder(48_000), OpusDecoder()
    sound = pcm(sine(440, 2_000, 48_000) + sine(5_000, 2_000, 48_000, 3_000))
    packets = [encoder.encode(sound[at : at + 1_920]) for at in range(0, len(sound), 1_920)]
    out = samples(b"".join(decoder.decode(packet) for packet in packets))[24_000:]
    assert abs(decibels(amplitude(out, 440, 48_000) / 10_000)) < 1
    assert abs(decibels(amplitude(out, 5_000, 48_000) / 3_000)) < 3
    assert all(packets)
    assert sum(map(len, packets)) * 8 / 2 < 40_000  # bits a second


def test_an_encoder_takes_twenty_milliseconds() -> None:
    with pytest.raises(ValueError, match="638 bytes, expected 640"):
        OpusEncoder(16_000).encode(bytes(638))
