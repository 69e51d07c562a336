"""Which calls are wanted, of those that are kept and of those that were deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Table, or_

from callgate.store.tables import calls
from callgate.store.time_of_day import within


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; whatever is ``None`` or empty does not matter.

    Attributes:
        agent_ids: of one of these agents.
        created_from: not before, UTC.
        created_until: before, UTC.
        day_from: made not before this time of any day, UTC.
        day_until: made not after; when it is before `day_from`, that of the next day.
        duration_s_min: from the join to the end.
        duration_s_max: likewise.
        metadata: values by key; of deleted calls none is kept.
        search: part of the agent's name, or the whole call id.
        voice: id or name.
    """

    agent_ids: Sequence[str] = ()
    created_from: datetime | None = None
    created_until: datetime | None = None
    day_from: time | None = None
    day_until: time | None = None
    duration_s_min: float | None = None
    duration_s_max: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    search: str | None = None
    voice: str | None = None


def wanted_of(table: Table, account_id: str, filter: CallFilter) -> ColumnElement[bool]:
    """A filter as a condition on `calls` or `deleted_calls`."""
    column = table.c
    wanted: ColumnElement[Any] = column.account_id == account_id
    if len(filter.agent_ids) == 1:  # so that an index may give the order too
        wanted &= column.agent_id == filter.agent_ids[0]
    elif filter.agent_ids:
        wanted &= column.agent_id.in_(filter.agent_ids)
    if filter.created_from is not None:
        wanted &= column.created >= filter.created_from
    if filter.created_until is not None:
        wanted &= column.created < filter.created_until
    if filter.day_from is not None or filter.day_until is not None:
        wanted &= within(column.created, filter.day_from or time.min, filter.day_until or time.max)
    if filter.duration_s_min is not None:
        wanted &= column.duration_s >= filter.duration_s_min
    if filter.duration_s_max is not None:
        wanted &= column.duration_s <= filter.duration_s_max
    if filter.voice is not None:
        wanted &= (calls.c.settings["voice"].as_string() if table is calls else column.voice) == filter.voice
    for key, value in filter.metadata.items():
        wanted &= calls.c.metadata[key].as_string() == value
    if filter.search:
        wanted &= or_(column.agent_name.icontains(filter.search, autoescape=True), column.call_id == filter.search)
    return wanted
