"""The machine of one incoming call's life, as a table: what happens, what it means in each state, what to do.

Who runs it (`calls.runner`) turns what peer, agent, owner's handler, store and clock do into inputs,
and the effects into acts. Nothing here knows how either is done.

An INVITE reaches the machine when admission has admitted it or wants the owner asked; a slot and a port are reserved
and 100 Trying is out. Two things must be true before the 200: the agent is ready to speak, and the call is committed to
the store. Either may come first, hence the two middle states.

A call that the API was asked for is committed first and waits for its client, whose connection is its leg from then on;
or, when it is placed over SIP, for the answer of whom we call.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where a call stands."""

    REQUESTED = auto()  # asked for through the API; not committed yet
    AWAITED = auto()  # committed; the client that is to join has not come
    ASKING = auto()  # the owner's handler is being asked; no Call exists
    STARTING = auto()  # the Call exists; neither committed nor is the agent ready
    COMMITTED = auto()  # the Call is in the store; the agent is not ready
    READY = auto()  # the agent is ready; the Call is not in the store
    ANSWERED = auto()  # 200 sent; no ACK yet
    JOINED = auto()  # caller and agent hear each other
    LEAVING = auto()  # the agent says its last words
    CLOSING = auto()  # the leg is done; the sound is being closed and counted
    OVER = auto()  # nothing is left


class Input(Enum):
    """What can happen to a call."""

    CREATED = auto()  # the Call was made from template or answer
    REJECTED = auto()  # the handler rejected or failed
    UNFIT = auto()  # the template does not fit
    COMMITTED = auto()  # call, decision and call.started are in the store
    NOT_COMMITTED = auto()  # the store refused
    CLIENT_CAME = auto()  # who was awaited has connected, or has answered our call
    UNREACHED = auto()  # whom we call refuses, or cannot be reached
    BRAIN_READY = auto()
    BRAIN_FAILED = auto()
    RING_DUE = auto()  # time for 180, the first or another
    JOIN_OVERDUE = auto()  # joinTimeout
    CANCELLED = auto()  # the caller gave up before the answer
    ACKNOWLEDGED = auto()  # the ACK came, its SDP (if any) fits
    UNACKNOWLEDGED = auto()  # the ACK never came
    NOT_PRACKED = auto()  # the PRACK of our ringing never came
    ANSWER_UNUSABLE = auto()  # ACK or PRACK brought SDP that does not fit our offer, or none
    CALLER_LEFT = auto()  # BYE
    CALLER_VANISHED = auto()  # the connection broke, or the session was refreshed no more
    STRANDED = auto()  # the caller sent the call on and left, and nobody took it
    AGENT_LEAVES = auto()  # the brain has said its last word
    API_LEAVES = auto()  # hang_up through the API
    FAREWELL_DUE = auto()  # maxDuration, or the API wants the agent to say something and leave
    WORDS_OVERDUE = auto()  # last words took too long, or there are none
    DRAINED = auto()  # the node cannot wait any longer
    WORKER_LOST = auto()
    FAILED = auto()  # a failure of ours
    SOUND_CLOSED = auto()  # the session has been closed and counted


class Effect(Enum):
    """What is to be done, in the order given."""

    ASK_NO_MORE = auto()  # cancel the question to the handler
    COMMIT = auto()  # write call, decision and call.started
    AWAIT = auto()  # tell who asked for the call; the clock of joinTimeout starts
    CONNECT = auto()  # open the session: the brain connects
    RING = auto()  # send 180, and wake us for the next
    ANSWER = auto()  # send 200
    JOIN = auto()  # sound may flow; write call.joined; the clock of maxDuration starts
    SAY_LAST_WORDS = auto()  # the brain says its farewell and then leaves
    REFUSE = auto()  # final answer with the status of the outcome
    HANG_UP = auto()  # BYE
    CLOSE = auto()  # end the session; slot and port go back
    RECORD_REFUSAL = auto()  # write the decision of an attempt that no Call came of
    RECORD_END = auto()  # write the end of the Call and call.ended
    LEAVE = auto()  # forget the call


@dataclass(frozen=True, slots=True)
class Move:
    """What an input does in a state.

    Attributes:
        state: the next one.
        effects: to be carried out in order.
        outcome: slug of the catalogue when the move ends the call; ``None`` when it does not, or when whoever brings
            the input also brings the outcome (`REJECTED`, `UNREACHED`, `AGENT_LEAVES`, `WORDS_OVERDUE`).
    """

    state: State
    effects: tuple[Effect, ...] = ()
    outcome: str | None = None


