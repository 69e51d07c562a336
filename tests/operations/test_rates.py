from datetime import UTC, datetime

import pytest

from callgate.entities.account import Account, AccountLimits, ApiKey
from callgate.operations.errors import Full
from callgate.operations.rates import AccountRates
from callgate.testing.clock import ManualClock

BORN = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = Account("acc", "acme", "Acme", BORN)


def key(prefix: str) -> ApiKey:
    return ApiKey(prefix, "acc", f"digest of {prefix}", "k", BORN)


def test_each_key_and_all_of_an_account_have_their_rate() -> None:
    clock = ManualClock()
    rates, limits = AccountRates(clock), AccountLimits(key_requests_per_s=2, requests_per_s=3)
    for _ in range(2):
        rates.requested(ACCOUNT, key("one"), limits)
    with pytest.raises(Full, match="the API key one may be used for 2 requests per second") as over:
        rates.requested(ACCOUNT, key("one"), limits)
    assert (over.value.status, over.value.retry_after_s) == (429, 1)
    rates.requested(ACCOUNT, key("two"), limits)
    with pytest.raises(Full, match="the account may make 3 requests per second"):
        rates.requested(ACCOUNT, key("two"), limits)
    clock.advance(0.5)
    rates.requested(ACCOUNT, key("one"), limits)
    rates.requested(Account("other", "other", "Other", BORN), key("three"), limits)


def test_without_limits_nothing_is_counted() -> None:
    rates = AccountRates(ManualClock())
    for _ in range(1_000):
        rates.requested(ACCOUNT, key("one"), AccountLimits(key_requests_per_s=0))
        rates.called(ACCOUNT, AccountLimits(calls_per_s=0))


def test_calls_are_counted_by_the_second_and_by_the_minute() -> None:
    clock = ManualClock()
    rates, limits = AccountRates(clock), AccountLimits(calls_per_s=1, calls_per_minute=2)
    rates.called(ACCOUNT, limits)
    with pytest.raises(Full, match="1 calls in 1 s and 2 calls in 60 s") as over:
        rates.called(ACCOUNT, limits)
    assert over.value.retry_after_s == 1
    clock.advance(1)
    rates.called(ACCOUNT, limits)
    with pytest.raises(Full) as over:
        rates.called(ACCOUNT, limits)
    assert over.value.retry_after_s == 59
