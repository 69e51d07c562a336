"""What the demo agent can say without a speech engine: the text of every prompt, and its sound."""

import wave
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_UNITS: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS: Final = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty"}

# One table: `scripts/render_prompts.py` makes a WAV file of each row, and messages of a call quote it.
TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "greeting": "This is Callgate's demo agent. Speak, and I repeat what you said.",
        "menu": "Press 1 for the time, 2 to turn repeating on or off, 9 to say goodbye.",
        "repeating-on": "I repeat what you say.",
        "repeating-off": "I no longer repeat what you say.",
        "goodbye": "Thank you for calling. Goodbye.",
        "are-you-there": "Are you still there?",
        "time-exceeded": "Our time is up. Goodbye.",
        "no-engine": "There is something I should say here, but no speech engine is installed.",
        "it-is": "It is",
        "hundred": "hundred",
        "hours": "hours",
        "oh": "oh",
        "universal-time": "universal time.",
        **{f"number-{number}": word for number, word in enumerate(_UNITS)},
        **{f"number-{number}": word for number, word in _TENS.items()},
    }
)


@cache
def sound(name: str) -> bytes:
    """The prompt called `name`: int16 little-endian, mono, 8,000 Hz.

    Raises:
        KeyError: there is no such prompt.
    """
    TEXTS[name]
    with files("callgate.brains").joinpath("prompts", f"{name}.wav").open("rb") as file, wave.open(file) as prompt:
        pcm: bytes = prompt.readframes(prompt.getnframes())
        return pcm


def spoken_time(hour: int, minute: int) -> tuple[str, ...]:
    """The prompts that tell a time of day, in order: ``it is · fourteen · oh · five · universal time``."""
    minutes: tuple[str, ...] = ("hundred", "hours") if minute == 0 else _number(minute)
    if 0 < minute < 10:
        minutes = ("oh", *minutes)
    return ("it-is", *_number(hour), *minutes, "universal-time")


def _number(value: int) -> tuple[str, ...]:
    """The prompts for 0 to 59."""
    if value < 20:
        return (f"number-{value}",)
    tens, units = value - value % 10, value % 10
    return (f"number-{tens}",) if units == 0 else (f"number-{tens}", f"number-{units}")
