"""Webhooks and deliveries as the API takes and shows them."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from callgate.entities.json import Json, JsonObject
from callgate.entities.webhook import Delivery, DeliveryState, Webhook, WebhookHealth
from callgate.schema.body import Body, CheckUrl, GuardedUrl, OwnAgentId, read
from callgate.schema.call import timestamp

URL_CHARACTERS_MAX: Final = 200  # the public limit
SECRETS_MAX: Final = 10
SECRET_CHARACTERS_MAX: Final = 120  # the public limit

_Event = Literal["call.started", "call.joined", "call.ended", "call.billed"]
_Secret = Annotated[str, Field(min_length=1, max_length=SECRET_CHARACTERS_MAX)]


def _short(url: str) -> str:
    if len(url) > URL_CHARACTERS_MAX:
        raise ValueError(f"longer than {URL_CHARACTERS_MAX} characters: {len(url)}")
    return url


_Url = Annotated[
    GuardedUrl,
    AfterValidator(_short),
    WithJsonSchema({"type": "string", "format": "uri", "maxLength": URL_CHARACTERS_MAX}),
]


class WebhookPatch(Body):
    """A webhook as a PATCH changes it: only what it names."""

    read_only: ClassVar[frozenset[str]] = frozenset(
        ("webhookId", "created", "status", "lastStatusChange", "recentFailures")
    )
    null_is_absent: ClassVar[bool] = False

    agent_id: OwnAgentId | None = None
    url: _Url = ""
    secrets: Annotated[list[_Secret], Field(max_length=SECRETS_MAX)] = []
    events: list[_Event] = []


class WebhookBody(WebhookPatch):
    """A webhook as it is made or replaced."""

    url: _Url
    events: list[_Event]


def validate_webhook(
    body: Json, *, agents: Collection[str], check_url: CheckUrl | None = None, partial: bool = False
) -> dict[str, Any]:
    """What a body sets of a webhook, by the names of its attributes; without secrets when it gives none.

    Args:
        body: as it came.
        agents: ids of the account's living agents.
        check_url: the deployment's guard of URLs.
        partial: of a PATCH, where everything may be left out.

    Raises:
        Invalid: with every mistake.
    """
    model = WebhookPatch if partial else WebhookBody
    found = read(model, body, {"agents": agents, "check_url": check_url}).model_dump(exclude_unset=True)
    secrets = found.pop("secrets", ())
    if secrets:
        found["secrets"] = tuple(secrets)
    if "events" in found:
        found["events"] = tuple(dict.fromkeys(found["events"]))
    return found


def render_webhook(webhook: Webhook, health: WebhookHealth) -> JsonObject:
    """The public Webhook; the latest failure first."""
    return {
        "webhookId": webhook.webhook_id,
        "agentId": webhook.agent_id,
        "created": timestamp(webhook.created),
        "url": webhook.url,
        "secrets": list(webhook.secrets),
        "events": list(webhook.events),
        "status": "unhealthy" if health.unhealthy else "normal",
        "lastStatusChange": timestamp(health.changed),
        "recentFailures": [
            {"timestamp": timestamp(failure.at), "failure": failure.words} for failure in reversed(health.failures)
        ],
    }


def render_delivery(delivery: Delivery, at: datetime) -> JsonObject:
    """An event on its way to a webhook; `at`: when it happened."""
    return {
        "deliveryId": delivery.event_id,
        "event": delivery.event,
        "callId": delivery.call_id,
        "created": timestamp(at),
        "state": delivery.state.value,
        "tries": delivery.tries,
        "lastTry": timestamp(delivery.tried),
        "nextTry": timestamp(delivery.due) if delivery.state is DeliveryState.WAITING else None,
        "failure": delivery.failure or None,
    }
