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
    """

    prefix: str
    account_id: str
    digest: str
    name: str
    created: datetime
