"""How often an account may ask: requests of any kind, and calls that are to be made."""

from math import ceil
from typing import Final

from callgate.core.rates.buckets import TokenBuckets
from callgate.core.rates.windows import Window, WindowCounts
from callgate.entities.account import Account, AccountLimits, ApiKey
from callgate.operations.errors import Full
from callgate.ports import Clock

# Accounts and keys that ask at the same time; 3 MB at most.
_BUCKETS_MAX: Final = 10_000
# Accounts that make calls within the same minute.
_ACCOUNTS_MAX: Final = 10_000


class AccountRates:
    """Counts in memory, for this node alone: what a restart forgets is a second, or a minute.

    Args:
        clock: time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._requests = TokenBuckets(_BUCKETS_MAX)
        self._calls = WindowCounts(_ACCOUNTS_MAX)

    def requested(self, account: Account, key: ApiKey, limits: AccountLimits) -> None:
        """Count a request.

        Raises:
            Full: it is one too many for the key or for the account.
        """
        wanted = ((key.digest, limits.key_requests_per_s or 0), (account.account_id, limits.requests_per_s or 0))
        empty = self._requests.take(wanted, self._clock.monotonic())
        if empty is None:
            return
        if empty[0] == key.digest:
            words = f"the API key {key.prefix} may be used for {limits.key_requests_per_s} requests per second"
        else:
            words = f"the account may make {limits.requests_per_s} requests per second"
        raise Full(words, 429, max(1, ceil(empty[1])))

    def called(self, account: Account, limits: AccountLimits) -> None:
        """Count a call that is to be made.

        Raises:
            Full: it is one too many for the account.
        """
        given = ((limits.calls_per_s, 1.0), (limits.calls_per_minute, 60.0))
        windows = [Window(most, seconds) for most, seconds in given if most]
        wait_s = self._calls.count(account.account_id, windows, self._clock.monotonic())
        if wait_s > 0:
            rules = " and ".join(f"{window.most} calls in {window.seconds:g} s" for window in windows)
            raise Full(f"the account may make {rules}", 429, max(1, ceil(wait_s)))
