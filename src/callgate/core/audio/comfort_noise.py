"""Comfort noise: what a caller's silence sounds like, when its end stops sending sound. RFC 3389."""

from collections.abc import Callable
from typing import Final

from callgate.core.audio.pcm import audioop

DEFAULT_DBOV: Final = -70
"""For a payload without a level: below what anybody hears on a telephone."""

_UNIFORM_DBOV: Final = -4.77  # of noise uniform over int16: a third of the power of a square wave as high


def noise_level_dbov(payload: bytes) -> int:
    """The level a payload asks for. RFC 3389 section 3.1 (Noise Level).

    The spectrum that may follow (section 3.2) is not used: a speech model does not listen to it.

    Args:
        payload: of an RTP packet of comfort noise; an empty one asks for nothing and gets `DEFAULT_DBOV`.

    Returns:
        dB against the loudest square wave, -127 to 0.
    """
    return -(payload[0] & 0x7F) if payload else DEFAULT_DBOV


def noise(level_dbov: float, samples: int, chance: Callable[[int], bytes]) -> bytes:
    """White noise.

    Args:
        level_dbov: -127 to 0, as `noise_level_dbov` gives it; louder than -5 it clips.
        samples: how many; of any rate.
        chance: gives as many random bytes as it is asked for, e.g. ``random.Random(seed).randbytes``.

    Returns:
        int16 little-endian, shape (samples,).
    """
    return audioop.mul(chance(2 * samples), 2, 10 ** ((level_dbov - _UNIFORM_DBOV) / 20))
