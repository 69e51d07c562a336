"""The sound of one call, inside a worker: the caller's line on one side, its brain on the other.

What the caller says goes to the brain the moment it comes; what the brain says waits in the queue (`playout`), of which
one frame leaves every 20 ms. Here they are joined, begun and ended, and what happens is told to the control process.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from callgate.core.audio.format import PCM_8K
from callgate.core.audio.loudness import loudness
from callgate.core.rtp.watch import Verdict
from callgate.core.sdp.path import SoundPath
from callgate.entities.call import ToolUse
from callgate.entities.json import Json, JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.bridge import SessionBridge
from callgate.media.line import Line, LineListener
from callgate.media.playout import Playout
from callgate.media.protocol import (
    Closed,
    Failed,
    HangUp,
    Happened,
    Measured,
    Ready,
    Restage,
    Said,
    Staged,
    ToControl,
)
from callgate.media.recording import Recorder, Recordings
from callgate.media.ticker import Ticker
from callgate.media.turns import Turns
from callgate.ports.brain import Brain, BrainFactory, BrainPlan, ClientLink, NewStage, StageRefused, ToolChannel

_CLOSE_S_MAX: Final = 5.0  # what a brain may take to let go
_MESSAGE_CHARACTERS_MAX: Final = 10_000
_RECORDED_HZ_MAX: Final = 16_000  # holds all that is in speech


class Session:
    """One call's sound. Implements `ports.BrainHost` and `LineListener`.

    Args:
        number: names it between worker and control.
        line: makes the line, of who is told what comes and of the queue to be sent.
        tell: sends a message to the control process.
        ticker: of the worker.
        recordings: where both sides are written from `begin` on; ``None``: nowhere.
        clock: seconds that never go back.
    """

    __slots__ = (
        "_begun_s",
        "_brain",
        "_call_id",
        "_clock",
        "_held",
        "_joined",
        "_level",
        "_line",
        "_number",
        "_over",
        "_playout",
        "_ready",
        "_recorder",
        "_recordings",
        "_stages",
        "_tell",
        "_ticker",
        "_turns",
        "bridge",
    )

    def __init__(
        self,
        number: int,
        line: Callable[[LineListener, Playout], Line],
        tell: Callable[[ToControl], None],
        ticker: Ticker,
        recordings: Recordings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._number = number
        self._clock = clock
        self._tell = tell
        self._ticker = ticker
        self._playout = playout = Playout(self._marked)
        self._line = line(self, playout)
        self._turns = Turns(clock, self._turned)
        self._level = loudness(PCM_8K)
        self.bridge = SessionBridge(playout, self._line.press, self._line.quality, self._turns.sounded)
        self._recordings = recordings
        self._recorder: Recorder | None = None
        self._begun_s = 0.0
        self._call_id = ""
        self._stages: deque[asyncio.Future[NewStage]] = deque()  # asked for and not answered
        self._brain: Brain | None = None
        self._ready = False
        self._held = False
        self._joined = False
        self._over = False

    # ------------------------------------------------------------------------------------------ from the control side

    async def open(self, factory: BrainFactory, plan: BrainPlan, path: SoundPath | None) -> None:
        """Start the brain; tells `Ready` or `Failed`."""
        self._line.open()
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
        held, was_held = not path.send, self._held
        self._held = held
        self._line.redirect(path, self.monotonic())
        self._agree()
        if held != was_held:
            self._ask(lambda brain: brain.held(held))

    def begin(self) -> None:
        """The call is joined: send, and let the brain greet."""
        if self._joined or self._over:
            return
        self._joined = True
        self._begun_s = now_s = self.monotonic()
        self._record()
        self._line.begin(now_s)
        self._ask(lambda brain: brain.begin())
        if not self._over:
            self._ticker.join(self._tick)

    def digit(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key, and its phone said so by SIP."""
        self._line.digit_by_signaling(digit, duration_ms)

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

    def staged(self, answer: Staged) -> None:
        """The stage that was asked for first has been entered, or refused."""
        asked = self._stages.popleft()
        if asked.done():
            return
        if answer.refused:
            asked.set_exception(StageRefused(answer.refused))
        else:
            asked.set_result(NewStage(answer.stage_id, answer.settings))

    async def close(self) -> None:
        """End it; tells `Closed`."""
        if self._joined and not self._over:
            self._line.end()
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
        self._stop()
        brain, self._brain = self._brain, None
        if brain is not None:
            try:
                async with asyncio.timeout(_CLOSE_S_MAX):
                    await brain.close()
            except Exception:  # noqa: S110 (it is over: nobody is left to be told)
                pass
        self._tell(Closed(self._number, self._line.quality()))

    # --------------------------------------------------------------------------------------------------- BrainHost

    @property
    def codec(self) -> str:
        """What the caller sends."""
        return self._line.codec

    def monotonic(self) -> float:
        """Seconds on the session's clock."""
        return self._clock()

    def message(
        self,
        role: str,
        text: str,
        start_ms: float | None = None,
        end_ms: float | None = None,
        *,
        tool: ToolUse | None = None,
    ) -> None:
        """Put something said into the call's messages."""
        if not self._over:
            text = text[:_MESSAGE_CHARACTERS_MAX]
            used = None if tool is None else asdict(tool)
            self._tell(Said(self._number, role, text, "MESSAGE_MEDIUM_VOICE", start_ms, end_ms, used))

    async def stage(self, settings: JsonObject) -> NewStage:
        """Have the control process enter another stage; never answered once the session is over."""
        asked: asyncio.Future[NewStage] = asyncio.get_running_loop().create_future()
        self._stages.append(asked)
        self._tell(Restage(self._number, settings))
        return await asked

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
        """The caller's data messages, where its line has any."""
        return self._line.client

    def channel(self, kind: str) -> ToolChannel | None:
        """A line by itself does no tools."""
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

    # ------------------------------------------------------------------------------------------------ LineListener

    def heard(self, frame: bytes) -> None:
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

    def key(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key."""
        if self._joined:
            self._ask(lambda brain: brain.digit(digit, duration_ms))

    def judged(self, verdict: Verdict) -> None:
        """Something is wrong with the sound."""
        self.event(verdict.severity, verdict.slug, verdict.words, **verdict.extras)
        if verdict.ends:
            self.hang_up(verdict.slug.replace("_", "-"))

    def measured(self, quality: SoundQuality) -> None:
        """How the sound fares."""
        self._tell(Measured(self._number, quality))

    # ------------------------------------------------------------------------------------------------------- sound

    def _tick(self, frames: int) -> None:
        played_ms = self._playout.played_ms
        self._line.tick(frames, self._clock())
        if self._playout.played_ms != played_ms:
            self._turns.sent()

    def _turned(self, times: dict[str, Json]) -> None:
        self.event("debug", "turn", f"the caller heard an answer after {times['firstPacketMs']} ms", **times)

    def _marked(self, name: str) -> None:
        self._ask(lambda brain: brain.marked(name))

    # ---------------------------------------------------------------------------------------------------- fragments

    def _agree(self) -> None:
        """Have both directions go between the caller's codec and the brain's formats."""
        if self._ready and self._brain is not None:
            self._line.use(self._brain.hears, self._brain.speaks)
            self._level = loudness(self._brain.hears)

    def _record(self) -> None:
        """Begin to record, if that is wanted: what the brain hears, and what of its sound is sent."""
        brain = self._brain
        if self._recordings is None or brain is None:
            return
        rate_hz = min(_RECORDED_HZ_MAX, self._line.rate_hz)
        recorder = self._recordings.record(self._call_id, rate_hz, self._recording_stopped)
        recorder.use(brain.hears, brain.speaks)
        self._recorder = recorder
        self._line.tap = lambda frame: recorder.agent(frame, self._since_begun_ms())

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
            self._line.close()
            self._playout.close()
            self._turns.close()
