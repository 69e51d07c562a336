"""`/api/sip/replay`, `/api/sip/shadow` and suggestions: rules that are tried before they are in force."""

from typing import Any

from fastapi import APIRouter, Request, Response

from callgate.schema.replay import ReplayBody
from callgate.schema.shadow import ShadowBody
from callgate.web.api.sip import add_lint, tagged
from callgate.web.documented import body_of
from callgate.web.request import Asker, JsonBody, Verbs, entity_tags

router = APIRouter(prefix="/api/sip", tags=["rehearsal"])


@router.post("/replay", openapi_extra=body_of(ReplayBody), responses={202: {"description": "It goes on; ask again."}})
async def replay(asker: Asker, body: JsonBody, verbs: Verbs, response: Response) -> dict[str, Any]:
    """Which calls of a time span would have gone elsewhere under a draft PATCH; 202 while that is being found out."""
    answer = await verbs.replay.replay(asker, body)
    if answer["state"] == "running":
        response.status_code = 202
        response.headers["Location"] = f"/api/sip/replay/{answer['jobId']}"
    return answer


@router.get("/replay/{job_id}")
async def get_replay(job_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """How far a replay is, or what it found."""
    return verbs.replay.get(asker, job_id)


@router.delete("/replay/{job_id}", status_code=204)
async def end_replay(job_id: str, asker: Asker, verbs: Verbs) -> None:
    """Stop a replay and forget it."""
    await verbs.replay.end(asker, job_id)


@router.get("/decisions/{decision_id}/suggestions")
async def suggestions(decision_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """The smallest changes that would have let a refused call in, and what else each would let in."""
    return await verbs.suggestions.of(asker, decision_id)


@router.put("/shadow", openapi_extra=body_of(ShadowBody))
async def put_shadow(asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Put a draft PATCH beside the rules in force, in place of the one before."""
    return await verbs.shadow.put(asker, body)


@router.get("/shadow")
async def get_shadow(asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """The draft beside the rules, and what it would have done otherwise so far."""
    return await verbs.shadow.get(asker)


@router.delete("/shadow", status_code=204)
async def drop_shadow(asker: Asker, verbs: Verbs) -> None:
    """Take the draft away."""
    await verbs.shadow.drop(asker)


@router.post("/shadow/promote")
async def promote_shadow(asker: Asker, verbs: Verbs, request: Request, response: Response) -> dict[str, Any]:
    """Make the draft the rules, by a PATCH like any other."""
    promoted = await verbs.shadow.promote(asker, entity_tags(request))
    await add_lint(asker, verbs, response)
    return tagged(promoted, response)
