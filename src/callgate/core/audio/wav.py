"""WAV files: written whole, read as they come. RIFF/WAVE, 16-bit PCM only."""

import struct
from typing import Final

from callgate.core.audio.pcm import audioop

RATE_HZ_MIN: Final = 8_000
RATE_HZ_MAX: Final = 96_000  # the highest that speech engines write
_HEAD_BYTES_MAX: Final = 64 * 1024  # before the sound: a format and some words about it
_PCM: Final = 1
_EXTENSIBLE: Final = 0xFFFE  # a longer format of which the first fields mean the same
# What streaming servers write where they do not know the length yet: 0, or nearly the largest number.
_LENGTH_UNKNOWN: Final = 0x7FFF_0000


def write_wav(pcm: bytes, rate_hz: int) -> bytes:
    """A file of one mono stretch of sound.

    Args:
        pcm: int16 little-endian.
        rate_hz: samples a second.
    """
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, rate_hz, 2 * rate_hz, 2, 16)
    data = struct.pack("<4sI", b"data", len(pcm))
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data) + len(pcm), b"WAVE") + form + data + pcm


class WavStream:
    """Reads one file, wherever it is cut.

    Attributes:
        rate_hz: samples a second; 0 until it is known.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._channels = 0
        self._in_data = False
        self._left: int | None = None  # bytes of sound; None: until the end
        self.rate_hz = 0

    def feed(self, received: bytes) -> bytes:
        """The sound that is complete now: int16 little-endian, mono; two channels become their mean.

        Raises:
            ValueError: no WAV file, or one that is not 16-bit PCM of one or two channels at 8 to 96 kHz.
        """
        self._rest += received
        if not self._in_data and not self._read_head():
            if len(self._rest) > _HEAD_BYTES_MAX:
                raise ValueError(f"a WAV file without sound in its first {_HEAD_BYTES_MAX} bytes")
            return b""
        whole = len(self._rest) - len(self._rest) % (2 * self._channels)
        if self._left is not None:
            whole = min(whole, self._left - self._left % (2 * self._channels))
            self._left -= whole
        pcm = bytes(self._rest[:whole])
        del self._rest[:whole]
        if self._left is not None and self._left < 2 * self._channels:
            self._rest.clear()  # words that some write after the sound
        return audioop.tomono(pcm, 2, 0.5, 0.5) if self._channels == 2 else pcm

    def _read_head(self) -> bool:
        """Whether the sound has begun."""
        rest = self._rest
        if rest[:4] != b"RIFF"[: len(rest)] or rest[8:12] != b"WAVE"[: max(0, len(rest) - 8)]:
            raise ValueError("not a WAV file")
        at = 12
        while len(rest) >= at + 8:
            name, length = struct.unpack_from("<4sI", rest, at)
            at += 8
            if name == b"data":
                if not self.rate_hz:
                    raise ValueError("a WAV file without a format before its sound")
                self._left = length if 0 < length < _LENGTH_UNKNOWN else None
                self._in_data = True
                del rest[:at]
                return True
            if name == b"fmt " and len(rest) >= at + 16:
                self._read_format(*struct.unpack_from("<HHIIHH", rest, at))
            at += length + length % 2
        return False

    def _read_format(self, tag: int, channels: int, rate_hz: int, _: int, __: int, bits: int) -> None:
        if tag not in (_PCM, _EXTENSIBLE) or bits != 16 or channels not in (1, 2):
            raise ValueError(
                f"a WAV file of format {tag}, {bits} bits, {channels} channels; expected PCM, 16 bits, 1 or 2 channels"
            )
        if not RATE_HZ_MIN <= rate_hz <= RATE_HZ_MAX:
            raise ValueError(f"a WAV file of {rate_hz} Hz; expected {RATE_HZ_MIN} to {RATE_HZ_MAX}")
        self._channels, self.rate_hz = channels, rate_hz
