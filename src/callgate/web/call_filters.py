"""The filters that lists of calls have in common, from the query."""

from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request

from callgate.operations.queries import CallQuery
from callgate.schema.errors import invalid
from callgate.web.documented import asked

_Text = str | None
_METADATA: Final = "metadata."
_MIDNIGHT: Final = "00:00:00"
_LAST_MOMENT: Final = "23:59:59.999999"

METADATA_TOLD: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "metadata",
            "in": "query",
            "description": "As `metadata.<key>=<value>`, once for each key.",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        }
    ]
}
"""What a route adds to its description for the filters whose names nobody knows before."""


def call_filters(
    request: Request,
    agent_ids: Annotated[tuple[str, ...], Query(alias="agentIds")] = (),
    from_date: Annotated[_Text, Query(alias="fromDate")] = None,
    to_date: Annotated[_Text, Query(alias="toDate")] = None,
    time_of_day_start: Annotated[str, Query(alias="timeOfDayStart"), asked(format="time")] = _MIDNIGHT,
    time_of_day_end: Annotated[str, Query(alias="timeOfDayEnd"), asked(format="time")] = _LAST_MOMENT,
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
    whole_day = (time_of_day_start, time_of_day_end) == (_MIDNIGHT, _LAST_MOMENT)
    return CallQuery(
        agent_ids=agent_ids,
        from_date=from_date,
        to_date=to_date,
        day_start=None if whole_day else time_of_day_start,
        day_end=None if whole_day else time_of_day_end,
        duration_min=duration_min,
        duration_max=duration_max,
        metadata={name.removeprefix(_METADATA): given[name] for name in given if name.startswith(_METADATA)},
        search=search,
        voice_id=voice_id,
    )


Filters = Annotated[CallQuery, Depends(call_filters)]
