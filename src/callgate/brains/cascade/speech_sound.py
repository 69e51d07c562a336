"""What a speech server sends, made into the sound that the brain plays: raw PCM, or a WAV file of any usual rate."""

from collections.abc import Callable
from typing import Any, Final

from callgate.core.audio.convert import converter
from callgate.core.audio.format import PCM_24K, RATES_HZ, SoundFormat
from callgate.core.audio.pcm import audioop
from callgate.core.audio.wav import WavStream

SPOKEN: Final = PCM_24K
"""What comes out; also what comes in when there is no header."""

# How other things begin than sound without a header: a server may not heed the format it was asked for.
_OTHERS: Final = {
    b"ID3": "MP3",
    b"\xff\xfb": "MP3",
    b"\xff\xf3": "MP3",
    b"OggS": "Ogg",
    b"fLaC": "FLAC",
    b'{"': "JSON",
    b"<!": "HTML",
}
_SNIFFED_BYTES: Final = 4
_WAV: Final = b"RIFF"


class SpeechSound:
    """Reads the sound of one clause, wherever it is cut."""

    def __init__(self) -> None:
        self._begin: bytes | None = b""
        self._wav: WavStream | None = None
        self._convert: Callable[[bytes], bytes] | None = None
        self._half = b""

    def feed(self, received: bytes) -> bytes:
        """What can be played of it now: `SPOKEN`.

        Raises:
            ValueError: it is neither, or no WAV file that can be read.
        """
        if self._begin is not None:
            received = self._begin + received
            if len(received) < _SNIFFED_BYTES:
                self._begin = received
                return b""
            self._begin = None
            self._sniff(received)
        if self._wav is None:
            received = self._half + received
            whole = len(received) - len(received) % 2
            self._half = received[whole:]
            return received[:whole]
        pcm = self._wav.feed(received)
        if not pcm:
            return b""
        if self._convert is None:
            self._convert = _to_spoken(self._wav.rate_hz)
        return self._convert(pcm)

    def _sniff(self, beginning: bytes) -> None:
        if beginning.startswith(_WAV):
            self._wav = WavStream()
        for mark, name in _OTHERS.items():
            if beginning.startswith(mark):
                raise ValueError(f"the speech server sent {name}; expected PCM or WAV")


def _to_spoken(rate_hz: int) -> Callable[[bytes], bytes]:
    if rate_hz in RATES_HZ:
        return converter(SoundFormat("pcm16", rate_hz), SPOKEN)
    state: Any = None

    def interpolated(pcm: bytes) -> bytes:
        # Straight lines between samples: of 22,050 Hz, what a telephone carries keeps its images 30 dB down or more.
        nonlocal state
        made: bytes
        made, state = audioop.ratecv(pcm, 2, 1, rate_hz, SPOKEN.rate_hz, state)
        return made

    return interpolated
