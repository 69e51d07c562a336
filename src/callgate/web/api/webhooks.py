"""`/api/webhooks`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from callgate.schema.webhook import WebhookBody, WebhookPatch
from callgate.web.documented import asked, body_of
from callgate.web.request import Asker, JsonBody, Page, Verbs

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

_Text = str | None


@router.get("")
async def list_webhooks(
    asker: Asker,
    verbs: Verbs,
    paging: Page,
    agent_id: Annotated[_Text, Query(alias="agentId"), asked(format="uuid")] = None,
) -> dict[str, Any]:
    """The webhooks, newest first."""
    return paging.answer(await verbs.webhooks.find(asker, paging.wanted, agent_id=agent_id))


@router.post("", status_code=201, openapi_extra=body_of(WebhookBody))
async def create_webhook(asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Make a webhook; it hears of what happens from now on."""
    return await verbs.webhooks.create(asker, body)


@router.get("/{webhook_id}")
async def get_webhook(webhook_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One webhook."""
    return await verbs.webhooks.get(asker, webhook_id)


@router.put("/{webhook_id}", openapi_extra=body_of(WebhookBody))
async def replace_webhook(webhook_id: str, asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Change a webhook; `agentId` and `secrets` stay when they are left out."""
    return await verbs.webhooks.update(asker, webhook_id, body, partial=False)


@router.patch("/{webhook_id}", openapi_extra=body_of(WebhookPatch, required=False))
async def patch_webhook(webhook_id: str, asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Change what is named of a webhook."""
    return await verbs.webhooks.update(asker, webhook_id, body, partial=True)


@router.delete("/{webhook_id}", status_code=204)
async def delete_webhook(webhook_id: str, asker: Asker, verbs: Verbs) -> None:
    """Delete a webhook, and whatever waits for it."""
    await verbs.webhooks.delete(asker, webhook_id)


@router.get("/{webhook_id}/deliveries")
async def list_deliveries(
    webhook_id: str, asker: Asker, verbs: Verbs, paging: Page, state: _Text = None
) -> dict[str, Any]:
    """What a webhook was told or is to be told, newest first."""
    return paging.answer(await verbs.webhooks.deliveries(asker, webhook_id, paging.wanted, state=state))


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver")
async def redeliver(webhook_id: str, delivery_id: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """Have a webhook told again."""
    return await verbs.webhooks.redeliver(asker, webhook_id, delivery_id)
