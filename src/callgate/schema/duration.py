"""Durations as the public API writes them: seconds as text, e.g. ``30s`` or ``0.384s``."""

import re
from typing import Final

# The public pattern; it admits negative numbers and twelve digits, so every field has bounds of its own.
PATTERN: Final = r"^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?s$"
_DURATION: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?s", re.ASCII)


def seconds(text: str) -> float:
    """The seconds that a duration says.

    Raises:
        ValueError: not a duration.
    """
    if _DURATION.fullmatch(text) is None:
        raise ValueError(f"not a duration in seconds such as `30s` or `0.5s`: `{text[:60]}`")
    return float(text[:-1])


def duration(value_s: float) -> str:
    """Seconds in the public form, to the millisecond."""
    text = f"{value_s:.3f}".rstrip("0").rstrip(".")
    return f"{'0' if text == '-0' else text}s"