_S, _I, _E = State, Input, Effect
_NO_CALL: Final = (_E.REFUSE, _E.CLOSE, _E.RECORD_REFUSAL, _E.LEAVE)
_GIVEN_UP: Final = Move(_S.OVER, (_E.ASK_NO_MORE, _E.CLOSE, _E.RECORD_REFUSAL, _E.LEAVE), "caller-cancelled")
_REFUSED: Final = (_E.REFUSE, _E.CLOSE)
_ENDED: Final = (_E.HANG_UP, _E.CLOSE)
_COUNTED: Final = Move(_S.OVER, (_E.RECORD_END, _E.LEAVE))
# The worker took the session with it: there is nothing to close and nothing to wait for.
_LOST_UNANSWERED: Final = Move(_S.OVER, (_E.REFUSE, _E.RECORD_END, _E.LEAVE), "worker-lost")
_LOST: Final = Move(_S.OVER, (_E.HANG_UP, _E.RECORD_END, _E.LEAVE), "worker-lost")


def _never_joined(outcome: str) -> Move:
    return Move(_S.OVER, (_E.RECORD_END, _E.LEAVE), outcome)


def _before_answer(state: State) -> dict[tuple[State, Input], Move]:
    """Ways out that are the same in every state between the Call's creation and its 200."""
    return {
        (state, _I.NOT_COMMITTED): Move(_S.CLOSING, _REFUSED, "failure"),
        (state, _I.BRAIN_FAILED): Move(_S.CLOSING, _REFUSED, "agent-unreachable"),
        (state, _I.RING_DUE): Move(state, (_E.RING,)),
        (state, _I.JOIN_OVERDUE): Move(_S.CLOSING, _REFUSED, "agent-not-ready"),
        (state, _I.CANCELLED): Move(_S.CLOSING, (_E.CLOSE,), "caller-cancelled"),
        (state, _I.NOT_PRACKED): Move(_S.CLOSING, (_E.CLOSE,), "no-prack"),  # the leg has sent the 504
        (state, _I.ANSWER_UNUSABLE): Move(_S.CLOSING, _REFUSED, "answer-unusable"),
        (state, _I.CALLER_LEFT): Move(_S.CLOSING, (_E.CLOSE,), "caller-cancelled"),
        (state, _I.CALLER_VANISHED): Move(_S.CLOSING, (_E.CLOSE,), "connection-lost"),
        (state, _I.AGENT_LEAVES): Move(_S.CLOSING, _REFUSED, "agent-unreachable"),
        (state, _I.DRAINED): Move(_S.CLOSING, _REFUSED, "drained"),
        (state, _I.WORKER_LOST): _LOST_UNANSWERED,
        (state, _I.FAILED): Move(_S.CLOSING, _REFUSED, "failure"),
    }


def _after_answer(state: State) -> dict[tuple[State, Input], Move]:
    """Ways out that are the same in every state between the 200 and the end."""
    return {
        (state, _I.BRAIN_FAILED): Move(_S.CLOSING, _ENDED, "agent-lost"),
        (state, _I.UNACKNOWLEDGED): Move(_S.CLOSING, (_E.CLOSE,), "no-ack"),  # the leg has sent the BYE
        (state, _I.ANSWER_UNUSABLE): Move(_S.CLOSING, _ENDED, "answer-unusable"),
        (state, _I.CALLER_LEFT): Move(_S.CLOSING, (_E.CLOSE,), "caller-hangup"),
        (state, _I.CALLER_VANISHED): Move(_S.CLOSING, (_E.CLOSE,), "connection-lost"),
        (state, _I.AGENT_LEAVES): Move(_S.CLOSING, _ENDED),
        (state, _I.API_LEAVES): Move(_S.CLOSING, _ENDED, "api-hangup"),
        (state, _I.DRAINED): Move(_S.CLOSING, _ENDED, "drained"),
        (state, _I.WORKER_LOST): _LOST,
        (state, _I.FAILED): Move(_S.CLOSING, _ENDED, "failure"),
    }


