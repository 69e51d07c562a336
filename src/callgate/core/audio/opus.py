"""Opus by way of FFmpeg's binding of libopus (PyAV): only with the extra ``callgate[opus]``. RFC 6716, RFC 7587."""

from fractions import Fraction
from typing import Final

try:
    import av
except ImportError as error:  # pragma: no cover - the test environment has it
    raise RuntimeError("Opus is not installed: add the extra callgate[opus]") from error

_RATE_HZ: Final = 48_000
_FRAME_MS: Final = 20
BIT_RATE: Final = 24_000
"""RFC 7587 section 3.1.1 (Recommended Bitrate): 16 to 20 kbit/s for wideband speech, 28 to 40 for fullband."""
_COMPLEXITY: Final = "3"  # of 10: at 16 kHz two thirds of the cost of 5, for packets of the same size
PAYLOAD_BYTES_MAX: Final = 7_650
"""RFC 6716 section 3.4 (Receiving Malformed Packets): 1,275 bytes a frame; six of 20 ms make the longest packet."""


class OpusDecoder:
    """Packets of one call, in order, into sound at 48 kHz."""

    __slots__ = ("_context",)

    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "r")
        assert isinstance(context, av.AudioCodecContext)
        context.sample_rate = _RATE_HZ
        context.layout = "mono"
        context.open()
        self._context = context

    def decode(self, payload: bytes) -> bytes:
        """One packet of 2.5 to 120 ms.

        Returns:
            int16 little-endian, mono, 48 kHz.

        Raises:
            ValueError: not an Opus packet.
        """
        if not 0 < len(payload) <= PAYLOAD_BYTES_MAX:  # an empty packet would tell FFmpeg that the stream is over
            raise ValueError(f"opus payload of {len(payload)} bytes, expected 1 to {PAYLOAD_BYTES_MAX}")
        try:
            frames = self._context.decode(av.Packet(payload))
        except av.FFmpegError as error:
            raise ValueError(f"opus payload cannot be decoded: {len(payload)} bytes, {error.strerror}") from None
        return b"".join([memoryview(frame.planes[0])[: 2 * frame.samples] for frame in frames])


class OpusEncoder:
    """Sound of one call, 20 ms at a time, into packets.

    Args:
        rate_hz: 8,000, 16,000, 24,000 or 48,000: what `encode` is given. The packets say nothing of it.
    """

    __slots__ = ("_context", "_frame_bytes", "_pts", "_rate_hz", "_samples")

    def __init__(self, rate_hz: int = _RATE_HZ) -> None:
        self._rate_hz = rate_hz
        self._samples = rate_hz * _FRAME_MS // 1_000
        self._frame_bytes = 2 * self._samples
        self._pts = 0
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, av.AudioCodecContext)
        context.sample_rate = rate_hz
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = BIT_RATE
        context.time_base = Fraction(1, rate_hz)
        context.options = {"application": "voip", "frame_duration": str(_FRAME_MS), "compression_level": _COMPLEXITY}
        context.open()
        self._context = context

    def encode(self, pcm: bytes) -> bytes:
        """One frame.

        Args:
            pcm: int16 little-endian, mono, exactly 20 ms.

        Raises:
            ValueError: another length.
        """
        if len(pcm) != self._frame_bytes:
            raise ValueError(f"sound for opus: {len(pcm)} bytes, expected {self._frame_bytes} (20 ms)")
        frame = av.AudioFrame(format="s16", layout="mono", samples=self._samples)
        frame.planes[0].update(pcm)
        frame.sample_rate = self._rate_hz
        frame.pts = self._pts
        self._pts += self._samples
        return b"".join([bytes(packet) for packet in self._context.encode(frame)])
