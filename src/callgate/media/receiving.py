"""What comes from the caller: put into order, gaps concealed, keys told, and handed to the brain frame by frame.

In order means at once: a speech model needs no even spacing. The brain's sense of time is kept true by count: it hears
as many frames as 20 ms have passed. What the caller left out or the network lost is made up when it is certain; what
comes in a burst after all is heard, and the next pause is that much shorter.
"""

import struct
import time
from collections.abc import Callable
from typing import Final

from callgate.core.audio.codecs import WireCodec, wire_codec
from callgate.core.audio.conceal import Concealer
from callgate.core.audio.convert import Converter, converter
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.core.audio.inband_digits import InbandDigits
from callgate.core.rtp.digits import DigitReceiver
from callgate.core.rtp.latching import SILENCE_S, Address
from callgate.core.rtp.packet import HEADER, HEADER_BYTES, PLAIN, unpack
from callgate.core.rtp.reception import Heard, Lost, Reception, Silent
from callgate.media.line import unheard
from callgate.media.wire import Wire
from callgate.ports import SoundPath

FRAME_S: Final = 0.020
_FRAME_MS: Final = 20
# Nothing came for so long: something is heard in its place. Shorter gaps are jitter, and what comes late is heard.
_QUIET_S: Final = 0.060
# A phone that tells a digit both by INFO and by its sound does so within this; a person presses no faster.
_DIGIT_TWICE_S: Final = 0.5


