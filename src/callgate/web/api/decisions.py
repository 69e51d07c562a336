"""`/api/sip/decisions` and `/api/sip/evaluate`: why calls go where they go."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from callgate.operations.decisions import DecisionQuery
from callgate.schema.evaluate import EvaluateBody
from callgate.web.documented import body_of
from callgate.web.request import Asker, JsonBody, Page, Verbs

router = APIRouter(prefix="/api/sip", tags=["decisions"])

_Text = str | None


@router.get("/decisions")
async def list_decisions(
    asker: Asker,
    verbs: Verbs,
    paging: Page,
    verdict: _Text = None,
    outcome: _Text = None,
    source_address: Annotated[_Text, Query(alias="sourceAddress")] = None,
    agent_id: Annotated[_Text, Query(alias="agentId")] = None,
    call_id: Annotated[_Text, Query(alias="callId")] = None,
    from_date: Annotated[_Text, Query(alias="fromDate")] = None,
    to_date: Annotated[_Text, Query(alias="toDate")] = None,
) -> dict[str, Any]:
    """The records of INVITEs, newest first, each step in words."""
    query = DecisionQuery(verdict, outcome, source_address, agent_id, call_id, from_date, to_date)
    return paging.answer(await verbs.decisions.find(asker, query, paging.wanted))


@router.get("/decisions/{decision_id}")
async def get_decision(decision_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One record."""
    return await verbs.decisions.get(asker, decision_id)


@router.post("/evaluate", openapi_extra=body_of(EvaluateBody))
async def evaluate(asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """What would come of an imagined INVITE, under the rules in force or with a draft PATCH."""
    return await verbs.decisions.evaluate(asker, body)
