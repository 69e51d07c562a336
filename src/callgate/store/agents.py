"""Agents."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.agent import Agent
from callgate.entities.json import JsonObject
from callgate.entities.page import PageFound, PageWanted
from callgate.entities.sip_config import SipConfigVersion
from callgate.store.pages import Order
from callgate.store.rows import agent_of, agent_row, version_row
from callgate.store.sip_configs import SipConfigStore, without_agent
from callgate.store.tables import agents, calls, sip_config_versions, webhooks

SORTS: Final = ("name", "created")


class AgentStore(SipConfigStore):
    """The verbs on agents; deleting one touches the rules too."""

    async def create_agent(self, account_id: str, name: str, call_template: JsonObject | None) -> Agent:
        """Make an agent."""
        agent = Agent(
            self._ids.uuid(),
            account_id,
            name,
            self._clock.now(),
            self._ids.uuid() if call_template is not None else None,
            call_template,
        )

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(agents), [agent_row(agent)])

        def committed(nothing: None) -> None:
            self.snapshot.swap(self.snapshot.now.with_agent(agent), account_id)

        await self._change(account_id, work, committed)
        return agent

    async def update_agent(
        self, agent_id: str, *, name: str | None = None, merge_template: JsonObject | None = None
    ) -> Agent | None:
        """Change an agent; ``None`` when there is none.

        Args:
            agent_id: which.
            name: the new one; ``None``: as it was.
            merge_template: top-level keys that replace the template's; a key that is ``None`` is taken out.
        """

        async def work(connection: AsyncConnection) -> Agent | None:
            agent = self.snapshot.agent(agent_id)
            if agent is None:
                return None
            changed = replace(agent, name=name if name is not None else agent.name)
            if merge_template is not None:
                merged = {**(agent.call_template or {}), **merge_template}
                template: JsonObject = {key: value for key, value in merged.items() if value is not None}
                if template != agent.call_template:
                    changed = replace(changed, call_template=template, published_revision_id=self._ids.uuid())
            if changed != agent:
                row = agent_row(changed)
                await connection.execute(update(agents).where(agents.c.agent_id == agent_id).values(row))
            return changed

        def committed(changed: Agent | None) -> None:
            if changed is not None and changed != self.snapshot.agent(agent_id):
                self.snapshot.swap(self.snapshot.now.with_agent(changed), changed.account_id)

        known = self.snapshot.agent(agent_id)
        return None if known is None else await self._change(known.account_id, work, committed)

    async def delete_agent(self, account_id: str, agent_id: str, changed_by: str) -> bool:
        """Delete an agent; ``False`` when there is none.

        In the same transaction the rules stop naming it, and its webhooks retire: calls in progress end later.
        """
        now = self._clock.now()

        async def work(connection: AsyncConnection) -> tuple[bool, SipConfigVersion | None]:
            if agent_id not in self.snapshot.agents_of(account_id):
                return False, None
            await connection.execute(update(agents).where(agents.c.agent_id == agent_id).values(deleted=now))
            await connection.execute(update(webhooks).where(webhooks.c.agent_id == agent_id).values(retired=now))
            current = self.snapshot.sip_config(account_id)
            config = without_agent(current.config, agent_id)
            if config == current.config:
                return True, None
            version = self._next(current, config, changed_by)
            await connection.execute(insert(sip_config_versions), [version_row(version)])
            return True, version

        def committed(result: tuple[bool, SipConfigVersion | None]) -> None:
            deleted, version = result
            if deleted:
                configuration = self.snapshot.now.without_agent(account_id, agent_id)
                for webhook in self.snapshot.webhooks_of(account_id).values():
                    if webhook.agent_id == agent_id:
                        configuration = configuration.with_webhook(replace(webhook, retired=now))
                if version is not None:
                    configuration = configuration.with_sip_config(version)
                self.snapshot.swap(configuration, account_id)

        return (await self._change(account_id, work, committed))[0]

    async def get_agent(self, account_id: str, agent_id: str) -> Agent | None:
        """A living agent, with its calls counted."""
        agent = self.snapshot.agents_of(account_id).get(agent_id)
        return None if agent is None else (await self._counted([agent]))[0]

    async def list_agents(
        self, account_id: str, wanted: PageWanted, *, search: str | None = None, sort: str = "-created"
    ) -> PageFound[Agent]:
        """The living agents of an account.

        Args:
            account_id: whose.
            wanted: which page.
            search: part of the name, in any case.
            sort: one of `SORTS`, with ``-`` before it: descending.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        mine = (agents.c.account_id == account_id) & agents.c.deleted.is_(None)
        if search:
            mine &= agents.c.name.icontains(search, autoescape=True)
        order = Order(agents.c[sort.removeprefix("-")], agents.c.agent_id, descending=sort.startswith("-"))
        found = await self._page(select(agents).where(mine), order, wanted)
        return found.of(await self._counted([agent_of(row) for row in found.items]))

    async def _counted(self, found: Sequence[Agent]) -> list[Agent]:
        query = (
            select(calls.c.agent_id, func.count().label("calls"))
            .where(calls.c.agent_id.in_([agent.agent_id for agent in found]))
            .group_by(calls.c.agent_id)
        )
        counts = {row["agent_id"]: row["calls"] for row in await self._read(query)}
        return [replace(agent, calls=counts.get(agent.agent_id, 0)) for agent in found]
