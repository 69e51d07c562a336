import pytest

from callgate.core.call.machine import ABSORBED, TRANSITIONS, Effect, ImpossibleInput, Input, Move, State, move
from callgate.entities.outcomes import OUTCOMES

# What only a bug of ours could bring: the input belongs to another stage of a call's life.
BEFORE_THE_CALL = {Input.CLIENT_CAME, Input.UNREACHED, Input.CREATED, Input.REJECTED, Input.UNFIT}
OF_THE_STORE = {Input.COMMITTED, Input.NOT_COMMITTED}
OF_THE_SESSION = {Input.BRAIN_READY, Input.BRAIN_FAILED, Input.AGENT_LEAVES, Input.SOUND_CLOSED}
OF_THE_ANSWER = {Input.ACKNOWLEDGED, Input.UNACKNOWLEDGED, Input.ANSWER_UNUSABLE}
OF_THE_RINGING = {Input.NOT_PRACKED}
OF_THE_TALK = {Input.API_LEAVES, Input.FAREWELL_DUE, Input.WORDS_OVERDUE, Input.STRANDED}
OF_THE_CLIENT = {Input.CLIENT_CAME, Input.UNREACHED}
UNTHINKABLE = {
    State.REQUESTED: OF_THE_SESSION
    | OF_THE_RINGING
    | OF_THE_ANSWER
    | OF_THE_TALK
    | OF_THE_CLIENT
    | {Input.REJECTED, Input.UNFIT, Input.JOIN_OVERDUE},
    State.AWAITED: (BEFORE_THE_CALL - OF_THE_CLIENT)
    | OF_THE_STORE
    | OF_THE_SESSION
    | OF_THE_RINGING
    | OF_THE_ANSWER
    | OF_THE_TALK,
    State.ASKING: OF_THE_CLIENT | OF_THE_STORE | OF_THE_SESSION | OF_THE_ANSWER | OF_THE_TALK | {Input.JOIN_OVERDUE},
    State.STARTING: BEFORE_THE_CALL | OF_THE_ANSWER | OF_THE_TALK | {Input.SOUND_CLOSED},
    State.COMMITTED: BEFORE_THE_CALL | OF_THE_ANSWER | OF_THE_TALK | {Input.SOUND_CLOSED, Input.COMMITTED},
    State.READY: BEFORE_THE_CALL | OF_THE_ANSWER | OF_THE_TALK | {Input.SOUND_CLOSED, Input.BRAIN_READY},
    State.ANSWERED: BEFORE_THE_CALL
    | OF_THE_STORE
    | {Input.SOUND_CLOSED, Input.BRAIN_READY, Input.FAREWELL_DUE, Input.WORDS_OVERDUE, Input.STRANDED},
    State.JOINED: BEFORE_THE_CALL
    | OF_THE_STORE
    | OF_THE_RINGING
    | {Input.SOUND_CLOSED, Input.BRAIN_READY, Input.ACKNOWLEDGED, Input.ANSWER_UNUSABLE, Input.WORDS_OVERDUE},
    State.LEAVING: BEFORE_THE_CALL
    | OF_THE_STORE
    | OF_THE_RINGING
    | {Input.SOUND_CLOSED, Input.BRAIN_READY, Input.ACKNOWLEDGED, Input.ANSWER_UNUSABLE},
    State.CLOSING: set(),
    State.OVER: set(),
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("input", list(Input))
def test_every_pair_is_a_move_absorbed_with_a_reason_or_a_loud_bug(state: State, input: Input) -> None:
    if (state, input) in TRANSITIONS or (state, input) in ABSORBED:
        assert input not in UNTHINKABLE[state] or (state, input) in TRANSITIONS
        move(state, input)
    else:
        assert input in UNTHINKABLE[state]
        with pytest.raises(ImpossibleInput):
            move(state, input)


def play(*inputs: Input, start: State = State.ASKING) -> tuple[State, list[Effect], str | None]:
    state, outcome = start, None
    effects: list[Effect] = []
    for input in inputs:
        found = move(state, input)
        if found is not None:
            state, outcome = found.state, found.outcome or outcome
            effects += found.effects
    return state, effects, outcome


def test_no_pair_is_both_a_move_and_absorbed() -> None:
    assert not TRANSITIONS.keys() & ABSORBED.keys()


def test_a_pair_in_neither_table_is_a_loud_bug() -> None:
    with pytest.raises(ImpossibleInput, match="call in state ASKING: COMMITTED cannot happen"):
        move(State.ASKING, Input.COMMITTED)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "input",
    [Input.CANCELLED, Input.DRAINED, Input.WORKER_LOST, Input.FAILED, Input.RING_DUE],
)
def test_what_the_peer_the_node_and_the_clock_can_do_at_any_time_is_answered_in_every_state(
    state: State, input: Input
) -> None:
    move(state, input)  # raises where there is no answer


