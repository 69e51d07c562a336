"""The table of a REFER's subscription: one NOTIFY at a time, and the last word is never left out."""

import itertools

import pytest

from callgate.core.sip.subscription import ABSORBED, TRANSITIONS, Effect, ImpossibleInput, Input, State, move

RESPONSES = {Input.HEARD, Input.NOT_HEARD}
UNTHINKABLE = {
    State.QUIET: RESPONSES,
    State.TELLING: set(),
    State.TELLING_MORE: set(),
    State.TELLING_FINAL: {Input.NEWS, Input.FINAL},
    State.LEAVING: {Input.NEWS, Input.FINAL},
    State.OVER: RESPONSES,
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


@pytest.mark.rfc("3515", "2.4.4", "Using SIP Events to Report the Results of the Reference")
@pytest.mark.parametrize("news", range(4))
def test_whenever_responses_come_one_notify_is_under_way_and_the_last_one_says_so(news: int) -> None:
    """All orders of so much news, a final and the responses to what was sent."""
    for order in itertools.product((Input.NEWS, Input.HEARD), repeat=2 * news + 1):
        state, told, heard = State.QUIET, 0, 0
        sent: list[Effect] = []
        for input in order:
            if (input is Input.NEWS and told == news) or (input is Input.HEARD and heard == len(sent)):
                continue
            told += input is Input.NEWS
            heard += input is Input.HEARD
            found = move(state, input)
            state = found.state
            sent += [found.effect] if found.effect else []
            assert len(sent) - heard in (0, 1)
        found = move(state, Input.FINAL)
        state = found.state
        sent += [found.effect] if found.effect else []
        while heard < len(sent):
            heard += 1
            found = move(state, Input.HEARD)
            state = found.state
            sent += [found.effect] if found.effect else []
        assert state is State.OVER
        assert sent[-1] is Effect.NOTIFY_LAST
        assert sent.count(Effect.NOTIFY_LAST) == 1
