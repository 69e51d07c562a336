"""The table of a transfer: somebody has the call, or it is known that nobody has."""

import pytest

from callgate.core.call.transfer import ABSORBED, TRANSITIONS, Effect, ImpossibleInput, Input, State, move

# A target answers or fails once, and only while it is being called.
UNTHINKABLE = {
    State.IDLE: {Input.ANSWERED, Input.FAILED},
    State.DIALLING: set(),
    State.ALONE: set(),
    State.OVER: set(),
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("input", list(Input))
def test_every_pair_is_a_move_absorbed_or_a_loud_bug(state: State, input: Input) -> None:
    if input in UNTHINKABLE[state]:
        with pytest.raises(ImpossibleInput, match=f"in {state.name}: {input.name}"):
            move(state, input)
    else:
        assert ((state, input) in TRANSITIONS) != ((state, input) in ABSORBED)
        move(state, input)


@pytest.mark.rfc("5589", "6", "Basic Transfer")
def test_who_sends_a_call_on_may_leave_at_once() -> None:
    assert move(State.DIALLING, Input.CALLER_LEFT).effect is Effect.MUTE
    assert move(State.ALONE, Input.ANSWERED).effect is Effect.MOVE
    assert move(State.ALONE, Input.FAILED).effect is Effect.STRAND
    assert move(State.DIALLING, Input.FAILED).effect is Effect.GO_ON


def test_a_target_that_is_being_called_is_given_up_with_the_call() -> None:
    for state in (State.DIALLING, State.ALONE):
        assert move(state, Input.ENDED).effect is Effect.GIVE_UP