class Receiving:
    """The stream from the caller.

    Args:
        wire: where packets come from.
        hear: given each frame, in the format that `use` was told.
        key: told each digit, with ms.
        clock: seconds that never go back.

    Attributes:
        reception: order and losses of the present source.
        strange: packets of no negotiated type, malformed, or from elsewhere.
        concealed_ms: sound made up for what was lost.
        first_s: when the first packet was accepted; ``None`` before.
        last_s: when the last one was.
        codec: of what comes, once agreed.
    """

    __slots__ = (
        "_begun_s",
        "_clock",
        "_concealer",
        "_convert",
        "_digits",
        "_digits_type",
        "_format",
        "_frame_bytes",
        "_frames",
        "_gap",
        "_hear",
        "_held",
        "_inband",
        "_key",
        "_noise_type",
        "_path",
        "_rest",
        "_resting",
        "_sound_type",
        "_to_inband",
        "_told",
        "_wire",
        "codec",
        "concealed_ms",
        "first_s",
        "last_s",
        "reception",
        "strange",
    )

    def __init__(
        self,
        wire: Wire,
        hear: Callable[[bytes], None],
        key: Callable[[str, int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._wire = wire
        self._hear = hear
        self._key = key
        self.reception = Reception()
        self.strange = 0
        self.concealed_ms = 0.0
        self.first_s: float | None = None
        self.last_s = 0.0
        self.codec: WireCodec | None = None
        self._path: SoundPath | None = None
        self._format = PCM_8K
        self._convert: Converter | None = None
        self._concealer = Concealer(PCM_8K.rate_hz)
        self._gap = False
        self._resting = False  # the caller's comfort noise said that it is silent
        self._rest = b""  # of packets that are no whole frames
        self._frame_bytes = PCM_8K.frame_bytes
        self._sound_type = self._digits_type = self._noise_type = -1
        self._digits = DigitReceiver()
        self._inband: InbandDigits | None = None
        self._to_inband: Converter | None = None
        self._told = ("", "", 0.0)  # the last digit, by which way, and when
        self._begun_s: float | None = None
        self._frames = 0
        self._held = False

    def close(self) -> None:
        """Nobody listens any more."""
        self._hear = self._key = unheard

    def use(self, path: SoundPath, hears: SoundFormat) -> None:
        """How sound comes from now on."""
        codec = wire_codec(path.codec, path.clock_hz)
        if codec != self.codec or hears != self._format:
            self._convert = converter(codec, hears)
            self._concealer = Concealer(hears.rate_hz, hears.encoding)
            self._rest = b""
        if codec != self.codec:
            self.reception = self.reception.succeeded(codec.clock_hz)
        self.codec, self._format, self._path = codec, hears, path
        self._frame_bytes = hears.frame_bytes
        self._sound_type, digits_type, noise_type = path.received
        self._noise_type = -1 if noise_type is None else noise_type
        if digits_type is None:
            self._digits_type = -1
            self._inband, self._to_inband = InbandDigits(), converter(hears, PCM_8K)
        else:
            if digits_type != self._digits_type:
                self._digits = DigitReceiver(path.digits_clock_hz)
            self._digits_type = digits_type
            self._inband = self._to_inband = None

    def begin(self, now_s: float) -> None:
        """The brain hears from now on."""
        self._begun_s = self.last_s = now_s

    def hold(self, held: bool) -> None:
        """The caller put us on hold: what comes is music, and silence is heard."""
        self._held = held

    # ------------------------------------------------------------------------------------------------------ packets

    def packet(self, data: bytes, source: Address | None) -> None:
        """Take a datagram.

        Args:
            data: RTP, opened.
            source: where from; ``None`` when the socket lets nothing else through than what is latched.
        """
        now_s = self._clock()
        try:
            first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        except struct.error:
            self.strange += 1
            return
        payload = data[HEADER_BYTES:]
        if first != PLAIN:
            packet = unpack(data)
            if packet is None:
                self.strange += 1
                return
            payload = packet.payload
        payload_type = second & 0x7F
        if source is not None and not self._is_callers(payload_type, source, ssrc, sequence, now_s):
            self.strange += 1
            return
        self.last_s = now_s
        if payload_type == self._sound_type:
            for item in self.reception.push(sequence, timestamp, ssrc, payload, now_s):
                if type(item) is bytes:
                    self._sound(item, now_s)
                else:
                    self._missing(item, now_s)
            self._resting = False
            return
        if payload_type == self._digits_type:
            if (digit := self._digits.push(timestamp, payload)) is not None:
                self._key(*digit)
        elif payload_type == self._noise_type:
            self._resting = True
        else:
            self.strange += 1
            return
        self._take(self.reception.note(sequence, ssrc, now_s), now_s)

    def _is_callers(self, payload_type: int, source: Address, ssrc: int, sequence: int, now_s: float) -> bool:
        latch = self._wire.latch
        if latch is None or payload_type not in (self._sound_type, self._digits_type, self._noise_type):
            return False
        if not latch.accept(source[:2], ssrc, sequence, now_s):
            return False
        if self.first_s is None:
            self.first_s = now_s
        if latch.latched is not None:
            self._wire.connect()
        return True

    def _take(self, items: tuple[Heard, ...], now_s: float) -> None:
        for item in items:
            if type(item) is bytes:
                self._sound(item, now_s)
            else:
                self._missing(item, now_s)

    # -------------------------------------------------------------------------------------------------------- sound

    def _sound(self, payload: bytes, now_s: float) -> None:
        convert = self._convert
        if self._begun_s is None or self._held or convert is None:
            return
        try:
            sound = convert(payload)
        except ValueError:  # only codecs with a syntax: a payload that is none is as good as lost
            self.strange += 1
            self._missing(Lost(1), now_s)
            return
        if self._gap:
            self._gap = False
            sound = self._concealer.rejoin(sound)
        else:
            self._concealer.heard(sound)
        if self._inband is not None and self._to_inband is not None:
            for digit, ms in self._inband.push(self._to_inband(sound)):
                self._told_by("sound", digit, ms, now_s)
        if len(sound) == self._frame_bytes and not self._rest:
            self._frames += 1
            self._hear(sound)
        else:
            self._cut(sound)

    def _cut(self, sound: bytes) -> None:
        """Make frames of packets that are longer or shorter."""
        sound, size = self._rest + sound, self._frame_bytes
        whole = len(sound) // size * size
        self._rest = sound[whole:]
        for start in range(0, whole, size):
            self._frames += 1
            self._hear(sound[start : start + size])

    def _missing(self, item: Lost | Silent | bytes, now_s: float) -> None:
        if isinstance(item, Lost):
            self._make_up(now_s, item.packets)
        elif isinstance(item, Silent):
            self._make_up(now_s, round(item.ms / _FRAME_MS))

    def _make_up(self, now_s: float, frames: int) -> None:
        """Have so many frames heard that nobody sent, but never more than time has passed."""
        if self._begun_s is None:
            return
        owed = int((now_s - self._begun_s) / FRAME_S) - self._frames
        for _ in range(min(frames, owed)):
            self._frames += 1
            if self._resting or self._held:
                self._hear(self._format.silence)
            else:
                self._gap = True
                self.concealed_ms += _FRAME_MS
                self._hear(self._concealer.missing(_FRAME_MS))

    def tick(self, now_s: float) -> None:
        """To be called every frame: what does not come is made up for."""
        self._take(self.reception.due(now_s), now_s)
        if self._held or now_s - self.last_s > _QUIET_S:
            self._make_up(now_s, 1 << 30)
            if now_s - self.last_s > SILENCE_S:
                self._wire.disconnect(self.last_s)

    # ------------------------------------------------------------------------------------------------------- digits

    def digit_by_signaling(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO: it counts unless digits were agreed to come over RTP, as its copies then do."""
        if self._digits_type < 0:
            self._told_by("signaling", digit, duration_ms, self._clock())

    def _told_by(self, way: str, digit: str, duration_ms: int, now_s: float) -> None:
        before, before_way, at_s = self._told
        if digit == before and way != before_way and now_s - at_s < _DIGIT_TWICE_S:
            return
        self._told = (digit, way, now_s)
        self._key(digit, duration_ms)
