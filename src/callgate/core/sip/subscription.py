"""The subscription that a REFER brings about, as a table: one NOTIFY at a time, the newest of what there is to tell.

RFC 3515 section 2.4.4 (Using SIP Events to Report the Results of the Reference), RFC 6665 section 4.2 (Notifier
Behavior). Two NOTIFYs under way at once could overtake each other, and the later CSeq would have the earlier refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where it stands."""

    QUIET = auto()  # what there was to tell has been told
    TELLING = auto()  # a NOTIFY waits for its response
    TELLING_MORE = auto()  # likewise, and there is news
    TELLING_FINAL = auto()  # likewise, and the news is the last
    LEAVING = auto()  # the last NOTIFY waits for its response
    OVER = auto()


class Input(Enum):
    """What happens to it."""

    NEWS = auto()  # the call to the target goes on
    FINAL = auto()  # how it has ended
    HEARD = auto()  # 2xx to our NOTIFY
    NOT_HEARD = auto()  # 481, any other refusal, or no response at all


class Effect(Enum):
    """What is to be done."""

    NOTIFY = auto()  # tell the newest, and that more will come
    NOTIFY_LAST = auto()  # tell the newest, and that this was all


@dataclass(frozen=True, slots=True)
class Move:
    """What an input does: the next state, and what is to be done, if anything."""

    state: State
    effect: Effect | None = None


_S, _I, _E = State, Input, Effect

TRANSITIONS: Final[Mapping[tuple[State, Input], Move]] = {
    (_S.QUIET, _I.NEWS): Move(_S.TELLING, _E.NOTIFY),
    (_S.QUIET, _I.FINAL): Move(_S.LEAVING, _E.NOTIFY_LAST),
    (_S.TELLING, _I.NEWS): Move(_S.TELLING_MORE),
    (_S.TELLING, _I.FINAL): Move(_S.TELLING_FINAL),
    (_S.TELLING, _I.HEARD): Move(_S.QUIET),
    # RFC 6665 section 4.2.2 (Sending State Information to Subscribers): a NOTIFY that fails ends the subscription.
    (_S.TELLING, _I.NOT_HEARD): Move(_S.OVER),
    (_S.TELLING_MORE, _I.NEWS): Move(_S.TELLING_MORE),
    (_S.TELLING_MORE, _I.FINAL): Move(_S.TELLING_FINAL),
    (_S.TELLING_MORE, _I.HEARD): Move(_S.TELLING, _E.NOTIFY),
    (_S.TELLING_MORE, _I.NOT_HEARD): Move(_S.OVER),
    (_S.TELLING_FINAL, _I.HEARD): Move(_S.LEAVING, _E.NOTIFY_LAST),
    (_S.TELLING_FINAL, _I.NOT_HEARD): Move(_S.OVER),
    (_S.LEAVING, _I.HEARD): Move(_S.OVER),
    (_S.LEAVING, _I.NOT_HEARD): Move(_S.OVER),
}
ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    (_S.OVER, input): "the referrer does not listen any more" for input in (_I.NEWS, _I.FINAL)
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
    raise ImpossibleInput(f"subscription in {state.name}: {input.name} cannot happen")
