import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request
from callgate.core.sip.reliable import (
    ABSORBED,
    TRANSITIONS,
    Effect,
    ImpossibleInput,
    Input,
    RAck,
    Responses,
    State,
    parse_rack,
    reliably,
)
from callgate.core.sip.timers import Timers

T1_S = 0.5
UNTHINKABLE = {
    State.QUIET: {Input.PRACK, Input.REPEAT_DUE, Input.GIVE_UP},
    State.RINGING: {Input.OFFER},  # the first one has the offer
    State.OFFERED: {Input.OFFER},
    State.HELD: {Input.OFFER, Input.ANSWER},
    State.DONE: {Input.RING, Input.OFFER, Input.ANSWER, Input.REPEAT_DUE, Input.GIVE_UP},
}


def invite(**headers: str) -> Request:
    return Request("INVITE", "sip:a@b", Headers([("CSeq", "7 INVITE"), *headers.items()]))


def responses(state: State = State.QUIET) -> Responses:
    made = Responses(Timers.of(T1_S), invite(), 5)
    made.state = state
    return made


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("input", list(Input))
def test_every_pair_is_a_move_absorbed_or_a_loud_bug(state: State, input: Input) -> None:
    if input in UNTHINKABLE[state]:
        with pytest.raises(ImpossibleInput, match=f"in {state.name}: {input.name}"):
            responses(state).take(input, 0)
    else:
        assert ((state, input) in TRANSITIONS) != ((state, input) in ABSORBED)
        responses(state).take(input, 0)


@pytest.mark.parametrize("state", [state for state in State if state is not State.DONE])
def test_every_state_reaches_the_end(state: State) -> None:
    reached = {state}
    while True:
        further = {move.state for (before, _), move in TRANSITIONS.items() if before in reached} | reached
        if further == reached:
            break
        reached = further
    assert State.DONE in reached


@pytest.mark.rfc("3262", "3", "UAS Behavior")
@pytest.mark.parametrize(
    ("headers", "plain", "with_sdp"),
    [
        ({}, False, False),
        ({"Supported": "timer, 100rel"}, False, True),
        ({"Require": "100REL"}, True, True),
        ({"Supported": "100rel", "Require": "timer,100rel"}, True, True),
    ],
)
def test_what_is_sent_reliably(headers: dict[str, str], plain: bool, with_sdp: bool) -> None:
    asked = invite(**headers)
    assert (reliably(asked, sdp=False), reliably(asked, sdp=True)) == (plain, with_sdp)


@pytest.mark.rfc("3262", "3", "UAS Behavior")
def test_it_is_repeated_with_waits_that_double_without_end_and_given_up_after_64_t1() -> None:
    made = responses()
    assert made.take(Input.RING, 100.0) == (Effect.SEND,)
    at = []
    while (due := made.due()) is not None:
        effects = made.wake(due)
        if effects == (Effect.REFUSE,):
            assert due == 100.0 + 64 * T1_S
            break
        assert effects == (Effect.REPEAT,)
        at.append(due - 100.0)
    assert at == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert made.state is State.DONE
    assert made.due() is None
    assert made.wake(1_000.0) == ()


def test_nothing_is_repeated_too_early() -> None:
    made = responses()
    made.take(Input.RING, 0)
    assert made.wake(T1_S / 2) == ()


def test_the_next_one_has_the_next_number_and_waits_for_the_prack_of_the_last() -> None:
    made = responses()
    assert made.take(Input.RING, 0) == (Effect.SEND,)
    assert made.number == 5
    assert made.take(Input.RING, 1) == ()
    assert made.acknowledges(RAck(5, 7, "INVITE"))
    assert made.take(Input.PRACK, 2) == ()
    assert made.due() is None
    assert made.take(Input.RING, 3) == (Effect.SEND,)
    assert made.number == 6


@pytest.mark.parametrize("rack", [RAck(4, 7, "INVITE"), RAck(5, 8, "INVITE"), RAck(5, 7, "UPDATE")])
def test_a_prack_of_something_else_acknowledges_nothing(rack: RAck) -> None:
    made = responses()
    assert not made.acknowledges(RAck(5, 7, "INVITE"))  # nothing waits yet
    made.take(Input.RING, 0)
    assert not made.acknowledges(rack)
    assert made.acknowledges(RAck(5, 7, "INVITE"))
    assert not made.acknowledges(RAck(5, 7, "INVITE"))


@pytest.mark.rfc("3262", "3", "UAS Behavior")
def test_the_answer_waits_for_the_prack_of_a_response_with_sdp_only() -> None:
    made = responses()
    made.take(Input.OFFER, 0)
    assert made.take(Input.ANSWER, 1) == ()
    assert made.due() is not None
    assert made.take(Input.PRACK, 2) == (Effect.ANSWER,)
    made = responses()
    made.take(Input.RING, 0)
    assert made.take(Input.ANSWER, 1) == (Effect.ANSWER,)
    assert made.due() is None
    assert made.acknowledges(RAck(5, 7, "INVITE"))  # its PRACK is on its way, and answered all the same
    assert made.take(Input.PRACK, 2) == ()


@pytest.mark.rfc("3262", "7.2", "RAck")
def test_what_a_prack_says() -> None:
    assert parse_rack("776656 1 INVITE") == RAck(776656, 1, "INVITE")
    assert parse_rack(" 1  2\tINVITE ") == RAck(1, 2, "INVITE")


@pytest.mark.parametrize("text", ["", "1", "1 2", "x 1 INVITE", "-1 1 INVITE", "1 1 1 INVITE", "12345678901 1 INVITE"])
def test_what_is_no_rack(text: str) -> None:
    with pytest.raises(ParseError):
        parse_rack(text)


@given(st.text(max_size=60))
def test_any_text_is_a_rack_or_refused(text: str) -> None:
    try:
        rack = parse_rack(text)
    except ParseError:
        return
    assert rack.number >= 0
