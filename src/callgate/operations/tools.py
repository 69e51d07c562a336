"""Tools: made, read, replaced, deleted, tried; and the calls that used them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from callgate.brains.tools.client import ToolClient
from callgate.brains.tools.definition import Tool, ToolUnusable, read_tool
from callgate.brains.tools.request import ArgumentsUnfit, ToolRequest, chosen, request_of
from callgate.entities.json import Json, JsonObject
from callgate.entities.page import Key, PageFound, PageWanted, page_of
from callgate.entities.tool import BUILT_IN_IDS, DurableTool
from callgate.operations.caller import Caller
from callgate.operations.errors import Forbidden, NotFound
from callgate.operations.tool_definitions import built_in_tools
from callgate.ports.brain import ToolFailed
from callgate.schema.body import CheckUrl, HasTool
from callgate.schema.call import render_call
from callgate.schema.errors import Invalid, invalid, shown
from callgate.schema.tool import render_tool, validate_tool, validate_tool_test
from callgate.store.errors import NameTaken
from callgate.store.open import Store

OWNERSHIPS: Final = ("private", "public")
ORDER_DEFAULT: Final = "default"
_IN_A_CALL_ONLY: Final = "such a tool can be used in a call only"


def _name(tool: DurableTool) -> Key:
    return tool.name.casefold(), tool.tool_id


def _age(tool: DurableTool) -> Key:
    return tool.created.timestamp(), tool.tool_id


def _shown(tool: DurableTool) -> Key:
    """Public tools by name, then private ones, newest first."""
    if not tool.account_id:
        return 0, *_name(tool)
    return 1, -tool.created.timestamp(), tool.tool_id


def _whose(tool: DurableTool) -> Key:
    return int(bool(tool.account_id)), *_age(tool)


# Each with whether it descends.
ORDERS: Final[Mapping[str, tuple[Callable[[DurableTool], Key], bool]]] = {
    "display": (_shown, False),
    "alphabetic": (_name, False),
    "reverseAlphabetic": (_name, True),
    "chronologic": (_age, False),
    "reverseChronologic": (_age, True),
    "default": (_whose, True),
}


class ToolOperations:
    """What an owner may ask about tools.

    Args:
        store: what is kept.
        check_url: why a URL that an account sets is refused, in words.
        client: asks tools that are tried; guarded.
    """

    def __init__(self, store: Store, check_url: CheckUrl, client: ToolClient) -> None:
        self._store = store
        self._check_url = check_url
        self._client = client
        self._built_in = built_in_tools()

    def find(
        self,
        caller: Caller,
        wanted: PageWanted,
        *,
        ownership: str | None,
        search: str | None,
        sort_order: str,
    ) -> PageFound[Json]:
        """The tools that the account may select.

        Raises:
            Invalid: no such ownership, no such order; both are told.
            MarkUnfit: the mark is of another list.
        """
        errors: JsonObject = {}
        if ownership is not None and ownership not in OWNERSHIPS:
            errors["ownership"] = [f"expected {' or '.join(OWNERSHIPS)}: {shown(ownership)}"]
        if sort_order not in ORDERS:
            errors["sortOrder"] = [f"expected one of {', '.join(ORDERS)}: {shown(sort_order)}"]
        if errors:
            raise Invalid(errors)
        private = self._store.snapshot.tools_of(caller.account.account_id).values()
        tools = [
            tool
            for tool in (*self._built_in.values(), *private)
            if ownership in (None, "private" if tool.account_id else "public")
            and (not search or search.casefold() in tool.name.casefold())
        ]
        key_of, descending = ORDERS[sort_order]
        return page_of(tools, key_of, wanted, descending=descending).each(render_tool)

    async def create(self, caller: Caller, body: Json) -> JsonObject:
        """Make a tool.

        Raises:
            Invalid: with every mistake; a name that is taken is one.
        """
        name, definition = validate_tool(body, check_url=self._check_url)
        try:
            return render_tool(await self._store.create_tool(caller.account.account_id, name, definition))
        except NameTaken:
            raise _taken(name) from None

    def get(self, caller: Caller, tool_id: str) -> JsonObject:
        """One tool.

        Raises:
            NotFound: none that the account may select.
        """
        return render_tool(self._tool(caller, tool_id))

    async def replace(self, caller: Caller, tool_id: str, body: Json) -> JsonObject:
        """Give a tool another name and definition, for calls that begin from now on.

        Raises:
            NotFound: none that the account may select.
            Forbidden: it is built in.
            Invalid: with every mistake.
        """
        tool = self._own(caller, tool_id)
        name, definition = validate_tool(body, check_url=self._check_url)
        try:
            changed = await self._store.replace_tool(tool.account_id, tool.tool_id, name, definition)
        except NameTaken:
            raise _taken(name) from None
        if changed is None:
            raise _no_tool(tool_id)
        return render_tool(changed)

    async def delete(self, caller: Caller, tool_id: str) -> None:
        """Delete a tool. Agents that select it keep their entry: their calls go on without it and say so.

        Raises:
            NotFound: none that the account may select.
            Forbidden: it is built in.
        """
        tool = self._own(caller, tool_id)
        if not await self._store.delete_tool(tool.account_id, tool.tool_id):
            raise _no_tool(tool_id)

    async def history(self, caller: Caller, tool_id: str, wanted: PageWanted) -> PageFound[Json]:
        """The calls in which a tool was used, newest first.

        Raises:
            NotFound: none that the account may select.
        """
        tool = self._tool(caller, tool_id)
        found = await self._store.tool_history(caller.account.account_id, tool.tool_id, wanted)
        return found.each(lambda use: {"call": render_call(use[0]), "errorCount": use[1]})

    async def test(self, caller: Caller, tool_id: str, body: Json) -> JsonObject:
        """Use a tool once, outside any call, and show what came.

        Raises:
            NotFound: none that the account may select.
            Invalid: the tool cannot be used with what was given, or only in a call.
        """
        stored = self._tool(caller, tool_id)
        given = validate_tool_test(body)
        if not stored.account_id:
            raise invalid("non_field_errors", _IN_A_CALL_ONLY)
        parameters = given.parameters or {}
        definition = {"modelToolName": stored.name, **stored.definition}
        try:
            everything = read_tool({"temporaryTool": {**definition, "requirements": {}}})
            unknown = parameters.keys() - {one.name for one in (*everything.dynamic, *everything.fixed)}
            if unknown:
                raise Invalid({"parameters": {name: ["the tool has no such parameter"] for name in sorted(unknown)}})
            tool = read_tool(
                {
                    "temporaryTool": definition,
                    "authTokens": dict(given.auth_tokens or {}),
                    "parameterOverrides": _overrides(definition, everything, parameters),
                }
            )
        except ToolUnusable as error:
            raise invalid("non_field_errors", str(error)) from None
        if tool.kind not in ("http", "static"):
            raise invalid("non_field_errors", _IN_A_CALL_ONLY)
        try:
            values = chosen(tool, parameters)
            if tool.kind == "static":
                return {"success": True, "response": tool.response}
            request = request_of(tool, values, _known)
            bare = request_of(replace(tool, credentials=()), values, _known)
        except ArgumentsUnfit as error:
            raise invalid("parameters", str(error)) from None
        return await self._ask(tool, request, bare)

    async def _ask(self, tool: Tool, request: ToolRequest, bare: ToolRequest) -> JsonObject:
        result: JsonObject = {"success": True}
        begun_s = time.monotonic()
        try:
            answer = await self._client.ask(request, tool.timeout_s)
            result |= {"response": answer.text, "headers": dict(answer.headers)}
        except ToolFailed as error:
            result = {"success": False, "errorDetails": str(error)}
        shown_request: JsonObject = {"method": bare.method, "url": bare.url, "body": bare.body.decode() or None}
        return {**result, "durationMs": round(1_000 * (time.monotonic() - begun_s), 1), "request": shown_request}

    def _tool(self, caller: Caller, tool_id: str) -> DurableTool:
        own = self._store.snapshot.tools_of(caller.account.account_id)
        tool = own.get(tool_id.lower()) or self._built_in.get(tool_id.lower())
        if tool is None:
            raise _no_tool(tool_id)
        return tool

    def _own(self, caller: Caller, tool_id: str) -> DurableTool:
        tool = self._tool(caller, tool_id)
        if not tool.account_id:
            raise Forbidden("a built-in tool cannot be changed; one of your own with its name takes its place")
        return tool


def selectable(store: Store, caller: Caller) -> HasTool:
    """Which tools an account may select by id."""
    own = store.snapshot.tools_of(caller.account.account_id)
    return lambda tool_id: tool_id in own or tool_id in BUILT_IN_IDS


def _overrides(definition: JsonObject, tool: Tool, parameters: JsonObject) -> JsonObject:
    """Of the parameters of a test, those that a model would not fill in."""
    requirements = definition.get("requirements")
    required = requirements.get("requiredParameterOverrides") if isinstance(requirements, dict) else None
    names = {one.name for one in tool.fixed} | set(map(str, required if isinstance(required, list) else ()))
    return {name: value for name, value in parameters.items() if name in names}


def _known(name: str) -> Json:
    """Outside a call nothing is known of one; what a test wants to be sent, it gives."""
    return None


def _taken(name: str) -> Invalid:
    return invalid("name", f"there is a tool of this name already: {shown(name)}")


def _no_tool(tool_id: str) -> NotFound:
    return NotFound(f"no such tool: {tool_id[:60]}")