@pytest.mark.parametrize("state", [s for s in State if s is not State.OVER])
def test_every_state_reaches_the_end(state: State) -> None:
    reached = {state}
    while True:
        further = {m.state for (s, _), m in TRANSITIONS.items() if s in reached} | reached
        if further == reached:
            break
        reached = further
    assert State.OVER in reached


def test_every_outcome_named_is_in_the_catalogue() -> None:
    assert {m.outcome for m in TRANSITIONS.values() if m.outcome} <= OUTCOMES.keys()


@pytest.mark.parametrize(
    ("pair", "found"), list(TRANSITIONS.items()), ids=lambda x: str(x) if isinstance(x, tuple) else ""
)
def test_a_call_that_ends_is_closed_once_and_recorded_once(pair: tuple[State, Input], found: Move) -> None:
    if found.state is State.OVER:
        assert found.effects[-1] is Effect.LEAVE
        if pair == (State.REQUESTED, Input.NOT_COMMITTED):
            return  # whoever asked is told, and nothing was to be decided: there is nothing to record
        assert (Effect.RECORD_END in found.effects) != (Effect.RECORD_REFUSAL in found.effects)
    if found.state is State.CLOSING:
        assert found.effects.count(Effect.CLOSE) == 1
        assert Effect.RECORD_END not in found.effects  # it waits for the count of the sound
    if Effect.REFUSE in found.effects:
        assert pair[0] in (State.ASKING, State.STARTING, State.COMMITTED, State.READY)
    if Effect.HANG_UP in found.effects:
        assert pair[0] in (State.ANSWERED, State.JOINED, State.LEAVING)


def test_the_answer_waits_for_the_store_and_the_agent_in_either_order() -> None:
    for first, second in ((Input.COMMITTED, Input.BRAIN_READY), (Input.BRAIN_READY, Input.COMMITTED)):
        state, effects, _ = play(first, start=State.STARTING)
        assert Effect.ANSWER not in effects
        state, effects, _ = play(first, second, start=State.STARTING)
        assert state is State.ANSWERED
        assert effects == [Effect.RING, Effect.ANSWER]


def test_a_whole_call() -> None:
    state, effects, outcome = play(
        Input.CREATED, Input.COMMITTED, Input.BRAIN_READY, Input.ACKNOWLEDGED, Input.CALLER_LEFT, Input.SOUND_CLOSED
    )
    assert state is State.OVER
    assert outcome == "caller-hangup"
    assert effects == [
        Effect.COMMIT,
        Effect.CONNECT,
        Effect.RING,
        Effect.ANSWER,
        Effect.JOIN,
        Effect.CLOSE,
        Effect.RECORD_END,
        Effect.LEAVE,
    ]


def test_a_caller_who_gives_up_while_the_handler_thinks_ends_the_question() -> None:
    state, effects, outcome = play(Input.CANCELLED)
    assert (state, outcome) == (State.OVER, "caller-cancelled")
    assert effects[0] is Effect.ASK_NO_MORE
    assert Effect.REFUSE not in effects  # the leg has answered 487


def test_a_farewell_lets_the_agent_finish_but_not_for_ever() -> None:
    state, effects, _ = play(Input.FAREWELL_DUE, start=State.JOINED)
    assert (state, effects) == (State.LEAVING, [Effect.SAY_LAST_WORDS])
    state, effects, _ = play(Input.FAREWELL_DUE, Input.WORDS_OVERDUE, start=State.JOINED)
    assert (state, effects[-2:]) == (State.CLOSING, [Effect.HANG_UP, Effect.CLOSE])
