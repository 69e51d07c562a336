"""Agents: made, read, changed, deleted."""

from typing import Final

from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted
from callgate.operations.caller import Caller
from callgate.operations.errors import NotFound
from callgate.operations.tools import selectable
from callgate.schema.agent import merge_template, render_agent, validate_agent, validate_call_template
from callgate.schema.errors import Invalid, invalid, shown
from callgate.schema.start_call import CheckUrl
from callgate.store.agents import SORTS
from callgate.store.open import Store

_UNNAMED: Final = "Unnamed agent"  # the public schema does not require a name


class AgentOperations:
    """What an owner may ask about agents."""

    def __init__(self, store: Store, check_url: CheckUrl) -> None:
        self._store = store
        self._check_url = check_url

    async def create(self, caller: Caller, body: Json) -> JsonObject:
        """Make an agent.

        Raises:
            Invalid: with every mistake.
        """
        given = validate_agent(body, check_url=self._check_url, has_tool=selectable(self._store, caller))
        template = given.get("callTemplate")
        agent = await self._store.create_agent(
            caller.account.account_id,
            str(given.get("name", _UNNAMED)),
            template if isinstance(template, dict) else None,
        )
        return render_agent(agent)

    async def get(self, caller: Caller, agent_id: str) -> JsonObject:
        """One agent.

        Raises:
            NotFound: none of this account.
        """
        agent = await self._store.get_agent(caller.account.account_id, agent_id.lower())
        if agent is None:
            raise _no_agent(agent_id)
        return render_agent(agent)

    async def find(
        self, caller: Caller, wanted: PageWanted, *, search: str | None, sort: str | None
    ) -> PageFound[Json]:
        """The agents.

        Raises:
            Invalid: nothing to search for, no such order, or a cursor of another list.
        """
        check_search(search)
        order = check_sort(sort, SORTS)
        found = await self._store.list_agents(caller.account.account_id, wanted, search=search, sort=order)
        return found.each(render_agent)

    async def update(self, caller: Caller, agent_id: str, body: Json) -> JsonObject:
        """Change an agent: `callTemplate` merges its top-level keys, ``null`` clears one.

        Raises:
            NotFound: none of this account.
            Invalid: with every mistake; also of the template that would come of it.
        """
        agent_id = agent_id.lower()
        agent = self._store.snapshot.agents_of(caller.account.account_id).get(agent_id)
        if agent is None:
            raise _no_agent(agent_id)
        given = validate_agent(body, check_url=self._check_url, has_tool=selectable(self._store, caller))
        changes: JsonObject | None = None
        if "callTemplate" in given:
            changes = self._template_changes(agent.call_template or {}, given["callTemplate"], body)
        name = given.get("name")
        await self._store.update_agent(agent_id, name=None if name is None else str(name), merge_template=changes)
        return await self.get(caller, agent_id)

    def _template_changes(self, stored: JsonObject, given: Json, body: Json) -> JsonObject:
        asked = body.get("callTemplate") if isinstance(body, dict) else None
        if not isinstance(asked, dict) or not isinstance(given, dict):  # null clears the whole
            return dict.fromkeys(stored)
        changes: JsonObject = {**given, **{key: None for key, value in asked.items() if value is None}}
        try:
            validate_call_template(merge_template(stored, changes), check_url=self._check_url)
        except Invalid as error:
            raise Invalid({"callTemplate": error.errors}) from None
        return changes

    async def delete(self, caller: Caller, agent_id: str) -> None:
        """Delete an agent, and with it its entries in the rules.

        Raises:
            NotFound: none of this account.
        """
        if not await self._store.delete_agent(caller.account.account_id, agent_id.lower(), caller.key_prefix):
            raise _no_agent(agent_id)


def check_sort(sort: str | None, allowed: tuple[str, ...]) -> str:
    """An order of a list; newest first when none is given.

    Raises:
        Invalid: not one of those.
    """
    if sort is None:
        return "-created"
    if sort.removeprefix("-") not in allowed:
        raise invalid("sort", f"expected one of {', '.join(allowed)}, or one with `-` before it: {shown(sort)}")
    return sort


def check_search(search: str | None) -> None:
    """Refuse to search for nothing.

    Raises:
        Invalid: an empty text.
    """
    if search is not None and not search:
        raise invalid("search", "expected text to search for")


def _no_agent(agent_id: str) -> NotFound:
    return NotFound(f"no such agent: {agent_id[:60]}")
