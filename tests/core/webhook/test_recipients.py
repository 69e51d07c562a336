from datetime import UTC, datetime
from typing import Any

from callgate.core.webhook.recipients import callback_of, deliveries_of
from callgate.entities.call import OutboxEvent
from callgate.entities.webhook import CALLBACK, EVENTS, Webhook

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_webhook(name: str, *events: str, agent_id: str | None = None) -> Webhook:
    return Webhook(name, "account", agent_id, NOW, "https://a.example", ("s",), events or EVENTS)


def an_event(name: str, **payload: Any) -> OutboxEvent:
    return OutboxEvent("event", "account", "call", name, NOW, payload)


def endpoints(event: OutboxEvent, *webhooks: Webhook) -> list[str]:
    return [one.endpoint for one in deliveries_of(event, webhooks)]


def test_a_webhook_hears_what_it_asked_for() -> None:
    all_, joins, nothing = a_webhook("all"), a_webhook("joins", "call.joined"), a_webhook("none", "call.billed")
    assert endpoints(an_event("call.joined"), all_, joins, nothing) == ["all", "joins"]
    assert endpoints(an_event("call.started"), joins) == []


def test_a_webhook_of_an_agent_hears_of_its_calls_only() -> None:
    mine, everybodys = a_webhook("mine", agent_id="a"), a_webhook("everybody's")
    assert endpoints(an_event("call.ended", agentId="a"), mine, everybodys) == ["mine", "everybody's"]
    assert endpoints(an_event("call.ended", agentId="b"), mine, everybodys) == ["everybody's"]
    assert endpoints(an_event("call.ended", agentId=None), mine, everybodys) == ["everybody's"]


def test_a_call_names_callbacks_of_its_own() -> None:
    callbacks = {"joined": {"url": "https://j.example", "secrets": ["a", "b"]}, "ended": {"url": "https://e.example"}}
    joined = an_event("call.joined", callbacks=callbacks)
    (delivery,) = deliveries_of(joined, ())
    assert (delivery.endpoint, delivery.url, delivery.due) == (CALLBACK, "https://j.example", NOW)
    assert callback_of(joined) == ("https://j.example", ("a", "b"))
    assert callback_of(an_event("call.ended", callbacks=callbacks)) == ("https://e.example", ())
    for event in ("call.started", "call.billed"):
        assert endpoints(an_event(event, callbacks=callbacks)) == []
    assert endpoints(an_event("call.joined", callbacks={"joined": {"secrets": ["a"]}})) == []
    assert endpoints(joined, a_webhook("all")) == ["all", CALLBACK]
