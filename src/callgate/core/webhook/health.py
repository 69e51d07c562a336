"""When a webhook counts as unhealthy, and as normal again."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from callgate.entities.webhook import WebhookFailure, WebhookHealth

# Fewer happen whenever a server is started anew; with this many something is to be looked at.
FAILED_IN_ROW_MAX: Final = 5
FAILURES_KEPT: Final = 10  # one screen of them
_WORDS_CHARACTERS_MAX: Final = 300


def after_success(health: WebhookHealth, now: datetime) -> WebhookHealth:
    """An event was taken: whatever was, the webhook works."""
    changed = now if health.unhealthy else health.changed
    return replace(health, unhealthy=False, changed=changed, failed_in_row=0)


def after_failure(health: WebhookHealth, now: datetime, words: str, *, given_up: bool) -> WebhookHealth:
    """A try failed.

    Args:
        health: so far.
        now: when, UTC.
        words: what happened.
        given_up: whether an event was given up with it, which is enough by itself.
    """
    in_row = health.failed_in_row + 1
    unhealthy = health.unhealthy or given_up or in_row >= FAILED_IN_ROW_MAX
    return WebhookHealth(
        unhealthy=unhealthy,
        changed=health.changed if unhealthy == health.unhealthy else now,
        failed_in_row=in_row,
        failures=(*health.failures, WebhookFailure(now, words[:_WORDS_CHARACTERS_MAX]))[-FAILURES_KEPT:],
    )
