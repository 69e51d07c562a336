"""Measures of a sound, for tests."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]


def samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def pcm(sound: Samples) -> bytes:
    return np.clip(np.rint(sound), -32_768, 32_767).astype("<i2").tobytes()


def sine(frequency_hz: float, ms: float, rate_hz: int, amplitude: float = 10_000.0) -> Samples:
    time = np.arange(int(rate_hz * ms / 1000)) / rate_hz
    return np.asarray(amplitude * np.sin(2 * np.pi * frequency_hz * time), np.float64)


def amplitude(sound: Samples, frequency_hz: float, rate_hz: int) -> float:
    """Of one frequency in a sound, by projection under a Hann window."""
    window = np.hanning(len(sound))
    turn = np.exp(-2j * np.pi * frequency_hz / rate_hz * np.arange(len(sound)))
    return float(2 * abs(np.sum(sound * window * turn)) / np.sum(window))


def decibels(ratio: float) -> float:
    return float(20 * np.log10(max(ratio, 1e-12)))


def noise_share_db(sound: Samples, wanted: Samples) -> float:
    """How far everything that is not wanted lies below what is."""
    return float(10 * np.log10(np.sum(wanted**2) / max(np.sum((sound - wanted) ** 2), 1e-9)))
