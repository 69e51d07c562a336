import pytest

from callgate.core.sip.client_transaction import InviteClientTransaction, NonInviteClientTransaction
from callgate.core.sip.timers import Timers
from callgate.core.sip.transaction import Effect, Input, State
from tests.core.sip.test_server_transaction import awake

T = Timers.of(0.5)


@pytest.mark.rfc("3261", "17.1.1", "INVITE Client Transaction")
def test_an_invite_doubles_its_waits_without_limit_of_t2_and_is_given_up() -> None:
    transaction = InviteClientTransaction(T, reliable=False)
    assert transaction.take(Input.REQUEST, 0) == (Effect.SEND,)
    done = awake(transaction, 100)
    assert [at for at, effect in done if effect is Effect.REPEAT] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert done[-1] == (32.0, Effect.REPORT_TIMEOUT)
    assert transaction.over


@pytest.mark.rfc("3261", "17.1.1.2", "Formal Description")
def test_a_provisional_response_ends_the_repetition_and_the_waiting() -> None:
    transaction = InviteClientTransaction(T, reliable=False)
    transaction.take(Input.REQUEST, 0)
    assert transaction.take(Input.PROVISIONAL, 1) == (Effect.PASS,)
    assert transaction.due() is None
    assert transaction.take(Input.FAILURE, 200) == (Effect.ACKNOWLEDGE, Effect.PASS)
    assert transaction.take(Input.FAILURE, 201) == (Effect.ACKNOWLEDGE,)
    assert transaction.take(Input.SUCCESS, 201) == ()
    assert awake(transaction, 232) == []
    assert transaction.over


@pytest.mark.rfc("6026", "7.2", "Client Transaction Impacts")
@pytest.mark.parametrize("reliable", [False, True])
def test_repeated_answers_are_passed_up_until_timer_m(reliable: bool) -> None:
    transaction = InviteClientTransaction(T, reliable=reliable)
    transaction.take(Input.REQUEST, 0)
    for at in (1, 2, 3):
        assert transaction.take(Input.SUCCESS, at) == (Effect.PASS,)
    assert transaction.take(Input.FAILURE, 4) == ()
    assert transaction.state is State.ACCEPTED
    assert awake(transaction, 33) == []
    assert transaction.over


@pytest.mark.rfc("3261", "17.1.1.2", "Formal Description")
def test_over_tcp_a_refused_invite_is_over_at_once() -> None:
    transaction = InviteClientTransaction(T, reliable=True)
    transaction.take(Input.REQUEST, 0)
    assert transaction.due() == 32
    assert transaction.take(Input.FAILURE, 1) == (Effect.ACKNOWLEDGE, Effect.PASS)
    assert transaction.over


@pytest.mark.rfc("3261", "17.1.2", "Non-INVITE Client Transaction")
def test_other_requests_are_repeated_ever_more_slowly_also_after_a_provisional_response() -> None:
    transaction = NonInviteClientTransaction(T, reliable=False)
    transaction.take(Input.REQUEST, 0)
    assert [at for at, _ in awake(transaction, 2)] == [0.5, 1.5]
    assert transaction.take(Input.PROVISIONAL, 2) == (Effect.PASS,)
    assert [at for at, _ in awake(transaction, 12)] == [6.0, 10.0]
    assert transaction.take(Input.SUCCESS, 13) == (Effect.PASS,)
    assert transaction.take(Input.SUCCESS, 14) == ()
    assert awake(transaction, 18) == []
    assert transaction.over


@pytest.mark.rfc("3261", "17.1.4", "Handling Transport Errors")
@pytest.mark.parametrize("kind", [InviteClientTransaction, NonInviteClientTransaction])
def test_what_cannot_be_sent_is_reported_once(kind: type[InviteClientTransaction | NonInviteClientTransaction]) -> None:
    transaction = kind(T, reliable=True)
    transaction.take(Input.REQUEST, 0)
    assert transaction.take(Input.TRANSPORT_FAILED, 0) == (Effect.REPORT_FAILURE,)
    assert transaction.over
    assert transaction.take(Input.TRANSPORT_FAILED, 0) == ()
