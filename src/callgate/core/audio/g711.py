"""G.711: A-law and µ-law, a byte a sample. ITU-T G.711."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from callgate.core.audio.pcm import audioop

SAMPLES_PER_S: Final = 8_000
FRAME_MS: Final = 20
FRAME_SAMPLES: Final = 160
FRAME_BYTES: Final = 2 * FRAME_SAMPLES
SILENCE: Final = bytes(FRAME_BYTES)
"""One frame of s16le silence."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One of the two laws.

    Attributes:
        name: as in SDP.
        decode: G.711 bytes, shape (n,) → s16le, shape (2n,).
        encode: s16le, shape (2n,) → G.711 bytes, shape (n,).
        silence: one frame of silence on the wire.
    """

    name: str
    decode: Callable[[bytes], bytes]
    encode: Callable[[bytes], bytes]
    silence: bytes


CODECS: Final[dict[str, Codec]] = {
    "PCMU": Codec(
        "PCMU",
        lambda data: audioop.ulaw2lin(data, 2),
        lambda pcm: audioop.lin2ulaw(pcm, 2),
        audioop.lin2ulaw(SILENCE, 2),
    ),
    "PCMA": Codec(
        "PCMA",
        lambda data: audioop.alaw2lin(data, 2),
        lambda pcm: audioop.lin2alaw(pcm, 2),
        audioop.lin2alaw(SILENCE, 2),
    ),
}


def conceal(last: bytes, missing: int) -> bytes:
    """A frame in place of one that was lost: the last one, fainter with each that is missing in a row.

    Args:
        last: s16le, the last frame that was heard.
        missing: 1 for the first lost one.
    """
    return audioop.mul(last, 2, 0.5**missing)
