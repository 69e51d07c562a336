import math

import numpy as np
import pytest

from callgate.brains.synthesis import TEXT_CHARACTERS_MAX, Speaker, resample
from callgate.core.audio.pcm import audioop


def sine(frequency: float, rate: int) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    return (10_000 * np.sin(2 * math.pi * frequency * np.arange(rate) / rate)).astype("<i2")


@pytest.mark.parametrize("frequency", [300, 1_000, 3_000])
def test_what_a_telephone_carries_keeps_its_shape(frequency: float) -> None:
    resampled = np.frombuffer(resample(sine(frequency, 22_050), 22_050), "<i2").astype(float)
    expected = sine(frequency, 8_000).astype(float)
    assert len(resampled) == 8_000
    assert np.abs(resampled - expected)[100:-100].max() < 100


def test_what_is_too_high_is_taken_out() -> None:
    resampled = np.frombuffer(resample(sine(5_000, 22_050), 22_050), "<i2")
    assert np.abs(resampled[100:-100]).max() < 50


def test_nothing_stays_nothing() -> None:
    assert resample(np.zeros(0, "<i2"), 22_050) == b""


@pytest.mark.speech
def test_text_is_spoken_in_the_language_asked_for_or_in_english() -> None:
    pytest.importorskip("espeakng_loader", reason="the extra callgate[demo] is not installed")
    speaker = Speaker()
    for language in ("", "en", "de", "pt-BR", "tlh-none"):
        pcm = speaker.speak("Guten Tag", language)
        assert 0.3 < len(pcm) / 16_000 < 3.0
        assert audioop.rms(pcm, 2) > 500
    assert not any(speaker.speak(""))
    assert len(speaker.speak("a b " * 10 * TEXT_CHARACTERS_MAX)) / 16_000 < 600
