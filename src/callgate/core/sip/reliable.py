"""Reliable provisional responses: when one is sent, its repetitions, its PRACK, and what waits for that, as a table.

RFC 3262 (Reliability of Provisional Responses in the Session Initiation Protocol (SIP)).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from callgate.core.sip.cseq import parse_cseq
from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request
from callgate.core.sip.timers import Timers

TAG: Final = "100rel"
FIRST_NUMBER_MAX: Final = 2**31 - 1
"""RFC 3262 section 3 (UAS Behavior): the first RSeq is chosen between 1 and this."""

_RACK: Final = re.compile(r"[0-9]{1,10}")


def required(invite: Request) -> bool:
    """Whether an INVITE requires that every provisional response beyond 100 be reliable."""
    return TAG in invite.option_tags("Require")


def reliably(invite: Request, *, sdp: bool) -> bool:
    """Whether a provisional response beyond 100 is sent reliably.

    A caller that only can have it so gets it solely where a loss would cost more than a ringing tone: with SDP.

    Args:
        invite: what is responded to.
        sdp: whether the response carries SDP.
    """
    return required(invite) or (sdp and TAG in invite.option_tags("Supported"))


@dataclass(frozen=True, slots=True)
class RAck:
    """What a PRACK acknowledges. RFC 3262 section 7.2 (RAck).

    Attributes:
        number: the response's RSeq.
        sequence: the number of the CSeq of the request responded to.
        method: likewise.
    """

    number: int
    sequence: int
    method: str


def parse_rack(text: str) -> RAck:
    """Read the header's value.

    Raises:
        ParseError: it is not two numbers and a method.
    """
    number, _, rest = text.strip(" \t").partition(" ")
    if not _RACK.fullmatch(number):
        raise ParseError(f"RAck: not a number, a number and a method: {text!r}")
    cseq = parse_cseq(rest.lstrip(" \t"))
    return RAck(int(number), cseq.number, cseq.method)


class State(Enum):
    """Where the reliable responses to one INVITE stand."""

    QUIET = auto()  # none waits for its PRACK
    RINGING = auto()  # one without SDP does
    OFFERED = auto()  # one with SDP does
    HELD = auto()  # likewise, and a 2xx waits with it
    DONE = auto()  # the INVITE has its final response


class Input(Enum):
    """What happens to them."""

    RING = auto()  # we want to send one without SDP
    OFFER = auto()  # we want to send one with SDP
    PRACK = auto()  # of the one that waits for it
    ANSWER = auto()  # we want to send a 2xx
    REFUSE = auto()  # another final response has been sent
    REPEAT_DUE = auto()
    GIVE_UP = auto()  # 64·T1 have passed without a PRACK


class Effect(Enum):
    """What is to be done."""

    SEND = auto()  # what came with the input, with the number of `Responses.number`
    REPEAT = auto()  # what was sent
    START = auto()  # repetition: T1, doubling without end; 64·T1 in all
    STOP = auto()
    ANSWER = auto()  # send the 2xx
    REFUSE = auto()  # refuse the INVITE with a 5xx


@dataclass(frozen=True, slots=True)
class Move:
    """What an input does: the next state, and what is to be done, in order."""

    state: State
    effects: tuple[Effect, ...] = ()


_S, _I, _E = State, Input, Effect

TRANSITIONS: Final[Mapping[tuple[State, Input], Move]] = {
    (_S.QUIET, _I.RING): Move(_S.RINGING, (_E.SEND, _E.START)),
    (_S.QUIET, _I.OFFER): Move(_S.OFFERED, (_E.SEND, _E.START)),
    (_S.QUIET, _I.ANSWER): Move(_S.DONE, (_E.ANSWER,)),
    (_S.QUIET, _I.REFUSE): Move(_S.DONE),
    (_S.RINGING, _I.PRACK): Move(_S.QUIET, (_E.STOP,)),
    # RFC 3262 section 3: a 2xx need not wait for the PRACK of a response without SDP.
    (_S.RINGING, _I.ANSWER): Move(_S.DONE, (_E.STOP, _E.ANSWER)),
    (_S.RINGING, _I.REFUSE): Move(_S.DONE, (_E.STOP,)),
    (_S.RINGING, _I.REPEAT_DUE): Move(_S.RINGING, (_E.REPEAT,)),
    (_S.RINGING, _I.GIVE_UP): Move(_S.DONE, (_E.STOP, _E.REFUSE)),
    (_S.OFFERED, _I.PRACK): Move(_S.QUIET, (_E.STOP,)),
    (_S.OFFERED, _I.ANSWER): Move(_S.HELD),
    (_S.OFFERED, _I.REFUSE): Move(_S.DONE, (_E.STOP,)),
    (_S.OFFERED, _I.REPEAT_DUE): Move(_S.OFFERED, (_E.REPEAT,)),
    (_S.OFFERED, _I.GIVE_UP): Move(_S.DONE, (_E.STOP, _E.REFUSE)),
    (_S.HELD, _I.PRACK): Move(_S.DONE, (_E.STOP, _E.ANSWER)),
    (_S.HELD, _I.REFUSE): Move(_S.DONE, (_E.STOP,)),
    (_S.HELD, _I.REPEAT_DUE): Move(_S.HELD, (_E.REPEAT,)),
    (_S.HELD, _I.GIVE_UP): Move(_S.DONE, (_E.STOP, _E.REFUSE)),
}
_ONE_AT_A_TIME: Final = "RFC 3262 section 3: none before the PRACK of the one before"
ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    **{(state, _I.RING): _ONE_AT_A_TIME for state in (_S.RINGING, _S.OFFERED, _S.HELD)},
    (_S.DONE, _I.PRACK): "it crossed the final response; it is answered, and nothing waits for it",
    (_S.DONE, _I.REFUSE): "the one that GIVE_UP asked for",
}


class ImpossibleInput(AssertionError):
    """Our own code brought an input that cannot come in this state: a bug."""


class Responses:
    """The reliable responses to one INVITE.

    They are repeated over every transport: between two proxies there may be UDP.

    Attributes:
        state: where they stand.
        number: RSeq of the last one.
    """

    __slots__ = ("_give_up", "_repeat", "_sequence", "_timers", "_unacknowledged", "_wait", "number", "state")

    def __init__(self, timers: Timers, invite: Request, first_number: int) -> None:
        """`first_number`: by chance, 1 to `FIRST_NUMBER_MAX`."""
        self.state = State.QUIET
        self.number = first_number - 1
        self._timers = timers
        self._sequence = invite.cseq.number
        self._unacknowledged = False
        self._wait = 0.0
        self._repeat: float | None = None
        self._give_up = 0.0

    def due(self) -> float | None:
        """When to call `wake` next; ``None`` when nothing is waiting."""
        return None if self._repeat is None else min(self._repeat, self._give_up)

    def wake(self, now: float) -> tuple[Effect, ...]:
        """Time has passed."""
        if self._repeat is None:
            return ()
        if now >= self._give_up:
            return self.take(Input.GIVE_UP, now)
        if now < self._repeat:
            return ()
        self._wait *= 2
        self._repeat = now + self._wait
        return self.take(Input.REPEAT_DUE, now)

    def acknowledges(self, rack: RAck) -> bool:
        """Whether a PRACK is of the response that waits for one; it waits no more then."""
        if not self._unacknowledged or rack != RAck(self.number, self._sequence, "INVITE"):
            return False
        self._unacknowledged = False
        return True

    def take(self, input: Input, now: float) -> tuple[Effect, ...]:
        """Something happened: what is to be done beyond repetition, which is seen to here.

        Raises:
            ImpossibleInput: it cannot happen in this state.
        """
        found = TRANSITIONS.get((self.state, input))
        if found is None:
            if (self.state, input) in ABSORBED:
                return ()
            raise ImpossibleInput(f"reliable responses in {self.state.name}: {input.name} cannot happen")
        self.state = found.state
        outward = []
        for effect in found.effects:
            if effect is Effect.START:
                self._wait = self._timers.t1
                self._repeat = now + self._timers.t1
                self._give_up = now + self._timers.whole
                self._unacknowledged = True
            elif effect is Effect.STOP:
                self._repeat = None
            else:
                if effect is Effect.SEND:
                    self.number += 1
                outward.append(effect)
        return tuple(outward)
