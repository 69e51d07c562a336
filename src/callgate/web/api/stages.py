"""`/api/calls/{call_id}/stages`, and the tools of a call."""

from typing import Any

from fastapi import APIRouter

from callgate.web.request import Asker, Page, Verbs

router = APIRouter(prefix="/api/calls/{call_id}", tags=["calls"])


@router.get("/tools")
async def list_call_tools(call_id: str, asker: Asker, verbs: Verbs) -> list[Any]:
    """The tools that the model can use, or could use last."""
    return await verbs.stages.tools(asker, call_id, None)


@router.get("/stages")
async def list_stages(call_id: str, asker: Asker, verbs: Verbs, paging: Page) -> dict[str, Any]:
    """The stages, in order."""
    return paging.answer(await verbs.stages.find(asker, call_id, paging.wanted))


@router.get("/stages/{call_stage_id}")
async def get_stage(call_id: str, call_stage_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One stage."""
    return await verbs.stages.get(asker, call_id, call_stage_id)


@router.get("/stages/{call_stage_id}/messages")
async def list_stage_messages(
    call_id: str, call_stage_id: str, asker: Asker, verbs: Verbs, paging: Page
) -> dict[str, Any]:
    """What was said in a stage."""
    return paging.answer(await verbs.stages.messages(asker, call_id, call_stage_id, paging.wanted))


@router.get("/stages/{call_stage_id}/messages/{call_stage_message_index}/audio")
async def get_message_audio(
    call_id: str, call_stage_id: str, call_stage_message_index: int, asker: Asker, verbs: Verbs
) -> None:
    """The sound of one message, which is not kept: the recording has all of it."""
    await verbs.stages.audio(asker, call_id, call_stage_id, call_stage_message_index)


@router.get("/stages/{call_stage_id}/tools")
async def list_stage_tools(call_id: str, call_stage_id: str, asker: Asker, verbs: Verbs) -> list[Any]:
    """The tools that the model could use in a stage."""
    return await verbs.stages.tools(asker, call_id, call_stage_id)
