"""Safeguards over HTTP: read, changed, versioned with the rules, counted, tried. Calls are in the scenarios."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from callgate.core.webhook.signature import verify
from callgate.testing.handler import HandlerServer
from tests.web.conftest import Answer, Api

SIP = "/api/sip"
FALLBACK = f"{SIP}/fallback"
TEST = f"{FALLBACK}/test"
SECOND = "https://second.example/calls"
BREAKER = {"failures": 5, "windowSeconds": 60.0, "openSeconds": 30.0}


@pytest.fixture
async def handler() -> AsyncIterator[HandlerServer]:
    async with HandlerServer() as handler:
        yield handler


async def set_handler(api: Api, url: str) -> None:
    answer = await api.ask("PATCH", SIP, {"fallbackHandler": {"url": url, "secrets": ["s3cret"]}})
    assert answer.status == 200, answer.body


async def patched(api: Api, body: Any, **headers: str) -> Answer:
    return await api.ask("PATCH", FALLBACK, body, headers=headers)


async def test_all_is_off_by_default(api: Api) -> None:
    answer = await api.ask("GET", FALLBACK)
    assert (answer.status, answer.body) == (
        200,
        {"secondUrl": None, "agentOnFailure": None, "breaker": None, "handlers": []},
    )
    assert answer.headers["ETag"] == (await api.ask("GET", SIP)).headers["ETag"]


async def test_a_change_is_a_version_of_the_rules_and_no_key_of_the_public_answer(api: Api) -> None:
    agent = await api.agent()
    await set_handler(api, "https://first.example/calls")
    before = await api.ask("GET", SIP)
    answer = await patched(api, {"secondUrl": SECOND, "agentOnFailure": agent, "breaker": {}})
    assert answer.status == 200
    handlers = answer.body.pop("handlers")
    assert answer.body == {"secondUrl": SECOND, "agentOnFailure": agent, "breaker": BREAKER}
    assert [(one["which"], one["url"]) for one in handlers] == [
        ("first", "https://first.example/calls"),
        ("second", SECOND),
    ]
    assert [one["breaker"]["state"] for one in handlers] == ["closed", "closed"]
    public = await api.ask("GET", SIP)
    assert public.body == before.body
    assert public.headers["ETag"] == answer.headers["ETag"] != before.headers["ETag"]
    [version, *_] = (await api.ask("GET", f"{SIP}/versions")).body["results"]
    assert version["difference"] == {
        "fallback": {
            "from": {"secondUrl": None, "agentOnFailure": None, "breaker": None},
            "to": {"secondUrl": SECOND, "agentOnFailure": agent, "breaker": BREAKER},
        }
    }
    whole = (await api.ask("GET", f"{SIP}/versions/{version['number']}")).body
    assert whole["fallback"]["secondUrl"] == SECOND
    assert "fallback" not in whole["config"]


async def test_a_change_names_only_what_changes_and_what_a_get_showed_may_come_back(api: Api) -> None:
    await patched(api, {"secondUrl": SECOND, "breaker": {"failures": 2}})
    await patched(api, {"secondUrl": None})
    answer = await api.ask("GET", FALLBACK)
    assert answer.body["breaker"] == {**BREAKER, "failures": 2}
    assert answer.body["secondUrl"] is None
    again = await patched(api, answer.body)
    assert (again.status, again.headers["ETag"]) == (200, answer.headers["ETag"])


async def test_only_the_version_that_was_seen_is_changed(api: Api) -> None:
    tag = (await api.ask("GET", FALLBACK)).headers["ETag"]
    assert (await patched(api, {"secondUrl": SECOND}, **{"If-Match": tag})).status == 200
    assert (await patched(api, {"secondUrl": None}, **{"If-Match": tag})).status == 412
    assert (await api.ask("GET", FALLBACK)).body["secondUrl"] == SECOND


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"secondURL": SECOND}, {"secondURL": "did you mean `secondUrl`"}),
        ({"secondUrl": "ftp://second.example"}, {"secondUrl": "http"}),
        ({"secondUrl": "http://10.0.0.1/"}, {"secondUrl": "not a URL that can be used"}),
        ({"secondUrl": "http://127.0.0.1:1/first"}, {"secondUrl": "is the url of `fallbackHandler`"}),
        ({"agentOnFailure": "11111111-1111-4111-8111-111111111111"}, {"agentOnFailure": "no agent of this account"}),
        ({"agentOnFailure": "x", "secondUrl": 7}, {"agentOnFailure": "not a UUID", "secondUrl": "expected text"}),
        ({"breaker": {"failures": 0}}, {"breaker": "failures"}),
        ({"breaker": {"openSeconds": 4_000}}, {"breaker": "openSeconds"}),
        ({"breaker": {"enabled": True}}, {"breaker": "enabled"}),
        ({"breaker": True}, {"breaker": "expected an object"}),
        ([], {"non_field_errors": "expected an object"}),
    ],
)
async def test_mistakes_are_told_all_at_once(api: Api, body: Any, errors: dict[str, str]) -> None:
    await set_handler(api, "http://127.0.0.1:1/first")
    answer = await patched(api, body)
    assert answer.status == 400
    assert answer.body.keys() == errors.keys()
    for field, words in errors.items():
        assert words in str(answer.body[field])
    assert (await api.ask("GET", FALLBACK)).body["breaker"] is None


async def test_an_agent_that_is_deleted_takes_its_entry_along(api: Api) -> None:
    agent = await api.agent()
    await patched(api, {"agentOnFailure": agent, "secondUrl": SECOND})
    assert (await api.ask("DELETE", f"/api/agents/{agent}")).status == 204
    safeguards = (await api.ask("GET", FALLBACK)).body
    assert (safeguards["agentOnFailure"], safeguards["secondUrl"]) == (None, SECOND)


async def test_a_restore_brings_the_safeguards_of_that_version_back(api: Api) -> None:
    await patched(api, {"secondUrl": SECOND})
    number = (await api.ask("GET", f"{SIP}/versions")).body["results"][0]["number"]
    await patched(api, {"secondUrl": None, "breaker": {}})
    assert (await api.ask("POST", f"{SIP}/versions/{number}/restore")).status == 200
    safeguards = (await api.ask("GET", FALLBACK)).body
    assert (safeguards["secondUrl"], safeguards["breaker"]) == (SECOND, None)


async def test_a_restore_names_all_that_is_gone(api: Api) -> None:
    agent = await api.agent()
    await api.ask("PATCH", SIP, {"allowedAgents": [{"agentId": agent}]})
    await patched(api, {"agentOnFailure": agent})
    number = (await api.ask("GET", f"{SIP}/versions")).body["results"][0]["number"]
    await api.ask("DELETE", f"/api/agents/{agent}")
    answer = await api.ask("POST", f"{SIP}/versions/{number}/restore")
    assert answer.status == 400
    assert "no agent of this account" in str(answer.body["fallback"]["agentOnFailure"])
    assert "no agent of this account" in str(answer.body["allowedAgents"])


async def test_a_key_that_only_reads_sees_them_and_changes_and_tries_nothing(api: Api) -> None:
    made = await api.ask("POST", "/api/api_keys", {"name": "reader", "readOnly": True})
    reader = {"X-API-Key": made.body["secret"]}
    assert (await api.ask("GET", FALLBACK, headers=reader)).status == 200
    assert (await api.ask("GET", f"{FALLBACK}/statistics", headers=reader)).status == 200
    assert (await patched(api, {}, **reader)).status == 403
    assert (await api.ask("POST", TEST, {}, headers=reader)).status == 403


# ----------------------------------------------------------------------------------------------------------- a sample


async def test_a_sample_is_signed_and_shows_the_exchange_and_what_a_call_would_make_of_it(
    api: Api, handler: HandlerServer
) -> None:
    agent = await api.agent()
    await set_handler(api, handler.url)
    handler.will_answer({"startAgentCall": {"agentId": agent, "metadata": {"a": "b"}}})
    attempt = {"sourceAddress": "203.0.113.7", "toUri": "+1555", "fromUri": "+1666", "headers": {"X-Tier": "gold"}}
    answer = await api.ask("POST", TEST, {"attempt": attempt})
    assert answer.status == 200
    [request] = handler.requests
    timestamp = request.headers["x-ultravox-webhook-timestamp"]
    assert verify(request.body, timestamp, request.headers["x-ultravox-webhook-signature"], ("s3cret",))
    assert request.headers["x-callgate-test"] == "true"
    assert request.headers["x-callgate-decision-id"] == answer.body["decisionId"]
    assert request.json() == {
        "callerId": "+1666",
        "fromDisplayName": None,
        "fromUri": "sip:+1666@acme.sip.test",
        "toUri": "sip:+1555@acme.sip.test",
        "sipHeaders": {"X-Tier": "gold"},
    }
    sent = answer.body["request"]
    assert (sent["method"], sent["url"], sent["body"].encode()) == ("POST", handler.url, request.body)
    assert sent["headers"]["X-Ultravox-Webhook-Timestamp"] == timestamp
    assert answer.body["response"]["status"] == 200
    assert answer.body["response"]["bodyCut"] is False
    assert answer.body["verdict"] == {"agentId": agent, "body": {"metadata": {"a": "b"}}}
    assert "s3cret" not in str(answer.body)
    assert (await api.ask("GET", "/api/calls")).body["total"] == 0
    [statistics] = (await api.ask("GET", f"{FALLBACK}/statistics")).body["handlers"]
    assert sum(statistics["answers"].values()) == statistics["tries"] == statistics["latencyMs"]["last"]["count"] == 0


async def test_a_sample_says_what_is_wrong_with_an_answer(api: Api, handler: HandlerServer) -> None:
    await set_handler(api, "https://first.example/")
    await patched(api, {"secondUrl": handler.url})
    handler.will_answer({"startCall": {"sytemPrompt": "hello"}})
    answer = await api.ask("POST", TEST, {"which": "second"})
    assert (answer.status, answer.body["request"]["url"]) == (200, handler.url)
    assert (answer.body["verdict"]["outcome"], answer.body["verdict"]["status"]) == ("handler-failed", 502)
    assert "did you mean `systemPrompt`" in answer.body["verdict"]["reason"]
    assert "sytemPrompt" in answer.body["response"]["body"]


async def test_a_sample_to_whom_nobody_listens(api: Api) -> None:
    await set_handler(api, "http://127.0.0.1:1/")
    answer = await api.ask("POST", TEST, {})
    assert (answer.status, answer.body["response"], answer.body["tries"]) == (200, None, 3)
    assert "no connection to the fallback handler" in answer.body["verdict"]["reason"]


@pytest.mark.parametrize(
    ("body", "field"), [({}, "which"), ({"which": "third"}, "which"), ({"attempt": {"toUri": "x"}}, "attempt")]
)
async def test_a_sample_that_cannot_be_sent(api: Api, body: Any, field: str) -> None:
    answer = await api.ask("POST", TEST, body)
    assert (answer.status, list(answer.body)) == (400, [field])


async def test_there_is_no_second_handler(api: Api) -> None:
    await set_handler(api, "https://first.example/")
    answer = await api.ask("POST", TEST, {"which": "second"})
    assert (answer.status, answer.body) == (400, {"which": ["no second handler is set"]})
