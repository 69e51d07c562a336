"""The owner of a configuration and of a SIP domain, and the keys that speak for it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Account:
    """An account.

    Attributes:
        account_id: UUID, text.
        slug: the first label of its SIP domain: lower-case letters, digits and hyphens.
        name: for people.
        created: when, UTC.
    """

    account_id: str
    slug: str
    name: str
    created: datetime


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
