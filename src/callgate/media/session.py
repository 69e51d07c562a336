"""The sound of one call, inside a worker: its sockets on one side, its brain on the other.

What the caller says goes to the brain the moment it comes (`receiving`); what the brain says waits in the queue
(`playout`), of which one frame leaves every 20 ms (`sending`). Here they are joined, begun and ended, and what happens
is told to the control process.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from callgate.core.audio.codecs import wire_codec
from callgate.core.audio.format import PCM_8K
from callgate.core.rtp.latching import Address
from callgate.core.rtp.watch import Verdict, Watch
from callgate.core.sdp.path import SoundPath
from callgate.entities.json import Json, JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.bridge import SessionBridge
from callgate.media.playout import Playout
from callgate.media.port_pool import PortPair
from callgate.media.protocol import Closed, Failed, HangUp, Happened, Measured, Ready, Said, ToControl
from callgate.media.receiving import Receiving
from callgate.media.recording import Recorder, Recordings
from callgate.media.reporting import Reporting
from callgate.media.sending import Sending
from callgate.media.ticker import Ticker
from callgate.media.turns import Turns, loudness
from callgate.media.wire import Wire
from callgate.ports.brain import Brain, BrainFactory, BrainPlan, ClientLink, ToolChannel

_CLOSE_S_MAX: Final = 5.0  # what a brain may take to let go
_MESSAGE_CHARACTERS_MAX: Final = 10_000
_RECORDED_HZ_MAX: Final = 16_000  # holds all that is in speech


class Session:
    """One call's sound. Implements `ports.BrainHost`.

    Args:
        number: names it between worker and control.
        pair: its sockets, bound; not closed here.
        tell: sends a message to the control process.
        ticker: of the worker.
        loop: of the worker.
        chance: 32 random bits a call.
        watch: judges what comes and what does not.
        recordings: where both sides are written from `begin` on; ``None``: nowhere.
        clock: seconds that never go back.
    """

    __slots__ = (
        "_begun_s",
        "_brain",
        "_call_id",
        "_clock",
        "_joined",
        "_number",
        "_over",
        "_path",
        "_playout",
        "_ready",
        "_receiving",
        "_recorder",
        "_recordings",
        "_reporting",
        "_sending",
        "_tell",
        "_ticker",
        "_turns",
        "_level",
        "_wire",
        "bridge",
    )

    def __init__(
        self,
        number: int,
        pair: PortPair,
        tell: Callable[[ToControl], None],
        ticker: Ticker,
        loop: asyncio.AbstractEventLoop,
        chance: Callable[[], int],
        watch: Watch,
        recordings: Recordings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._number = number
        self._clock = clock
        self._tell = tell
        self._ticker = ticker
        self._wire = Wire(pair, loop, self._packet, self._report)
        self._playout = playout = Playout(self._marked)
        self._sending = Sending(playout, self._wire, chance)
        self._receiving = Receiving(self._wire, self._hear, self._key, clock)
        self._reporting = Reporting(
            self._wire, self._sending, self._receiving, watch, chance, self._judged, self._measured, clock
        )
        self._turns = Turns(clock, self._turned)
        self._level = loudness(PCM_8K)
        self.bridge = SessionBridge(playout, self._sending.press, self._reporting.quality, self._turns.sounded)
        self._recordings = recordings
        self._recorder: Recorder | None = None
        self._begun_s = 0.0
        self._call_id = ""
        self._brain: Brain | None = None
        self._path: SoundPath | None = None
        self._ready = False
        self._joined = False
        self._over = False

    # ------------------------------------------------------------------------------------------ from the control side

    async def open(self, factory: BrainFactory, plan: BrainPlan, path: SoundPath | None) -> None:
        """Start the brain; tells `Ready` or `Failed`."""
        self._wire.open()
        self._call_id = plan.call_id
        if path is not None:
            self.redirect(path)
        try:
            brain = factory.make(plan, self)
            self._brain = brain
            await brain.start()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever goes wrong in a brain ends this call only
            self.fail(f"the agent could not be started: {error or type(error).__name__}")
            return
        if not self._over:
            self._playout.format = brain.speaks
            self._ready = True
            self._agree()
            self._tell(Ready(self._number))

    def redirect(self, path: SoundPath) -> None:
        """Sound flows elsewhere or otherwise."""
        held = not path.send
        was_held = self._path is not None and not self._path.send
        self._path = path
        self._wire.redirect(path)
        self._agree()
        self._reporting.redirect(path, self.monotonic())
        if held != was_held:
            self._receiving.hold(held)
            self._ask(lambda brain: brain.held(held))

    def begin(self) -> None:
        """The call is joined: send, and let the brain greet."""
        if self._joined or self._over:
            return
        self._joined = True
        self._begun_s = now_s = self.monotonic()
        self._record()
        self._receiving.begin(now_s)
        self._reporting.begin(now_s)
        self._ask(lambda brain: brain.begin())
        if not self._over:
            self._ticker.join(self._tick)

    def digit(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key, and its phone said so by SIP."""
        self._receiving.digit_by_signaling(digit, duration_ms)

    def say(self, text: str, then_hang_up: str | None) -> None:
        """Have the brain speak."""
        self._ask(lambda brain: brain.say(text, then_hang_up))

    def tell(self, message: JsonObject) -> None:
        """Give the brain a data message."""
        self._ask(lambda brain: brain.tell(message))

    def press(self, digits: str) -> None:
        """Press keys."""
        try:
            self.bridge.send_digits(digits)
        except ValueError as error:
            self.event("warning", "digits_not_pressed", str(error))

    async def close(self) -> None:
        """End it; tells `Closed`."""
        if self._joined and not self._over:
            self._reporting.end()
        if self._recorder is not None:
            self._recorder.close()
        self._stop()
        brain, self._brain = self._brain, None
        if brain is not None:
            try:
                async with asyncio.timeout(_CLOSE_S_MAX):
                    await brain.close()
            except Exception:  # noqa: S110 (it is over: nobody is left to be told)
                pass
        self._tell(Closed(self._number, self._reporting.quality()))

    # --------------------------------------------------------------------------------------------------- BrainHost

    @property
    def codec(self) -> str:
        """What the caller sends."""
        return "" if self._path is None else self._path.codec

    def monotonic(self) -> float:
        """Seconds on the session's clock."""
        return self._clock()

    def message(self, role: str, text: str, start_ms: float | None = None, end_ms: float | None = None) -> None:
        """Put something said into the call's messages."""
        if not self._over:
            text = text[:_MESSAGE_CHARACTERS_MAX]
            self._tell(Said(self._number, role, text, "MESSAGE_MEDIUM_VOICE", start_ms, end_ms))

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        """Put an event into the call's events."""
        if not self._over:
            self._tell(Happened(self._number, severity, type, text, dict(extras)))

    def turn_ended(self) -> None:
        """The brain has noticed that the caller has finished."""
        self._turns.noticed()

    def hang_up(self, outcome: str) -> None:
        """End the call."""
        if not self._over:
            self._tell(HangUp(self._number, outcome))

    @property
    def client(self) -> ClientLink | None:
        """A telephone knows no data messages."""
        return None

    def channel(self, kind: str) -> ToolChannel | None:
        """Nor does it do tools."""
        return None

    def refit(self) -> None:
        """The brain's formats have changed."""
        brain = self._brain
        if brain is None or self._over or not self._ready:
            return
        if self._playout.format != brain.speaks:
            self._playout.clear()
            self._playout.format = brain.speaks
        self._agree()
        if self._recorder is not None:
            self._recorder.use(brain.hears, brain.speaks)

    # ------------------------------------------------------------------------------------------------------- sound

    def _packet(self, data: bytes, source: Address | None) -> None:
        self._receiving.packet(data, source)

    def _report(self, data: bytes) -> None:
        self._reporting.heard(data)

    def _judged(self, verdict: Verdict) -> None:
        self.event(verdict.severity, verdict.slug, verdict.words, **verdict.extras)
        if verdict.ends:
            self.hang_up(verdict.slug.replace("_", "-"))

    def _measured(self, quality: SoundQuality) -> None:
        self._tell(Measured(self._number, quality))

    def _hear(self, frame: bytes) -> None:
        """A frame of the caller, in the brain's format."""
        # Not through `_ask`: this is done 50 times a second for every call.
        if self._brain is None or self._over:
            return
        if self._recorder is not None:
            self._recorder.caller(frame, self._since_begun_ms())
        self._turns.heard(self._level(frame))
        try:
            self._brain.hear(frame)
        except Exception as error:
            self._broke(error)

    def _key(self, digit: str, duration_ms: int) -> None:
        if self._joined:
            self._ask(lambda brain: brain.digit(digit, duration_ms))

    def _tick(self, frames: int) -> None:
        now_s = self._clock()
        self._receiving.tick(now_s)
        if not self._over:
            played_ms = self._playout.played_ms
            self._sending.tick(frames)
            if self._playout.played_ms != played_ms:
                self._turns.sent()
            self._reporting.tick(now_s)

    def _turned(self, times: dict[str, Json]) -> None:
        self.event("debug", "turn", f"the caller heard an answer after {times['firstPacketMs']} ms", **times)

    def _marked(self, name: str) -> None:
        self._ask(lambda brain: brain.marked(name))

    # ---------------------------------------------------------------------------------------------------- fragments

    def _agree(self) -> None:
        """Have both directions go between the caller's codec and the brain's formats."""
        if self._ready and self._path is not None and self._brain is not None:
            self._sending.use(self._path, self._brain.speaks)
            self._receiving.use(self._path, self._brain.hears)
            self._level = loudness(self._brain.hears)

    def _record(self) -> None:
        """Begin to record, if that is wanted: what the brain hears, and what of its sound is sent."""
        path, brain = self._path, self._brain
        if self._recordings is None or path is None or brain is None:
            return
        rate_hz = min(_RECORDED_HZ_MAX, wire_codec(path.codec, path.clock_hz).rate_hz)
        recorder = self._recordings.record(self._call_id, rate_hz, self._recording_stopped)
        recorder.use(brain.hears, brain.speaks)
        self._recorder = recorder
        self._sending.tap = lambda frame: recorder.agent(frame, self._since_begun_ms())

    def _recording_stopped(self, words: str) -> None:
        self.event("warning", "recording_stopped", words)

    def _since_begun_ms(self) -> float:
        return 1_000 * (self._clock() - self._begun_s)

    def _ask(self, verb: Callable[[Brain], None]) -> None:
        """Have the brain do something; what goes wrong in it ends this call only."""
        if self._brain is None or self._over:
            return
        try:
            verb(self._brain)
        except Exception as error:
            self._broke(error)

    def _broke(self, error: Exception) -> None:
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
            self._wire.close()
