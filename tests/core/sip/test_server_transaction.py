import pytest

from callgate.core.sip.server_transaction import InviteServerTransaction, NonInviteServerTransaction
from callgate.core.sip.timers import Timers
from callgate.core.sip.transaction import Effect, Input, State, Transaction

T = Timers.of(0.5)


def awake(transaction: Transaction, until: float) -> list[tuple[float, Effect]]:
    """All that the transaction does by itself up to a moment."""
    done = []
    while (due := transaction.due()) is not None and due <= until:
        done += [(due, effect) for effect in transaction.wake(due)]
    return done


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
def test_a_refused_invite_over_udp() -> None:
    transaction = InviteServerTransaction(T, reliable=False)
    assert transaction.due() is None  # however long the decision takes
    assert transaction.take(Input.PROVISIONAL, 0) == (Effect.SEND,)
    assert transaction.take(Input.REQUEST, 0.5) == (Effect.REPEAT,)
    assert transaction.take(Input.FAILURE, 10) == (Effect.SEND,)
    assert awake(transaction, 20) == [(at, Effect.REPEAT) for at in (10.5, 11.5, 13.5, 17.5)]
    assert transaction.take(Input.ACK, 20) == ()
    assert transaction.take(Input.REQUEST, 21) == ()
    assert awake(transaction, 100) == []
    assert transaction.over


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
def test_an_unacknowledged_refusal_is_given_up_after_timer_h() -> None:
    transaction = InviteServerTransaction(T, reliable=False)
    transaction.take(Input.FAILURE, 0)
    done = awake(transaction, 100)
    assert done[-1] == (32.0, Effect.REPORT_TIMEOUT)
    assert len(done) == 11  # ten repetitions before
    assert transaction.over


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
def test_over_tcp_nothing_is_repeated() -> None:
    transaction = InviteServerTransaction(T, reliable=True)
    transaction.take(Input.FAILURE, 0)
    assert awake(transaction, 31) == []
    transaction.take(Input.ACK, 31)
    assert transaction.over


@pytest.mark.rfc("6026", "7.1", "Server Transaction Impacts")
@pytest.mark.parametrize("reliable", [False, True])
def test_an_accepted_invite_absorbs_its_copies_until_timer_l(reliable: bool) -> None:
    transaction = InviteServerTransaction(T, reliable=reliable)
    assert transaction.take(Input.SUCCESS, 0) == (Effect.SEND,)
    assert transaction.take(Input.REQUEST, 1) == ()
    assert transaction.take(Input.SUCCESS, 2) == (Effect.SEND,)  # the dialog repeats it
    assert transaction.take(Input.TRANSPORT_FAILED, 3) == ()
    assert transaction.state is State.ACCEPTED
    assert awake(transaction, 31.9) == []
    assert awake(transaction, 32) == []
    assert transaction.over
    assert transaction.take(Input.SUCCESS, 33) == ()


@pytest.mark.rfc("3261", "17.2.2", "Non-INVITE Server Transaction")
def test_a_request_is_answered_once_and_its_copies_get_the_same() -> None:
    transaction = NonInviteServerTransaction(T, reliable=False)
    assert transaction.take(Input.REQUEST, 0) == ()
    assert transaction.take(Input.SUCCESS, 1) == (Effect.SEND,)
    assert transaction.take(Input.FAILURE, 1) == ()
    assert transaction.take(Input.REQUEST, 2) == (Effect.REPEAT,)
    assert awake(transaction, 33) == []
    assert transaction.over


@pytest.mark.rfc("3261", "17.2.2", "Non-INVITE Server Transaction")
def test_over_tcp_an_answered_request_is_forgotten_at_once() -> None:
    transaction = NonInviteServerTransaction(T, reliable=True)
    assert transaction.take(Input.SUCCESS, 0) == (Effect.SEND,)
    assert transaction.over
    assert transaction.due() is None
