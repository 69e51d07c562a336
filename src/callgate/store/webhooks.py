"""Webhooks that accounts keep, and how each of them fares."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.page import PageFound, PageWanted
from callgate.entities.webhook import DeliveryState, Webhook, WebhookHealth
from callgate.store.base import PIECE_ROWS, StorePart
from callgate.store.errors import TooMany
from callgate.store.groups import health_changes
from callgate.store.pages import Order
from callgate.store.rows import health_of, health_row, webhook_of, webhook_row
from callgate.store.tables import deliveries, webhooks

WEBHOOKS_MAX: Final = 100  # of an account: every event is compared with each of them


class WebhookStore(StorePart):
    """The verbs on webhooks. One that is retired is in the snapshot, but not shown."""

    async def create_webhook(
        self, account_id: str, *, agent_id: str | None, url: str, secrets: tuple[str, ...], events: tuple[str, ...]
    ) -> Webhook:
        """Make a webhook; it hears of what happens from now on.

        Raises:
            TooMany: the account has `WEBHOOKS_MAX`.
        """
        webhook = Webhook(self._ids.uuid(), account_id, agent_id, self._clock.now(), url, secrets, events)

        async def work(connection: AsyncConnection) -> None:
            mine = self.snapshot.webhooks_of(account_id).values()
            if sum(one.retired is None for one in mine) >= WEBHOOKS_MAX:
                raise TooMany(str(WEBHOOKS_MAX))
            await connection.execute(insert(webhooks), [{**webhook_row(webhook), **health_row(WebhookHealth())}])

        def committed(nothing: None) -> None:
            self.snapshot.swap(self.snapshot.now.with_webhook(webhook), account_id)

        await self._change(account_id, work, committed)
        return webhook

    async def update_webhook(self, account_id: str, webhook_id: str, changes: Mapping[str, Any]) -> Webhook | None:
        """Change attributes of a webhook by their names; ``None`` when there is none.

        What waits for it goes to its new URL, signed with its new secrets.
        """

        async def work(connection: AsyncConnection) -> Webhook | None:
            webhook = self._living(account_id, webhook_id)
            if webhook is None:
                return None
            changed = replace(webhook, **changes)
            this = webhooks.c.webhook_id == webhook_id
            await connection.execute(update(webhooks).where(this).values(webhook_row(changed)))
            return changed

        def committed(changed: Webhook | None) -> None:
            if changed is not None:
                self.snapshot.swap(self.snapshot.now.with_webhook(changed), account_id)

        return await self._change(account_id, work, committed)

    async def delete_webhook(self, account_id: str, webhook_id: str) -> bool:
        """Delete a webhook and whatever it was to hear; ``False`` when there is none.

        The latter a little at a time: calls that are being written wait no longer than for one such piece.
        """

        async def work(connection: AsyncConnection) -> bool:
            if self._living(account_id, webhook_id) is None:
                return False
            await connection.execute(delete(webhooks).where(webhooks.c.webhook_id == webhook_id))
            return True

        def committed(deleted: bool) -> None:
            if deleted:
                self.snapshot.swap(self.snapshot.now.without_webhook(account_id, webhook_id), account_id)

        if not await self._change(account_id, work, committed):
            return False
        piece = select(deliveries.c.event_id).where(deliveries.c.endpoint == webhook_id).limit(PIECE_ROWS)
        its = (deliveries.c.endpoint == webhook_id) & deliveries.c.event_id.in_(piece)
        await self._in_pieces(delete(deliveries).where(its))
        return True

    async def get_webhook(self, account_id: str, webhook_id: str) -> tuple[Webhook, WebhookHealth] | None:
        """A webhook, and how it fares."""
        row = await self._one(select(webhooks).where(_shown(account_id), webhooks.c.webhook_id == webhook_id))
        return None if row is None else (webhook_of(row), health_of(row))

    async def list_webhooks(
        self, account_id: str, wanted: PageWanted, *, agent_id: str | None = None
    ) -> PageFound[tuple[Webhook, WebhookHealth]]:
        """Webhooks and how they fare, newest first; `agent_id`: only those of this agent.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        shown = _shown(account_id)
        if agent_id is not None:
            shown &= webhooks.c.agent_id == agent_id
        newest_first = Order(webhooks.c.created, webhooks.c.webhook_id, descending=True)
        found = await self._page(select(webhooks).where(shown), newest_first, wanted)
        return found.each(lambda row: (webhook_of(row), health_of(row)))

    async def webhook_healths(self) -> Mapping[str, WebhookHealth]:
        """How every webhook fares, by id."""
        return {row["webhook_id"]: health_of(row) for row in await self._read(select(webhooks))}

    def webhook_fares(self, webhook_id: str, health: WebhookHealth) -> None:
        """Queue how a webhook fares."""
        self._writer.queue("health", health_changes(webhook_id, health_row(health)))

    async def prune_webhooks(self, *, days: int) -> int:
        """Forget webhooks that retired more than `days` ago and have nothing left to hear; how many."""
        before = self._clock.now() - timedelta(days=days)
        waits = exists().where(
            deliveries.c.endpoint == webhooks.c.webhook_id, deliveries.c.state == DeliveryState.WAITING.value
        )
        forgotten = (webhooks.c.retired < before) & ~waits
        rows = await self._read(select(webhooks.c.account_id).where(forgotten).distinct())
        return sum([await self._forget_webhooks(row["account_id"], forgotten) for row in rows])

    async def _forget_webhooks(self, account_id: str, forgotten: ColumnElement[bool]) -> int:
        async def work(connection: AsyncConnection) -> list[str]:
            mine = select(webhooks.c.webhook_id).where(webhooks.c.account_id == account_id, forgotten)
            gone = list(await connection.scalars(mine))
            await connection.execute(delete(webhooks).where(webhooks.c.webhook_id.in_(gone)))
            return gone

        def committed(gone: list[str]) -> None:
            for webhook_id in gone:
                self.snapshot.swap(self.snapshot.now.without_webhook(account_id, webhook_id), account_id)

        gone = await self._change(account_id, work, committed)
        return len(gone)

    def _living(self, account_id: str, webhook_id: str) -> Webhook | None:
        found = self.snapshot.webhooks_of(account_id).get(webhook_id)
        return None if found is None or found.retired is not None else found


def _shown(account_id: str) -> ColumnElement[bool]:
    return (webhooks.c.account_id == account_id) & webhooks.c.retired.is_(None)
