"""Accounts, as they see themselves."""

from collections.abc import Callable

from callgate.entities.account import Account, AccountLimits
from callgate.entities.json import JsonObject
from callgate.operations.caller import Caller
from callgate.ports import LiveCalls
from callgate.schema.account import render_account


class AccountOperations:
    """What an owner may ask about the account itself.

    Args:
        live: the calls in progress.
        limits_of: the limits in force of an account.
        calls_max: calls that the node takes at a time.
    """

    def __init__(self, live: LiveCalls, limits_of: Callable[[Account], AccountLimits], calls_max: int) -> None:
        self._live = live
        self._limits_of = limits_of
        self._calls_max = calls_max

    def me(self, caller: Caller) -> JsonObject:
        """The account of the key, and how many calls it has."""
        account = caller.account
        own = self._limits_of(account).calls_max
        calls_max = min(own or self._calls_max, self._calls_max)
        return render_account(account, calls=self._live.of_account(account.account_id), calls_max=calls_max)
