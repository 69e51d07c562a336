"""A draft that is put beside the rules in force for a time, and what it would have done otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from callgate.entities.destination import Destination
from callgate.entities.json import JsonObject

DIFFERENCES_MAX: Final = 100
"""The newest differences that are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class SipShadow:
    """A draft beside an account's rules; an account has one at most.

    Attributes:
        shadow_id: UUID, text.
        account_id: whose.
        created: when, UTC.
        created_by: prefix of the API key that put it up.
        until: when it stops counting, UTC.
        base_version: number of the rules that were in force when it was put up.
        changes: the draft PATCH, validated, public JSON, secrets included.
    """

    shadow_id: str
    account_id: str
    created: datetime
    created_by: str
    until: datetime
    base_version: int
    changes: JsonObject


@dataclass(frozen=True, slots=True)
class Difference:
    """One attempt that the draft would have sent elsewhere.

    Attributes:
        decision_id: of its record.
        at: when it came, UTC.
        source_address: where from.
        to_uri: as dialled.
        request_uri: as it came.
        went: where the rules in force sent it.
        would_go: where the draft would.
    """

    decision_id: str
    at: datetime
    source_address: str
    to_uri: str
    request_uri: str
    went: Destination
    would_go: Destination


@dataclass(frozen=True, slots=True)
class ShadowTally:
    """What has been seen so far.

    Attributes:
        attempts: compared.
        left_out: attempts refused for want of room or for their rate: that depended on the moment.
        changed: attempts that the draft would have sent elsewhere.
        moves: how many from where to where; those that are too many to be told apart only count in `changed`.
        last: the newest, newest first, at most `DIFFERENCES_MAX`.
    """

    attempts: int = 0
    left_out: int = 0
    changed: int = 0
    moves: Mapping[tuple[Destination, Destination], int] = field(default_factory=dict)
    last: tuple[Difference, ...] = ()
