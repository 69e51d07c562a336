from datetime import UTC, datetime, timedelta

from callgate.core.webhook.health import FAILED_IN_ROW_MAX, FAILURES_KEPT, after_failure, after_success
from callgate.entities.webhook import WebhookHealth

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_failures_in_a_row_make_it_unhealthy_and_one_success_makes_it_normal() -> None:
    health = WebhookHealth()
    for minute in range(FAILED_IN_ROW_MAX - 1):
        health = after_failure(health, at(minute), "answered 500", given_up=False)
        assert (health.unhealthy, health.changed) == (False, None)
    health = after_failure(health, at(10), "answered 500", given_up=False)
    assert (health.unhealthy, health.changed) == (True, at(10))
    health = after_failure(health, at(11), "answered 500", given_up=True)
    assert health.changed == at(10)  # it has not changed again
    health = after_success(health, at(12))
    assert (health.unhealthy, health.changed, health.failed_in_row) == (False, at(12), 0)
    assert len(health.failures) == FAILED_IN_ROW_MAX + 1  # what happened has happened
    assert after_success(health, at(13)) == health


def test_a_success_between_failures_is_enough() -> None:
    health = WebhookHealth()
    for minute in range(40):
        health = after_failure(health, at(minute), "answered 500", given_up=False)
        if minute % (FAILED_IN_ROW_MAX - 1) == 3:
            health = after_success(health, at(minute))
    assert not health.unhealthy


def test_an_event_given_up_is_enough_by_itself() -> None:
    health = after_failure(WebhookHealth(), NOW, "answered 500", given_up=True)
    assert (health.unhealthy, health.changed) == (True, NOW)


def test_the_last_failures_are_kept_in_few_words() -> None:
    health = WebhookHealth()
    for number in range(FAILURES_KEPT + 5):
        health = after_failure(health, at(number), f"{number}" + "x" * 1_000, given_up=False)
    assert [one.at for one in health.failures] == [at(number) for number in range(5, FAILURES_KEPT + 5)]
    assert all(len(one.words) == 300 for one in health.failures)
