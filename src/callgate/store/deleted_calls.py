"""Calls that are deleted, and what stays of each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, exists, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.call import Call, CallTombstone
from callgate.entities.page import Mark, PageFound, PageWanted
from callgate.entities.webhook import DeliveryState
from callgate.schema.call import MAX_DURATION
from callgate.store.base import PIECE_ROWS
from callgate.store.call_filter import CallFilter, wanted_of
from callgate.store.errors import CallElsewhere
from callgate.store.outbox import Outbox
from callgate.store.pages import Order
from callgate.store.rows import call_of, tombstone_of, tombstone_row
from callgate.store.tables import (
    call_events,
    call_stages,
    calls,
    deleted_calls,
    deliveries,
    messages,
    nodes,
    outbox,
    sip_logs,
)

# What hangs on calls and may be much, with the key of its rows.
_MANY: Final = ((messages, ("call_id", "position")), (call_events, ("event_number",)))

_LAST_FIRST: Final = Order(deleted_calls.c.deleted, deleted_calls.c.call_id, descending=True)


class DeletedCalls(Outbox):
    """The verbs on deleting calls and on what was deleted."""

    async def delete_call(self, account_id: str, call_id: str) -> bool:
        """Delete a call with all that was said in it; a tombstone stays. ``False`` when there is none.

        Of what webhooks hear of it, only what has not been delivered yet stays.

        Raises:
            CallElsewhere: it is in progress at another node.
        """
        mine = (calls.c.call_id == call_id) & (calls.c.account_id == account_id)
        found = await self._one(select(calls.c.ended, calls.c.node_id).where(mine))
        if found is None:
            return False
        elsewhere = found["ended"] is None and found["node_id"] not in (None, self.node_id)
        its_node = select(nodes.c.node_id).where(nodes.c.node_id == found["node_id"])
        if elsewhere and await self._one(its_node) is not None:  # a dead node has no row
            raise CallElsewhere
        return bool(await self.delete_calls([call_id]))

    async def delete_calls(self, call_ids: Sequence[str]) -> int:
        """Delete some calls at once, likewise; how many there were.

        What may be much is deleted a little at a time before: whoever waits for a call to be written waits no longer
        than for one such piece.
        """
        for table, names in _MANY:
            key = [table.c[name] for name in names]
            its = table.c.call_id.in_(call_ids)
            if await self._count(select(table).where(its), PIECE_ROWS + 1) > PIECE_ROWS:
                piece = select(*key).where(its).limit(PIECE_ROWS)
                await self._in_pieces(delete(table).where(tuple_(*key).in_(piece)))

        async def work(connection: AsyncConnection) -> int:
            these = delete(calls).where(calls.c.call_id.in_(call_ids)).returning(calls)
            rows = (await connection.execute(these)).mappings().all()  # others may delete them at the same time
            gone = [tombstone_row(tombstone_of_call(call_of(row), self._clock.now())) for row in rows]
            for table in (messages, call_events, call_stages, sip_logs):
                await connection.execute(delete(table).where(table.c.call_id.in_(call_ids)))
            await self._forget(connection, outbox.c.call_id.in_(call_ids))
            if gone:
                await connection.execute(insert(deleted_calls), gone)
            return len(gone)

        return await self._writer.run(work)

    async def get_deleted_call(self, account_id: str, call_id: str) -> CallTombstone | None:
        """What stays of one call."""
        mine = (deleted_calls.c.call_id == call_id) & (deleted_calls.c.account_id == account_id)
        row = await self._one(select(deleted_calls).where(mine))
        return None if row is None else tombstone_of(row)

    async def list_deleted_calls(
        self, account_id: str, wanted: PageWanted, filter: CallFilter
    ) -> PageFound[CallTombstone]:
        """What stays of deleted calls, those deleted last first.

        Args:
            account_id: whose.
            wanted: which page.
            filter: which; it names no metadata, for none is kept.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        mine = select(deleted_calls).where(wanted_of(deleted_calls, account_id, filter))
        return (await self._page(mine, _LAST_FIRST, wanted)).each(tombstone_of)

    async def calls_to_delete(self, *, days: int, rows_max: int, limit: int) -> list[str]:
        """Ids of some calls that are over and need not be kept any longer.

        Those with the policy to delete them once nobody is to hear of them any more; then those that are older than
        `days`; then what an account has beyond its newest `rows_max`.

        Args:
            days: since they were made; 0: for ever.
            rows_max: of each account; 0: as many as there are.
            limit: at most.
        """
        over = calls.c.ended.is_not(None)
        untold = (
            select(outbox.c.event_id)
            .join(deliveries, deliveries.c.event_id == outbox.c.event_id)
            .where(outbox.c.call_id == calls.c.call_id, deliveries.c.state == DeliveryState.WAITING.value)
        )
        themselves = select(calls.c.call_id).where(calls.c.auto_delete, over, ~exists(untold)).order_by(calls.c.ended)
        found = [row["call_id"] for row in await self._read(themselves.limit(limit))]
        for account in self.snapshot.accounts:
            oldest_first = (
                select(calls.c.call_id)
                .where(calls.c.account_id == account.account_id, over)
                .order_by(calls.c.created, calls.c.call_id)
            )
            if days and len(found) < limit:
                before = self._clock.now() - timedelta(days=days)
                too_old = oldest_first.where(calls.c.created < before).limit(limit - len(found))
                found += [row["call_id"] for row in await self._read(too_old)]
            if rows_max and len(found) < limit:
                mine = select(calls).where(calls.c.account_id == account.account_id)
                too_many = await self._count(mine, rows_max + limit) - rows_max
                if too_many > 0:
                    rows = await self._read(oldest_first.limit(min(too_many, limit - len(found))))
                    found += [row["call_id"] for row in rows]
        return list(dict.fromkeys(found))

    async def prune_deleted_calls(self, *, days: int, rows_max: int) -> int:
        """Remove what stays of deleted calls when it is older than `days`, or beyond an account's newest `rows_max`.

        Returns:
            How many they were.
        """
        column, removed = deleted_calls.c, 0
        for account in self.snapshot.accounts:
            mine = column.account_id == account.account_id
            unwanted = []
            if days:
                unwanted.append(column.deleted < self._clock.now() - timedelta(days=days))
            if rows_max:
                newest = select(deleted_calls).where(mine).order_by(column.deleted.desc(), column.call_id.desc())
                first_too_many = await self._one(newest.offset(rows_max).limit(1))
                if first_too_many is not None:
                    mark = Mark(_LAST_FIRST.key_of(first_too_many), inclusive=True)
                    unwanted.append(_LAST_FIRST.beyond(PageWanted(1, mark)))
            for condition in unwanted:
                piece = select(column.call_id).where(mine, condition).limit(PIECE_ROWS)
                removed += await self._in_pieces(delete(deleted_calls).where(column.call_id.in_(piece)))
        return removed


def tombstone_of_call(call: Call, deleted: datetime) -> CallTombstone:
    """What stays of a call."""
    settings: dict[str, Any] = call.settings
    voice, max_duration = settings.get("voice"), settings.get("maxDuration")
    return CallTombstone(
        call_id=call.call_id,
        account_id=call.account_id,
        deleted=deleted,
        created=call.created,
        joined=call.joined,
        ended=call.ended,
        end_reason=call.end_reason,
        agent_id=call.agent_id,
        agent_name=call.agent_name,
        voice=voice if isinstance(voice, str) else None,
        max_duration=max_duration if isinstance(max_duration, str) else MAX_DURATION,
        recording_enabled=settings.get("recordingEnabled") is True,
    )
