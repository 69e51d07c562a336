"""Events that webhooks must hear of, and the way of each to each of its endpoints.

Both are written with the fact itself, so that nothing is lost between them; an event that nobody is to hear of is not
kept. What becomes of a delivery is queued: a try that a kill takes out of the record is made again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.core.webhook.recipients import deliveries_of
from callgate.entities.call import OutboxEvent
from callgate.entities.page import PageFound, PageWanted
from callgate.entities.webhook import Delivery, DeliveryState
from callgate.store.base import PIECE_ROWS, PIECES_APART_S, StorePart
from callgate.store.groups import Rows, delivery_changes
from callgate.store.nodes import is_alive, of_the_dead
from callgate.store.pages import Order
from callgate.store.rows import delivery_of, delivery_row, outbox_of, outbox_row
from callgate.store.tables import deliveries, outbox

# Deliveries taken over in one transaction, each named by both parts of its key.
_ADOPTED_AT_A_TIME: Final = 250
_WAITING: Final = deliveries.c.state == DeliveryState.WAITING.value
_ORDER: Final = (deliveries.c.event_id, deliveries.c.endpoint)


class Outbox(StorePart):
    """The verbs on events and deliveries. Implements `ports.DeliveryStore` but for health."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.on_waiting: Callable[[Delivery, OutboxEvent | None], None] = lambda delivery, event: None
        """Told what is to be delivered once that is committed; without the event when it is to be delivered anew."""

    async def _commit(self, facts: Rows, events: Sequence[OutboxEvent]) -> None:
        """Write facts and what is to be told of them, in one transaction."""
        waiting = [
            (delivery, event)
            for event in events
            for delivery in deliveries_of(event, self.snapshot.webhooks_of(event.account_id).values())
        ]
        if waiting:
            wanted = {event.event_id: event for _, event in waiting}
            facts = {
                **facts,
                "outbox": [outbox_row(event) for event in wanted.values()],
                "deliveries": [{**delivery_row(delivery), "node_id": self.node_id} for delivery, _ in waiting],
            }
        await self._writer.commit(facts)
        for delivery, event in waiting:
            self.on_waiting(delivery, event)

    async def waiting_deliveries(self, after: Delivery | None, *, limit: int) -> list[Delivery]:
        """What this node is to deliver, in the order of events, from behind `after`."""
        wanted: ColumnElement[bool] = _WAITING & (deliveries.c.node_id == self.node_id)
        if after is not None:
            wanted &= tuple_(*_ORDER) > (after.event_id, after.endpoint)
        rows = await self._read(select(deliveries).where(wanted).order_by(*_ORDER).limit(limit))
        return [delivery_of(row) for row in rows]

    async def outbox_event(self, event_id: str) -> OutboxEvent | None:
        """One event."""
        row = await self._one(select(outbox).where(outbox.c.event_id == event_id))
        return None if row is None else outbox_of(row)

    def delivery_tried(self, delivery: Delivery) -> None:
        """Queue what came of a try."""
        self._writer.queue("tried", delivery_changes(delivery_row(delivery)))

    async def list_deliveries(
        self, webhook_id: str, wanted: PageWanted, *, state: DeliveryState | None
    ) -> PageFound[tuple[Delivery, datetime]]:
        """What a webhook was to hear and when it happened, newest first.

        Args:
            webhook_id: which.
            wanted: which page.
            state: only those that have come this far.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        its: ColumnElement[bool] = deliveries.c.endpoint == webhook_id
        if state is not None:
            its &= deliveries.c.state == state.value
        both = select(deliveries, outbox.c.at).join_from(deliveries, outbox, outbox.c.event_id == deliveries.c.event_id)
        found = await self._page(both.where(its), Order(deliveries.c.event_id, descending=True), wanted)
        return found.each(lambda row: (delivery_of(row), row["at"]))

    async def redeliver(self, webhook_id: str, event_id: str) -> tuple[Delivery, datetime] | None:
        """Have an event delivered to a webhook again, or now; ``None`` when it was never to hear of it.

        What had been delivered or given up is tried from the beginning; what waits keeps its tries.
        """
        now = self._clock.now()
        this = (deliveries.c.event_id == event_id) & (deliveries.c.endpoint == webhook_id)
        both = select(deliveries, outbox.c.at).join_from(deliveries, outbox, outbox.c.event_id == deliveries.c.event_id)

        async def work(connection: AsyncConnection) -> tuple[Delivery, datetime, str] | None:
            row = (await connection.execute(both.where(this).with_for_update())).mappings().one_or_none()
            if row is None:
                return None
            delivery, maker = delivery_of(row), self.node_id
            if delivery.state is DeliveryState.WAITING:
                again = replace(delivery, due=now)
                if await is_alive(connection, row["node_id"]):
                    maker = row["node_id"]  # who has it in a queue, behind what happened before
            else:
                again = replace(delivery, state=DeliveryState.WAITING, tries=0, due=now)
            await connection.execute(update(deliveries).where(this).values({**delivery_row(again), "node_id": maker}))
            if maker != self.node_id:
                await self._database.tell(connection, maker, event_id, webhook_id)
            return again, row["at"], maker

        def committed(found: tuple[Delivery, datetime, str] | None) -> None:
            if found is not None and found[2] == self.node_id:
                self.on_waiting(found[0], None)

        found = await self._writer.run(work, committed)
        return None if found is None else found[:2]

    async def delivery_wanted(self, event_id: str, endpoint: str) -> None:
        """Make a delivery of this node at once; another node was asked for it."""
        this = (deliveries.c.event_id == event_id) & (deliveries.c.endpoint == endpoint)
        row = await self._one(select(deliveries).where(this, _WAITING, deliveries.c.node_id == self.node_id))
        if row is not None:
            self.on_waiting(delivery_of(row), None)

    async def adopt_deliveries(self) -> int:
        """Take over what dead nodes, or an earlier run of this one, were to deliver; how many.

        What has been tried and not marked is tried again. A little at a time: calls that are being written wait no
        longer than for one such piece.
        """
        theirs = select(deliveries).where(_WAITING, of_the_dead(deliveries.c.node_id, self.node_id))
        free = theirs.order_by(*_ORDER).limit(_ADOPTED_AT_A_TIME).with_for_update(skip_locked=True)

        async def work(connection: AsyncConnection) -> list[Delivery]:
            adopted = [delivery_of(row) for row in (await connection.execute(free)).mappings()]
            this = tuple_(*_ORDER).in_([(one.event_id, one.endpoint) for one in adopted])
            await connection.execute(update(deliveries).where(this).values(node_id=self.node_id))
            return adopted

        def committed(adopted: list[Delivery]) -> None:
            for delivery in adopted:
                self.on_waiting(delivery, None)

        count = 0
        while adopted := await self._writer.run(work, committed):
            count += len(adopted)
        return count

    async def prune_outbox(self, *, days: int, rows_max: int = 0) -> int:
        """Remove events that nobody waits for and that are old or too many; how many were looked at.

        A little at a time: calls that are being written wait no longer than for one such piece.

        Args:
            days: those older than this are old.
            rows_max: those beyond the newest so many are too many; 0: none are.
        """
        before = self._clock.now() - timedelta(days=days)
        first_too_many = ""
        if rows_max:
            newest = select(outbox.c.event_id).order_by(outbox.c.event_id.desc())
            row = await self._one(newest.offset(rows_max).limit(1))
            first_too_many = "" if row is None else row["event_id"]
        looked_at, after = 0, ""
        while True:
            rows = await self._read(
                select(outbox.c.event_id, outbox.c.at)
                .where(outbox.c.event_id > after)
                .order_by(outbox.c.event_id)
                .limit(PIECE_ROWS)
            )
            old = [row["event_id"] for row in rows if row["at"] < before or row["event_id"] <= first_too_many]
            if not old:
                return looked_at
            piece = outbox.c.event_id.in_(old)

            async def work(connection: AsyncConnection, piece: ColumnElement[bool] = piece) -> None:
                await self._forget(connection, piece)

            await self._writer.run(work)
            await asyncio.sleep(PIECES_APART_S)
            looked_at, after = looked_at + len(old), old[-1]

    @staticmethod
    async def _forget(connection: AsyncConnection, which: ColumnElement[bool]) -> None:
        """Remove events, but for those that somebody is still to hear of."""
        waiting = exists().where(
            deliveries.c.event_id == outbox.c.event_id, deliveries.c.state == DeliveryState.WAITING.value
        )
        done = select(outbox.c.event_id).where(which, ~waiting)
        await connection.execute(delete(deliveries).where(deliveries.c.event_id.in_(done)))
        await connection.execute(delete(outbox).where(outbox.c.event_id.in_(done)))
