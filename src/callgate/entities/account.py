"""The owner of a configuration and of a SIP domain, how much it may do, and the keys that speak for it."""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """How much an account may do. 0: there is no such limit. ``None``: none is the account's own, the settings say.

    Attributes:
        calls_max: calls at a time.
        agent_calls_max: calls at a time of each of its agents.
        requests_per_s: requests of the HTTP API.
        key_requests_per_s: of them with any one key.
        calls_per_s: calls made through the HTTP API in any second.
        calls_per_minute: likewise in any minute.
    """

    calls_max: int | None = None
    agent_calls_max: int | None = None
    requests_per_s: int | None = None
    key_requests_per_s: int | None = None
    calls_per_s: int | None = None
    calls_per_minute: int | None = None

    def over(self, settings: "AccountLimits") -> "AccountLimits":
        """The limits in force: the account's own, and where it has none those of `settings`."""
        return _over(self, settings)


@lru_cache(maxsize=4_096)  # asked with every request and every call
def _over(own: AccountLimits, settings: AccountLimits) -> AccountLimits:
    limits = {one.name: getattr(own, one.name) for one in fields(own)}
    return AccountLimits(
        **{name: getattr(settings, name) if value is None else value for name, value in limits.items()}
    )


NO_LIMITS: Final = AccountLimits()
"""None of its own."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account.

    Attributes:
        account_id: UUID, text.
        slug: the first label of its SIP domain: lower-case letters, digits and hyphens.
        name: for people.
        created: when, UTC.
        limits: its own.
    """

    account_id: str
    slug: str
    name: str
    created: datetime
    limits: AccountLimits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What the store keeps of an API key: never the key itself.

    Attributes:
        prefix: the 8 characters before the dot; names the key in records and lists.
        account_id: whose it is.
        digest: SHA-256 of the whole key, lower-case hex.
        name: for people.
        created: when, UTC.
        creator: prefix of the key that made it; ``None``: the server itself.
        expires: from when on it is good for nothing, UTC; ``None``: never.
        revoked: whether it has been made good for nothing, for ever.
        read_only: whether it may only look, and not at secrets.
        last_used: when a request last came with it, UTC, to the minute; ``None``: none ever did.
    """

    prefix: str
    account_id: str
    digest: str
    name: str
    created: datetime
    creator: str | None = None
    expires: datetime | None = None
    revoked: bool = False
    read_only: bool = False
    last_used: datetime | None = None

    def spent(self, now: datetime) -> str | None:
        """Why it is good for nothing, in words; ``None`` when it is good."""
        if self.revoked:
            return "has been revoked"
        if self.expires is not None and self.expires <= now:
            return "has expired"
        return None
