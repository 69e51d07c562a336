"""`/api/agents`."""

from typing import Annotated, Any

from fastapi import APIRouter

from callgate.schema.agent import AgentBody
from callgate.schema.start_call import StartAgentCallBody
from callgate.web.documented import asked, body_of
from callgate.web.request import Asker, JsonBody, Page, Verbs

router = APIRouter(prefix="/api/agents", tags=["agents"])


@router.get("")
async def list_agents(
    asker: Asker, verbs: Verbs, paging: Page, search: str | None = None, sort: str | None = None
) -> dict[str, Any]:
    """The agents."""
    return paging.answer(await verbs.agents.find(asker, paging.wanted, search=search, sort=sort))


@router.post("", status_code=201, openapi_extra=body_of(AgentBody, required=False))
async def create_agent(asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Make an agent."""
    return await verbs.agents.create(asker, body)


@router.get("/{agent_id}")
async def get_agent(agent_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One agent."""
    return await verbs.agents.get(asker, agent_id)


@router.patch("/{agent_id}", openapi_extra=body_of(AgentBody, required=False))
async def patch_agent(agent_id: str, asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Change an agent: the top-level keys of `callTemplate` merge, null clears one."""
    return await verbs.agents.update(asker, agent_id, body)


@router.delete("/{agent_id}", status_code=204)
async def delete_agent(agent_id: str, asker: Asker, verbs: Verbs) -> None:
    """Delete an agent, and its entries in the rules."""
    await verbs.agents.delete(asker, agent_id)


@router.get("/{agent_id}/calls")
async def list_agent_calls(agent_id: str, asker: Asker, verbs: Verbs, paging: Page) -> dict[str, Any]:
    """The calls of one agent, newest first."""
    return paging.answer(await verbs.calls.of_agent(asker, agent_id, paging.wanted))


@router.post("/{agent_id}/calls", status_code=201, openapi_extra=body_of(StartAgentCallBody, required=False))
async def create_agent_call(
    agent_id: str,
    asker: Asker,
    body: JsonBody,
    verbs: Verbs,
    throttle: Annotated[str | None, asked(minLength=1)] = None,
) -> dict[str, Any]:
    """Start a call to an agent, for a client that joins it over a WebSocket."""
    return await verbs.calls.create_of_agent(asker, agent_id, body, throttle=throttle)
