"""The filters that lists of calls have in common, from the query."""

from typing import Annotated, Final

from fastapi import Depends, Query, Request

from callgate.operations.queries import CallQuery
from callgate.schema.errors import invalid

_Text = str | None
_METADATA: Final = "metadata."


def call_filters(
    request: Request,
    agent_ids: Annotated[tuple[str, ...], Query(alias="agentIds")] = (),
    from_date: Annotated[_Text, Query(alias="fromDate")] = None,
    to_date: Annotated[_Text, Query(alias="toDate")] = None,
    time_of_day_start: Annotated[_Text, Query(alias="timeOfDayStart")] = None,
    time_of_day_end: Annotated[_Text, Query(alias="timeOfDayEnd")] = None,
    duration_min: Annotated[_Text, Query(alias="durationMin")] = None,
    duration_max: Annotated[_Text, Query(alias="durationMax")] = None,
    voice_id: Annotated[_Text, Query(alias="voiceId")] = None,
    search: _Text = None,
) -> CallQuery:
    """Read them, ``metadata.<key>`` included, whose names nobody knows before.

    Raises:
        Invalid: `metadata` without a key.
    """
    given = request.query_params
    if "metadata" in given:
        raise invalid("metadata", "expected `metadata.<key>=<value>`")
    return CallQuery(
        agent_ids=agent_ids,
        from_date=from_date,
        to_date=to_date,
        day_start=time_of_day_start,
        day_end=time_of_day_end,
        duration_min=duration_min,
        duration_max=duration_max,
        metadata={name.removeprefix(_METADATA): given[name] for name in given if name.startswith(_METADATA)},
        search=search,
        voice_id=voice_id,
    )


Filters = Annotated[CallQuery, Depends(call_filters)]
