"""`/api/tools`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from callgate.operations.tools import ORDER_DEFAULT, ORDERS, OWNERSHIPS
from callgate.schema.tool import ToolBody, ToolTest
from callgate.web.documented import asked, body_of
from callgate.web.request import Asker, JsonBody, Page, Verbs

router = APIRouter(prefix="/api/tools", tags=["tools"])

_Text = str | None


@router.get("")
async def list_tools(
    asker: Asker,
    verbs: Verbs,
    paging: Page,
    ownership: Annotated[_Text, asked(enum=list(OWNERSHIPS))] = None,
    search: _Text = None,
    sort_order: Annotated[str, Query(alias="sortOrder"), asked(enum=list(ORDERS))] = ORDER_DEFAULT,
) -> dict[str, Any]:
    """The tools that may be selected: the account's own, and those that are built in."""
    found = verbs.tools.find(asker, paging.wanted, ownership=ownership, search=search, sort_order=sort_order)
    return paging.answer(found)


@router.post("", status_code=201, openapi_extra=body_of(ToolBody, required=False))
async def create_tool(asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Make a tool."""
    return await verbs.tools.create(asker, body)


@router.get("/{tool_id}")
async def get_tool(tool_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One tool."""
    return verbs.tools.get(asker, tool_id)


@router.put("/{tool_id}", openapi_extra=body_of(ToolBody))
async def replace_tool(tool_id: str, asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Give a tool another name and definition, for calls that begin from now on."""
    return await verbs.tools.replace(asker, tool_id, body)


@router.delete("/{tool_id}", status_code=204)
async def delete_tool(tool_id: str, asker: Asker, verbs: Verbs) -> None:
    """Delete a tool; calls of agents that select it go on without it."""
    await verbs.tools.delete(asker, tool_id)


@router.get("/{tool_id}/history")
async def list_tool_history(tool_id: str, asker: Asker, verbs: Verbs, paging: Page) -> dict[str, Any]:
    """The calls in which a tool was used, newest first."""
    return paging.answer(await verbs.tools.history(asker, tool_id, paging.wanted))


@router.post("/{tool_id}/test", openapi_extra=body_of(ToolTest))
async def test_tool(tool_id: str, asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Use a tool once, outside any call."""
    return await verbs.tools.test(asker, tool_id, body)
