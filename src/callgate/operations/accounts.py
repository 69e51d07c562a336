"""Accounts, as they see themselves."""

from callgate.entities.json import JsonObject
from callgate.operations.caller import Caller
from callgate.ports import LiveCalls
from callgate.schema.account import render_account


class AccountOperations:
    """What an owner may ask about the account itself."""

    def __init__(self, live: LiveCalls, calls_max: int) -> None:
        self._live = live
        self._calls_max = calls_max

    def me(self, caller: Caller) -> JsonObject:
        """The account of the key, and how many calls it has."""
        account = caller.account
        return render_account(account, calls=self._live.of_account(account.account_id), calls_max=self._calls_max)
