"""An end without a click: what is about to be cut off goes down to nothing first."""

from functools import cache
from typing import Final

from callgate.core.audio.codecs import PCMA, PCMU
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.core.audio.pcm import audioop

FADE_MS: Final = 5
"""Long enough that no click is heard, short enough that a cleared agent falls silent within the frame."""

_LAW: Final = {"pcmu": PCMU, "pcma": PCMA}
_STEPS_PER_MS: Final = 8  # a step of the gain per sample of telephony, per six samples at 48 kHz


def fade_out(frame: bytes, format: SoundFormat = PCM_8K, ms: int = FADE_MS) -> bytes:
    """A frame that goes down to silence in its first `ms` and stays there.

    Args:
        frame: the sound that would have been next, whole samples of `format`, any length.
        format: of the frame.
        ms: 1 or more; a frame that is shorter fades over its own length.

    Returns:
        As many bytes as `frame` had.
    """
    law = _LAW.get(format.encoding)
    pcm = law.new_decoder()(frame) if law else frame
    step = 2 * format.rate_hz // 1_000 // _STEPS_PER_MS
    gains = _gains(min(ms * _STEPS_PER_MS, len(pcm) // step))
    faded = b"".join([audioop.mul(pcm[step * index : step * (index + 1)], 2, gain) for index, gain in enumerate(gains)])
    pcm = faded.ljust(len(pcm), b"\0")
    return law.new_encoder()(pcm) if law else pcm


@cache  # as many as there are lengths of frames
def _gains(steps: int) -> tuple[float, ...]:
    return tuple(1 - (index + 1) / (steps + 1) for index in range(steps))
