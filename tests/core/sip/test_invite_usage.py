"""The table of a dialog's call: every live state answers what may come, on both sides, and leads to the end."""

import itertools

import pytest

from callgate.core.sip.invite_usage import ABSORBED, TRANSITIONS, Effect, ImpossibleInput, Input, InviteUsage, State

# Each comes to one side, or to what has gone, only.
OF_THE_ACK = {Input.ACKNOWLEDGED, Input.UNACKNOWLEDGED}
OF_THE_FIRST_INVITE = {Input.PEER_ANSWERED, Input.REFUSED}
UNTHINKABLE = {
    State.EARLY: OF_THE_ACK | {Input.BYE_DONE},
    State.CANCELLING: OF_THE_ACK | {Input.WE_ANSWERED, Input.BYE_DONE},
    State.UNCONFIRMED: OF_THE_FIRST_INVITE | {Input.WE_ANSWERED, Input.BYE_DONE},
    State.CONFIRMED: OF_THE_FIRST_INVITE | OF_THE_ACK | {Input.BYE_DONE},
    State.LEAVING: OF_THE_FIRST_INVITE | {Input.WE_ANSWERED, Input.BYE_DONE},
    State.TERMINATING: OF_THE_FIRST_INVITE | OF_THE_ACK | {Input.WE_ANSWERED},
    State.TERMINATED: set(),
}


def at(state: State) -> InviteUsage:
    usage = InviteUsage()
    usage.state = state
    return usage


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("input", list(Input))
def test_every_pair_is_a_move_absorbed_or_a_loud_bug(state: State, input: Input) -> None:
    if input in UNTHINKABLE[state]:
        with pytest.raises(ImpossibleInput, match=f"in {state.name}: {input.name}"):
            at(state).take(input)
    else:
        assert ((state, input) in TRANSITIONS) != ((state, input) in ABSORBED)
        at(state).take(input)


@pytest.mark.parametrize("state", list(State))
def test_either_may_leave_whenever_it_likes(state: State) -> None:
    at(state).take(Input.WE_LEAVE)
    at(state).take(Input.BYE_CAME)


@pytest.mark.rfc("3261", "15", "Terminating a Session")
def test_once_it_is_over_at_most_one_bye_has_been_sent_and_a_hang_up_told_once() -> None:
    """All ways of five steps from each beginning."""
    for inputs in itertools.product(Input, repeat=5):
        usage, done = InviteUsage(), []
        for input in inputs:
            if input in UNTHINKABLE[usage.state]:
                break
            done.append(usage.take(input))
            assert usage.talks == (usage.state in (State.UNCONFIRMED, State.CONFIRMED))
        assert done.count(Effect.SEND_BYE) + done.count(Effect.HUNG_UP) <= 1
        assert usage.left == (usage.state in (State.TERMINATING, State.TERMINATED))
        if usage.left and Effect.SEND_BYE not in done and Effect.HUNG_UP not in done:
            assert Input.REFUSED in inputs


@pytest.mark.rfc("3261", "15", "Terminating a Session")
def test_the_called_side_says_bye_after_the_ack() -> None:
    usage = InviteUsage()
    assert [usage.take(input) for input in (Input.WE_ANSWERED, Input.WE_LEAVE, Input.WE_LEAVE)] == [None] * 3
    assert usage.take(Input.ACKNOWLEDGED) is Effect.SEND_BYE
    assert usage.take(Input.BYE_CAME) is None  # they crossed
    assert usage.take(Input.BYE_DONE) is None


@pytest.mark.rfc("3261", "9.1", "Client Behavior")
def test_an_answer_that_overtakes_our_cancel_gets_a_bye() -> None:
    usage = InviteUsage()
    assert usage.take(Input.WE_LEAVE) is Effect.CANCEL
    assert usage.take(Input.PEER_ANSWERED) is Effect.SEND_BYE
