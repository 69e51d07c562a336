"""What goes over the wire, by its name in SDP: how to read it, how to write it, how long a payload lasts.

G.711 needs nothing but Python's own audio arithmetic. G.722 and Opus are imported when a call first uses them: Opus is
there only with the extra ``callgate[opus]``.

Decoders and encoders carry state from packet to packet: one of each per call.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from callgate.core.audio.format import PCM_8K, PCM_16K, PCM_48K, PCMA_8K, PCMU_8K, SoundFormat
from callgate.core.audio.pcm import audioop

Turn = Callable[[bytes], bytes]
"""One payload, or one stretch of sound, into the other."""


@dataclass(frozen=True, slots=True)
class WireCodec:
    """One way to carry sound in RTP, mono.

    Attributes:
        name: as in SDP, capitals.
        rate_hz: samples a second of what a decoder gives and (unless told otherwise) an encoder takes.
        clock_hz: of RTP timestamps; not always `rate_hz`.
        format: the sound format into which its payload turns most cheaply: the payload itself for G.711.
        encoder_rates_hz: what its encoder takes without resampling.
    """

    name: str
    rate_hz: int
    clock_hz: int
    format: SoundFormat
    encoder_rates_hz: tuple[int, ...]

    def new_decoder(self) -> Turn:
        """Payload → int16 little-endian at `rate_hz`.

        Any bytes are taken: G.711, G.722 and L16 make noise of nonsense (L16 drops half a sample at the end).

        Raises:
            RuntimeError: from this method: the codec is not installed (`available`).
            ValueError: from the decoder: an Opus payload that is none; the next good one is decoded again.
        """
        if self.name == "PCMU":
            return _ulaw_to_pcm
        if self.name == "PCMA":
            return _alaw_to_pcm
        if self.name == "L16":
            return _network_to_pcm
        if self.name == "G722":
            return _g722_decoder()
        return _opus_decoder()

    def new_encoder(self, rate_hz: int | None = None) -> Turn:
        """Int16 little-endian → payload.

        Args:
            rate_hz: of the sound: one of `encoder_rates_hz`; `rate_hz` of the codec by default.

        The encoder of G.722 takes an even number of samples, the one of Opus exactly 20 ms.

        Raises:
            RuntimeError: from this method: the codec is not installed (`available`).
            ValueError: from this method: a rate it does not take. From the encoder: a length it does not take.
        """
        rate_hz = rate_hz or self.rate_hz
        if rate_hz not in self.encoder_rates_hz:
            raise ValueError(f"sample rate for {self.name}: {rate_hz}, expected one of {self.encoder_rates_hz}")
        if self.name == "PCMU":
            return _pcm_to_ulaw
        if self.name == "PCMA":
            return _pcm_to_alaw
        if self.name == "L16":
            return _network_to_pcm  # swapping twice is not swapping
        if self.name == "G722":
            return _g722_encoder()
        return _opus_encoder(rate_hz)

    def ticks(self, payload: bytes) -> int:
        """How long a payload lasts, in ticks of `clock_hz`; 0 for one of Opus that says nothing sensible."""
        if self.name == "OPUS":
            return opus_ticks(payload)
        if self.name == "L16":
            return len(payload) // 2
        return len(payload)  # G.711: a sample a byte. G.722: two samples a byte, but by its clock one


PCMU: Final = WireCodec("PCMU", 8_000, 8_000, PCMU_8K, (8_000,))
PCMA: Final = WireCodec("PCMA", 8_000, 8_000, PCMA_8K, (8_000,))
G722: Final = WireCodec("G722", 16_000, 8_000, PCM_16K, (16_000,))
"""RFC 3551 section 4.5.2 (G722): the clock is 8,000 by a mistake of an earlier RFC that is kept; samples are 16,000."""
OPUS: Final = WireCodec("OPUS", 48_000, 48_000, PCM_48K, (8_000, 16_000, 24_000, 48_000))
"""RFC 7587 section 4.1 (RTP Header Usage): the clock is 48,000 whatever the encoder was given."""
L16_8K: Final = WireCodec("L16", 8_000, 8_000, PCM_8K, (8_000,))
L16_16K: Final = WireCodec("L16", 16_000, 16_000, PCM_16K, (16_000,))

_ALL: Final = (PCMU, PCMA, G722, OPUS, L16_8K, L16_16K)
_PACKAGE: Final = {"G722": "G722", "OPUS": "av"}


def available() -> tuple[WireCodec, ...]:
    """The codecs this installation has."""
    return tuple(codec for codec in _ALL if find_spec(_PACKAGE.get(codec.name, "audioop")) is not None)


def wire_codec(name: str, clock_hz: int | None = None) -> WireCodec:
    """The codec of an SDP rtpmap.

    Args:
        name: in any case.
        clock_hz: the rtpmap's rate; ``None``: the first of that name.

    Raises:
        ValueError: none of that name and clock.
    """
    for codec in _ALL:
        if codec.name == name.upper() and clock_hz in (None, codec.clock_hz):
            return codec
    raise ValueError(f"unknown codec: {name}/{clock_hz}, expected one of {[f'{c.name}/{c.clock_hz}' for c in _ALL]}")


def opus_ticks(payload: bytes) -> int:
    """How long an Opus packet lasts, in samples of 48 kHz. RFC 6716 section 3.1 (The TOC Byte).

    Returns:
        120 (2.5 ms) to 5,760 (120 ms); 0 for an empty or impossible packet.
    """
    if not payload:
        return 0
    configuration, code = payload[0] >> 3, payload[0] & 3
    if configuration < 12:  # SILK: 10, 20, 40, 60 ms
        frame = (480, 960, 1_920, 2_880)[configuration & 3]
    elif configuration < 16:  # hybrid: 10, 20 ms
        frame = (480, 960)[configuration & 1]
    else:  # CELT: 2.5, 5, 10, 20 ms
        frame = (120, 240, 480, 960)[configuration & 3]
    counted = payload[1] & 0x3F if len(payload) > 1 else 0
    ticks = frame * (1, 2, 2, counted)[code]
    return ticks if ticks <= 5_760 else 0


def _ulaw_to_pcm(payload: bytes) -> bytes:
    return audioop.ulaw2lin(payload, 2)


def _alaw_to_pcm(payload: bytes) -> bytes:
    return audioop.alaw2lin(payload, 2)


def _pcm_to_ulaw(pcm: bytes) -> bytes:
    return audioop.lin2ulaw(pcm, 2)


def _pcm_to_alaw(pcm: bytes) -> bytes:
    return audioop.lin2alaw(pcm, 2)


def _network_to_pcm(payload: bytes) -> bytes:
    return audioop.byteswap(payload[:-1] if len(payload) & 1 else payload, 2)


def _g722_decoder() -> Turn:
    from G722 import G722 as Engine  # type: ignore[import-not-found]  # ships no type information

    decode = Engine(16_000, 64_000).decode

    def turn(payload: bytes) -> bytes:
        return bytes(decode(payload))

    return turn


def _g722_encoder() -> Turn:
    from G722 import G722 as Engine

    encode = Engine(16_000, 64_000).encode

    def turn(pcm: bytes) -> bytes:
        if len(pcm) & 3:
            raise ValueError(f"sound for G722: {len(pcm)} bytes, expected an even number of samples of 2 bytes")
        return bytes(encode(memoryview(pcm).cast("h")))

    return turn


def _opus_decoder() -> Turn:
    from callgate.core.audio.opus import OpusDecoder

    return OpusDecoder().decode


def _opus_encoder(rate_hz: int) -> Turn:
    from callgate.core.audio.opus import OpusEncoder

    return OpusEncoder(rate_hz).encode


if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("sound is little-endian throughout, and so must the machine be")
