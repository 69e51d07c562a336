"""What the agent says to a caller who stays silent: the public `inactivityMessages`, kept in time. Pure."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from callgate.entities.json import JsonObject
from callgate.schema.duration import seconds


class Ending(Enum):
    """What follows a message."""

    NONE = auto()
    SOFT = auto()  # hang up, unless the caller speaks up meanwhile
    STRICT = auto()  # hang up


@dataclass(frozen=True, slots=True)
class TimedMessage:
    """One step.

    Attributes:
        after_s: silence since the step before it was said (the first: since anybody last spoke).
        text: to be said; empty: nothing.
        ending: what follows.
        prompt: name of the stock prompt that says the same without a speech engine; ``None``: none does.
    """

    after_s: float
    text: str
    ending: Ending
    prompt: str | None = None


# For calls whose settings say nothing: asked after 15 s, hung up after 30.
OWN_SCHEDULE: Final = (
    TimedMessage(15.0, "Are you still there?", Ending.NONE, "are-you-there"),
    TimedMessage(15.0, "Thank you for calling. Goodbye.", Ending.SOFT, "goodbye"),
)
_ENDINGS: Final = {"END_BEHAVIOR_HANG_UP_SOFT": Ending.SOFT, "END_BEHAVIOR_HANG_UP_STRICT": Ending.STRICT}


def schedule(settings: JsonObject) -> tuple[TimedMessage, ...]:
    """The steps that a call's settings ask for; an empty list asks for none."""
    given = settings.get("inactivityMessages")
    if not isinstance(given, list):
        return OWN_SCHEDULE
    steps = []
    for entry in given:
        if isinstance(entry, dict):
            duration, text = entry.get("duration"), entry.get("message")
            steps.append(
                TimedMessage(
                    max(0.0, seconds(duration)) if isinstance(duration, str) else 0.0,
                    text if isinstance(text, str) else "",
                    _ENDINGS.get(str(entry.get("endBehavior")), Ending.NONE),
                )
            )
    return tuple(steps)


class Inactivity:
    """Walks through the steps while nobody speaks."""

    __slots__ = ("_next", "_since_s", "_steps")

    def __init__(self, steps: tuple[TimedMessage, ...], now_s: float) -> None:
        self._steps = steps
        self._next = 0
        self._since_s = now_s

    def caller_active(self, now_s: float) -> None:
        """The caller spoke or pressed a key: all begins again."""
        self._next = 0
        self._since_s = now_s

    def agent_active(self, now_s: float) -> None:
        """The agent is speaking: silence begins when it has finished."""
        self._since_s = now_s

    def wait(self, seconds: float) -> None:
        """So much of the silence does not count: the caller had put us on hold."""
        self._since_s += seconds

    def due(self, now_s: float) -> TimedMessage | None:
        """The step whose time has come, once."""
        if self._next >= len(self._steps) or now_s - self._since_s < self._steps[self._next].after_s:
            return None
        step = self._steps[self._next]
        self._next += 1
        self._since_s = now_s
        return step
