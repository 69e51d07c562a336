import subprocess
import sys
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.audio.codecs import G722, L16_8K, L16_16K, OPUS, PCMA, PCMU, WireCodec
from callgate.core.audio.convert import choose_format, converter
from callgate.core.audio.format import PCM_8K, PCM_16K, PCM_24K, PCM_48K, PCMA_8K, PCMU_8K, SoundFormat
from callgate.core.audio.pcm import audioop
from tests.core.audio.opus_mark import needs_opus
from tests.core.audio.spectrum import amplitude, decibels, pcm, samples, sine

WIRES = [PCMU, PCMA, G722, OPUS, L16_8K, L16_16K]
FORMATS = [PCMU_8K, PCMA_8K, PCM_8K, PCM_16K, PCM_24K, PCM_48K]


def frames(sound: bytes, size: int) -> list[bytes]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]


def in_pcm(sound: bytes, form: SoundFormat) -> bytes:
    if form.encoding == "pcmu":
        return audioop.ulaw2lin(sound, 2)
    return audioop.alaw2lin(sound, 2) if form.encoding == "pcma" else sound


@pytest.mark.parametrize(
    ("codec", "form"),
    [pytest.param(wire, form, marks=[needs_opus] if wire is OPUS else []) for wire, form in product(WIRES, FORMATS)],
    ids=lambda end: f"{getattr(end, 'name', '')}{end.rate_hz}{getattr(end, 'encoding', '')}",
)
def test_a_tone_crosses_both_ways_at_its_level_frame_by_frame(codec: WireCodec, form: SoundFormat) -> None:
    towards_wire, towards_brain = converter(form, codec), converter(codec, form)
    sound = pcm(sine(440, 600, form.rate_hz))
    if form.encoding != "pcm16":
        sound = converter(PCM_8K, form)(sound)
    heard = b""
    for frame in frames(sound, form.frame_bytes):
        payload = towards_wire(frame)
        assert codec.ticks(payload) == codec.clock_hz // 50
        there = towards_brain(payload)
        assert len(there) == form.frame_bytes
        heard += there
    steady = samples(in_pcm(heard, form))[form.rate_hz // 5 :]
    assert abs(decibels(amplitude(steady, 440, form.rate_hz) / 10_000)) < 1


@pytest.mark.parametrize(("codec", "form"), [(PCMU, PCMU_8K), (PCMA, PCMA_8K)])
def test_the_same_format_is_the_very_same_bytes(codec: WireCodec, form: SoundFormat) -> None:
    sound = bytes(range(160))
    for one in (converter(codec, form), converter(form, codec), converter(form, form)):
        assert one(sound) is sound
        assert not one.is_transcoding
        one.reset()


def test_one_law_becomes_the_other_as_if_decoded() -> None:
    sound = bytes(range(256))
    assert converter(PCMU, PCMA_8K)(sound) == audioop.lin2alaw(audioop.ulaw2lin(sound, 2), 2)
    assert converter(PCMA_8K, PCMU)(sound) == audioop.lin2ulaw(audioop.alaw2lin(sound, 2), 2)
    assert converter(PCMU, PCMA_8K).is_transcoding
    converter(PCMU, PCMA_8K).reset()


def test_reset_is_as_new() -> None:
    frame = pcm(sine(440, 20, 16_000))
    one = converter(PCM_16K, G722)
    first = one(frame)
    assert one(frame) != first
    one.reset()
    assert one(frame) == first
    assert one.is_transcoding


@needs_opus
def test_the_opus_encoder_is_given_the_rate_of_the_brain_so_nothing_is_resampled() -> None:
    with pytest.raises(ValueError, match="expected 640"):  # 20 ms at 16 kHz reach the encoder as they are
        converter(PCM_16K, OPUS)(bytes(642))


@pytest.mark.parametrize("codec", [PCMU, PCMA, G722, L16_16K], ids=lambda codec: codec.name)
@given(payload=st.binary(max_size=400))
def test_any_payload_gives_whole_samples(codec: WireCodec, payload: bytes) -> None:
    assert len(converter(codec, PCM_24K)(payload)) % 2 == 0


@pytest.mark.parametrize(
    ("codec", "accepted", "chosen"),
    [
        ("PCMU", FORMATS, PCMU_8K),
        ("PCMA", FORMATS, PCMA_8K),
        ("PCMA", [PCM_16K, PCMU_8K], PCMU_8K),
        ("PCMU", [PCM_24K, PCM_16K], PCM_16K),
        ("PCMU", [PCM_16K, PCM_8K], PCM_8K),
        ("G722", FORMATS, PCM_16K),
        ("G722", [PCMU_8K, PCM_24K], PCM_24K),  # wideband stays wideband
        ("opus", [PCMU_8K, PCM_16K], PCM_16K),
        ("unheard-of", [PCM_16K, PCMU_8K], PCMU_8K),
    ],
)
def test_the_format_that_spares_most_work_is_chosen(
    codec: str, accepted: list[SoundFormat], chosen: SoundFormat
) -> None:
    assert choose_format(accepted, codec) == chosen


def test_a_brain_must_accept_something() -> None:
    with pytest.raises(ValueError, match="no sound format"):
        choose_format([], "PCMU")


def test_what_is_prepared_is_loaded_and_nothing_else() -> None:
    program = (
        "import sys\n"
        "from callgate.core.audio import codecs, convert, format\n"
        "convert.prepare([codecs.PCMU, codecs.PCMA], [format.PCMU_8K, format.PCM_8K])\n"
        "assert 'numpy' not in sys.modules\n"
        "convert.prepare([codecs.PCMU], [format.PCM_16K])\n"
        "assert 'numpy' in sys.modules\n"
        "assert 'av' not in sys.modules\n"
        "from callgate.core.audio.resample import _banded\n"
        "assert _banded.cache_info().currsize == 2\n"  # there and back
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=30).returncode == 0


def test_a_call_of_g711_at_both_ends_needs_no_numpy() -> None:
    program = (
        "import sys\n"
        "from callgate.core.audio import comfort_noise, conceal, convert, fade, format, inband_digits\n"
        "from callgate.core.audio.codecs import PCMU\n"
        "assert len(convert.converter(PCMU, format.PCMA_8K)(bytes(160))) == 160\n"
        "missing = conceal.Concealer(8000, 'pcmu')\n"
        "missing.heard(bytes(range(160)))\n"
        "missing.missing(20)\n"
        "sys.exit('numpy' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=30).returncode == 0
