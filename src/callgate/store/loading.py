"""The configuration of all accounts, read from the tables."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.store.revision import revision_of
from callgate.store.rows import account_of, agent_of, api_key_of, tool_of, version_of, webhook_of
from callgate.store.shadows import shadow_of
from callgate.store.snapshot import Configuration
from callgate.store.tables import accounts, agents, api_keys, sip_config_versions, sip_shadows, tools, webhooks


async def load_configuration(connection: AsyncConnection) -> Configuration:
    """Everything that is kept in memory; without accounts that are being deleted, and what they could act by."""
    revision = await revision_of(connection)  # first: what changes meanwhile is noticed afterwards
    living = select(accounts).where(accounts.c.deleted.is_(None)).order_by(accounts.c.created)
    owners = [account_of(row) for row in (await connection.execute(living)).mappings()]
    oldest_first = select(api_keys).order_by(api_keys.c.created)
    keys = [api_key_of(row) for row in (await connection.execute(oldest_first)).mappings()]
    employed = select(agents).where(agents.c.deleted.is_(None))
    staff = [agent_of(row) for row in (await connection.execute(employed)).mappings()]
    newest = select(sip_config_versions).order_by(sip_config_versions.c.number)
    versions = {row["account_id"]: version_of(row) for row in (await connection.execute(newest)).mappings()}
    kept = [tool_of(row) for row in (await connection.execute(select(tools))).mappings()]
    drafts = [shadow_of(row) for row in (await connection.execute(select(sip_shadows))).mappings()]
    in_order = select(webhooks).order_by(webhooks.c.created)
    told = [webhook_of(row) for row in (await connection.execute(in_order)).mappings()]
    ids = {owner.account_id for owner in owners}
    return Configuration(
        accounts=tuple(owners),
        keys={key.digest: key for key in keys if key.account_id in ids},
        agents={owner: {agent.agent_id: agent for agent in staff if agent.account_id == owner} for owner in ids},
        sip_configs=versions,
        tools={owner: {tool.tool_id: tool for tool in kept if tool.account_id == owner} for owner in ids},
        shadows={draft.account_id: draft for draft in drafts},
        webhooks={owner: {one.webhook_id: one for one in told if one.account_id == owner} for owner in ids},
        revision=revision,
    )
