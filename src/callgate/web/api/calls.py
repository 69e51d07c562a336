"""`/api/calls`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import FileResponse, StreamingResponse

from callgate.media.recording_folder import Growing
from callgate.operations.calls import CallQuery
from callgate.schema.errors import Invalid
from callgate.schema.start_call import StartCallBody
from callgate.web.documented import body_of
from callgate.web.request import Asker, JsonBody, Page, Verbs

router = APIRouter(prefix="/api/calls", tags=["calls"])

_Text = str | None
_WAV = "audio/wav"
# Filters of the public service that are not offered: ignoring one would answer a question nobody asked.
_NOT_OFFERED = ("timeOfDayStart", "timeOfDayEnd", "voiceId")


@router.get("")
async def list_calls(
    request: Request,
    asker: Asker,
    verbs: Verbs,
    paging: Page,
    agent_ids: Annotated[tuple[str, ...], Query(alias="agentIds")] = (),
    from_date: Annotated[_Text, Query(alias="fromDate")] = None,
    to_date: Annotated[_Text, Query(alias="toDate")] = None,
    duration_min: Annotated[_Text, Query(alias="durationMin")] = None,
    duration_max: Annotated[_Text, Query(alias="durationMax")] = None,
    search: _Text = None,
    sort: _Text = None,
) -> dict[str, Any]:
    """Calls; `metadata.<key>=<value>` narrows the list too."""
    given = request.query_params
    refused = [name for name in _NOT_OFFERED if name in given]
    if refused:
        raise Invalid({name: ["this filter is not offered"] for name in refused})
    metadata = {key.removeprefix("metadata."): value for key, value in given.items() if key.startswith("metadata.")}
    query = CallQuery(agent_ids, from_date, to_date, duration_min, duration_max, metadata, search, sort)
    return paging.answer(*await verbs.calls.find(asker, query, offset=paging.offset, limit=paging.limit))


@router.post("", status_code=201, openapi_extra=body_of(StartCallBody))
async def create_call(
    asker: Asker,
    body: JsonBody,
    verbs: Verbs,
    prior_call_id: Annotated[_Text, Query(alias="priorCallId")] = None,
    enable_greeting_prompt: Annotated[bool, Query(alias="enableGreetingPrompt")] = True,
    throttle: _Text = None,
) -> dict[str, Any]:
    """Start a call, for a client that joins it over a WebSocket.

    `enableGreetingPrompt` changes nothing: an agent that speaks first is asked to, with its own prompt alone.
    """
    return await verbs.calls.create(asker, body, prior_call_id=prior_call_id, throttle=throttle)


@router.get("/{call_id}")
async def get_call(call_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One call."""
    return await verbs.calls.get(asker, call_id)


@router.delete("/{call_id}", status_code=204)
async def delete_call(call_id: str, asker: Asker, verbs: Verbs) -> None:
    """Delete a call that is over, with all that was said in it."""
    await verbs.calls.delete(asker, call_id)


@router.get("/{call_id}/messages")
async def list_messages(call_id: str, asker: Asker, verbs: Verbs, paging: Page, mode: _Text = None) -> dict[str, Any]:
    """What was said."""
    found = await verbs.calls.messages(asker, call_id, mode=mode, offset=paging.offset, limit=paging.limit)
    return paging.answer(*found)


@router.get("/{call_id}/events")
async def list_events(
    call_id: str,
    asker: Asker,
    verbs: Verbs,
    paging: Page,
    minimum_severity: _Text = None,
    type: _Text = None,
) -> dict[str, Any]:
    """What happened."""
    found = await verbs.calls.events(
        asker, call_id, severity=minimum_severity, type=type, offset=paging.offset, limit=paging.limit
    )
    return paging.answer(*found)


@router.get(
    "/{call_id}/recording",
    response_class=Response,
    responses={200: {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_recording(call_id: str, asker: Asker, verbs: Verbs) -> Response:
    """The recording, the caller left and the agent right; of a call in progress, what there is so far."""
    found = await verbs.calls.recording(asker, call_id)
    if isinstance(found, Growing):
        headers = {"Content-Length": str(found.size), "Cache-Control": "no-store"}
        return StreamingResponse(found.chunks(), media_type=_WAV, headers=headers)
    return FileResponse(found, media_type=_WAV)


@router.get("/{call_id}/quality")
async def get_quality(call_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """How the sound fares, or fared, with a verdict in words. Not of the public service: Callgate's own."""
    return await verbs.calls.quality(asker, call_id)


@router.post("/{call_id}/send_data_message", status_code=204)
async def send_data_message(call_id: str, asker: Asker, body: JsonBody, verbs: Verbs) -> None:
    """Act on a call in progress: so far, hang up."""
    await verbs.calls.send_data_message(asker, call_id, body)