TRANSITIONS: Final[dict[tuple[State, Input], Move]] = {
    # The API was asked for a call. No leg and no session exist before the client comes.
    (_S.REQUESTED, _I.CREATED): Move(_S.REQUESTED, (_E.COMMIT,)),
    (_S.REQUESTED, _I.COMMITTED): Move(_S.AWAITED, (_E.AWAIT,)),
    (_S.REQUESTED, _I.NOT_COMMITTED): Move(_S.OVER, (_E.LEAVE,), "failure"),
    (_S.REQUESTED, _I.DRAINED): _never_joined("drained"),
    (_S.REQUESTED, _I.FAILED): _never_joined("failure"),
    (_S.AWAITED, _I.CLIENT_CAME): Move(_S.COMMITTED, (_E.CONNECT,)),
    (_S.AWAITED, _I.UNREACHED): Move(_S.OVER, (_E.RECORD_END, _E.LEAVE)),
    (_S.AWAITED, _I.JOIN_OVERDUE): _never_joined("not-joined"),
    (_S.AWAITED, _I.DRAINED): _never_joined("drained"),
    (_S.AWAITED, _I.FAILED): _never_joined("failure"),
    # The owner is asked. Nothing is in the store yet; a refusal leaves a decision record only.
    (_S.ASKING, _I.CREATED): Move(_S.STARTING, (_E.COMMIT, _E.CONNECT)),
    (_S.ASKING, _I.REJECTED): Move(_S.OVER, _NO_CALL),
    (_S.ASKING, _I.UNFIT): Move(_S.OVER, _NO_CALL, "template-unfit"),
    (_S.ASKING, _I.RING_DUE): Move(_S.ASKING, (_E.RING,)),
    (_S.ASKING, _I.CANCELLED): _GIVEN_UP,
    (_S.ASKING, _I.CALLER_LEFT): _GIVEN_UP,  # a BYE within the early dialog that our 180 began
    (_S.ASKING, _I.NOT_PRACKED): Move(_S.OVER, (_E.ASK_NO_MORE, _E.CLOSE, _E.RECORD_REFUSAL, _E.LEAVE), "no-prack"),
    (_S.ASKING, _I.ANSWER_UNUSABLE): Move(_S.OVER, (_E.ASK_NO_MORE, *_NO_CALL), "answer-unusable"),
    (_S.ASKING, _I.DRAINED): Move(_S.OVER, (_E.ASK_NO_MORE, *_NO_CALL), "draining"),
    (_S.ASKING, _I.FAILED): Move(_S.OVER, (_E.ASK_NO_MORE, *_NO_CALL), "failure"),
    # The Call exists: the store and the brain are at work, in either order.
    (_S.STARTING, _I.COMMITTED): Move(_S.COMMITTED),
    (_S.STARTING, _I.BRAIN_READY): Move(_S.READY, (_E.RING,)),
    **_before_answer(_S.STARTING),
    (_S.COMMITTED, _I.BRAIN_READY): Move(_S.ANSWERED, (_E.RING, _E.ANSWER)),
    **_before_answer(_S.COMMITTED),
    (_S.READY, _I.COMMITTED): Move(_S.ANSWERED, (_E.ANSWER,)),
    **_before_answer(_S.READY),
    # Answered; while the 200 waits for the PRACK of our offer, the caller may still give up.
    (_S.ANSWERED, _I.CANCELLED): Move(_S.CLOSING, (_E.CLOSE,), "caller-cancelled"),
    (_S.ANSWERED, _I.NOT_PRACKED): Move(_S.CLOSING, (_E.CLOSE,), "no-prack"),
    (_S.ANSWERED, _I.ACKNOWLEDGED): Move(_S.JOINED, (_E.JOIN,)),
    **_after_answer(_S.ANSWERED),
    # A call is sent on only while caller and agent hear each other.
    **{
        (state, _I.STRANDED): Move(_S.CLOSING, (_E.CLOSE,), "transfer-failed")  # the leg is over
        for state in (_S.JOINED, _S.LEAVING)
    },
    (_S.JOINED, _I.FAREWELL_DUE): Move(_S.LEAVING, (_E.SAY_LAST_WORDS,)),
    **_after_answer(_S.JOINED),
    (_S.LEAVING, _I.WORDS_OVERDUE): Move(_S.CLOSING, _ENDED),
    **_after_answer(_S.LEAVING),
    # Over for the peer; the sound is being counted.
    (_S.CLOSING, _I.SOUND_CLOSED): _COUNTED,
    (_S.CLOSING, _I.WORKER_LOST): _COUNTED,
}

_LATE: Final = "it came when the call was over already"
_EARLY: Final = "the session was never opened, so nothing but its own verdict matters yet"
ABSORBED: Final[dict[tuple[State, Input], str]] = {
    **{
        (state, input): "there is no leg yet"
        for state in (_S.REQUESTED, _S.AWAITED)
        for input in (_I.CANCELLED, _I.CALLER_LEFT, _I.CALLER_VANISHED, _I.RING_DUE)
    },
    **{(state, _I.WORKER_LOST): "there is no session yet" for state in (_S.REQUESTED, _S.AWAITED)},
    (_S.ASKING, _I.CALLER_VANISHED): "a connection that breaks before an answer is a CANCEL",
    (_S.ASKING, _I.WORKER_LOST): _EARLY,
    **{
        (state, input): "the timer fired on the same turn as what it was to bring about"
        for state in (_S.ANSWERED, _S.JOINED, _S.LEAVING)
        for input in (_I.RING_DUE, _I.JOIN_OVERDUE)
    },
    **{
        (state, _I.CANCELLED): "a CANCEL after the final answer changes nothing; RFC 3261 section 9.2 (Server Behavior)"
        for state in (_S.JOINED, _S.LEAVING)
    },
    (_S.LEAVING, _I.FAREWELL_DUE): "the last words are being said",
    **{(_S.CLOSING, input): _LATE for input in Input if input not in (_I.SOUND_CLOSED, _I.WORKER_LOST)},
    **{(_S.OVER, input): _LATE for input in Input},
}


class ImpossibleInput(AssertionError):
    """An input came in a state in which our own code must never bring it: a bug."""


def move(state: State, input: Input) -> Move | None:
    """What `input` does in `state`; ``None`` when it is absorbed.

    Raises:
        ImpossibleInput: the pair is in neither table.
    """
    found = TRANSITIONS.get((state, input))
    if found is not None:
        return found
    if (state, input) in ABSORBED:
        return None
    raise ImpossibleInput(f"call in state {state.name}: {input.name} cannot happen")
