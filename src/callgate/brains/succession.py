"""When a brain fails, the next one takes over with the conversation so far; a last resort says goodbye.

To the session it is one brain whose formats may change (`BrainHost.refit`). Each brain in it sits on a seat of its own,
so that one that has failed can do nothing more to the call.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from callgate.core.audio.convert import converter
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.core.audio.tones import tone
from callgate.entities.call import ToolUse
from callgate.entities.json import Json, JsonObject
from callgate.entities.quality import SoundQuality
from callgate.ports.brain import (
    Brain,
    BrainFactory,
    BrainHost,
    BrainPlan,
    Bridge,
    Cleared,
    ClientLink,
    NewStage,
    StageRefused,
    ToolChannel,
)

_START_S_MAX: Final = 5.0  # for a successor to be there: a caller hears tones meanwhile
_CLOSE_S_MAX: Final = 1.0  # for one that has failed to let go
_TONE_AFTER_S: Final = 1.4  # of silence, so that with its own length nobody waits two seconds for a sound
_TONE_HZ: Final = 425  # what networks use for their tones in most countries
_TONE_MS: Final = 200
_TONE_LEVEL: Final = 0.1  # a sign of life, not an alarm
_OVERLAP_S_MAX: Final = 3.0  # of what a failed brain had still to say; the rest gives way to its successor
_HISTORY_MAX: Final = 200  # things said that a successor is told
_ROLES: Final = ("MESSAGE_ROLE_USER", "MESSAGE_ROLE_AGENT")
_TAKE_OVER: Final = (
    "There was a short technical interruption in this telephone call, and you take over now. "
    "Say so in a few words and continue where the conversation stopped."
)
_IN_SILENCE: Final[JsonObject] = {"firstSpeakerSettings": {"user": {}}, "inactivityMessages": []}

Candidate = tuple[str, BrainFactory]


class _SeatBridge:
    """The sound as the brain on a seat hears and makes it; of one that has failed nothing more is heard."""

    def __init__(self, seat: "_Seat", bridge: Bridge) -> None:
        self._seat = seat
        self._bridge = bridge

    def play(self, sound: bytes) -> None:
        if self._seat.taken:
            self._bridge.play(sound)

    def clear(self) -> Cleared:
        return self._bridge.clear() if self._seat.taken else Cleared(self._bridge.played_ms, 0.0)

    def mark(self, name: str) -> None:
        if self._seat.taken:
            self._bridge.mark(name)

    @property
    def played_ms(self) -> float:
        return self._bridge.played_ms

    @property
    def queued_ms(self) -> float:
        return self._bridge.queued_ms

    def send_digits(self, digits: str, tone_ms: int = 200, gap_ms: int = 100) -> None:
        if self._seat.taken:
            self._bridge.send_digits(digits, tone_ms, gap_ms)

    def quality(self) -> SoundQuality:
        return self._bridge.quality()


class _Seat:
    """The call as one of its brains sees it. Implements `ports.BrainHost`."""

    def __init__(self, name: str, host: BrainHost, failed: Callable[["_Seat", str], None]) -> None:
        self._host = host
        self._bridge = _SeatBridge(self, host.bridge)
        self._failed = failed
        self.name = name
        self.taken = True
        self.said: Callable[[str, str], None] = lambda role, text: None
        self.changed: Callable[[JsonObject, str | None], None] = lambda settings, stage_id: None

    @property
    def bridge(self) -> Bridge:
        return self._bridge

    @property
    def codec(self) -> str:
        return self._host.codec

    def monotonic(self) -> float:
        return self._host.monotonic()

    def message(
        self,
        role: str,
        text: str,
        start_ms: float | None = None,
        end_ms: float | None = None,
        *,
        tool: ToolUse | None = None,
    ) -> None:
        if self.taken:
            self.said(role, text)
            if tool is not None and tool.state is not None:
                self.changed({"initialState": tool.state}, None)
            self._host.message(role, text, start_ms, end_ms, tool=tool)

    async def stage(self, settings: JsonObject) -> NewStage:
        if not self.taken:
            raise StageRefused(f"{self.name} does not serve the call any more")
        stage = await self._host.stage(settings)
        self.changed(stage.settings, stage.stage_id)
        return stage

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        if self.taken:
            self._host.event(severity, type, text, **extras)

    def turn_ended(self) -> None:
        if self.taken:
            self._host.turn_ended()

    def hang_up(self, outcome: str) -> None:
        if self.taken:
            self._host.hang_up(outcome)

    def fail(self, reason: str) -> None:
        if self.taken:
            self._failed(self, reason)

    @property
    def client(self) -> ClientLink | None:
        return self._host.client

    def channel(self, kind: str) -> ToolChannel | None:
        return self._host.channel(kind)

    def refit(self) -> None:
        if self.taken:
            self._host.refit()


class Succession:
    """The brains of one call. Implements `ports.Brain`.

    Args:
        plan: the call.
        host: likewise.
        candidates: in their order.
        last: speaks the last resort; ``None``: the call fails with its last brain.
        last_words: what it says before it hangs up.
        silent_s_max: how long a caller may wait for an answer before that counts as a failure; 0: for ever.
    """

    def __init__(
        self,
        plan: BrainPlan,
        host: BrainHost,
        candidates: Sequence[Candidate],
        *,
        last: BrainFactory | None = None,
        last_words: str = "",
        silent_s_max: float = 0.0,
    ) -> None:
        self._plan = plan
        self._host = host
        self._bridge = host.bridge
        self._left = list(candidates)
        self._last = last if last_words else None
        self._last_words = last_words
        self._silent_s_max = silent_s_max
        self._seat: _Seat | None = None
        self._brain: Brain | None = None
        self._next: tuple[_Seat, Brain, float] | None = None  # it is there, and waits until when for the last words
        self._succeeding: asyncio.Task[None] | None = None
        self._history: list[Json] = []
        self._live = False
        self._held = False
        self._to_say: tuple[str, str | None] | None = None
        self._sound_s = host.monotonic()  # when something was heard of us last
        self._asked_s: float | None = None  # since when the caller waits for an answer
        self._played_ms = 0.0
        self.hears: SoundFormat = PCM_8K
        self.speaks: SoundFormat = PCM_8K

    # --------------------------------------------------------------------------------------------------- ports.Brain

    async def start(self) -> None:
        """Start the first that can be."""
        error: Exception = OSError("no model is configured for it")
        while self._left:
            name, factory = self._left.pop(0)
            seat = self._new_seat(name)
            brain = factory.make(self._plan, seat)
            try:
                await brain.start()
            except Exception as failure:
                error = failure
                seat.taken = False
                await _closed(brain)
                if self._left:
                    self._host.event("warning", "brain_unreachable", f"{name}: {failure}"[:500])
                continue
            self._sit(seat, brain)
            return
        raise error

    def begin(self) -> None:
        """The caller is there."""
        self._live = True
        self._sound_s = self._host.monotonic()
        self._with(lambda brain: brain.begin())

    def hear(self, frame: bytes) -> None:
        """To the brain that is there; also what makes time pass."""
        brain = self._brain
        if brain is None:
            self._bridge_the_gap()
            return
        try:
            brain.hear(frame)
        except Exception as error:
            self._broke(error)
        if self._silent_s_max:
            self._watch_silence()

    def held(self, on: bool) -> None:
        """The caller holds, or is back."""
        self._held = on
        self._asked_s = None
        self._with(lambda brain: brain.held(on))

    def digit(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key."""
        self._with(lambda brain: brain.digit(digit, duration_ms))

    def marked(self, name: str) -> None:
        """What was queued before a mark has been sent."""
        self._with(lambda brain: brain.marked(name))

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Speak now, or as soon as somebody is there to speak."""
        if self._brain is None:
            self._to_say = (text, then_hang_up)
        self._with(lambda brain: brain.say(text, then_hang_up))

    def tell(self, message: JsonObject) -> None:
        """A data message; while nobody is there it is lost, and that is said."""
        if self._brain is None:
            self._host.event("warning", "message_not_taken", "no brain was there to take a message", message=message)
        self._with(lambda brain: brain.tell(message))

    async def close(self) -> None:
        """Let go of whoever is there."""
        if self._succeeding is not None:
            self._succeeding.cancel()
        for brain in (self._brain, self._next[1] if self._next else None):
            if brain is not None:
                await brain.close()

    # --------------------------------------------------------------------------------------------------- succession

    def _new_seat(self, name: str) -> _Seat:
        seat = _Seat(name, self._host, self._failed)
        seat.said = self._said
        seat.changed = self._changed
        return seat

    def _sit(self, seat: _Seat, brain: Brain) -> None:
        self._seat, self._brain = seat, brain
        self.hears, self.speaks = brain.hears, brain.speaks

    def _with(self, verb: Callable[[Brain], None]) -> None:
        if self._brain is None:
            return
        try:
            verb(self._brain)
        except Exception as error:
            self._broke(error)

    def _broke(self, error: Exception) -> None:
        if self._seat is not None:
            self._failed(self._seat, f"the agent failed: {error or type(error).__name__}")

    def _failed(self, seat: _Seat, reason: str) -> None:
        if seat is not self._seat:
            return
        if not self._left and (self._last is None or not self._live):
            self._host.fail(reason)
            return
        self._host.event("error", "brain_failed", f"{seat.name}: {reason}"[:500])
        seat.taken = False
        brain, self._brain, self._seat = self._brain, None, None
        self._asked_s = None
        self._sound_s = self._host.monotonic()
        self._succeeding = asyncio.get_running_loop().create_task(self._replace(brain, reason), name="next brain")

    async def _replace(self, failed: Brain | None, reason: str) -> None:
        try:
            await self._succeed(failed, reason)
        except Exception as error:  # nobody awaits this: a call must not be left without anybody
            self._host.fail(f"{reason}; and nobody could take over: {error or type(error).__name__}")

    async def _succeed(self, failed: Brain | None, reason: str) -> None:
        """Have the next one ready; it takes its seat when what was being said has been heard."""
        while self._left:
            name, factory = self._left.pop(0)
            seat = self._new_seat(name)
            brain = factory.make(BrainPlan(name, self._plan.call_id, self._settings(), self._plan.about), seat)
            try:
                async with asyncio.timeout(_START_S_MAX):
                    await brain.start()
            except Exception as error:
                seat.taken = False
                await _closed(brain)
                words = f"no answer within {_START_S_MAX:g} s" if isinstance(error, TimeoutError) else str(error)
                self._host.event("warning", "brain_unreachable", f"{name}: {words}"[:500])
                continue
            self._await_seat(seat, brain)
            break
        else:
            if self._last is None:
                self._host.fail(reason)
                return
            seat = self._new_seat("the last resort")
            plan = BrainPlan("last", self._plan.call_id, {**self._plan.settings, **_IN_SILENCE}, self._plan.about)
            brain = self._last.make(plan, seat)
            await brain.start()
            self._to_say = (self._last_words, "agent-lost")
            self._await_seat(seat, brain)
        if failed is not None:
            await _closed(failed)

    def _await_seat(self, seat: _Seat, brain: Brain) -> None:
        self._next = (seat, brain, self._host.monotonic() + _OVERLAP_S_MAX)
        if not self._live:
            self._take_over()

    def _take_over(self) -> None:
        assert self._next is not None
        seat, brain, _ = self._next
        self._next = None
        self._sit(seat, brain)
        self._host.refit()
        self._host.event("info", "brain_replaced", f"{seat.name} has taken over")
        if not self._live:
            return
        brain.begin()
        if self._held:
            brain.held(True)
        if self._to_say is not None:
            text, outcome = self._to_say
            self._to_say = None
            brain.say(text, outcome)

    def _bridge_the_gap(self) -> None:
        """Between two brains: what is queued is heard, and tones after it."""
        now = self._host.monotonic()
        waiting = self._bridge.queued_ms > 0
        if self._next is not None and (not waiting or now >= self._next[2]):
            self._take_over()
            return
        if waiting or self._held:
            self._sound_s = now
        elif now - self._sound_s >= _TONE_AFTER_S:
            self._bridge.play(converter(PCM_8K, self.speaks)(tone(_TONE_HZ, _TONE_MS, _TONE_LEVEL)))

    def _settings(self) -> JsonObject:
        """Those of a successor: it knows what was said, and says that it takes over."""
        given = self._plan.settings.get("initialMessages")
        before = given if isinstance(given, list) else []
        settings = {**self._plan.settings, "initialMessages": [*before, *self._history]}
        if self._live:
            settings["firstSpeakerSettings"] = {"agent": {"prompt": _TAKE_OVER}}
        return settings

    # ------------------------------------------------------------------------------------------------------ silence

    def _changed(self, settings: JsonObject, stage_id: str | None) -> None:
        """Whoever takes over finds the call in the stage and the state that it is in."""
        about = self._plan.about if stage_id is None else {**self._plan.about, "stageId": stage_id}
        self._plan = replace(self._plan, settings={**self._plan.settings, **settings}, about=about)

    def _said(self, role: str, text: str) -> None:
        if role in _ROLES:
            self._history.append({"role": role, "text": text})
            del self._history[:-_HISTORY_MAX]
        self._asked_s = self._host.monotonic() if role == _ROLES[0] else None

    def _watch_silence(self) -> None:
        played_ms = self._bridge.played_ms
        if played_ms != self._played_ms or self._bridge.queued_ms > 0:
            self._played_ms, self._asked_s = played_ms, None
        elif self._asked_s is not None and self._host.monotonic() - self._asked_s > self._silent_s_max:
            self._asked_s = None
            if self._seat is not None and self._left:  # without a successor, a slow answer is better than none
                self._failed(self._seat, f"no answer for {self._silent_s_max:g} s")


class SuccessionFactory:
    """Makes brains of one model, and of those that follow it.

    Args:
        candidates: by name, in their order.
        last: makes who speaks the last resort.
        last_words: what it says; empty: there is no last resort.
        silent_s_max: as for `Succession`.
    """

    def __init__(
        self, candidates: Sequence[Candidate], *, last: BrainFactory, last_words: str, silent_s_max: float
    ) -> None:
        self._candidates = candidates
        self._last = last
        self._last_words = last_words
        self._silent_s_max = silent_s_max

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains may hear and speak."""
        return tuple({format for _, factory in self._candidates for format in factory.formats} | {PCM_8K})

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """The brains for a call."""
        return Succession(
            plan,
            host,
            self._candidates,
            last=self._last,
            last_words=self._last_words,
            silent_s_max=self._silent_s_max,
        )

    def close(self) -> None:
        """Each is closed by itself."""


async def _closed(brain: Brain) -> None:
    """Whatever goes wrong with one that has failed already."""
    try:
        async with asyncio.timeout(_CLOSE_S_MAX):
            await brain.close()
    except Exception:  # noqa: S110 (nobody is left to be told)
        pass
