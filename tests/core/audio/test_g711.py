import pytest

from callgate.core.audio.g711 import CODECS, FRAME_BYTES, FRAME_SAMPLES, SILENCE, conceal
from callgate.core.audio.tones import strength, tone


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_a_tone_survives_there_and_back(name: str) -> None:
    codec = CODECS[name]
    pcm = tone(440, 20)
    wire = codec.encode(pcm)
    assert len(wire) == FRAME_SAMPLES
    assert strength(codec.decode(wire), 440) > 0.95
    assert len(codec.silence) == FRAME_SAMPLES
    assert max(codec.decode(codec.silence)[::2]) <= 8


def test_a_lost_frame_fades() -> None:
    loud = tone(440, 20)
    once, twice = conceal(loud, 1), conceal(loud, 2)
    assert len(once) == FRAME_BYTES
    assert max(loud) > 0
    assert 0 < sum(map(abs, memoryview(twice).cast("h"))) < sum(map(abs, memoryview(once).cast("h")))
    assert conceal(SILENCE, 1) == SILENCE
