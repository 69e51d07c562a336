"""`/api/call_throttles`."""

from typing import Any

from fastapi import APIRouter

from callgate.schema.throttle import CallThrottleBody, CallThrottlePatch
from callgate.web.documented import body_of
from callgate.web.request import Asker, JsonBody, Page, Verbs

router = APIRouter(prefix="/api/call_throttles", tags=["call_throttles"])


@router.get("")
async def list_throttles(asker: Asker, verbs: Verbs, paging: Page) -> dict[str, Any]:
    """The call throttles, newest first."""
    return paging.answer(await verbs.throttles.find(asker, paging.wanted))


@router.post("", status_code=201, openapi_extra=body_of(CallThrottleBody))
async def create_throttle(asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Make a throttle, which calls then name as their `throttle`."""
    return await verbs.throttles.create(asker, body)


@router.get("/{throttle_id}")
async def get_throttle(throttle_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One throttle."""
    return await verbs.throttles.get(asker, throttle_id)


@router.put("/{throttle_id}", openapi_extra=body_of(CallThrottleBody))
async def replace_throttle(throttle_id: str, asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Give a throttle another name and other rules; what it has counted stays."""
    return await verbs.throttles.update(asker, throttle_id, body, partial=False)


@router.patch("/{throttle_id}", openapi_extra=body_of(CallThrottlePatch, required=False))
async def patch_throttle(throttle_id: str, asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Change what is named of a throttle."""
    return await verbs.throttles.update(asker, throttle_id, body, partial=True)


@router.delete("/{throttle_id}", status_code=204)
async def delete_throttle(throttle_id: str, asker: Asker, verbs: Verbs) -> None:
    """Delete a throttle."""
    await verbs.throttles.delete(asker, throttle_id)
