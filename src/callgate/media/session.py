"""The sound of one call, inside a worker: its socket on one side, its brain on the other.

What the caller says goes to the brain the moment it comes, in order; when nothing comes for three frames the ticker
supplies silence, so that the brain's sense of time goes on. What the brain says waits in the playout queue, of which
the ticker sends one frame every 20 ms: silence when there is none, always, so that paths through NATs stay open.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from callgate.core.audio.g711 import CODECS, SILENCE, conceal
from callgate.core.rtp.digits import DigitReceiver
from callgate.core.rtp.latching import Latch
from callgate.core.rtp.packet import pack, unpack
from callgate.core.rtp.sequence import Sequence
from callgate.entities.json import Json
from callgate.media.playout import Playout
from callgate.media.protocol import Closed, Failed, HangUp, Happened, Ready, Said, ToControl
from callgate.media.ticker import Ticker
from callgate.ports import Brain, BrainFactory, BrainPlan, SoundPath

_DATAGRAM_BYTES_MAX: Final = 2_048  # 20 ms of G.711 is 172; the longest packet times anybody uses stay under this
_READS_PER_TURN_MAX: Final = 8  # then others get their turn
_QUIET_S: Final = 0.060
_CLOSE_S_MAX: Final = 5.0  # what a brain may take to let go
_DIGIT_DUPLICATE_S: Final = 0.2  # phones that send a digit by INFO and over RTP send both within this
_FRAME_SAMPLES: Final = 160
_MESSAGE_CHARACTERS_MAX: Final = 10_000


class Session:
    """One call's sound. Implements `ports.BrainHost`.

    Args:
        number: names it between worker and control.
        sock: bound; not closed here.
        tell: sends a message to the control process.
        ticker: of the worker.
        loop: of the worker.
        chance: 32 random bits a call: for SSRC, first sequence number and timestamp.
    """

    def __init__(
        self,
        number: int,
        sock: socket.socket,
        tell: Callable[[ToControl], None],
        ticker: Ticker,
        loop: asyncio.AbstractEventLoop,
        chance: Callable[[], int],
    ) -> None:
        self._number = number
        self._socket = sock
        self._tell = tell
        self._ticker = ticker
        self._loop = loop
        self.bridge = Playout(self._marked)
        self._brain: Brain | None = None
        self._path: SoundPath | None = None
        self._latch: Latch | None = None
        self._sequence_in = Sequence()
        self._digits = DigitReceiver()
        self._digit_told: tuple[str, float] = ("", -1.0)
        self._last = SILENCE
        self._missing = 0
        self._heard_s = 0.0
        self._begun_s = 0.0
        self._opened_s = loop.time()
        self._joined = False
        self._over = False
        self._ssrc = chance()
        self._sequence = chance() & 0xFFFF
        self._timestamp = chance()
        self._talking = False
        self._received = self._sent = self._dropped = 0
        self._first_received_ms: float | None = None
        self._first_spoken_ms: float | None = None

    # ------------------------------------------------------------------------------------------ from the control side

    async def open(self, factory: BrainFactory, plan: BrainPlan, path: SoundPath | None) -> None:
        """Start the brain; tells `Ready` or `Failed`."""
        self._loop.add_reader(self._socket.fileno(), self._read)
        if path is not None:
            self.redirect(path)
        try:
            self._brain = factory.make(plan, self)
            await self._brain.start()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever goes wrong in a brain ends this call only
            self.fail(f"the agent could not be started: {error or type(error).__name__}")
            return
        if not self._over:
            self._tell(Ready(self._number))

    def redirect(self, path: SoundPath) -> None:
        """Sound flows elsewhere or otherwise."""
        signalled = (path.remote_address, path.remote_port)
        if self._latch is None:
            self._latch = Latch(signalled)
        elif path.remote_address not in ("0.0.0.0", "::"):  # noqa: S104 (the old way to hold names no address)
            self._latch.redirect(signalled)
        if self._path is not None and path.codec != self._path.codec:
            self._sequence_in = Sequence()
        self._path = path

    def begin(self) -> None:
        """The call is joined: send, and let the brain greet."""
        if self._joined or self._over:
            return
        self._joined = True
        self._begun_s = self._heard_s = self._loop.time()
        self._ask(lambda brain: brain.begin())
        if not self._over:
            self._ticker.join(self._tick)

    def digit(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key, by RTP or INFO; a phone that tells by both is heard once."""
        now = self._loop.time()
        told, at = self._digit_told
        if digit == told and now - at < _DIGIT_DUPLICATE_S:
            return
        self._digit_told = (digit, now)
        if self._joined:
            self._ask(lambda brain: brain.digit(digit, duration_ms))

    def say(self, text: str, then_hang_up: str | None) -> None:
        """Have the brain speak."""
        self._ask(lambda brain: brain.say(text, then_hang_up))

    async def close(self) -> None:
        """End it; tells `Closed`."""
        self._stop()
        brain, self._brain = self._brain, None
        if brain is not None:
            try:
                async with asyncio.timeout(_CLOSE_S_MAX):
                    await brain.close()
            except Exception:  # noqa: S110 (it is over: nobody is left to be told)
                pass
        latch = self._latch
        self._tell(
            Closed(
                self._number,
                self._received,
                self._sent,
                self._sequence_in.lost,
                self._dropped + self._sequence_in.dropped,
                self._first_received_ms,
                self._first_spoken_ms,
                "" if latch is None else f"{latch.target[0]}:{latch.target[1]}",
            )
        )

    # --------------------------------------------------------------------------------------------------- BrainHost

    def monotonic(self) -> float:
        """Seconds on the session's clock."""
        return self._loop.time()

    def message(self, role: str, text: str, start_ms: float | None = None, end_ms: float | None = None) -> None:
        """Put something said into the call's messages."""
        if not self._over:
            text = text[:_MESSAGE_CHARACTERS_MAX]
            self._tell(Said(self._number, role, text, "MESSAGE_MEDIUM_VOICE", start_ms, end_ms))

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        """Put an event into the call's events."""
        if not self._over:
            self._tell(Happened(self._number, severity, type, text, dict(extras)))

    def hang_up(self, outcome: str) -> None:
        """End the call."""
        if not self._over:
            self._tell(HangUp(self._number, outcome))

    # ------------------------------------------------------------------------------------------------ from the caller

    def _read(self) -> None:
        for _ in range(_READS_PER_TURN_MAX):
            try:
                data, source = self._socket.recvfrom(_DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                continue  # the peer's port was closed when we sent: RTP goes on regardless
            self._packet(data, source)
            if self._over:
                return

    def _packet(self, data: bytes, source: tuple[str, int]) -> None:
        path, latch = self._path, self._latch
        packet = unpack(data)
        if path is None or latch is None or packet is None:
            self._dropped += 1
            return
        payload_type = packet.payload_type
        if payload_type not in (path.payload_type, path.digits_payload_type):
            self._dropped += 1  # comfort noise, or a codec nobody agreed on
            return
        now = self._loop.time()
        if not latch.accept(source[:2], packet.ssrc, packet.sequence, now):
            self._dropped += 1
            return
        self._received += 1
        if self._first_received_ms is None:
            self._first_received_ms = round((now - self._opened_s) * 1000, 1)
        if payload_type == path.digits_payload_type:
            for digit, ms in self._digits.push(packet.timestamp, packet.payload, now):
                self.digit(digit, ms)
            self._sequence_in.push(packet.sequence, b"")  # digits share the numbering of sound
            return
        codec = CODECS[path.codec]
        for payload in self._sequence_in.push(packet.sequence, packet.payload):
            if payload is None:
                self._missing += 1
                self._hear(conceal(self._last, self._missing), now)
            elif payload:
                self._missing = 0
                self._hear(codec.decode(payload), now)

    def _hear(self, pcm: bytes, now: float) -> None:
        """Give the brain sound of any packet length in frames of 20 ms."""
        self._heard_s = now
        if not self._joined:
            return
        for start in range(0, len(pcm), len(SILENCE)):
            frame = pcm[start : start + len(SILENCE)].ljust(len(SILENCE), b"\0")
            self._last = frame
            self._ask(lambda brain, frame=frame: brain.hear(frame))  # type: ignore[misc]

    # ------------------------------------------------------------------------------------------------- to the caller

    def _tick(self) -> None:
        now = self._loop.time()
        for digit, ms in self._digits.overdue(now):
            self.digit(digit, ms)
        if now - self._heard_s > _QUIET_S:
            self._ask(lambda brain: brain.hear(SILENCE))
        if self._over:
            return
        frame = self.bridge.take()
        path, latch = self._path, self._latch
        if path is not None and latch is not None and path.send:
            codec = CODECS[path.codec]
            talking = frame is not None
            payload = codec.silence if frame is None else codec.encode(frame)
            marker = talking and not self._talking
            self._talking = talking
            data = pack(path.payload_type, marker, self._sequence, self._timestamp, self._ssrc, payload)
            self._sequence = (self._sequence + 1) & 0xFFFF
            try:
                self._socket.sendto(data, latch.target)
            except OSError:
                self._dropped += 1  # a full buffer, or an address nobody can send to
            else:
                self._sent += 1
                if talking and self._first_spoken_ms is None:
                    self._first_spoken_ms = round((now - self._opened_s) * 1000, 1)
        self._timestamp = (self._timestamp + _FRAME_SAMPLES) & 0xFFFF_FFFF
        self.bridge.ring()

    def _marked(self, name: str) -> None:
        self._ask(lambda brain: brain.marked(name))

    # ---------------------------------------------------------------------------------------------------- fragments

    def _ask(self, verb: Callable[[Brain], None]) -> None:
        """Have the brain do something; what goes wrong in it ends this call only."""
        if self._brain is None or self._over:
            return
        try:
            verb(self._brain)
        except Exception as error:
            self.fail(f"the agent failed: {error or type(error).__name__}")

    def fail(self, reason: str) -> None:
        """The call cannot go on; tells `Failed`."""
        if not self._over:
            self._tell(Failed(self._number, reason))
            self._stop()

    def _stop(self) -> None:
        if not self._over:
            self._over = True
            self._ticker.leave(self._tick)
            self._loop.remove_reader(self._socket.fileno())
