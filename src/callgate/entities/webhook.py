"""Who is told of calls: an account's webhooks, and the events on their way to them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

EVENTS: Final = ("call.started", "call.joined", "call.ended", "call.billed")
"""What is told of a call, in the order in which it happens; of each call every one happens once at most."""

CALLBACK: Final = "callback"
"""Stands for the endpoint that a call itself names, where a webhook's id stands else; one event has one at most."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint that an account wants told.

    Attributes:
        webhook_id: UUID, text.
        account_id: whose.
        agent_id: only calls of this agent; ``None``: all.
        created: when, UTC.
        url: http or https, at most 200 characters.
        secrets: 1 to 10; each signs every request, in this order.
        events: of `EVENTS`, those wanted.
        retired: when its agent was deleted, UTC: it only hears how the agent's last calls end. ``None`` otherwise.
    """

    webhook_id: str
    account_id: str
    agent_id: str | None
    created: datetime
    url: str
    secrets: tuple[str, ...]
    events: tuple[str, ...]
    retired: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookFailure:
    """A try that failed.

    Attributes:
        at: when, UTC.
        words: what happened.
    """

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class WebhookHealth:
    """How a webhook fares.

    Attributes:
        unhealthy: whether it fails again and again.
        changed: when that changed last, UTC; ``None``: never.
        failed_in_row: tries that failed since one succeeded.
        failures: the last ones, oldest first.
    """

    unhealthy: bool = False
    changed: datetime | None = None
    failed_in_row: int = 0
    failures: tuple[WebhookFailure, ...] = ()


class DeliveryState(StrEnum):
    """How far an event has come on its way to an endpoint."""

    WAITING = "waiting"  # to be tried, or to be tried again
    DELIVERED = "delivered"
    FAILED = "failed"  # given up; only asked for by hand is it tried again


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to one endpoint.

    Attributes:
        event_id: UUID, text; sorts by time.
        endpoint: id of a webhook, or `CALLBACK`.
        account_id: whose.
        call_id: about which call.
        event: one of `EVENTS`.
        due: not to be tried before, UTC.
        state: how far it has come.
        tries: made so far; they begin anew when it is asked for by hand.
        tried: when the last one was made, UTC; ``None``: none yet.
        failure: why the last one failed, in words; empty when it did not.
        url: of a callback; a webhook's is looked up when it is tried.
    """

    event_id: str
    endpoint: str
    account_id: str
    call_id: str
    event: str
    due: datetime
    state: DeliveryState = DeliveryState.WAITING
    tries: int = 0
    tried: datetime | None = None
    failure: str = ""
    url: str = ""
