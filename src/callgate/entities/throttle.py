"""How many calls may be made through the API in a time, where whoever makes them asks for it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ThrottleRule:
    """So many calls in any stretch of time.

    Attributes:
        calls_max: 1 to 100.
        window_s: 1 to 86,400.
    """

    calls_max: int
    window_s: int


@dataclass(frozen=True, slots=True)
class CallThrottle:
    """A throttle that an account keeps.

    Attributes:
        throttle_id: UUID, text.
        account_id: whose.
        name: names it beside its id; no other throttle of the account has it.
        created: when, UTC.
        rules: all of them must allow a call.
    """

    throttle_id: str
    account_id: str
    name: str
    created: datetime
    rules: tuple[ThrottleRule, ...]
