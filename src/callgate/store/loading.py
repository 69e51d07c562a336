"""The configuration of all accounts, read from the tables."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.store.revision import revision_of
from callgate.store.rows import Row, account_of, agent_of, api_key_of, shadow_of, tool_of, version_of, webhook_of
from callgate.store.snapshot import Configuration
from callgate.store.tables import accounts, agents, api_keys, sip_config_versions, sip_shadows, tools, webhooks

Thing = TypeVar("Thing")


async def load_configuration(connection: AsyncConnection, only: Collection[str] | None = None) -> Configuration:
    """Everything that is kept in memory; without accounts that are being deleted, and what they could act by.

    Args:
        connection: in a transaction that sees one moment.
        only: ids of the accounts that are wanted; ``None``: all.
    """

    async def all_of(table: Table, make: Callable[[Row], Thing], *wanted: Any, order: Any = None) -> list[Thing]:
        query = select(table).where(*wanted)
        if only is not None:
            query = query.where(table.c.account_id.in_(only))
        if order is not None:
            query = query.order_by(order)
        return [make(row) for row in (await connection.execute(query)).mappings()]

    revision = await revision_of(connection)  # first: what changes meanwhile is noticed afterwards
    owners = await all_of(accounts, account_of, accounts.c.deleted.is_(None), order=accounts.c.created)
    ids = {owner.account_id for owner in owners}
    keys = await all_of(api_keys, api_key_of, order=api_keys.c.created)
    living = await all_of(agents, agent_of, agents.c.deleted.is_(None))
    versions = await all_of(sip_config_versions, version_of, order=sip_config_versions.c.number)
    kept = await all_of(tools, tool_of)
    drafts = await all_of(sip_shadows, shadow_of)
    told = await all_of(webhooks, webhook_of, order=webhooks.c.created)
    return Configuration(
        accounts=tuple(owners),
        keys={key.digest: key for key in keys if key.account_id in ids},
        agents=_by_account(owners, living, "agent_id"),
        sip_configs={version.account_id: version for version in versions},  # the newest comes last
        tools=_by_account(owners, kept, "tool_id"),
        shadows={draft.account_id: draft for draft in drafts},
        webhooks=_by_account(owners, told, "webhook_id"),
        revision=revision,
    )


def _by_account(owners: Iterable[Any], things: Iterable[Thing], name: str) -> dict[str, dict[str, Thing]]:
    id_of = attrgetter(name)
    found: dict[str, dict[str, Thing]] = defaultdict(dict)
    for thing in things:
        found[thing.account_id][id_of(thing)] = thing  # type: ignore[attr-defined]
    return {owner.account_id: found[owner.account_id] for owner in owners}
