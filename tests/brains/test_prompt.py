from pathlib import Path

import pytest

from callgate.brains import prompt
from callgate.brains.prompt import TEXTS, sound, spoken_time


def test_every_text_has_its_sound_and_every_file_its_text() -> None:
    folder = Path(prompt.__file__).parent / "prompts"
    assert {file.stem for file in folder.glob("*.wav")} == set(TEXTS)
    assert all(sound(name) for name in TEXTS)
    assert sum(file.stat().st_size for file in folder.glob("*.wav")) < 1_000_000


def test_the_greeting_is_short() -> None:
    assert len(sound("greeting")) / 16_000 <= 4.0


@pytest.mark.parametrize(
    ("hour", "minute", "words"),
    [
        (0, 0, "It is zero hundred hours universal time."),
        (14, 5, "It is fourteen oh five universal time."),
        (23, 59, "It is twenty three fifty nine universal time."),
        (20, 30, "It is twenty thirty universal time."),
    ],
)
def test_the_time_is_told_in_words(hour: int, minute: int, words: str) -> None:
    assert " ".join(TEXTS[name] for name in spoken_time(hour, minute)) == words


def test_any_time_can_be_told() -> None:
    for hour in range(24):
        for minute in range(60):
            assert all(name in TEXTS for name in spoken_time(hour, minute))
