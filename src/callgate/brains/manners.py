"""What every agent does alike: greets in time, waits for who types, asks who is silent, leaves after its last word.

Time is told by `tick`, which a brain calls whenever it hears a frame.
"""

from typing import Final, Protocol

from callgate.brains.inactivity import Ending, Inactivity, schedule
from callgate.brains.opening import opening
from callgate.entities.json import Json, JsonObject
from callgate.ports.brain import BrainHost

_DIGITS_PAUSE_S: Final = 1.2  # after which digits are one entry: what people pause while they type a number
_DIGITS_MAX: Final = 64  # of one entry: longer than any card, account or telephone number
_HANG_UP_S_MAX: Final = 10.0  # for the last words to be spoken and sent


class Speaker(Protocol):
    """What a brain does for its manners."""

    @property
    def silent(self) -> bool:
        """Whether nothing is being said, nor about to be; what waits in the bridge's queue need not be counted."""
        ...

    def greet(self, text: str, prompt: str) -> None:
        """Say the first words: `text` as it is; without one, as `prompt` tells (which may be empty)."""
        ...

    def speak(self, text: str) -> None:
        """Say `text`, word for word as far as the model does that, once it is free."""
        ...

    def typed(self, digits: str) -> None:
        """The caller has typed something and paused; the model is to react."""
        ...


class Manners:
    """Those of one call.

    Attributes:
        uninterruptible: whether what is being said is said to its end. Set by the greeting that asks for it; the brain
            clears it when those words have been heard.
    """

    def __init__(self, settings: JsonObject, host: BrainHost, speaker: Speaker) -> None:
        self._settings = settings
        self._host = host
        self._speaker = speaker
        self._opening = opening(settings)
        self._inactivity: Inactivity | None = None
        self._held_since_s: float | None = None
        self._greet_s: float | None = None
        self._digits = ""
        self._digits_due_s = 0.0
        self._farewell: tuple[str, float] | None = None  # the outcome, and when at the latest
        self._soft = False  # whether the caller may take it back by speaking
        self.uninterruptible = False

    @property
    def leaving(self) -> bool:
        """Whether a hang-up has been decided and waits for the last word to be heard."""
        return self._farewell is not None

    def begin(self) -> None:
        """The caller is there."""
        now = self._host.monotonic()
        if isinstance(self._settings.get("inactivityMessages"), list):
            self._inactivity = Inactivity(schedule(self._settings), now)
        if self._opening.delay_s is not None:
            self._greet_s = now + self._opening.delay_s
        self.tick()

    def tick(self) -> None:
        """Do what is due by now."""
        now = self._host.monotonic()
        if self._greet_s is not None and now >= self._greet_s:
            self._greet_s = None
            self.uninterruptible = self._opening.uninterruptible
            self._speaker.greet(self._opening.text or "", _prompt(self._settings))
        if self._digits and now >= self._digits_due_s:
            digits, self._digits = self._digits, ""
            self._speaker.typed(digits)
        if self._inactivity is not None:
            self._await_caller(self._inactivity, now)
        if self._farewell is not None:
            outcome, latest_s = self._farewell
            if now >= latest_s or (self._speaker.silent and not self._host.bridge.queued_ms):
                self._farewell = None
                self._host.hang_up(outcome)

    def restage(self, settings: JsonObject) -> None:
        """Of the call's settings, these are new: silence may be met otherwise."""
        if "inactivityMessages" in settings:
            self._inactivity = Inactivity(schedule(settings), self._host.monotonic())

    def held(self, on: bool) -> None:
        """The caller holds, or is back: what waits for the caller waits longer."""
        now = self._host.monotonic()
        if on:
            self._held_since_s = now
        elif self._held_since_s is not None:
            if self._inactivity is not None:
                self._inactivity.wait(now - self._held_since_s)
            self._held_since_s = None

    def digit(self, digit: str) -> None:
        """The caller pressed a key: keys become one entry when the caller pauses."""
        if len(self._digits) < _DIGITS_MAX:
            self._digits += digit
        self._digits_due_s = self._host.monotonic() + _DIGITS_PAUSE_S
        self.caller_active()

    def caller_active(self) -> None:
        """The caller speaks: no greeting where it gives way to the caller, no question whether anybody is there."""
        if self._opening.yields:
            self._greet_s = None
        if self._inactivity is not None:
            self._inactivity.caller_active(self._host.monotonic())
        if self._soft:
            self._farewell = None

    def leave(self, outcome: str, *, soft: bool = False) -> None:
        """Hang up when what is being said has been heard, after 10 s at the latest.

        Args:
            outcome: a slug of the catalogue.
            soft: a caller who speaks meanwhile takes it back.
        """
        self._farewell, self._soft = (outcome, self._host.monotonic() + _HANG_UP_S_MAX), soft

    def _await_caller(self, inactivity: Inactivity, now: float) -> None:
        if self._host.bridge.queued_ms > 0:
            inactivity.agent_active(now)
            if self._held_since_s is not None:
                self._held_since_s = now  # what was heard meanwhile has moved the silence already
            return
        if self._held_since_s is not None or self._farewell is not None:
            return
        step = inactivity.due(now)
        if step is None:
            return
        if step.text:
            self._speaker.speak(step.text)
        if step.ending is not Ending.NONE:
            self.leave("inactivity", soft=step.ending is Ending.SOFT)


def _prompt(settings: JsonObject) -> str:
    first = _object(settings.get("firstSpeakerSettings"))
    fallback = _object(_object(first.get("user")).get("fallback"))
    prompt = _object(first.get("agent")).get("prompt") or fallback.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
