"""A telephone's line: RTP and RTCP on two sockets, order and losses, reports and the judge."""

import asyncio
import time
from collections.abc import Callable

from callgate.core.audio.codecs import wire_codec
from callgate.core.audio.format import SoundFormat
from callgate.core.rtp.latching import Address
from callgate.core.rtp.watch import Watch
from callgate.core.sdp.path import SoundPath
from callgate.entities.quality import SoundQuality
from callgate.media.line import LineListener
from callgate.media.playout import Playout
from callgate.media.port_pool import PortPair
from callgate.media.receiving import Receiving
from callgate.media.reporting import Reporting
from callgate.media.sending import Sending
from callgate.media.wire import Wire


class PhoneLine:
    """Implements `media.line.Line`.

    Args:
        listener: told what comes.
        playout: what the brain queued.
        pair: its sockets, bound; not closed here.
        loop: of the worker.
        chance: 32 random bits a call.
        watch: judges what comes and what does not.
        clock: seconds that never go back.
    """

    __slots__ = ("_closed", "_path", "_receiving", "_reporting", "_sending", "_wire", "client")

    def __init__(
        self,
        listener: LineListener,
        playout: Playout,
        *,
        pair: PortPair,
        loop: asyncio.AbstractEventLoop,
        chance: Callable[[], int],
        watch: Watch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire = Wire(pair, loop, self._packet, self._report)
        self._sending = Sending(playout, self._wire, chance)
        self._receiving = Receiving(self._wire, listener.heard, listener.key, clock)
        self._reporting = Reporting(
            self._wire, self._sending, self._receiving, watch, chance, listener.judged, listener.measured, clock
        )
        self._path: SoundPath | None = None
        self._closed = False
        self.client = None  # a telephone knows no data messages

    @property
    def tap(self) -> Callable[[bytes], None] | None:
        """Given each frame of the brain that is sent."""
        return self._sending.tap

    @tap.setter
    def tap(self, tap: Callable[[bytes], None] | None) -> None:
        self._sending.tap = tap

    @property
    def codec(self) -> str:
        """What the caller sends."""
        return "" if self._path is None else self._path.codec

    @property
    def rate_hz(self) -> int:
        """Of what the caller sends; 8,000 before that was agreed."""
        return 8_000 if self._path is None else wire_codec(self._path.codec, self._path.clock_hz).rate_hz

    def open(self) -> None:
        """Begin to read."""
        self._wire.open()

    def redirect(self, path: SoundPath, now_s: float) -> None:
        """Sound flows elsewhere or otherwise."""
        self._path = path
        self._wire.redirect(path)
        self._reporting.redirect(path, now_s)
        self._receiving.hold(not path.send)

    def use(self, hears: SoundFormat, speaks: SoundFormat) -> None:
        """Have both directions go between the caller's codec and the brain's formats."""
        if self._path is not None:
            self._sending.use(self._path, speaks)
            self._receiving.use(self._path, hears)

    def begin(self, now_s: float) -> None:
        """The call is joined."""
        self._receiving.begin(now_s)
        self._reporting.begin(now_s)

    def tick(self, frames: int, now_s: float) -> None:
        """To be called every frame."""
        self._receiving.tick(now_s)
        if not self._closed:  # what was heard may have ended the call
            self._sending.tick(frames)
            self._reporting.tick(now_s)

    def press(self, digits: str, tone_ms: int, gap_ms: int) -> None:
        """Press keys."""
        self._sending.press(digits, tone_ms, gap_ms)

    def digit_by_signaling(self, digit: str, duration_ms: int) -> None:
        """A key came by SIP."""
        self._receiving.digit_by_signaling(digit, duration_ms)

    def quality(self) -> SoundQuality:
        """The record as it stands."""
        return self._reporting.quality()

    def end(self) -> None:
        """Say goodbye."""
        self._reporting.end()

    def close(self) -> None:
        """Read no more, and tell nobody anything."""
        self._closed = True
        self.tap = None
        self._wire.close()
        self._receiving.close()
        self._reporting.close()

    def _packet(self, data: bytes, source: Address | None) -> None:
        self._receiving.packet(data, source)

    def _report(self, data: bytes) -> None:
        self._reporting.heard(data)
