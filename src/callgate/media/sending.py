"""What leaves for the caller: one packet a frame, of what the brain queued, of keys it presses, or of silence."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from callgate.core.audio.codecs import WireCodec, wire_codec
from callgate.core.audio.convert import Converter, converter
from callgate.core.audio.format import SoundFormat
from callgate.core.audio.tones import dtmf
from callgate.core.rtp.digits import DigitSender
from callgate.core.rtp.packet import HEADER
from callgate.media.playout import Playout
from callgate.media.wire import Wire
from callgate.ports import SoundPath

_FRAME_MS: Final = 20
_LAWS: Final = ("pcmu", "pcma")


class Sending:
    """The stream to the caller.

    Args:
        playout: what the brain queued.
        wire: where packets go.
        chance: 32 random bits a call: for SSRC, first sequence number and timestamp (RFC 3550 section 5.1).

    Attributes:
        packets: sent so far.
        octets: of payload, for RTCP.
        timestamp: of the frame that is due next.
        spoken: whether a frame of the brain has ever been sent.
        tap: given each frame of the brain that is sent; ``None``: nobody listens.
        frames_skipped: whose time passed while this process was stalled.
    """

    __slots__ = (
        "_encode",
        "_first",
        "_frame_ticks",
        "_keys",
        "_path",
        "_playout",
        "_pressed_at",
        "_quiet_frame",
        "_second",
        "_sequence",
        "_silence",
        "_speaks",
        "_talking",
        "_wire",
        "frames_skipped",
        "octets",
        "packets",
        "spoken",
        "ssrc",
        "tap",
        "timestamp",
    )

    def __init__(self, playout: Playout, wire: Wire, chance: Callable[[], int]) -> None:
        self._playout = playout
        self._wire = wire
        self.ssrc = chance()
        # In the lower half: with SRTP a peer that misses the first packets must not misjudge a roll-over among them
        # (RFC 3711 section 3.3.1, Packet Index Determination, and ROC, s_l Update).
        self._sequence = chance() & 0x7FFF
        self.timestamp = chance()
        self.packets = 0
        self.octets = 0
        self.spoken = False
        self.frames_skipped = 0
        self.tap: Callable[[bytes], None] | None = None
        self._path: SoundPath | None = None
        self._speaks = playout.format
        self._encode: Converter | None = None
        self._silence = b""  # a payload of it; empty: the codec has a state, so that silence must be encoded
        self._quiet_frame = playout.format.silence
        self._talking = False
        self._first = 0
        self._second = 0
        self._frame_ticks = 160
        self._keys = DigitSender()
        self._pressed_at = 0

    def use(self, path: SoundPath, speaks: SoundFormat) -> None:
        """How sound leaves from now on."""
        codec = wire_codec(path.codec, path.clock_hz)
        before = self._path
        if before is None or before.codec != path.codec or self._playout.format != speaks:
            self._encode = converter(speaks, codec)
            self._silence = _constant_silence(codec)
            self._quiet_frame = speaks.silence
        self._path, self._speaks = path, speaks
        self._second = path.payload_type
        self._frame_ticks = _FRAME_MS * path.clock_hz // 1_000

    def press(self, digits: str, tone_ms: int, gap_ms: int) -> None:
        """Press keys; `ValueError` for what is no key, or too many."""
        self._keys.press(digits, tone_ms, gap_ms)

    def tick(self, frames: int) -> None:
        """Send the frame that is due.

        Args:
            frames: whose time has passed since the last one; those missed in a stall are not made up for.
        """
        path, encode = self._path, self._encode
        if path is None or encode is None:
            return
        self.frames_skipped += frames - 1
        self.timestamp = (self.timestamp + frames * self._frame_ticks) & 0xFFFF_FFFF
        if not path.send:
            self._talking = False
            return
        if self._keys.busy and self._press(path, encode):
            return
        frame = self._playout.take()
        second = self._second
        if frame is not None:
            if self.tap is not None:
                self.tap(frame)
            payload = encode(frame)
            if not self._talking:
                self._talking = self.spoken = True
                second |= 0x80  # RFC 3551 section 4.1 (Encoding-Independent Rules): a talkspurt's first
        elif self._talking or not self._silence:
            payload = encode(self._quiet_frame)  # also lets the filters ring out
            self._talking = False
        else:
            payload = self._silence
        self._send(second, self.timestamp, payload)
        self._playout.ring()

    def _press(self, path: SoundPath, encode: Converter) -> bool:
        """Send what the pressing of keys asks for this frame; ``False`` when that is nothing."""
        press = self._keys.next(path.digits_clock_hz)
        if press is None:
            return False
        self._talking = False
        if press.begins:
            self._pressed_at = self.timestamp
        if path.digits_payload_type is None:  # as a tone, then
            frame = self._quiet_frame
            if press.frame >= 0:
                frame = _tone(press.digit, press.tone_ms, self._speaks)[press.frame]
            self._send(self._second, self.timestamp, encode(frame))
            return True
        if not press.payload:
            self._send(self._second, self.timestamp, self._silence or encode(self._quiet_frame))
            return True
        marker = 0x80 if press.begins else 0  # RFC 4733 section 2.5.1.1
        self._send(path.digits_payload_type | marker, self._pressed_at, press.payload)
        return True

    def _send(self, second: int, timestamp: int, payload: bytes) -> None:
        self._sequence = sequence = (self._sequence + 1) & 0xFFFF
        if self._wire.send(HEADER.pack(0x80, second, sequence, timestamp, self.ssrc) + payload):
            self.packets += 1
            self.octets += len(payload)


@lru_cache(maxsize=64)  # a number is pressed in one rhythm; a tone takes a millisecond to make
def _tone(digit: str, ms: int, format: SoundFormat) -> list[bytes]:
    """The frames of a key pressed, as tones. ITU-T Q.23."""
    pcm = SoundFormat("pcm16", format.rate_hz)
    sound = dtmf(digit, ms // _FRAME_MS * _FRAME_MS, format.rate_hz)
    whole = converter(pcm, format)
    return [whole(sound[at : at + pcm.frame_bytes]) for at in range(0, len(sound), pcm.frame_bytes)]


def _constant_silence(codec: WireCodec) -> bytes:
    return codec.format.silence if codec.format.encoding in _LAWS else b""
