import pytest

from callgate.core.sip.client_transaction import (
    INVITE_CLIENT,
    INVITE_CLIENT_ABSORBED,
    NON_INVITE_CLIENT,
    NON_INVITE_CLIENT_ABSORBED,
    InviteClientTransaction,
    NonInviteClientTransaction,
)
from callgate.core.sip.server_transaction import (
    INVITE_SERVER,
    INVITE_SERVER_ABSORBED,
    NON_INVITE_SERVER,
    NON_INVITE_SERVER_ABSORBED,
    InviteServerTransaction,
    NonInviteServerTransaction,
)
from callgate.core.sip.timers import Timers
from callgate.core.sip.transaction import Effect, ImpossibleInput, Input, State, Transaction

ALL = [InviteServerTransaction, NonInviteServerTransaction, InviteClientTransaction, NonInviteClientTransaction]
TABLES = [
    (INVITE_SERVER, INVITE_SERVER_ABSORBED),
    (NON_INVITE_SERVER, NON_INVITE_SERVER_ABSORBED),
    (INVITE_CLIENT, INVITE_CLIENT_ABSORBED),
    (NON_INVITE_CLIENT, NON_INVITE_CLIENT_ABSORBED),
]
FROM_THE_NETWORK = {
    InviteServerTransaction: (Input.REQUEST, Input.ACK, Input.TRANSPORT_FAILED),
    NonInviteServerTransaction: (Input.REQUEST, Input.TRANSPORT_FAILED),
    InviteClientTransaction: (Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE, Input.TRANSPORT_FAILED),
    NonInviteClientTransaction: (Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE, Input.TRANSPORT_FAILED),
}


@pytest.mark.parametrize("tables", TABLES)
def test_no_pair_is_listed_twice(tables: tuple[dict[object, object], dict[object, object]]) -> None:
    assert not tables[0].keys() & tables[1].keys()


@pytest.mark.parametrize("kind", ALL)
def test_nothing_a_peer_sends_is_impossible_in_any_state_that_can_be_reached(kind: type[Transaction]) -> None:
    states = {kind.first} | {move.state for move in kind.transitions.values()}
    for state in states:
        for input in FROM_THE_NETWORK[kind]:
            assert (state, input) in kind.transitions or (state, input) in kind.absorbed, (state, input)


@pytest.mark.parametrize("kind", ALL)
def test_every_state_reaches_the_end(kind: type[Transaction]) -> None:
    for state in {kind.first} | {move.state for move in kind.transitions.values()}:
        reached = {state}
        for _ in State:
            reached |= {move.state for (origin, _), move in kind.transitions.items() if origin in reached}
        assert State.TERMINATED in reached


def test_an_impossible_input_is_loud() -> None:
    with pytest.raises(ImpossibleInput, match="InviteServerTransaction in PROCEEDING: LINGERED cannot happen"):
        InviteServerTransaction(Timers(), reliable=False).take(Input.LINGERED, 0)


def repeats(transaction: Transaction, until: float) -> list[float]:
    times = []
    while (due := transaction.due()) is not None and due <= until:
        if Effect.REPEAT in transaction.wake(due):
            times.append(due)
    return times


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
def test_a_refusal_is_repeated_until_the_ack_over_udp() -> None:
    transaction = InviteServerTransaction(Timers(), reliable=False)
    assert transaction.take(Input.FAILURE, 0) == (Effect.SEND,)
    assert repeats(transaction, 12) == [0.5, 1.5, 3.5, 7.5, 11.5]
    assert transaction.take(Input.ACK, 12) == ()
    assert transaction.state is State.CONFIRMED
    assert repeats(transaction, 60) == []
    assert transaction.over


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
def test_a_refusal_is_sent_once_over_tcp_and_given_up_without_an_ack() -> None:
    transaction = InviteServerTransaction(Timers(), reliable=True)
    transaction.take(Input.FAILURE, 0)
    assert transaction.due() == 32
    assert transaction.wake(32) == (Effect.REPORT_TIMEOUT,)
    assert transaction.over


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
@pytest.mark.rfc("6026", "7.1", "Server Transaction Impacts")
def test_a_copy_of_the_invite_gets_the_last_response_again_but_not_after_a_2xx() -> None:
    transaction = InviteServerTransaction(Timers(), reliable=False)
    transaction.take(Input.PROVISIONAL, 0)
    assert transaction.take(Input.REQUEST, 0.5) == (Effect.REPEAT,)
    transaction.take(Input.SUCCESS, 1)
    assert transaction.take(Input.REQUEST, 1.5) == ()
    assert transaction.due() == 33
    transaction.wake(33)
    assert transaction.over


@pytest.mark.rfc("3261", "17.1.1", "INVITE Client Transaction")
def test_an_invite_is_repeated_until_anything_comes() -> None:
    transaction = InviteClientTransaction(Timers(), reliable=False)
    transaction.take(Input.REQUEST, 0)
    assert repeats(transaction, 4) == [0.5, 1.5, 3.5]
    assert transaction.take(Input.PROVISIONAL, 4) == (Effect.PASS,)
    assert transaction.due() is None
    assert transaction.take(Input.FAILURE, 9) == (Effect.ACKNOWLEDGE, Effect.PASS)
    assert transaction.take(Input.FAILURE, 10) == (Effect.ACKNOWLEDGE,)


@pytest.mark.rfc("3261", "17.1.1.2", "Formal Description")
@pytest.mark.rfc("3261", "17.1.2.2", "Formal Description")
def test_a_peer_that_never_answers_is_given_up_after_64_t1() -> None:
    for kind in (InviteClientTransaction, NonInviteClientTransaction):
        transaction = kind(Timers(), reliable=False)
        transaction.take(Input.REQUEST, 0)
        repeats(transaction, 31.9)
        assert Effect.REPORT_TIMEOUT in transaction.wake(32)
        assert transaction.over


@pytest.mark.rfc("3261", "17.1.2", "Non-INVITE Client Transaction")
def test_a_provisional_response_slows_repetition_down() -> None:
    transaction = NonInviteClientTransaction(Timers(), reliable=False)
    transaction.take(Input.REQUEST, 0)
    transaction.take(Input.PROVISIONAL, 0.1)
    assert repeats(transaction, 9) == [4.1, 8.1]


@pytest.mark.rfc("3261", "17.1.2.2", "Formal Description")
def test_over_tcp_a_finished_request_is_forgotten_at_once() -> None:
    transaction = NonInviteClientTransaction(Timers(), reliable=True)
    transaction.take(Input.REQUEST, 0)
    assert transaction.take(Input.SUCCESS, 0.2) == (Effect.PASS,)
    assert transaction.over
