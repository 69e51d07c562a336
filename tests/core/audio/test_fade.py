import numpy as np
import pytest

from callgate.core.audio.convert import converter
from callgate.core.audio.fade import fade_out
from callgate.core.audio.format import PCM_8K, PCM_16K, PCM_24K, PCM_48K, PCMA_8K, PCMU_8K, SoundFormat
from callgate.core.audio.pcm import audioop
from tests.core.audio.spectrum import pcm, samples, sine


@pytest.mark.parametrize("form", [PCM_8K, PCM_16K, PCM_24K, PCM_48K, PCMU_8K, PCMA_8K], ids=str)
def test_a_frame_goes_down_in_five_milliseconds_without_a_step(form: SoundFormat) -> None:
    steady = pcm(np.full(form.rate_hz // 50, 20_000.0))
    frame = steady if form.encoding == "pcm16" else converter(PCM_8K, form)(steady)
    faded = fade_out(frame, form)
    assert len(faded) == len(frame)
    if form.encoding != "pcm16":
        faded = (audioop.ulaw2lin if form.encoding == "pcmu" else audioop.alaw2lin)(faded, 2)
    sound = samples(faded)
    assert 18_000 < sound[0] < 20_100
    assert np.all(np.diff(sound) <= 0)
    assert np.abs(np.diff(sound)).max() <= 1_024  # of 20,000; a step of A-law is 1,024 up there
    assert np.abs(sound[form.rate_hz * 5 // 1_000 :]).max() <= 8


def test_a_short_frame_fades_over_its_own_length() -> None:
    faded = samples(fade_out(pcm(np.full(24, 10_000.0))))
    assert len(faded) == 24
    assert faded[-1] < 500
    assert fade_out(b"") == b""


def test_a_fade_keeps_the_sound_under_it() -> None:
    whole = sine(440, 20, 8_000)
    faded = samples(fade_out(pcm(whole), PCM_8K, 20))
    ramp = 1 - (np.arange(160) + 1) / 161
    assert np.abs(faded - whole * ramp).max() < 2
