"""How loud a frame is."""

from collections.abc import Callable

from callgate.core.audio.format import SoundFormat
from callgate.core.audio.pcm import audioop


def loudness(format: SoundFormat) -> Callable[[bytes], int]:
    """What tells the level of a frame in this format: the root mean square, of 32,768."""
    if format.encoding == "pcmu":
        return lambda frame: audioop.rms(audioop.ulaw2lin(frame, 2), 2)
    if format.encoding == "pcma":
        return lambda frame: audioop.rms(audioop.alaw2lin(frame, 2), 2)
    return lambda frame: audioop.rms(frame, 2)
