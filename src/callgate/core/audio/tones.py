"""Tones, to be told apart from speech and from each other: for tests, for proof that sound flows, for keys pressed."""

import math
import struct
from typing import Final

from callgate.core.audio.g711 import SAMPLES_PER_S

LOW_HZ: Final = (697, 770, 852, 941)
"""The rows of a telephone's keys. ITU-T Q.23."""
HIGH_HZ: Final = (1_209, 1_336, 1_477, 1_633)
"""The columns."""
KEYS: Final = ("123A", "456B", "789C", "*0#D")
"""The keys, row by row."""


def tone(frequency_hz: float, ms: float, level: float = 0.5, rate_hz: int = SAMPLES_PER_S) -> bytes:
    """A sine.

    Args:
        frequency_hz: below half of `rate_hz`.
        ms: length.
        level: 0 to 1 of full scale.
        rate_hz: samples a second.

    Returns:
        s16le, mono.
    """
    count = int(rate_hz * ms / 1000)
    step = 2 * math.pi * frequency_hz / rate_hz
    return struct.pack(f"<{count}h", *(int(32_767 * level * math.sin(step * i)) for i in range(count)))


def dtmf(digit: str, ms: float, rate_hz: int = SAMPLES_PER_S, level: float = 0.2, twist_db: float = 0.0) -> bytes:
    """A key pressed: two sines. ITU-T Q.23.

    Args:
        digit: one of ``0123456789*#ABCD``.
        ms: length.
        rate_hz: samples a second.
        level: 0 to 0.5 of full scale, of the lower tone.
        twist_db: how much stronger the higher tone is.

    Returns:
        s16le, mono.

    Raises:
        ValueError: no such key.
    """
    rows = [row for row in range(4) if digit in KEYS[row]]
    if len(digit) != 1 or not rows:
        raise ValueError(f"no such key: {digit!r}, expected one of 0 to 9, *, #, A to D")
    low = 2 * math.pi * LOW_HZ[rows[0]] / rate_hz
    high = 2 * math.pi * HIGH_HZ[KEYS[rows[0]].index(digit)] / rate_hz
    louder = 10 ** (twist_db / 20)
    peak = 32_767 * level
    samples = (int(peak * (math.sin(low * i) + louder * math.sin(high * i))) for i in range(int(rate_hz * ms / 1000)))
    pcm = [max(-32_768, min(32_767, sample)) for sample in samples]
    return struct.pack(f"<{len(pcm)}h", *pcm)


def strength(pcm: bytes, frequency_hz: float, rate_hz: int = SAMPLES_PER_S) -> float:
    """How much of a sound is one frequency: 0 (nothing) to 1 (all). Goertzel's algorithm.

    Args:
        pcm: s16le, mono.
        frequency_hz: looked for.
        rate_hz: samples a second.
    """
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm[: len(pcm) // 2 * 2])
    energy = sum(sample * sample for sample in samples)
    if not energy:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency_hz / rate_hz)
    before, now = 0.0, 0.0
    for sample in samples:
        before, now = now, sample + coefficient * now - before
    power = now * now + before * before - coefficient * now * before
    return float(min(1.0, 2 * power / (len(samples) * energy)))
