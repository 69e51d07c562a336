"""The line of a client that joined by a WebSocket: sound as binary messages, data messages as text.

The public `serverWebSocket` medium: s16le, mono, both ways, in real time. A client may be sent sound before its time
(`clientBufferSizeMs`); what the caller has heard still goes by the clock, so that an interruption is told exactly.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from callgate.core.audio.convert import Converter, converter
from callgate.core.audio.format import FRAME_MS, PCM_8K, SoundFormat
from callgate.core.audio.tones import dtmf
from callgate.core.rtp.watch import Verdict
from callgate.entities.json import Json, JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.line import LineListener, Nobody, unheard
from callgate.media.playout import Playout
from callgate.ports import SoundPath
from callgate.runtime.websocket import MessageSocket
from callgate.schema.duration import seconds

MESSAGE_BYTES_MAX: Final = 1024 * 1024  # ten seconds at 48 kHz: sound is to come in small pieces
_FRAME_S: Final = FRAME_MS / 1_000
_QUIET_S: Final = 0.100  # nothing came for so long: silence is heard in its place; pieces of 100 ms are usual
_AHEAD_FRAMES: Final = 10  # heard at once, however early: a client's timer is no clock
_WAITING_MS_MAX: Final = 30_000  # of sound that came before its time; more is dropped
_COMPLAINT_S: Final = 30.0  # between two events about the same fault
_MEASURED_S: Final = 5.0
_IDLE_S_MIN: Final = 10.0  # the public service takes less for this much
_BUFFER_MS: Final = 60  # the public default
_GAP_MS_MIN: Final = 40  # between two keys: what receivers need to tell them apart, ITU-T Q.24


@dataclass(frozen=True, slots=True)
class ClientSound:
    """What a client sends and takes.

    Attributes:
        receives_hz: sample rate of what it sends.
        sends_hz: of what it takes.
        buffer_ms: how much sound it is sent before its time, at most.
        idle_s: a client that sends no sound for so long has gone; ``None``: it may be silent for ever.
    """

    receives_hz: int
    sends_hz: int
    buffer_ms: int = _BUFFER_MS
    idle_s: float | None = None


def client_sound(settings: JsonObject) -> ClientSound:
    """What the `medium` of a call's settings says, which was validated when the call was created."""
    medium = settings.get("medium")
    given = medium.get("serverWebSocket") if isinstance(medium, dict) else None
    told = given if isinstance(given, dict) else {}
    receives_hz = _whole(told.get("inputSampleRate"), 16_000)
    idle = told.get("mediaIdleTimeout")
    return ClientSound(
        receives_hz,
        _whole(told.get("outputSampleRate"), receives_hz),
        _whole(told.get("clientBufferSizeMs"), _BUFFER_MS),
        max(_IDLE_S_MIN, seconds(idle)) if isinstance(idle, str) else None,
    )


