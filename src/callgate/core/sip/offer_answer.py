"""Whose turn it is to describe the sound of a dialog, as a table.

RFC 3264 section 4 (Protocol Operation): there is one offer at a time, and it is answered before the next. Which SIP
message may carry which is RFC 3261 section 13.2.1 (Creating the Initial INVITE), RFC 3262 section 5 (The Offer/Answer
Model and PRACK) and RFC 3311 section 5.2 (Receiving an UPDATE); RFC 6337 has them side by side.

What stands in the descriptions is `core.sdp`'s business; here they only come and go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where offer and answer stand."""

    EMPTY = auto()  # an INVITE without an offer came; ours has not gone
    OWED = auto()  # the peer's offer waits for our answer
    ASKED = auto()  # our offer waits for the peer's answer
    AGREED = auto()
    OVER = auto()  # so is the dialog


class Input(Enum):
    """What happens to offer and answer."""

    OFFER_CAME = auto()  # in a re-INVITE, an UPDATE or a PRACK
    OFFER_WANTED = auto()  # a re-INVITE without one: its response is to bring ours
    ANSWER_CAME = auto()  # in an ACK, a PRACK or a 2xx
    ANSWER_MISSING = auto()  # one of those came without
    WE_OFFERED = auto()
    WE_ANSWERED = auto()
    WE_DECLINED = auto()  # what was offered: 488, or whatever else kept us from an answer
    PEER_DECLINED = auto()  # what we offered, or it never answered
    ENDED = auto()  # the dialog did


class Effect(Enum):
    """What is to be done."""

    TAKE = auto()  # hand it to whoever understands descriptions
    COLLIDE = auto()  # refuse with 491: our offer waits for its answer
    LATER = auto()  # refuse with 500 and Retry-After: we still owe something
    MISS = auto()  # an answer that had to come did not


@dataclass(frozen=True, slots=True)
class Move:
    """What an input does: the next state, and what is to be done, if anything."""

    state: State
    effect: Effect | None = None


_S, _I, _E = State, Input, Effect

TRANSITIONS: Final[Mapping[tuple[State, Input], Move]] = {
    # RFC 3311 section 5.2 (Receiving an UPDATE): not before the first exchange is done.
    (_S.EMPTY, _I.OFFER_CAME): Move(_S.EMPTY, _E.LATER),
    (_S.EMPTY, _I.OFFER_WANTED): Move(_S.EMPTY, _E.LATER),
    (_S.EMPTY, _I.WE_OFFERED): Move(_S.ASKED),
    (_S.EMPTY, _I.ENDED): Move(_S.OVER),
    (_S.OWED, _I.OFFER_CAME): Move(_S.OWED, _E.LATER),
    (_S.OWED, _I.OFFER_WANTED): Move(_S.OWED, _E.LATER),
    (_S.OWED, _I.WE_ANSWERED): Move(_S.AGREED),
    (_S.OWED, _I.WE_DECLINED): Move(_S.AGREED),  # on what was agreed before; a first offer's end follows
    (_S.OWED, _I.ENDED): Move(_S.OVER),
    (_S.ASKED, _I.OFFER_CAME): Move(_S.ASKED, _E.COLLIDE),
    (_S.ASKED, _I.OFFER_WANTED): Move(_S.ASKED, _E.COLLIDE),
    (_S.ASKED, _I.ANSWER_CAME): Move(_S.AGREED, _E.TAKE),
    (_S.ASKED, _I.ANSWER_MISSING): Move(_S.AGREED, _E.MISS),
    (_S.ASKED, _I.PEER_DECLINED): Move(_S.AGREED),
    (_S.ASKED, _I.ENDED): Move(_S.OVER),
    (_S.AGREED, _I.OFFER_CAME): Move(_S.OWED, _E.TAKE),
    (_S.AGREED, _I.OFFER_WANTED): Move(_S.AGREED, _E.TAKE),
    (_S.AGREED, _I.WE_OFFERED): Move(_S.ASKED),
    (_S.AGREED, _I.ENDED): Move(_S.OVER),
}
ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    (_S.AGREED, _I.ANSWER_CAME): "nobody has asked: some repeat their SDP in every ACK",
    (_S.AGREED, _I.ANSWER_MISSING): "nobody has asked, and most bring nothing",
    **{(_S.OVER, input): "it came when the dialog was over" for input in Input},
}


class ImpossibleInput(AssertionError):
    """Our own code brought an input that cannot come in this state: a bug."""


class OfferAnswer:
    """The exchange of one dialog.

    Attributes:
        state: where it stands.
    """

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    def take(self, input: Input) -> Effect | None:
        """Something happened; what is to be done.

        Raises:
            ImpossibleInput: it cannot happen in this state.
        """
        found = TRANSITIONS.get((self.state, input))
        if found is None:
            if (self.state, input) in ABSORBED:
                return None
            raise ImpossibleInput(f"offer and answer in {self.state.name}: {input.name} cannot happen")
        self.state = found.state
        return found.effect
