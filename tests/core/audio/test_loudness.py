from typing import Any

import pytest

from callgate.core.audio.codecs import PCMA, PCMU
from callgate.core.audio.format import PCM_8K, PCM_24K, PCMA_8K, PCMU_8K, SoundFormat
from callgate.core.audio.loudness import loudness
from callgate.core.audio.tones import tone


@pytest.mark.parametrize(
    ("format", "encode"),
    [(PCM_8K, bytes), (PCM_24K, bytes), (PCMU_8K, PCMU.new_encoder()), (PCMA_8K, PCMA.new_encoder())],
)
def test_loudness_is_the_same_in_every_format(format: SoundFormat, encode: Any) -> None:
    level = loudness(format)
    assert level(format.silence) < 10
    assert level(encode(tone(440, 20, 0.5, format.rate_hz))) == pytest.approx(0.5 * 32_767 / 2**0.5, rel=0.03)