def _whole(value: Json, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


class ClientLine:
    """Implements `media.line.Line`, and `ports.brain.ClientLink` for its data messages.

    Args:
        listener: told what comes.
        playout: what the brain queued.
        socket: the client's.
        sound: how sound comes and goes.
        clock: seconds that never go back.
    """

    __slots__ = (
        "_ahead",
        "_begun_s",
        "_clears",
        "_clock",
        "_closed",
        "_complained",
        "_convert",
        "_first_s",
        "_format",
        "_frames",
        "_heard",
        "_in",
        "_last_s",
        "_listener",
        "_measured_s",
        "_opened_s",
        "_out",
        "_playout",
        "_received_ms",
        "_rest",
        "_sent",
        "_socket",
        "_sound",
        "_spoken_s",
        "_texts",
        "_to_client",
        "_waiting",
        "tap",
    )

    def __init__(
        self,
        listener: LineListener,
        playout: Playout,
        *,
        socket: MessageSocket,
        sound: ClientSound,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._playout = playout
        self._socket = socket
        self._sound = sound
        self._in = SoundFormat("pcm16", sound.receives_hz)
        self._out = SoundFormat("pcm16", sound.sends_hz)
        self._clock = clock
        self._opened_s = clock()
        self._begun_s: float | None = None
        self._last_s = self._measured_s = self._opened_s
        self._first_s: float | None = None
        self._spoken_s: float | None = None
        self._format = PCM_8K
        self._convert: Converter | None = None
        self._to_client: Converter | None = None
        self._rest = b""
        self._waiting: deque[bytes] = deque()  # frames that came before their time
        self._frames = 0  # heard by the brain
        self._received_ms = 0.0
        self._sent = 0  # frames
        self._ahead = 0  # bytes of the playout's queue that the client has already
        self._clears = 0
        self._heard: Callable[[bytes], None] | None = None
        self._texts: list[bytes] = []
        self._complained: dict[str, float] = {}
        self._closed = False
        self.tap: Callable[[bytes], None] | None = None

    # ---------------------------------------------------------------------------------------------------- ClientLink

    def send(self, message: bytes) -> None:
        """A data message to the client."""
        self._socket.send_text(message)

    def listen(self, heard: Callable[[bytes], None]) -> None:
        """Who is told of the client's; what came before is told now."""
        self._heard = heard
        texts, self._texts = self._texts, []
        for text in texts:
            heard(text)

    # ---------------------------------------------------------------------------------------------------------- Line

    @property
    def client(self) -> "ClientLine":
        """Data messages go beside the sound."""
        return self

    @property
    def codec(self) -> str:
        """Linear samples."""
        return "L16"

    @property
    def rate_hz(self) -> int:
        """Of what the client sends."""
        return self._sound.receives_hz

    def open(self) -> None:
        """Begin to read."""
        self._socket.on_binary = self._take
        self._socket.on_text = self._text

    def redirect(self, path: SoundPath, now_s: float) -> None:
        """Never asked for: a client has no SDP."""

    def use(self, hears: SoundFormat, speaks: SoundFormat) -> None:
        """What the brain takes and gives."""
        if self._convert is None or hears != self._format:
            self._convert, self._format, self._rest = converter(self._in, hears), hears, b""
            self._waiting.clear()
        self._to_client = converter(speaks, self._out)
        self._ahead = 0

    def begin(self, now_s: float) -> None:
        """The brain hears from now on."""
        self._begun_s = self._last_s = self._measured_s = now_s

    def tick(self, frames: int, now_s: float) -> None:
        """Have heard what is due, and send what is."""
        self._hear_what_waits(now_s)
        if self._closed:
            return
        self._send_what_waits(frames)
        if now_s - self._measured_s >= _MEASURED_S:
            self._measured_s = now_s
            self._listener.measured(self.quality())
        if self._sound.idle_s is not None and now_s - self._last_s > self._sound.idle_s:
            words = f"no sound has come from the client for {self._sound.idle_s:g} s"
            self._listener.judged(Verdict("media_timeout", "error", words, ends=True))

    def press(self, digits: str, tone_ms: int, gap_ms: int) -> None:
        """Press keys: as tones, since this line knows nothing else."""
        whole = b"".join(dtmf(digit, tone_ms) + bytes(2 * 8 * max(gap_ms, _GAP_MS_MIN)) for digit in digits.upper())
        self._playout.play(converter(PCM_8K, self._playout.format)(whole))

    def digit_by_signaling(self, digit: str, duration_ms: int) -> None:
        """Never called: a client has no SIP."""

    def quality(self) -> SoundQuality:
        """What is known; a connection without losses leaves little to say."""
        return SoundQuality(
            codec=self.codec,
            packets_received=int(self._received_ms / FRAME_MS),
            packets_sent=self._sent,
            first_received_ms=self._since_opened(self._first_s),
            first_spoken_ms=self._since_opened(self._spoken_s),
        )

    def end(self) -> None:
        """Nothing is said but by closing."""

    def close(self) -> None:
        """Neither read nor send any more; the connection is closed by who knows the reason."""
        self._closed = True
        self._waiting.clear()
        self.tap = None
        self._socket.on_binary = self._socket.on_text = unheard
        self._listener, self._heard = Nobody(), None

    # --------------------------------------------------------------------------------------------- from the client

    def _text(self, message: bytes) -> None:
        if self._closed:
            return
        if self._heard is not None:
            self._heard(message)
        elif len(self._texts) < _AHEAD_FRAMES:  # the brain is not there yet
            self._texts.append(message)

    def _take(self, sound: bytes) -> None:
        if self._closed or self._begun_s is None or self._convert is None:
            return  # what is said before anybody listens is lost, as with a telephone
        if len(sound) % 2:
            self._complain("client_sound", f"{len(sound)} bytes of sound came; expected whole samples of two bytes")
            return
        now_s = self._last_s = self._clock()
        if self._first_s is None:
            self._first_s = now_s
        self._received_ms += len(sound) / self._in.bytes_per_ms
        sound, size = self._rest + self._convert(sound), self._format.frame_bytes
        whole = len(sound) // size * size
        self._rest = sound[whole:]
        for start in range(0, whole, size):
            self._waiting.append(sound[start : start + size])
        while len(self._waiting) > _WAITING_MS_MAX // FRAME_MS:
            self._waiting.popleft()
            self._complain("client_overflow", "sound comes faster than it can be heard, and some was dropped")
        self._hear_what_waits(now_s)

    def _hear_what_waits(self, now_s: float) -> None:
        """In step with the clock: a little early is welcome, late is made up for with silence."""
        if self._begun_s is None:
            return
        owed = int((now_s - self._begun_s) / _FRAME_S)
        waiting = self._waiting
        while waiting and self._frames < owed + _AHEAD_FRAMES and not self._closed:
            self._frames += 1
            self._listener.heard(waiting.popleft())
        if waiting or now_s - self._last_s <= _QUIET_S:
            return
        if self._first_s is not None and self._frames < owed:
            self._complain("client_underflow", "sound does not come in real time; silence is heard where it is missing")
        while self._frames < owed and not self._closed:
            self._frames += 1
            self._listener.heard(self._format.silence)

    # ----------------------------------------------------------------------------------------------- to the client

    def _send_what_waits(self, frames: int) -> None:
        playout, convert = self._playout, self._to_client
        if convert is None:
            return
        if playout.clears != self._clears:
            self._clears, self._ahead = playout.clears, 0
        size = playout.format.frame_bytes
        for _ in range(frames):
            before = playout.queued_bytes
            frame = playout.take()
            taken = before - playout.queued_bytes
            if not taken:
                break  # nothing waits, or what fades out after an interruption: a client clears its own buffer
            if self.tap is not None and frame is not None:
                self.tap(frame)
            if self._ahead:
                self._ahead -= min(taken, self._ahead)  # the client has it already
            elif frame is not None:
                self._deliver(convert(frame[:taken]))
        playout.ring()
        reach = self._sound.buffer_ms * playout.format.bytes_per_ms
        while self._ahead < reach and (piece := playout.ahead(self._ahead, size)):
            self._ahead += len(piece)
            self._deliver(convert(piece))

    def _deliver(self, sound: bytes) -> None:
        self._sent += 1
        if self._spoken_s is None:
            self._spoken_s = self._clock()
        self._socket.send_binary(sound)

    # ---------------------------------------------------------------------------------------------------- fragments

    def _complain(self, slug: str, words: str) -> None:
        """One event about a fault that may go on for ever."""
        now_s = self._clock()
        if now_s - self._complained.get(slug, -_COMPLAINT_S) >= _COMPLAINT_S:
            self._complained[slug] = now_s
            self._listener.judged(Verdict(slug, "warning", words))

    def _since_opened(self, at_s: float | None) -> float | None:
        return None if at_s is None else round(1_000 * (at_s - self._opened_s), 1)
