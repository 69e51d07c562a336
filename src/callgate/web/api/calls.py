"""`/api/calls`."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.responses import FileResponse, StreamingResponse

from callgate.media.recording_folder import Growing
from callgate.operations.calls import MODES, SEVERITIES, SEVERITY_DEFAULT
from callgate.schema.data_message import ForcedAgentMessage, HangUpMessage, UserTextMessage
from callgate.schema.start_call import StartCallBody
from callgate.web.call_filters import METADATA_TOLD, Filters
from callgate.web.documented import asked, body_of
from callgate.web.request import Asker, JsonBody, Page, Verbs

router = APIRouter(prefix="/api/calls", tags=["calls"])

_Text = str | None
_WAV = "audio/wav"


@router.get("", openapi_extra=METADATA_TOLD)
async def list_calls(asker: Asker, verbs: Verbs, paging: Page, filters: Filters, sort: _Text = None) -> dict[str, Any]:
    """Calls; `metadata.<key>=<value>` narrows the list too."""
    return paging.answer(await verbs.calls.find(asker, replace(filters, sort=sort), paging.wanted))


@router.post("", status_code=201, openapi_extra=body_of(StartCallBody, required=False))
async def create_call(
    asker: Asker,
    body: JsonBody,
    verbs: Verbs,
    prior_call_id: Annotated[_Text, Query(alias="priorCallId"), asked(format="uuid")] = None,
    enable_greeting_prompt: Annotated[bool, Query(alias="enableGreetingPrompt")] = True,
    throttle: Annotated[_Text, asked(minLength=1)] = None,
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
async def list_messages(
    call_id: str,
    asker: Asker,
    verbs: Verbs,
    paging: Page,
    mode: Annotated[str, asked(enum=list(MODES))] = MODES[0],
) -> dict[str, Any]:
    """What was said."""
    return paging.answer(await verbs.calls.messages(asker, call_id, paging.wanted, mode=mode))


@router.get("/{call_id}/events")
async def list_events(
    call_id: str,
    asker: Asker,
    verbs: Verbs,
    paging: Page,
    minimum_severity: Annotated[str, asked(enum=list(SEVERITIES))] = SEVERITY_DEFAULT,
    type: _Text = None,
) -> dict[str, Any]:
    """What happened."""
    found = await verbs.calls.events(asker, call_id, paging.wanted, severity=minimum_severity, type=type)
    return paging.answer(found)


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


@router.post(
    "/{call_id}/send_data_message",
    status_code=204,
    openapi_extra=body_of(HangUpMessage, UserTextMessage, ForcedAgentMessage),
)
async def send_data_message(call_id: str, asker: Asker, body: JsonBody, verbs: Verbs) -> None:
    """Act on a call in progress: hang up, tell the agent something, have it say something."""
    await verbs.calls.send_data_message(asker, call_id, body)
