"""What a stretch of sound is made of: how its samples are written and how many there are in a second. Always mono."""

from dataclasses import dataclass
from typing import Final

FRAME_MS: Final = 20
"""The frame everything is cut into: what RTP carries per packet unless told otherwise.
RFC 3551 section 4.2 (Operating Recommendations)."""

RATES_HZ: Final = (8_000, 16_000, 24_000, 48_000)
"""The sample rates that wires and brains use."""

_BYTES_PER_SAMPLE: Final = {"pcm16": 2, "pcmu": 1, "pcma": 1}
# The code of a sample of zero: ITU-T G.711 tables 1 and 2, positive side.
_SILENT_SAMPLE: Final = {"pcm16": b"\0\0", "pcmu": b"\xff", "pcma": b"\xd5"}


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """How sound is written, mono.

    Attributes:
        encoding: ``pcm16`` (int16 little-endian), ``pcmu`` or ``pcma`` (ITU-T G.711, a byte a sample).
        rate_hz: samples a second: one of `RATES_HZ`; 8,000 for the two laws.

    Raises:
        ValueError: an encoding or a rate that is none of these.
    """

    encoding: str
    rate_hz: int

    def __post_init__(self) -> None:
        if self.encoding not in _BYTES_PER_SAMPLE:
            raise ValueError(f"unknown sound encoding: {self.encoding!r}, expected pcm16, pcmu or pcma")
        rates = RATES_HZ if self.encoding == "pcm16" else (8_000,)
        if self.rate_hz not in rates:
            raise ValueError(f"sample rate of {self.encoding}: {self.rate_hz}, expected one of {rates}")

    @property
    def bytes_per_ms(self) -> int:
        """How many bytes a millisecond takes; whole for every format."""
        return _BYTES_PER_SAMPLE[self.encoding] * self.rate_hz // 1_000

    @property
    def frame_bytes(self) -> int:
        """How many bytes a frame of 20 ms takes."""
        return FRAME_MS * self.bytes_per_ms

    @property
    def silence(self) -> bytes:
        """One frame of silence."""
        return _SILENT_SAMPLE[self.encoding] * (FRAME_MS * self.rate_hz // 1_000)

    def __str__(self) -> str:
        return f"{self.encoding}/{self.rate_hz}"


def sound_format(name: str) -> SoundFormat:
    """A format as it writes itself: ``ENCODING/RATE``.

    Raises:
        ValueError: there is no such format.
    """
    encoding, _, rate = name.partition("/")
    if not rate.isascii() or not rate.isdigit():
        raise ValueError(f"sound format: {name!r}, expected ENCODING/RATE, e.g. pcm16/16000")
    return SoundFormat(encoding, int(rate))


PCM_8K: Final = SoundFormat("pcm16", 8_000)
PCM_16K: Final = SoundFormat("pcm16", 16_000)
PCM_24K: Final = SoundFormat("pcm16", 24_000)
PCM_48K: Final = SoundFormat("pcm16", 48_000)
PCMU_8K: Final = SoundFormat("pcmu", 8_000)
PCMA_8K: Final = SoundFormat("pcma", 8_000)
