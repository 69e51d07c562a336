"""Tones through the whole path, both ways, for every codec and every format a brain may want: measured, not guessed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from callgate.core.audio.codecs import G722 as G722
from callgate.core.audio.codecs import L16_8K, L16_16K, OPUS, PCMA, PCMU, WireCodec, wire_codec
from callgate.core.audio.convert import converter
from callgate.core.audio.format import PCM_8K, PCM_16K, PCM_24K, PCM_48K, PCMA_8K, PCMU_8K, SoundFormat
from callgate.core.audio.tones import tone
from tests.media.conformance.conftest import MakePlace
from tests.media.conformance.engine import FRAME_S, Place

CODECS = (PCMU, PCMA, G722, OPUS, L16_8K, L16_16K)
FORMATS = (PCMU_8K, PCMA_8K, PCM_8K, PCM_16K, PCM_24K, PCM_48K)
TONE_HZ = 1_000
LEVEL = 0.3
# How far the sound must be above its own noise, by what limits it: the laws' 8 bits give 38 dB (ITU-T G.711) and one
# after the other 34, G.722's two bands and Opus at telephone bit rates less, linear samples what the filters' stop band
# leaves.
SNR_DB_MIN = {"PCMU": 33, "PCMA": 33, "pcmu": 33, "pcma": 33, "G722": 25, "OPUS": 15, "L16": 54, "pcm16": 54}
# Filters of 2 ms, of which a path has one at most; G.722's own are 3 ms long over coding and decoding, Opus looks ahead
# by 6.5 ms.
DELAY_MS_MAX = {"G722": 3.5, "OPUS": 7.0}
FILTER_MS = 2.2


PATHS = [(codec, form) for codec in CODECS for form in FORMATS]


def name(value: WireCodec | SoundFormat) -> str:
    return f"{value.name}-{value.rate_hz}" if isinstance(value, WireCodec) else str(value).replace("/", "-")


def call_with(place: MakePlace, codec: WireCodec, form: SoundFormat) -> Place:
    return place(form, form, codec=codec.name, payload_type=96, clock_hz=codec.clock_hz).begin()


def samples(sound: bytes) -> NDArray[np.float64]:
    return np.frombuffer(sound, "<i2").astype(np.float64)


def linear(sound: bytes, form: SoundFormat) -> NDArray[np.float64]:
    """Sound of any format as samples at its rate."""
    if form.encoding == "pcm16":
        return samples(sound)
    return samples(converter(form, PCM_8K)(sound))


def measured(sound: NDArray[np.float64], rate_hz: int) -> tuple[float, float]:
    """The amplitude of the tone in a sound, and by how many dB it stands above all else."""
    at = 2 * np.pi * TONE_HZ / rate_hz * np.arange(len(sound))
    basis = np.stack([np.sin(at), np.cos(at)], axis=1)
    part, *_ = np.linalg.lstsq(basis, sound, rcond=None)
    rest = sound - basis @ part
    amplitude = float(np.hypot(*part))
    return amplitude, 10 * float(np.log10((amplitude**2 / 2) / max(1e-9, float(np.mean(rest**2)))))


def onset_ms(sound: NDArray[np.float64], rate_hz: int) -> float:
    """When a tone that begins at full strength reaches half of it."""
    envelope = np.abs(sound)
    return 1_000 * float(np.argmax(envelope > 0.5 * 32_767 * LEVEL)) / rate_hz


def sent_by(call: Place, codec: WireCodec, sound: bytes) -> None:
    """Have the caller say something, at the codec's own rate."""
    encode = codec.new_encoder()
    size = codec.rate_hz // 50 * 2
    for at in range(0, len(sound), size):
        call.peer.send(encode(sound[at : at + size]), 96, timestamp=at // size * codec.clock_hz // 50)
        call.run(FRAME_S)


def limits(codec: WireCodec, form: SoundFormat) -> tuple[float, float]:
    """The least dB and the most ms for this path."""
    return (
        min(SNR_DB_MIN[codec.name], SNR_DB_MIN[form.encoding]),
        DELAY_MS_MAX.get(codec.name, 0.0) + (FILTER_MS if codec.rate_hz != form.rate_hz else 0.0) + 0.3,
    )


@pytest.mark.parametrize(("codec", "form"), PATHS, ids=name)
def test_a_tone_from_the_caller(place: MakePlace, codec: WireCodec, form: SoundFormat) -> None:
    call = call_with(place, codec, form)
    rate = codec.rate_hz
    sent_by(call, codec, bytes(rate // 5 * 2) + tone(TONE_HZ, 1_000, LEVEL, rate) + bytes(rate // 5 * 2))
    assert {len(frame) for frame in call.brain.frames} == {form.frame_bytes}
    heard = linear(b"".join(call.brain.frames), form)
    assert_tone(heard, form.rate_hz, *limits(codec, form))
    assert call.quality.concealed_ms == 0


@pytest.mark.parametrize(("codec", "form"), PATHS, ids=name)
def test_a_tone_from_the_brain(place: MakePlace, codec: WireCodec, form: SoundFormat) -> None:
    call = call_with(place, codec, form)
    pcm = SoundFormat("pcm16", form.rate_hz)
    sound = bytes(pcm.frame_bytes * 10) + tone(TONE_HZ, 1_000, LEVEL, form.rate_hz)
    call.bridge.play(converter(pcm, form)(sound))
    call.run(1.4)
    decode = wire_codec(codec.name, codec.clock_hz).new_decoder()
    heard = samples(b"".join(decode(payload) for payload in call.payloads))
    assert_tone(heard, codec.rate_hz, *limits(codec, form))


def assert_tone(heard: NDArray[np.float64], rate_hz: int, snr_db_min: float, delay_ms_max: float) -> None:
    """There are 200 ms of silence, one second of the tone, and silence."""
    delay_ms = onset_ms(heard, rate_hz) - 200
    steady = heard[int(0.25 * rate_hz) : int(1.15 * rate_hz)]
    amplitude, snr_db = measured(steady, rate_hz)
    assert 20 * np.log10(amplitude / (32_767 * LEVEL)) == pytest.approx(0, abs=1.0)
    assert snr_db > snr_db_min
    assert -0.5 < delay_ms <= delay_ms_max
    # No hole: every 5 ms are as loud as the rest.
    piece = rate_hz // 200
    pieces = steady[: len(steady) // piece * piece].reshape(-1, piece)
    powers = np.sqrt((pieces**2).mean(axis=1))
    assert powers.min() > 0.85 * powers.max()
    before = heard[: int(0.19 * rate_hz)]
    assert np.abs(before).max() < 150
