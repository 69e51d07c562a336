"""Who asks for an operation."""

from dataclasses import dataclass

from callgate.entities.account import Account


@dataclass(frozen=True, slots=True)
class Caller:
    """An account, by one of its keys.

    Attributes:
        account: whose things the operation is about.
        key_prefix: names the key in the history.
        reads_only: whether the key may only look, and not at secrets.
    """

    account: Account
    key_prefix: str
    reads_only: bool = False
