"""Tones, to be told apart from speech and from each other: for tests and for proof that sound flows."""

import math
import struct

from callgate.core.audio.g711 import SAMPLES_PER_S


def tone(frequency_hz: float, ms: float, level: float = 0.5) -> bytes:
    """A sine.

    Args:
        frequency_hz: below 4,000.
        ms: length.
        level: 0 to 1 of full scale.

    Returns:
        s16le, mono, 8,000 Hz.
    """
    count = int(SAMPLES_PER_S * ms / 1000)
    step = 2 * math.pi * frequency_hz / SAMPLES_PER_S
    return struct.pack(f"<{count}h", *(int(32_767 * level * math.sin(step * i)) for i in range(count)))


def strength(pcm: bytes, frequency_hz: float) -> float:
    """How much of a sound is one frequency: 0 (nothing) to 1 (all). Goertzel's algorithm.

    Args:
        pcm: s16le, mono, 8,000 Hz.
        frequency_hz: looked for.
    """
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm[: len(pcm) // 2 * 2])
    energy = sum(sample * sample for sample in samples)
    if not energy:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency_hz / SAMPLES_PER_S)
    before, now = 0.0, 0.0
    for sample in samples:
        before, now = now, sample + coefficient * now - before
    power = now * now + before * before - coefficient * now * before
    return float(min(1.0, 2 * power / (len(samples) * energy)))
