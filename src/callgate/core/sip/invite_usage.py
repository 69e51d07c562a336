"""Where a call stands in its dialog, on either side of it, as a table: answered, acknowledged, hung up.

RFC 3261 section 12 (Dialogs), section 13 (Initiating a Session), section 15 (Terminating a Session); RFC 5407 has what
may cross. RFC 5057 calls this the dialog's INVITE usage: what a REFER has brought about may outlive it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where it stands."""

    EARLY = auto()  # the INVITE has no final response
    CANCELLING = auto()  # likewise, of ours, and we want none any more
    UNCONFIRMED = auto()  # a 2xx of ours waits for its ACK, the first or one to a re-INVITE
    CONFIRMED = auto()
    LEAVING = auto()  # a 2xx of ours waits for its ACK, and our BYE for that
    TERMINATING = auto()  # our BYE waits for its response
    TERMINATED = auto()


class Input(Enum):
    """What happens to it."""

    WE_ANSWERED = auto()  # a 2xx of ours goes
    PEER_ANSWERED = auto()  # a 2xx to our first INVITE came, and its ACK went
    REFUSED = auto()  # a refusal went or came, or there will be no final response
    ACKNOWLEDGED = auto()  # the ACK came, or a new INVITE, which stands for it
    UNACKNOWLEDGED = auto()  # it never came
    WE_LEAVE = auto()
    BYE_CAME = auto()
    BYE_DONE = auto()  # ours was answered, or never will be


class Effect(Enum):
    """What is to be done."""

    CANCEL = auto()  # as soon as a provisional response allows it
    SEND_BYE = auto()
    HUNG_UP = auto()  # tell whoever listens that the peer has left


@dataclass(frozen=True, slots=True)
class Move:
    """What an input does: the next state, and what is to be done, if anything."""

    state: State
    effect: Effect | None = None


_S, _I, _E = State, Input, Effect

TRANSITIONS: Final[Mapping[tuple[State, Input], Move]] = {
    (_S.EARLY, _I.WE_ANSWERED): Move(_S.UNCONFIRMED),
    (_S.EARLY, _I.PEER_ANSWERED): Move(_S.CONFIRMED),
    (_S.EARLY, _I.REFUSED): Move(_S.TERMINATED),
    (_S.EARLY, _I.WE_LEAVE): Move(_S.CANCELLING, _E.CANCEL),  # an INVITE of ours: others are refused
    (_S.EARLY, _I.BYE_CAME): Move(_S.TERMINATED, _E.HUNG_UP),
    (_S.CANCELLING, _I.PEER_ANSWERED): Move(_S.TERMINATING, _E.SEND_BYE),  # it overtook the CANCEL
    (_S.CANCELLING, _I.REFUSED): Move(_S.TERMINATED),
    (_S.UNCONFIRMED, _I.ACKNOWLEDGED): Move(_S.CONFIRMED),
    (_S.UNCONFIRMED, _I.UNACKNOWLEDGED): Move(_S.TERMINATING, _E.SEND_BYE),
    # RFC 3261 section 15 (Terminating a Session): the called side waits for the ACK.
    (_S.UNCONFIRMED, _I.WE_LEAVE): Move(_S.LEAVING),
    (_S.UNCONFIRMED, _I.BYE_CAME): Move(_S.TERMINATED, _E.HUNG_UP),
    (_S.CONFIRMED, _I.WE_ANSWERED): Move(_S.UNCONFIRMED),
    (_S.CONFIRMED, _I.WE_LEAVE): Move(_S.TERMINATING, _E.SEND_BYE),
    (_S.CONFIRMED, _I.BYE_CAME): Move(_S.TERMINATED, _E.HUNG_UP),
    (_S.LEAVING, _I.ACKNOWLEDGED): Move(_S.TERMINATING, _E.SEND_BYE),
    (_S.LEAVING, _I.UNACKNOWLEDGED): Move(_S.TERMINATING, _E.SEND_BYE),
    (_S.LEAVING, _I.BYE_CAME): Move(_S.TERMINATED, _E.HUNG_UP),
    (_S.TERMINATING, _I.BYE_CAME): Move(_S.TERMINATED),
    (_S.TERMINATING, _I.BYE_DONE): Move(_S.TERMINATED),
}
ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    (_S.CANCELLING, _I.BYE_CAME): "nobody who has not answered has a dialog to say it in",
    (_S.CANCELLING, _I.WE_LEAVE): "the CANCEL is on its way, or waits for a provisional response",
    (_S.LEAVING, _I.WE_LEAVE): "the BYE waits for the ACK",
    (_S.TERMINATING, _I.WE_LEAVE): "the BYE has gone",
    **{(_S.TERMINATED, input): "it came when all was over" for input in Input},
}


class ImpossibleInput(AssertionError):
    """Our own code brought an input that cannot come in this state: a bug."""


class InviteUsage:
    """Of one dialog.

    Attributes:
        state: where it stands.
    """

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = State.EARLY

    @property
    def talks(self) -> bool:
        """Whether the INVITE is answered and nobody is about to leave."""
        return self.state in (State.UNCONFIRMED, State.CONFIRMED)

    @property
    def left(self) -> bool:
        """Whether a BYE has come or gone, or there was nothing that one would end."""
        return self.state in (State.TERMINATING, State.TERMINATED)

    def take(self, input: Input) -> Effect | None:
        """Something happened; what is to be done.

        Raises:
            ImpossibleInput: it cannot happen in this state.
        """
        found = TRANSITIONS.get((self.state, input))
        if found is None:
            if (self.state, input) in ABSORBED:
                return None
            raise ImpossibleInput(f"dialog in {self.state.name}: {input.name} cannot happen")
        self.state = found.state
        return found.effect
