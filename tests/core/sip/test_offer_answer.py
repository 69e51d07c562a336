import pytest

from callgate.core.sip.offer_answer import (
    ABSORBED,
    TRANSITIONS,
    Effect,
    ImpossibleInput,
    Input,
    OfferAnswer,
    State,
)

# What our own code alone brings, and brings only where it has something to say.
OURS = {Input.WE_OFFERED, Input.WE_ANSWERED, Input.WE_DECLINED}
# Answers come in ACK, PRACK and 2xx; before we have described anything there is nothing that those could belong to.
BEFORE_ANY_OFFER = {Input.ANSWER_CAME, Input.ANSWER_MISSING, Input.PEER_DECLINED}
UNTHINKABLE = {
    State.EMPTY: BEFORE_ANY_OFFER | {Input.WE_ANSWERED, Input.WE_DECLINED},
    State.OWED: BEFORE_ANY_OFFER | {Input.WE_OFFERED},
    State.ASKED: OURS,
    State.AGREED: {Input.WE_ANSWERED, Input.WE_DECLINED, Input.PEER_DECLINED},
    State.OVER: set(),
}
LIVE = [state for state in State if state is not State.OVER]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("input", list(Input))
def test_every_pair_is_a_move_absorbed_or_a_loud_bug(state: State, input: Input) -> None:
    exchange = OfferAnswer(state)
    if input in UNTHINKABLE[state]:
        with pytest.raises(ImpossibleInput, match=f"in {state.name}: {input.name}"):
            exchange.take(input)
    else:
        assert ((state, input) in TRANSITIONS) != ((state, input) in ABSORBED)
        exchange.take(input)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("input", [Input.OFFER_CAME, Input.OFFER_WANTED, Input.ENDED])
def test_what_a_peer_can_send_at_any_time_is_answered_in_every_state(state: State, input: Input) -> None:
    OfferAnswer(state).take(input)


@pytest.mark.parametrize("state", LIVE)
def test_every_state_reaches_the_end(state: State) -> None:
    reached = {state}
    while True:
        further = {move.state for (before, _), move in TRANSITIONS.items() if before in reached} | reached
        if further == reached:
            break
        reached = further
    assert State.OVER in reached


@pytest.mark.rfc("3311", "5.2", "Receiving an UPDATE")
@pytest.mark.parametrize(
    ("state", "effect"),
    [
        (State.EMPTY, Effect.LATER),
        (State.OWED, Effect.LATER),
        (State.ASKED, Effect.COLLIDE),
        (State.AGREED, Effect.TAKE),
    ],
)
def test_an_offer_is_taken_only_when_none_is_under_way(state: State, effect: Effect) -> None:
    assert OfferAnswer(state).take(Input.OFFER_CAME) is effect


def test_a_refused_offer_leaves_what_was_agreed_on() -> None:
    exchange = OfferAnswer(State.AGREED)
    assert exchange.take(Input.OFFER_CAME) is Effect.TAKE
    exchange.take(Input.WE_DECLINED)
    assert exchange.state is State.AGREED
    exchange.take(Input.WE_OFFERED)
    exchange.take(Input.PEER_DECLINED)
    assert exchange.state is State.AGREED


def test_an_answer_counts_once() -> None:
    exchange = OfferAnswer(State.EMPTY)
    exchange.take(Input.WE_OFFERED)
    assert exchange.take(Input.ANSWER_CAME) is Effect.TAKE
    assert exchange.take(Input.ANSWER_CAME) is None
    exchange.take(Input.WE_OFFERED)
    assert exchange.take(Input.ANSWER_MISSING) is Effect.MISS
