"""What the agent of a call does, as parties are told: it is idle, listening, thinking or speaking."""

from collections.abc import Callable
from enum import Enum, StrEnum, auto
from typing import Final

_QUIET_S: Final = 0.2  # agents that send sound as it is spoken leave gaps of some frames, which are no pause
_THINKING_S_MAX: Final = 60.0  # a tool may take 40 s; who then says nothing has nothing to say


class State(StrEnum):
    """By its public name."""

    IDLE = auto()
    LISTENING = auto()
    THINKING = auto()
    SPEAKING = auto()


class Input(Enum):
    """What changes it, or not."""

    BEGAN = auto()  # the call is joined
    TURN_ENDED = auto()  # the brain has noticed that the caller has finished
    CALLER_SPEAKS = auto()
    SOUND = auto()  # of the agent: it waits to be heard, or is heard
    QUIET = auto()  # nothing of it is heard any more
    WAITED = auto()  # nothing came of thinking


_S, _I = State, Input
TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    (_S.IDLE, _I.BEGAN): _S.LISTENING,
    (_S.LISTENING, _I.TURN_ENDED): _S.THINKING,
    (_S.LISTENING, _I.SOUND): _S.SPEAKING,
    (_S.THINKING, _I.CALLER_SPEAKS): _S.LISTENING,
    (_S.THINKING, _I.SOUND): _S.SPEAKING,
    (_S.THINKING, _I.WAITED): _S.LISTENING,
    (_S.SPEAKING, _I.QUIET): _S.LISTENING,
}
ABSORBED: Final[dict[tuple[State, Input], str]] = {
    **{(_S.IDLE, input): "the call has not begun" for input in Input if input is not _I.BEGAN},
    **{(state, _I.BEGAN): "a call begins once" for state in State if state is not _S.IDLE},
    (_S.LISTENING, _I.CALLER_SPEAKS): "that is what is listened to",
    (_S.LISTENING, _I.QUIET): "it was quiet already",
    (_S.LISTENING, _I.WAITED): "nothing was awaited",
    (_S.THINKING, _I.TURN_ENDED): "the caller has added something",
    (_S.THINKING, _I.QUIET): "what is thought of has not been said",
    (_S.SPEAKING, _I.SOUND): "it speaks already",
    (_S.SPEAKING, _I.TURN_ENDED): "what is being said goes on",
    (_S.SPEAKING, _I.CALLER_SPEAKS): "whether that interrupts is the brain's to say, by a clear",
    (_S.SPEAKING, _I.WAITED): "nothing is awaited any more",
}


class AgentState:
    """That of one call.

    Args:
        changed: told each new state.
    """

    def __init__(self, changed: Callable[[State], None]) -> None:
        self._changed = changed
        self._state = State.IDLE
        self._thinking_s = 0.0
        self._sounding_s = 0.0

    def happen(self, input: Input, now_s: float) -> None:
        """Take an input; `now_s` on the session's clock."""
        if input is Input.SOUND:
            self._sounding_s = now_s
        state = TRANSITIONS.get((self._state, input))
        if state is None:
            return
        self._state = state
        if state is State.THINKING:
            self._thinking_s = now_s
        self._changed(state)

    def tick(self, sounds: bool, now_s: float) -> None:
        """A frame's time has passed; `sounds`: sound of the agent waits or was heard in it."""
        if sounds:
            self.happen(Input.SOUND, now_s)
        elif self._state is State.SPEAKING and now_s - self._sounding_s >= _QUIET_S:
            self.happen(Input.QUIET, now_s)
        elif self._state is State.THINKING and now_s - self._thinking_s >= _THINKING_S_MAX:
            self.happen(Input.WAITED, now_s)
