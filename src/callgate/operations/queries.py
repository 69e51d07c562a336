"""The filters of lists as they come in a query: text, read or refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from uuid import UUID

from callgate.entities.json import JsonObject
from callgate.operations.agents import check_search
from callgate.schema.duration import seconds
from callgate.schema.errors import Invalid, invalid, shown
from callgate.store.call_filter import CallFilter

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CallQuery:
    """The filters of a list of calls as they came; ``None`` or empty: does not matter."""

    agent_ids: tuple[str, ...] = ()
    from_date: str | None = None
    to_date: str | None = None
    day_start: str | None = None
    day_end: str | None = None
    duration_min: str | None = None
    duration_max: str | None = None
    metadata: Mapping[str, str] | None = None
    search: str | None = None
    voice_id: str | None = None
    sort: str | None = None


def read_filter(query: CallQuery) -> CallFilter:
    """Which calls are wanted.

    Raises:
        Invalid: with every filter that cannot be read.
    """
    errors: JsonObject = {}

    def told(read: Callable[[], Value], otherwise: Value) -> Value:
        try:
            return read()
        except Invalid as error:
            errors.update(error.errors)
            return otherwise

    wanted = CallFilter(
        agent_ids=told(lambda: [check_uuid("agentIds", one) for one in query.agent_ids], []),
        created_from=told(lambda: read_date("fromDate", query.from_date), None),
        created_until=told(lambda: read_date("toDate", query.to_date, end=True), None),
        day_from=told(lambda: _time_of_day("timeOfDayStart", query.day_start), None),
        day_until=told(lambda: _time_of_day("timeOfDayEnd", query.day_end), None),
        duration_s_min=told(lambda: _duration("durationMin", query.duration_min), None),
        duration_s_max=told(lambda: _duration("durationMax", query.duration_max), None),
        metadata=told(lambda: _metadata(query.metadata or {}), {}),
        search=query.search,
        voice=told(lambda: None if query.voice_id is None else check_uuid("voiceId", query.voice_id), None),
    )
    told(lambda: check_search(query.search), None)
    if errors:
        raise Invalid(errors)
    return wanted


def check_uuid(name: str, text: str) -> str:
    """A UUID of a query, as it is kept.

    Raises:
        Invalid: it is none.
    """
    try:
        return str(UUID(text))
    except ValueError:
        raise invalid(name, f"not a UUID: {shown(text)}") from None


def read_date(name: str, text: str | None, *, end: bool = False) -> datetime | None:
    """A date or time of a query, UTC where it says no zone; of an `end` the first moment that lies behind it.

    A date as an end is the whole day, and a time belongs to the span that it ends.

    Raises:
        Invalid: neither.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        if not end:
            return at
        return at + (timedelta(days=1) if len(text) <= len("2026-01-01") else timedelta(microseconds=1))
    except (ValueError, OverflowError):
        raise invalid(name, f"expected a date such as `2026-07-01`, or a time: {shown(text)}") from None


def _time_of_day(name: str, text: str | None) -> time | None:
    if text is None:
        return None
    try:
        at = time.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None or ":" not in text:
        raise invalid(name, f"expected a time of day in UTC such as `17:30:00`: {shown(text)}")
    return at


def _duration(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return seconds(text)
    except ValueError as error:
        raise invalid(name, str(error)) from None


def _metadata(given: Mapping[str, str]) -> Mapping[str, str]:
    for key in given:
        # In a path of SQLite these end the key, or begin another.
        if not key or '"' in key or "\\" in key:
            raise invalid(f"metadata.{key}", "expected a key, without quotes and backslashes")
    return given
