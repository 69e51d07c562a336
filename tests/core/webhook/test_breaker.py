"""The circuit breaker: when it opens, whom it lets through, and that no order of events is impossible."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.webhook.breaker import Breaker, State
from callgate.entities.sip_config import BreakerTerms

TERMS = BreakerTerms(failures=3, window_s=10.0, open_s=30.0)


def asked(breaker: Breaker, now: float) -> int:
    """The number of a question that is let through."""
    question = breaker.ask(now)
    assert question is not None
    return question


def opened(now: float = 0.0) -> Breaker:
    """One that has just opened."""
    breaker = Breaker(TERMS, now)
    for _ in range(3):
        breaker.failed(asked(breaker, now), now)
    assert breaker.state is State.OPEN
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(TERMS, 0.0)
    for moment in (1.0, 2.0):
        breaker.failed(asked(breaker, moment), moment)
    assert (breaker.state, breaker.failures(2.0)) == (State.CLOSED, 2)
    breaker.failed(asked(breaker, 3.0), 3.0)
    assert (breaker.state, breaker.since, breaker.next_try) == (State.OPEN, 3.0, 33.0)
    assert breaker.failures(3.0) == 3
    assert breaker.ask(32.9) is None


def test_an_answer_between_them_begins_the_count_anew() -> None:
    breaker = Breaker(TERMS, 0.0)
    for _ in range(10):
        breaker.failed(asked(breaker, 1.0), 1.0)
        breaker.failed(asked(breaker, 1.0), 1.0)
        asked(breaker, 1.0)
        breaker.answered(1.0)
    assert (breaker.state, breaker.failures(1.0)) == (State.CLOSED, 0)


def test_failures_of_longer_ago_than_the_window_do_not_count() -> None:
    breaker = Breaker(TERMS, 0.0)
    for moment in (0.0, 6.0, 12.0, 18.0):
        breaker.failed(asked(breaker, moment), moment)
    assert (breaker.state, breaker.failures(18.0), breaker.failures(100.0)) == (State.CLOSED, 2, 0)


def test_when_it_has_waited_exactly_one_call_tries_the_handler() -> None:
    breaker = opened()
    assert breaker.look(30.0) is State.HALF_OPEN
    trial = asked(breaker, 31.0)
    assert breaker.state is State.TRYING
    assert breaker.ask(31.0) is None
    breaker.failed(trial, 32.0)
    assert (breaker.state, breaker.next_try) == (State.OPEN, 62.0)
    asked(breaker, 62.0)
    breaker.answered(63.0)
    assert (breaker.state, breaker.failures(63.0)) == (State.CLOSED, 0)


def test_a_caller_who_gives_up_leaves_the_trial_to_the_next() -> None:
    breaker = opened()
    breaker.abandoned(asked(breaker, 30.0), 31.0)
    assert breaker.state is State.HALF_OPEN
    asked(breaker, 31.0)


def test_what_comes_of_questions_from_before_it_opened() -> None:
    breaker = Breaker(TERMS, 0.0)
    first, second, *others = [asked(breaker, 0.0) for _ in range(7)]
    for question in others[:3]:
        breaker.failed(question, 1.0)
    breaker.failed(first, 2.0)
    assert (breaker.state, breaker.next_try) == (State.OPEN, 31.0), "another failure prolongs nothing"
    asked(breaker, 40.0)
    breaker.failed(second, 41.0)
    breaker.abandoned(others[3], 41.0)
    assert breaker.state is State.TRYING, "only the trial's own failure counts"
    breaker.answered(42.0)
    assert breaker.look(42.0) is State.CLOSED, "an answer shows that the handler is there, whatever it answers"


def test_a_single_failure_may_be_enough() -> None:
    breaker = Breaker(BreakerTerms(failures=1), 0.0)
    breaker.failed(asked(breaker, 0.0), 0.0)
    assert breaker.state is State.OPEN


STEPS = st.lists(
    st.tuples(st.sampled_from(("ask", "answered", "failed", "abandoned", "look")), st.floats(0, 20), st.integers(0, 9)),
    max_size=60,
)


@given(STEPS, st.integers(1, 4))
def test_no_order_of_events_is_impossible_and_the_promises_hold(
    steps: Sequence[tuple[str, float, int]], failures: int
) -> None:
    terms = BreakerTerms(failures, 10.0, 30.0)
    breaker, now = Breaker(terms, 0.0), 0.0
    waiting: list[int] = []
    trials: set[int] = set()
    for what, pause_s, which in steps:
        now += pause_s
        before = breaker.look(now)
        if what == "ask":
            question = breaker.ask(now)
            assert (question is not None) is (before in (State.CLOSED, State.HALF_OPEN))
            if question is not None:
                waiting.append(question)
                if before is State.HALF_OPEN:
                    trials.add(question)
        elif what == "answered" and waiting:
            trials.discard(waiting.pop(which % len(waiting)))
            breaker.answered(now)
            assert breaker.state is State.CLOSED
        elif what == "failed" and waiting:
            question = waiting.pop(which % len(waiting))
            trials.discard(question)
            breaker.failed(question, now)
            assert breaker.state is not State.HALF_OPEN or before is State.HALF_OPEN
        elif what == "abandoned" and waiting:
            question = waiting.pop(which % len(waiting))
            trials.discard(question)
            breaker.abandoned(question, now)
            assert breaker.state in (before, State.HALF_OPEN)
        if breaker.state is State.TRYING:
            assert trials, "somebody is on the way, or nobody would ever be let through again"
        assert (breaker.next_try is None) is (breaker.state is not State.OPEN)
        assert breaker.since <= now
        assert 0 <= breaker.failures(now) <= failures
    # Whatever came before: once all is over and long enough has passed, a call gets through and an answer closes it.
    for question in waiting:
        breaker.abandoned(question, now)
    assert breaker.ask(now + terms.open_s) is not None
    breaker.answered(now + terms.open_s)
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize("state", State)
def test_every_state_is_reached(state: State) -> None:
    breaker = opened()
    if state in (State.HALF_OPEN, State.TRYING):
        breaker.look(30.0)
    if state is State.TRYING:
        asked(breaker, 30.0)
    if state is State.CLOSED:
        breaker.answered(1.0)
    assert breaker.state is state
