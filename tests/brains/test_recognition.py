import wave
from pathlib import Path

import pytest

from callgate.brains.recognition import Listener

VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture(scope="module")
def listener() -> Listener:
    pytest.importorskip("pocketsphinx", reason="the extra callgate[demo] is not installed")
    return Listener()


@pytest.mark.speech
@pytest.mark.parametrize(
    ("name", "phrase"),
    [("goodbye", "goodbye"), ("what_time_is_it", "what time is it"), ("the_weather_is_nice_today", "")],
)
def test_phrases_are_told_from_other_speech(listener: Listener, name: str, phrase: str) -> None:
    with wave.open(str(VECTORS / f"{name}.wav")) as file:
        pcm: bytes = file.readframes(file.getnframes())
    assert listener.understand(pcm) == phrase


@pytest.mark.speech
@pytest.mark.parametrize("pcm", [b"", b"\0", bytes(16_000), bytes(16_000 * 5)])
def test_silence_is_no_phrase(listener: Listener, pcm: bytes) -> None:
    assert listener.understand(pcm) == ""
