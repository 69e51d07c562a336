"""Webhooks: made, read, changed, deleted; what they were told, and what they are told again."""

from typing import Any, Final

from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted
from callgate.entities.webhook import DeliveryState
from callgate.operations.caller import Caller
from callgate.operations.errors import NotFound
from callgate.operations.queries import check_uuid
from callgate.ports import Ids
from callgate.schema.body import CheckUrl
from callgate.schema.errors import invalid, shown
from callgate.schema.webhook import render_delivery, render_webhook, validate_webhook
from callgate.store.errors import TooMany
from callgate.store.open import Store

_SECRET_BYTES: Final = 32  # as long as the output of HMAC-SHA256; more adds nothing


class WebhookOperations:
    """What an owner may ask about webhooks."""

    def __init__(self, store: Store, ids: Ids, check_url: CheckUrl) -> None:
        self._store = store
        self._ids = ids
        self._check_url = check_url

    async def create(self, caller: Caller, body: Json) -> JsonObject:
        """Make a webhook; it hears of what happens from now on. Without secrets it is given one.

        Raises:
            Invalid: with every mistake, or the account has as many as it may.
        """
        given = self._validated(caller, body)
        try:
            webhook = await self._store.create_webhook(
                caller.account.account_id,
                agent_id=given.get("agent_id"),
                url=given["url"],
                secrets=given.get("secrets") or (self._ids.token(_SECRET_BYTES),),
                events=given["events"],
            )
        except TooMany as error:
            raise invalid("non_field_errors", f"the account has {error} webhooks, as many as it may") from None
        return await self.get(caller, webhook.webhook_id)

    async def get(self, caller: Caller, webhook_id: str) -> JsonObject:
        """One webhook.

        Raises:
            NotFound: none of this account.
        """
        found = await self._store.get_webhook(caller.account.account_id, webhook_id.lower())
        if found is None:
            raise _no_webhook(webhook_id)
        return render_webhook(*found)

    async def find(self, caller: Caller, wanted: PageWanted, *, agent_id: str | None) -> PageFound[Json]:
        """The webhooks, newest first; `agent_id`: only those of this agent.

        Raises:
            Invalid: no such id can be.
        """
        if agent_id is not None:
            agent_id = check_uuid("agentId", agent_id)
        found = await self._store.list_webhooks(caller.account.account_id, wanted, agent_id=agent_id)
        return found.each(lambda one: render_webhook(*one))

    async def update(self, caller: Caller, webhook_id: str, body: Json, *, partial: bool) -> JsonObject:
        """Change a webhook: by a PATCH what it names, by a PUT `url` and `events` at least.

        It keeps its secrets unless others are given.

        Raises:
            NotFound: none of this account.
            Invalid: with every mistake.
        """
        await self.get(caller, webhook_id)
        given = self._validated(caller, body, partial=partial)
        await self._store.update_webhook(caller.account.account_id, webhook_id.lower(), given)
        return await self.get(caller, webhook_id)

    async def delete(self, caller: Caller, webhook_id: str) -> None:
        """Delete a webhook, and whatever waits for it.

        Raises:
            NotFound: none of this account.
        """
        if not await self._store.delete_webhook(caller.account.account_id, webhook_id.lower()):
            raise _no_webhook(webhook_id)

    async def deliveries(
        self, caller: Caller, webhook_id: str, wanted: PageWanted, *, state: str | None
    ) -> PageFound[Json]:
        """What a webhook was told or is to be told, newest first.

        Raises:
            NotFound: no such webhook of this account.
            Invalid: no such state.
        """
        if state is not None and state not in tuple(DeliveryState):
            raise invalid("state", f"expected one of {', '.join(DeliveryState)}: {shown(state)}")
        await self.get(caller, webhook_id)
        found = await self._store.list_deliveries(
            webhook_id.lower(), wanted, state=None if state is None else DeliveryState(state)
        )
        return found.each(lambda one: render_delivery(*one))

    async def redeliver(self, caller: Caller, webhook_id: str, delivery_id: str) -> JsonObject:
        """Have a webhook told again, or at once when it waits to be told.

        Raises:
            NotFound: no such webhook of this account, or it was never to be told that.
        """
        await self.get(caller, webhook_id)
        found = await self._store.redeliver(webhook_id.lower(), delivery_id.lower())
        if found is None:
            raise NotFound(f"no such delivery: {delivery_id[:60]}")
        return render_delivery(*found)

    def _validated(self, caller: Caller, body: Json, *, partial: bool = False) -> dict[str, Any]:
        agents = self._store.snapshot.agents_of(caller.account.account_id)
        return validate_webhook(body, agents=agents, check_url=self._check_url, partial=partial)


def _no_webhook(webhook_id: str) -> NotFound:
    return NotFound(f"no such webhook: {webhook_id[:60]}")
