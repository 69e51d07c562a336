"""The circuit breaker of one handler, as a table: after failures in a row it is not asked for a while.

Time is passed in; nothing is asked here. What counts is failures without an answer between them: of a busy handler that
fails once in a while nobody would want to be cut off. Questions go out side by side, so answers come in any order.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from callgate.entities.sip_config import BreakerTerms


class State(Enum):
    """Where a breaker stands."""

    CLOSED = auto()  # every call may ask
    OPEN = auto()  # no call may
    HALF_OPEN = auto()  # the next call may, to try it
    TRYING = auto()  # one call is trying it; no other may ask


class Input(Enum):
    """What happens to it."""

    CALLED = auto()  # a call wants to ask
    ANSWERED = auto()  # the handler has answered, whatever it said
    FAILED = auto()  # it has not, for once
    FAILED_TOO_OFTEN = auto()  # it has not, and as often as it may not
    TRIAL_FAILED = auto()  # it has not answered the one call that tried it
    TRIAL_ABANDONED = auto()  # that call was over before it could tell
    WAITED = auto()  # it has not been asked for long enough


class Effect(Enum):
    """What is to be done."""

    LET_ASK = auto()  # the call asks
    COUNT = auto()  # one failure more
    FORGET = auto()  # no failures any more
    WAIT = auto()  # begin to wait


@dataclass(frozen=True, slots=True)
class Move:
    """What an input does: the next state, and what is to be done, in order."""

    state: State
    effects: tuple[Effect, ...] = ()


_S, _I, _E = State, Input, Effect
_ALIVE: Final = Move(_S.CLOSED, (_E.FORGET,))

TRANSITIONS: Final[Mapping[tuple[State, Input], Move]] = {
    (_S.CLOSED, _I.CALLED): Move(_S.CLOSED, (_E.LET_ASK,)),
    (_S.CLOSED, _I.ANSWERED): _ALIVE,
    (_S.CLOSED, _I.FAILED): Move(_S.CLOSED, (_E.COUNT,)),
    (_S.CLOSED, _I.FAILED_TOO_OFTEN): Move(_S.OPEN, (_E.COUNT, _E.WAIT)),
    (_S.OPEN, _I.WAITED): Move(_S.HALF_OPEN),
    (_S.OPEN, _I.ANSWERED): _ALIVE,  # a question from before
    (_S.HALF_OPEN, _I.CALLED): Move(_S.TRYING, (_E.LET_ASK,)),
    (_S.HALF_OPEN, _I.ANSWERED): _ALIVE,  # likewise
    (_S.TRYING, _I.ANSWERED): _ALIVE,
    (_S.TRYING, _I.TRIAL_FAILED): Move(_S.OPEN, (_E.COUNT, _E.WAIT)),
    (_S.TRYING, _I.TRIAL_ABANDONED): Move(_S.HALF_OPEN),
}
_BEFORE: Final = "the question is from before it opened"
ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    (_S.OPEN, _I.CALLED): "the handler is not asked: this is what a breaker is for",
    (_S.TRYING, _I.CALLED): "one call tries it, so that no others wait in vain",
    **{(state, _I.FAILED): _BEFORE for state in (_S.OPEN, _S.HALF_OPEN, _S.TRYING)},
}


class ImpossibleInput(AssertionError):
    """Our own code brought an input that cannot come in this state: a bug."""


class Breaker:
    """The breaker of one handler.

    Attributes:
        terms: when it opens, and for how long.
        state: where it stands; after a wait that is over, as of the last `look`.
        since: when it came there, on the clock that the caller gives.
        next_try: when the handler may be asked again; ``None`` unless open.
    """

    __slots__ = ("_failures", "_questions", "_trial", "next_try", "since", "state", "terms")

    def __init__(self, terms: BreakerTerms, now: float) -> None:
        self.terms = terms
        self.state = State.CLOSED
        self.since = now
        self.next_try: float | None = None
        # Of more than this nobody asks.
        self._failures: deque[float] = deque(maxlen=terms.failures)
        self._questions = 0
        self._trial = 0

    def failures(self, now: float) -> int:
        """In a row within the window, `terms.failures` at most; once it has opened, those that it opened for."""
        if self.state is State.CLOSED:
            self._let_go(now)
        return len(self._failures)

    def look(self, now: float) -> State:
        """Where it stands at this moment."""
        if self.next_try is not None and now >= self.next_try:
            self._take(Input.WAITED, now)
        return self.state

    def ask(self, now: float) -> int | None:
        """Whether a call may ask: a number that names its question; ``None`` when it may not.

        What comes of each question is to be told: `answered`, `failed` or `abandoned`.
        """
        self.look(now)
        if Effect.LET_ASK not in self._take(Input.CALLED, now):
            return None
        self._questions += 1
        if self.state is State.TRYING:
            self._trial = self._questions
        return self._questions

    def answered(self, now: float) -> None:
        """The handler has answered."""
        self.look(now)
        self._take(Input.ANSWERED, now)

    def failed(self, question: int, now: float) -> None:
        """The handler has not answered a question, or not in its time; it may still."""
        self.look(now)
        if self.state is State.TRYING and question == self._trial:
            self._take(Input.TRIAL_FAILED, now)
        elif self.state is State.CLOSED and self.failures(now) + 1 >= self.terms.failures:
            self._take(Input.FAILED_TOO_OFTEN, now)
        else:
            self._take(Input.FAILED, now)

    def abandoned(self, question: int, now: float) -> None:
        """Nobody waits for the answer to a question any more, and nothing can be said of the handler."""
        self.look(now)
        if self.state is State.TRYING and question == self._trial:
            self._take(Input.TRIAL_ABANDONED, now)

    def _take(self, input: Input, now: float) -> tuple[Effect, ...]:
        found = TRANSITIONS.get((self.state, input))
        if found is None:
            if (self.state, input) in ABSORBED:
                return ()
            raise ImpossibleInput(f"breaker in state {self.state.name}: {input.name} cannot happen")
        if found.state is not self.state:
            self.state, self.since, self.next_try = found.state, now, None
        for effect in found.effects:
            if effect is Effect.COUNT:
                self._failures.append(now)
            elif effect is Effect.FORGET:
                self._failures.clear()
            elif effect is Effect.WAIT:
                self.next_try = now + self.terms.open_s
        return found.effects

    def _let_go(self, now: float) -> None:
        while self._failures and now - self._failures[0] > self.terms.window_s:
            self._failures.popleft()
