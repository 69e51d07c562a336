"""Which endpoints an event goes to: settled when it happens, from what is configured at that moment."""

from collections.abc import Iterable

from callgate.entities.call import OutboxEvent
from callgate.entities.webhook import CALLBACK, Delivery, Webhook


def deliveries_of(event: OutboxEvent, webhooks: Iterable[Webhook]) -> tuple[Delivery, ...]:
    """The deliveries that an event begins, due at once.

    Args:
        event: its payload says which agent it is about, and which callbacks the call has.
        webhooks: those of the account.
    """
    agent_id = event.payload.get("agentId")
    wanted = [
        _delivery(event, webhook.webhook_id)
        for webhook in webhooks
        if event.event in webhook.events and webhook.agent_id in (None, agent_id)
    ]
    url, _ = callback_of(event)
    return (*wanted, _delivery(event, CALLBACK, url)) if url else tuple(wanted)


def callback_of(event: OutboxEvent) -> tuple[str, tuple[str, ...]]:
    """The URL and the secrets of the callback that the call itself names for an event; empty when it names none."""
    callbacks = event.payload.get("callbacks")
    one = callbacks.get(event.event.removeprefix("call.")) if isinstance(callbacks, dict) else None
    if not isinstance(one, dict):
        return "", ()
    url, secrets = one.get("url"), one.get("secrets")
    return str(url or ""), tuple(map(str, secrets)) if isinstance(secrets, list) else ()


def _delivery(event: OutboxEvent, endpoint: str, url: str = "") -> Delivery:
    return Delivery(event.event_id, endpoint, event.account_id, event.call_id, event.event, event.at, url=url)
