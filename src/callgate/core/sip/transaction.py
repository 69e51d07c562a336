"""What the four transaction machines have in common: a table, absorbed inputs, deadlines.

RFC 3261 section 17 (Transactions) as corrected by RFC 6026. A machine owns no clock and no socket: inputs come with the
time, effects come out, `due` says when it wants to be woken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, Final

from callgate.core.sip.timers import Timers


class State(Enum):
    """States of all four machines; each uses some."""

    CALLING = auto()  # client, INVITE: sent
    TRYING = auto()  # non-INVITE: sent, or received
    PROCEEDING = auto()  # a provisional response has come or gone
    ACCEPTED = auto()  # INVITE: a 2xx has come or gone; RFC 6026
    COMPLETED = auto()  # a final response has come or gone
    CONFIRMED = auto()  # server, INVITE: the refusal has been acknowledged
    TERMINATED = auto()


class Input(Enum):
    """What happens to a transaction."""

    REQUEST = auto()  # server: the request again
    ACK = auto()  # server, INVITE
    PROVISIONAL = auto()  # 1xx: client got it, server sends it
    SUCCESS = auto()  # 2xx
    FAILURE = auto()  # 300 to 699
    REPEAT_DUE = auto()  # timers A, E, G
    GIVE_UP = auto()  # timers B, F, H
    LINGERED = auto()  # timers D, I, J, K, L, M
    TRANSPORT_FAILED = auto()


class Effect(Enum):
    """What is to be done."""

    SEND = auto()  # send what came with the input, and keep it for repetition
    REPEAT = auto()  # send again what was kept
    ACKNOWLEDGE = auto()  # client, INVITE: send the ACK of a refusal
    PASS = auto()  # hand the response up
    REPORT_TIMEOUT = auto()
    REPORT_FAILURE = auto()
    START_REPEAT = auto()  # timer A, E, G: T1, doubling; unreliable transports only
    SLOW_REPEAT = auto()  # timer E while proceeding: every T2
    START_GIVE_UP = auto()  # 64·T1
    LINGER = auto()  # 64·T1, or nothing over a reliable transport: timers D, J
    LINGER_SHORT = auto()  # T4, or nothing over a reliable transport: timers I, K
    LINGER_ANYWAY = auto()  # 64·T1 over every transport: timers L, M
    STOP_REPEAT = auto()
    STOP_GIVE_UP = auto()


@dataclass(frozen=True, slots=True)
class Move:
    """What an input does.

    Attributes:
        state: the next.
        effects: in order.
    """

    state: State
    effects: tuple[Effect, ...] = ()


Table = Mapping[tuple[State, Input], Move]


class ImpossibleInput(AssertionError):
    """Our own code brought an input that cannot come in this state: a bug."""


class Transaction:
    """One transaction; subclasses bring the tables.

    Attributes:
        state: where it stands.
    """

    __slots__ = ("_deadlines", "_reliable", "_timers", "_wait", "state")

    first: ClassVar[State]
    transitions: ClassVar[Table]
    absorbed: ClassVar[Mapping[tuple[State, Input], str]]
    waits_t2_at_most: ClassVar[bool] = True

    def __init__(self, timers: Timers, *, reliable: bool) -> None:
        self.state = self.first
        self._timers = timers
        self._reliable = reliable
        self._wait = timers.t1
        self._deadlines: dict[Input, float] = {}

    @property
    def over(self) -> bool:
        """Whether it can be forgotten."""
        return self.state is State.TERMINATED

    def due(self) -> float | None:
        """When to call `wake` next, on the caller's clock; ``None`` when nothing is waiting."""
        return min(self._deadlines.values(), default=None)

    def wake(self, now: float) -> tuple[Effect, ...]:
        """Time has passed."""
        effects: tuple[Effect, ...] = ()
        for input in _BY_IMPORTANCE:
            if input in self._deadlines and self._deadlines[input] <= now:
                del self._deadlines[input]
                effects += self.take(input, now)
        return effects

    def take(self, input: Input, now: float) -> tuple[Effect, ...]:
        """Something happened: what is to be done beyond the timers, which are set here.

        Raises:
            ImpossibleInput: it cannot happen in this state.
        """
        found = self.transitions.get((self.state, input))
        if found is None:
            if (self.state, input) in self.absorbed:
                return ()
            raise ImpossibleInput(f"{type(self).__name__} in {self.state.name}: {input.name} cannot happen")
        self.state = found.state
        outward = []
        for effect in found.effects:
            if not self._set_timer(effect, now):
                outward.append(effect)
        if input is Input.REPEAT_DUE and self.state is not State.TERMINATED:
            self._deadlines.setdefault(Input.REPEAT_DUE, now + self._next_wait())
        if self.state is State.TERMINATED:
            self._deadlines.clear()
        return tuple(outward)

    def _next_wait(self) -> float:
        self._wait = self._timers.longer(self._wait) if self.waits_t2_at_most else 2 * self._wait
        return self._wait

    def _set_timer(self, effect: Effect, now: float) -> bool:
        timers, deadlines = self._timers, self._deadlines
        match effect:
            case Effect.START_REPEAT:
                if not self._reliable:
                    deadlines[Input.REPEAT_DUE] = now + timers.t1
            case Effect.SLOW_REPEAT:
                if not self._reliable:
                    self._wait = timers.t2
                    deadlines[Input.REPEAT_DUE] = now + timers.t2
            case Effect.START_GIVE_UP:
                deadlines[Input.GIVE_UP] = now + timers.whole
            case Effect.STOP_REPEAT:
                deadlines.pop(Input.REPEAT_DUE, None)
            case Effect.STOP_GIVE_UP:
                deadlines.pop(Input.GIVE_UP, None)
            case Effect.LINGER | Effect.LINGER_SHORT | Effect.LINGER_ANYWAY:
                deadlines.clear()
                if self._reliable and effect is not Effect.LINGER_ANYWAY:
                    self.state = State.TERMINATED
                else:
                    deadlines[Input.LINGERED] = now + (timers.t4 if effect is Effect.LINGER_SHORT else timers.whole)
            case _:
                return False
        return True


# Giving up wins over one more repetition at the same moment.
_BY_IMPORTANCE: Final = (Input.LINGERED, Input.GIVE_UP, Input.REPEAT_DUE)
