"""Questions to every table of states at once: the ones that `scripts/machines.py` lists and the docs draw."""

from collections.abc import Iterator
from enum import Enum
from itertools import product

import pytest
from scripts.machines import MACHINES, Machine, drawn, ends, states

from callgate.core.call.machine import State as CallState
from callgate.core.sip.client_transaction import InviteClientTransaction, NonInviteClientTransaction
from callgate.core.sip.server_transaction import InviteServerTransaction, NonInviteServerTransaction
from callgate.core.sip.timers import Timers
from callgate.core.sip.transaction import Input, State, Transaction

each_machine = pytest.mark.parametrize("machine", [pytest.param(machine, id=machine.title) for machine in MACHINES])


@each_machine
def test_no_pair_is_a_move_and_absorbed(machine: Machine) -> None:
    assert not set(machine.transitions) & set(machine.absorbed)


@each_machine
def test_every_state_answers_whatever_may_come_from_outside(machine: Machine) -> None:
    missing = [
        (state, input)
        for state in states(machine)
        for input in machine.outside
        if (state, input) not in machine.transitions and (state, input) not in machine.absorbed
    ]
    assert missing == []


@each_machine
def test_every_state_reaches_an_end_or_comes_back_to_the_first(machine: Machine) -> None:
    assert bool(ends(machine)) is not machine.endless
    lasts = set(machine.first) if machine.endless else set(ends(machine))
    for state in states(machine):
        assert set(reached_from(machine, state)) & lasts, state


@each_machine
def test_every_state_is_reached_and_what_is_absorbed_has_a_reason(machine: Machine) -> None:
    reached = set(states(machine))
    assert {state for state, _ in machine.transitions} <= reached
    assert {state for state, _ in machine.absorbed} <= reached
    assert all(machine.absorbed.values())


@each_machine
def test_the_diagram_shows_every_move(machine: Machine) -> None:
    picture = drawn(machine)
    for (state, input), move in machine.transitions.items():
        arrow = next(
            line
            for line in picture.splitlines()
            if line.startswith(f"    {state.name.lower()} --> {move.state.name.lower()}:")
        )
        assert input.name.lower().replace("_", " ") in arrow.partition(": ")[2].split(", ")


def reached_from(machine: Machine, state: Enum) -> Iterator[Enum]:
    """Every state that can follow, the first included."""
    seen, new = {state}, [state]
    while new:
        at = new.pop()
        yield at
        following = {move.state for (origin, _), move in machine.transitions.items() if origin is at} - seen
        seen |= following
        new += following


def test_a_call_in_any_state_can_still_be_ended_by_us() -> None:
    machine = next(machine for machine in MACHINES if machine.title == "The life of a call")
    for state in set(states(machine)) - {CallState.CLOSING, CallState.OVER}:
        inputs = {input.name for origin, input in machine.transitions if origin is state}
        assert {"DRAINED", "FAILED"} <= inputs, state


# -------------------------------------------------------------------------------------------- transactions in motion

FROM_OUTSIDE: dict[type[Transaction], tuple[Input, ...]] = {
    InviteServerTransaction: (Input.REQUEST, Input.ACK, Input.TRANSPORT_FAILED),
    NonInviteServerTransaction: (Input.REQUEST, Input.TRANSPORT_FAILED),
    InviteClientTransaction: (Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE, Input.TRANSPORT_FAILED),
    NonInviteClientTransaction: (Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE, Input.TRANSPORT_FAILED),
}
ANSWERS = (Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE)
FINAL = (Input.SUCCESS, Input.FAILURE)
LONGEST = 6
"""Inputs in a row: every state is reached within four, and every pair of inputs follows in each."""


@pytest.mark.parametrize("kind", FROM_OUTSIDE)
@pytest.mark.parametrize("reliable", [False, True])
def test_no_order_of_events_is_impossible_and_every_transaction_ends(kind: type[Transaction], reliable: bool) -> None:
    server = kind in (InviteServerTransaction, NonInviteServerTransaction)
    # `None`: the next timer rings. Responses of ours are sent while there is none that is final, as exchanges do.
    events: tuple[Input | None, ...] = (*FROM_OUTSIDE[kind], None, *(ANSWERS if server else ()))
    for order in product(events, repeat=LONGEST):
        transaction, now = kind(Timers(), reliable=reliable), 0.0
        if not server:
            transaction.take(Input.REQUEST, now)
        for event in order:
            now += 0.01
            if event is None:
                now = transaction.due() or now
                transaction.wake(now)
            elif not (server and event in ANSWERS) or transaction.state in (State.TRYING, State.PROCEEDING):
                transaction.take(event, now)
        if transaction.state in (State.TRYING, State.PROCEEDING) and server:
            transaction.take(FINAL[len(order) % 2], now)
        if transaction.state is State.PROCEEDING and kind is InviteClientTransaction:
            transaction.take(Input.FAILURE, now)  # RFC 3261 lets a caller wait for ever; ours gives up by CANCEL
        rings = 0
        while (due := transaction.due()) is not None:
            transaction.wake(due)
            rings += 1
            assert rings < 20, order
        assert transaction.over, order
