"""Who has a call while its caller sends it on to somebody else, as a table.

RFC 5589 section 6 (Basic Transfer): whoever sends a call on may hang up as soon as we have accepted that, long before
the other one answers. Then nobody has the call for a while, and it goes on all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where a transfer stands."""

    IDLE = auto()  # there is none: caller and agent talk
    DIALLING = auto()  # the target is being called; the old leg has the call
    ALONE = auto()  # likewise; the old leg has gone, and the agent waits
    OVER = auto()  # so is the call


class Input(Enum):
    """What happens to it."""

    REFERRED = auto()  # a REFER came that may be followed
    ANSWERED = auto()  # the target's 2xx
    FAILED = auto()  # the target refuses, does not answer or cannot be called
    CALLER_LEFT = auto()  # the old leg is over
    ENDED = auto()  # the call is


class Effect(Enum):
    """What is to be done."""

    DIAL = auto()  # call the target
    DEFER = auto()  # refuse with 491: one after the other
    MOVE = auto()  # the new leg has the call; the old one is let go
    MUTE = auto()  # nobody is there to be spoken to
    GO_ON = auto()  # with the old leg, as before
    STRAND = auto()  # nobody is left: the call ends
    GIVE_UP = auto()  # on the target


@dataclass(frozen=True, slots=True)
class Move:
    """What an input does: the next state, and what is to be done, if anything."""

    state: State
    effect: Effect | None = None


_S, _I, _E = State, Input, Effect

TRANSITIONS: Final[Mapping[tuple[State, Input], Move]] = {
    (_S.IDLE, _I.REFERRED): Move(_S.DIALLING, _E.DIAL),
    (_S.IDLE, _I.ENDED): Move(_S.OVER),
    (_S.DIALLING, _I.REFERRED): Move(_S.DIALLING, _E.DEFER),
    (_S.DIALLING, _I.ANSWERED): Move(_S.IDLE, _E.MOVE),
    (_S.DIALLING, _I.FAILED): Move(_S.IDLE, _E.GO_ON),
    (_S.DIALLING, _I.CALLER_LEFT): Move(_S.ALONE, _E.MUTE),
    (_S.DIALLING, _I.ENDED): Move(_S.OVER, _E.GIVE_UP),
    (_S.ALONE, _I.ANSWERED): Move(_S.IDLE, _E.MOVE),
    (_S.ALONE, _I.FAILED): Move(_S.IDLE, _E.STRAND),
    (_S.ALONE, _I.ENDED): Move(_S.OVER, _E.GIVE_UP),
}
ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    (_S.IDLE, _I.CALLER_LEFT): "the call ends, as its own machine says",
    (_S.ALONE, _I.REFERRED): "whoever could ask has gone",
    (_S.ALONE, _I.CALLER_LEFT): "it has been told already",
    **{(_S.OVER, input): "the call is over" for input in Input},
}


class ImpossibleInput(AssertionError):
    """Our own code brought an input that cannot come in this state: a bug."""


def move(state: State, input: Input) -> Move:
    """What `input` does in `state`.

    Raises:
        ImpossibleInput: it cannot happen in this state.
    """
    found = TRANSITIONS.get((state, input))
    if found is not None:
        return found
    if (state, input) in ABSORBED:
        return Move(state)
    raise ImpossibleInput(f"transfer in {state.name}: {input.name} cannot happen")
