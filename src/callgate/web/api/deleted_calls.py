"""`/api/deleted_calls`: what stays of calls that were deleted."""

from typing import Any

from fastapi import APIRouter

from callgate.web.call_filters import Filters
from callgate.web.request import Asker, Page, Verbs

router = APIRouter(prefix="/api/deleted_calls", tags=["deleted_calls"])


@router.get("")
async def list_deleted_calls(asker: Asker, verbs: Verbs, paging: Page, filters: Filters) -> dict[str, Any]:
    """Those deleted last first. Who called, and whatever else was metadata, is gone; no filter asks for it."""
    return paging.answer(await verbs.deleted_calls.find(asker, filters, paging.wanted))


@router.get("/{call_id}")
async def get_deleted_call(call_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """When a call was made, when it was deleted, how it ended."""
    return await verbs.deleted_calls.get(asker, call_id)
