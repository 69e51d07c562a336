"""Webhooks over HTTP; what they are told is shown in `tests/webhooks` and in the scenarios."""

from dataclasses import replace
from typing import Any

import pytest

from callgate.entities.webhook import DeliveryState, WebhookFailure, WebhookHealth
from callgate.store import webhooks
from tests.store.facts import a_call, a_record, an_event
from tests.web.conftest import Api
from tests.web.test_calls import NOW

WEBHOOKS = "/api/webhooks"
BODY = {"url": "https://a.example/hook", "events": ["call.started", "call.ended"]}
OTHER_KEY = "ijklmnop." + "z" * 32


async def make(api: Api, **more: Any) -> dict[str, Any]:
    answer = await api.ask("POST", WEBHOOKS, {**BODY, **more})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


async def test_a_webhook_is_made_read_changed_and_deleted(api: Api) -> None:
    made = await make(api)
    assert made.keys() == {
        "webhookId", "agentId", "created", "url", "secrets", "events", "status", "lastStatusChange", "recentFailures",
    }  # fmt: skip
    (secret,) = made["secrets"]
    assert len(secret) == 43  # 32 bytes of chance
    assert (made["agentId"], made["status"], made["lastStatusChange"], made["recentFailures"]) == (
        None, "normal", None, [],
    )  # fmt: skip
    path = f"{WEBHOOKS}/{made['webhookId']}"
    assert (await api.ask("GET", f"{WEBHOOKS}/{made['webhookId'].upper()}")).body == made

    patched = await api.ask("PATCH", path, {"events": ["call.billed"]})
    assert (patched.status, patched.body) == (200, {**made, "events": ["call.billed"]})
    put = await api.ask("PUT", path, {"url": "https://b.example", "events": []})
    assert (put.status, put.body) == (200, {**made, "url": "https://b.example", "events": []})
    assert (await api.ask("PUT", path, {"url": "https://b.example"})).body == {"events": ["required, but absent"]}
    assert (await api.ask("PUT", path, made)).body == made  # what came from a GET may go back
    assert (await api.ask("PATCH", path, {"secrets": ["x", "y"]})).body["secrets"] == ["x", "y"]
    assert (await api.ask("PATCH", path, {"secrets": []})).body["secrets"] == ["x", "y"]
    assert (await api.ask("GET", path)).body == {**made, "secrets": ["x", "y"]}

    assert (await api.ask("DELETE", path)).status == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await api.ask(method, path, BODY if method in ("PUT", "PATCH") else None)
        assert (answer.status, answer.body) == (404, {"detail": f"no such webhook: {made['webhookId']}"})
    assert (await api.ask("GET", f"{path}/deliveries")).status == 404


async def test_of_one_agent(api: Api) -> None:
    agent = await api.agent()
    mine, everybodys = await make(api, agentId=agent), await make(api)
    assert mine["agentId"] == agent

    async def listed(query: str = "") -> list[str]:
        answer = await api.ask("GET", f"{WEBHOOKS}{query}")
        assert answer.status == 200, answer.body
        assert answer.body["total"] == len(answer.body["results"])
        return [one["webhookId"] for one in answer.body["results"]]

    assert await listed() == [everybodys["webhookId"], mine["webhookId"]]
    assert await listed(f"?agentId={agent.upper()}") == [mine["webhookId"]]
    assert await listed("?agentId=11111111-1111-4111-8111-111111111111") == []
    answer = await api.ask("GET", f"{WEBHOOKS}?agentId=me")
    assert (answer.status, answer.body) == (400, {"agentId": ["not a UUID: `me`"]})
    path = f"{WEBHOOKS}/{mine['webhookId']}"
    assert (await api.ask("PATCH", path, {"agentId": None})).body["agentId"] is None
    assert (await api.ask("PATCH", path, {"agentId": agent})).body["agentId"] == agent
    assert (await api.ask("DELETE", f"/api/agents/{agent}")).status == 204
    assert await listed() == [everybodys["webhookId"]]
    assert (await api.ask("GET", path)).status == 404


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://10.0.0.1/hook", "private address"),
        ("https://169.254.169.254/latest", "cloud's credentials"),
        ("http://a.example/hook", "plain http"),
        ("ftp://a.example/hook", "scheme must be https"),
        ("https://u:p@a.example/", "user or password"),
    ],
)
async def test_the_address_is_guarded_when_it_is_saved(api: Api, url: str, words: str) -> None:
    made = await make(api)
    for method, path in (("POST", WEBHOOKS), ("PUT", f"{WEBHOOKS}/{made['webhookId']}")):
        answer = await api.ask(method, path, {**BODY, "url": url})
        assert answer.status == 400
        assert words in answer.body["url"][0]
    answer = await api.ask("PATCH", f"{WEBHOOKS}/{made['webhookId']}", {"url": url})
    assert answer.status == 400
    answer = await api.ask("POST", "/api/calls", {"callbacks": {"ended": {"url": url}}})
    assert words in answer.body["callbacks"]["ended"]["url"][0]


