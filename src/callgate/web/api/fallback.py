"""`/api/sip/fallback`: what is done when the fallback handler fails, and how it fares."""

from typing import Any

from fastapi import APIRouter, Request, Response

from callgate.schema.fallback import FallbackPatch, FallbackTest
from callgate.web.api.sip import tagged
from callgate.web.documented import body_of
from callgate.web.request import Asker, JsonBody, Verbs, entity_tags

router = APIRouter(prefix="/api/sip/fallback", tags=["sip"])


@router.get("")
async def get_fallback(asker: Asker, verbs: Verbs, response: Response) -> dict[str, Any]:
    """What is done when the handler fails, and where the circuit breakers of this node stand."""
    return tagged(verbs.fallback.get(asker), response)


@router.patch("", openapi_extra=body_of(FallbackPatch))
async def patch_fallback(
    asker: Asker, body: JsonBody, verbs: Verbs, request: Request, response: Response
) -> dict[str, Any]:
    """Change what the body names; in force for the next call when this answers."""
    return tagged(await verbs.fallback.patch(asker, body, entity_tags(request)), response)


@router.get("/statistics")
async def get_fallback_statistics(asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """Answers, failures and latencies of each handler, as calls of this node have had them."""
    return verbs.fallback.statistics(asker)


@router.post("/test", openapi_extra=body_of(FallbackTest))
async def test_fallback(asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Send a handler a signed sample and show the exchange. No call comes of it."""
    return await verbs.fallback.test(asker, body)
