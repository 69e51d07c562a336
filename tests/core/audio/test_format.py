import pytest

from callgate.core.audio.format import PCM_8K, PCM_16K, PCM_24K, PCM_48K, PCMA_8K, PCMU_8K, SoundFormat
from callgate.core.audio.pcm import audioop


@pytest.mark.parametrize(
    ("form", "per_ms"), [(PCM_8K, 16), (PCM_16K, 32), (PCM_24K, 48), (PCM_48K, 96), (PCMU_8K, 8), (PCMA_8K, 8)]
)
def test_sizes_are_whole(form: SoundFormat, per_ms: int) -> None:
    assert form.bytes_per_ms == per_ms
    assert form.frame_bytes == 20 * per_ms
    assert len(form.silence) == form.frame_bytes


def test_silence_is_silent_in_every_encoding() -> None:
    assert not any(PCM_16K.silence)
    assert not any(audioop.ulaw2lin(PCMU_8K.silence, 2))
    assert audioop.max(audioop.alaw2lin(PCMA_8K.silence, 2), 2) <= 8  # A-law has no zero


def test_formats_are_values_and_print_themselves() -> None:
    assert SoundFormat("pcm16", 16_000) == PCM_16K
    assert str(PCMU_8K) == "pcmu/8000"
    assert len({PCM_8K, SoundFormat("pcm16", 8_000)}) == 1


@pytest.mark.parametrize(("encoding", "rate_hz"), [("mp3", 8_000), ("pcm16", 44_100), ("pcmu", 16_000), ("pcma", 0)])
def test_what_is_no_format_is_refused_with_the_value(encoding: str, rate_hz: int) -> None:
    with pytest.raises(ValueError, match=encoding):
        SoundFormat(encoding, rate_hz)