async def test_an_account_has_as_many_as_it_may(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "WEBHOOKS_MAX", 1)
    await make(api)
    answer = await api.ask("POST", WEBHOOKS, BODY)
    assert answer.status == 400
    assert answer.body == {"non_field_errors": ["the account has 1 webhooks, as many as it may"]}


async def test_how_a_webhook_fares(api: Api) -> None:
    made = await make(api)
    failures = (WebhookFailure(NOW, "call.ended of call x: answered 500"), WebhookFailure(NOW, "the last"))
    api.store.webhook_fares(made["webhookId"], WebhookHealth(True, NOW, 5, failures))
    await api.store.written()
    shown = (await api.ask("GET", f"{WEBHOOKS}/{made['webhookId']}")).body
    assert (shown["status"], shown["lastStatusChange"]) == ("unhealthy", NOW.isoformat().replace("+00:00", "Z"))
    assert [one["failure"] for one in shown["recentFailures"]] == ["the last", "call.ended of call x: answered 500"]
    assert shown["recentFailures"][0]["timestamp"] == shown["lastStatusChange"]


async def test_deliveries_are_shown_and_asked_for_again(api: Api) -> None:
    made = await make(api)
    call = a_call(api.account.account_id)
    event = an_event(call, "call.started")
    await api.store.call_started(call, a_record(), event)
    path = f"{WEBHOOKS}/{made['webhookId']}/deliveries"
    (shown,) = (await api.ask("GET", path)).body["results"]
    assert shown == {
        "deliveryId": event.event_id,
        "event": "call.started",
        "callId": call.call_id,
        "created": "2026-01-01T00:00:00Z",
        "state": "waiting",
        "tries": 0,
        "lastTry": None,
        "nextTry": "2026-01-01T00:00:00Z",
        "failure": None,
    }
    (delivery,) = await api.store.waiting_deliveries(None, limit=9)
    failed = replace(delivery, state=DeliveryState.FAILED, tries=10, tried=NOW, failure="answered 500")
    api.store.delivery_tried(failed)
    await api.store.written()
    assert (await api.ask("GET", f"{path}?state=waiting")).body["results"] == []
    (shown,) = (await api.ask("GET", f"{path}?state=failed")).body["results"]
    assert (shown["tries"], shown["failure"], shown["nextTry"]) == (10, "answered 500", None)
    answer = await api.ask("GET", f"{path}?state=lost")
    assert answer.body == {"state": ["expected one of waiting, delivered, failed: `lost`"]}

    again = await api.ask("POST", f"{path}/{event.event_id}/redeliver")
    assert again.status == 200
    assert (again.body["state"], again.body["tries"], again.body["failure"]) == ("waiting", 0, "answered 500")
    assert (await api.ask("GET", f"{path}?state=waiting")).body["results"] == [again.body]
    assert (await api.ask("POST", f"{path}/nothing/redeliver")).body == {"detail": "no such delivery: nothing"}


async def test_nothing_of_one_account_is_seen_by_another(api: Api) -> None:
    made = await make(api)
    call = a_call(api.account.account_id)
    event = an_event(call, "call.started")
    await api.store.call_started(call, a_record(), event)
    await api.store.create_account("other", "Other", OTHER_KEY)
    theirs = {"X-API-Key": OTHER_KEY}
    assert (await api.ask("GET", WEBHOOKS, headers=theirs)).body["results"] == []
    path = f"{WEBHOOKS}/{made['webhookId']}"
    for method, rest, body in (
        ("GET", "", None),
        ("PUT", "", BODY),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("GET", "/deliveries", None),
        ("POST", f"/deliveries/{event.event_id}/redeliver", None),
    ):
        assert (await api.ask(method, path + rest, body, headers=theirs)).status == 404, (method, rest)
    agent = await api.agent()
    answer = await api.ask("POST", WEBHOOKS, {**BODY, "agentId": agent}, headers=theirs)
    assert answer.status == 400
    assert (await api.ask("GET", path)).body == made
