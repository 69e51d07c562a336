"""Accounts as whoever runs the server sees them: all of them, changed, deleted, and noticed by running nodes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Table, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.account import Account
from callgate.store.base import StorePart
from callgate.store.loading import load_configuration
from callgate.store.revision import REVISION, count_change
from callgate.store.rows import account_of, account_row
from callgate.store.snapshot import Configuration
from callgate.store.tables import (
    accounts,
    agents,
    api_keys,
    call_events,
    call_stages,
    call_throttle_uses,
    call_throttles,
    calls,
    decisions,
    deleted_calls,
    deliveries,
    messages,
    outbox,
    sip_config_versions,
    sip_shadow_tallies,
    sip_shadows,
    tools,
    webhooks,
)

# Rows removed in one transaction, or calls with all that was said in them: some 10 ms, for which living calls wait.
_REMOVED_AT_A_TIME: Final = 100

# What belongs to a call, to a throttle and to a shadow, by the column that says to which.
_PARTS: Final[Mapping[Table, tuple[Table, ...]]] = {
    calls: (messages, call_events, call_stages),
    call_throttles: (call_throttle_uses,),
    sip_shadows: (sip_shadow_tallies,),
}
# Everything that names its account, what is largest first, and the column by which a piece of it is told.
_OWNED: Final[tuple[tuple[Table, str], ...]] = (
    (calls, "call_id"),
    (decisions, "decision_id"),
    (deliveries, "event_id"),
    (outbox, "event_id"),
    (deleted_calls, "call_id"),
    (sip_config_versions, "number"),
    (sip_shadows, "shadow_id"),
    (agents, "agent_id"),
    (tools, "tool_id"),
    (webhooks, "webhook_id"),
    (call_throttles, "throttle_id"),
    (api_keys, "digest"),
)


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account, and what there is of it.

    Attributes:
        account: itself.
        deleting: whether what is left of it is being removed.
        calls: kept, those in progress among them.
        calls_open: in progress.
        keys: that there are, the spent ones too.
    """

    account: Account
    deleting: bool
    calls: int
    calls_open: int
    keys: int


class AccountAdministration(StorePart):
    """The verbs of whoever runs the server. They may be used from another process than the node's."""

    async def known_accounts(self) -> list[KnownAccount]:
        """All accounts, the oldest first, with what there is of each."""
        held = await self._by_account(calls)
        going_on = await self._by_account(calls, calls.c.ended.is_(None))
        keys = await self._by_account(api_keys)
        rows = await self._read(select(accounts).order_by(accounts.c.created, accounts.c.slug))
        return [
            KnownAccount(
                account_of(row),
                row["deleted"] is not None,
                held.get(row["account_id"], 0),
                going_on.get(row["account_id"], 0),
                keys.get(row["account_id"], 0),
            )
            for row in rows
        ]

    async def change_account(
        self, account_id: str, *, name: str | None = None, limits: Mapping[str, int | None] | None = None
    ) -> Account | None:
        """Change an account; ``None`` when there is none.

        Args:
            account_id: which.
            name: the new one; ``None``: as it was.
            limits: the attributes of its limits that change; ``None`` as a value: the settings say.
        """

        async def work(connection: AsyncConnection) -> Account | None:
            this = and_(accounts.c.account_id == account_id, accounts.c.deleted.is_(None))
            row = (await connection.execute(select(accounts).where(this))).mappings().first()
            if row is None:
                return None
            account = account_of(row)
            changed = replace(
                account,
                name=account.name if name is None else name,
                limits=replace(account.limits, **(limits or {})),
            )
            await connection.execute(update(accounts).where(this).values(account_row(changed)))
            await count_change(connection)
            return changed

        def committed(changed: Account | None) -> None:
            if changed is not None:
                self.snapshot.swap(self.snapshot.now.with_changed_account(changed), account_id)

        return await self._change(account_id, work, committed)

    async def delete_account(self, account_id: str) -> bool:
        """Have an account be no more, its keys and rules with it; ``False`` when there is none.

        What there is of it is removed by `remove_some`: little by little, so that nobody's call waits for it.
        """

        async def work(connection: AsyncConnection) -> Configuration | None:
            this = update(accounts).where(accounts.c.account_id == account_id)
            if not (await connection.execute(this.values(deleted=self._clock.now()))).rowcount:
                return None
            await count_change(connection)
            return await load_configuration(connection)

        def committed(configuration: Configuration | None) -> None:
            if configuration is not None:
                self.snapshot.reload(configuration)

        return await self._change(account_id, work, committed) is not None

    async def remove_some(self, account_id: str, recordings: Callable[[list[str]], None]) -> bool:
        """Remove a piece of what a deleted account has left; ``False``: there was nothing more.

        When nothing is left the account itself goes, and its slug is free. Of a living account nothing is removed.

        Args:
            account_id: which.
            recordings: removes those of calls, by their ids; called in a thread, before the calls themselves go.
        """

        async def work(connection: AsyncConnection) -> bool:
            living = and_(accounts.c.account_id == account_id, accounts.c.deleted.is_(None))
            if (await connection.execute(select(accounts.c.slug).where(living))).first() is not None:
                return False
            for table, name in _OWNED:
                mine = table.c.account_id == account_id
                some = select(table.c[name]).where(mine).limit(_REMOVED_AT_A_TIME)
                found = list((await connection.execute(some)).scalars())
                if not found:
                    continue
                if table is calls:
                    await asyncio.to_thread(recordings, found)
                for part in _PARTS.get(table, ()):
                    await connection.execute(delete(part).where(part.c[name].in_(found)))
                await connection.execute(delete(table).where(mine, table.c[name].in_(found)))
                return True
            gone = and_(accounts.c.account_id == account_id, accounts.c.deleted.is_not(None))
            await connection.execute(delete(accounts).where(gone))
            return False

        return await self._writer.run(work)

    async def follow(self) -> tuple[str, ...]:
        """Put in force what other processes have changed; ids of the accounts that are others now, or no more."""
        row = await self._one(REVISION)
        if row is not None and row["number"] == self.snapshot.now.revision:
            return ()
        changed: list[str] = []

        def committed(configuration: Configuration) -> None:
            changed.extend(self.snapshot.reload(configuration))

        await self._writer.run(load_configuration, committed)
        return tuple(changed)

    async def _by_account(self, table: Table, *wanted: ColumnElement[bool]) -> dict[str, int]:
        query = select(table.c.account_id, func.count().label("number")).where(*wanted).group_by(table.c.account_id)
        return {row["account_id"]: row["number"] for row in await self._read(query)}
