"""API keys over HTTP: told once, revoked for ever, and some that only read."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callgate.web.masking import MASK
from tests.web.conftest import KEY, Answer, Api

KEYS = "/api/api_keys"
HANDLER = {"url": "https://a.example/who", "secrets": ["a secret of mine"]}


async def make(api: Api, **body: Any) -> dict[str, Any]:
    answer = await api.ask("POST", KEYS, {"name": "second", **body})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


async def ask_as(api: Api, made: dict[str, Any], method: str, path: str, json: Any = None) -> Answer:
    return await api.ask(method, path, json, headers={"X-API-Key": made["secret"]})


async def test_a_key_is_told_once_and_speaks_for_the_account(api: Api) -> None:
    made = await make(api, expiryDate="2999-01-01T00:00:00+01:00")
    secret = made.pop("secret")
    assert made == {
        "prefix": secret[:8],
        "created": made["created"],
        "creator": KEY[:8],
        "name": "second",
        "expiryDate": "2998-12-31T23:00:00Z",
        "revoked": False,
        "readOnly": False,
        "lastUsed": None,
    }
    path = f"{KEYS}/{made['prefix']}"
    assert (await api.ask("GET", path)).body == made
    listed = (await api.ask("GET", KEYS)).body
    assert [one["prefix"] for one in listed["results"]] == [made["prefix"], KEY[:8]]
    assert (listed["total"], listed["results"][0]) == (2, made)
    assert listed["results"][1]["creator"] is None
    assert secret not in (await api.ask("GET", KEYS)).body.__repr__()

    sip = await ask_as(api, {"secret": secret}, "PATCH", "/api/sip", {"allowAllAgents": True})
    assert sip.status == 200
    versions = (await api.ask("GET", "/api/sip/versions")).body["results"]
    assert made["prefix"] in str(versions[0])  # the history says which key
    used = datetime.fromisoformat((await api.ask("GET", path)).body["lastUsed"])
    assert timedelta() <= datetime.now(UTC) - used < timedelta(minutes=1)


async def test_a_key_that_is_revoked_is_good_for_nothing_for_ever(api: Api) -> None:
    made = await make(api)
    path = f"{KEYS}/{made['prefix']}"
    revoked = await api.ask("PATCH", path, {"revoked": True, "name": "a name stays"})
    assert (revoked.status, revoked.body["revoked"], revoked.body["name"]) == (200, True, "second")
    answer = await ask_as(api, made, "GET", KEYS)
    assert (answer.status, answer.body) == (401, {"detail": f"the API key {made['prefix']} has been revoked"})
    back = await api.ask("PUT", path, {"revoked": False})
    assert (back.status, back.body.keys()) == (400, {"revoked"})
    assert (await api.ask("PUT", path, {"revoked": True})).body == revoked.body
    assert (await api.ask("PUT", path, {})).body == revoked.body
    assert (await api.ask("DELETE", path)).status == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        gone = await api.ask(method, path, {} if method in ("PUT", "PATCH") else None)
        assert (gone.status, gone.body) == (404, {"detail": f"no such API key: {made['prefix']}"})
    assert (await ask_as(api, made, "GET", KEYS)).body == {"detail": "the API key is not known"}


async def test_a_key_ends_with_its_time(api: Api) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    kept, key = await api.store.create_key(
        api.account.account_id, "short", creator=KEY[:8], expires=past, read_only=False
    )
    answer = await ask_as(api, {"secret": key}, "GET", KEYS)
    assert (answer.status, answer.body) == (401, {"detail": f"the API key {kept.prefix} has expired"})


async def test_the_last_key_that_may_change_things_stays(api: Api) -> None:
    reader = await make(api, readOnly=True)
    short = await make(api, expiryDate="2999-01-01")
    mine = f"{KEYS}/{KEY[:8]}"
    words = (
        f"without {KEY[:8]} no key would be left that may change anything and does not expire; make another one first"
    )
    for answer in (await api.ask("DELETE", mine), await api.ask("PATCH", mine, {"revoked": True})):
        assert (answer.status, answer.body) == (409, {"detail": words})
    for one in (reader, short):
        assert (await api.ask("DELETE", f"{KEYS}/{one['prefix']}")).status == 204
    other = await make(api)
    assert (await api.ask("DELETE", mine)).status == 204
    assert (await api.ask("GET", KEYS)).status == 401
    assert (await ask_as(api, other, "GET", KEYS)).body["total"] == 1


async def test_a_key_that_only_reads_changes_nothing_and_sees_no_secret(api: Api) -> None:
    reader = await make(api, readOnly=True)
    agent = await api.agent()
    hook = (await api.ask("POST", "/api/webhooks", {"url": "https://a.example", "events": ["call.ended"]})).body
    await api.ask("PATCH", "/api/sip", {"fallbackHandler": HANDLER})

    async def seen(path: str) -> Any:
        answer = await ask_as(api, reader, "GET", path)
        assert answer.status == 200, answer.body
        assert int(answer.headers["Content-Length"]) > 0
        return answer.body

    mine = (await api.ask("GET", "/api/sip")).body
    assert mine["fallbackHandler"] == HANDLER
    assert await seen("/api/sip") == {**mine, "fallbackHandler": {"url": HANDLER["url"], "secrets": [MASK]}}
    assert await seen(f"/api/webhooks/{hook['webhookId']}") == {**hook, "secrets": [MASK]}
    for path in ("/api/sip/versions", "/api/webhooks", "/api/agents", KEYS):
        text = str(await seen(path))
        assert "a secret of mine" not in text
        assert hook["secrets"][0] not in text
    assert await seen(f"/api/agents/{agent}") == (await api.ask("GET", f"/api/agents/{agent}")).body

    refusal = {"detail": f"the API key {reader['prefix']} may only read; expected GET"}
    for method, path, body in (
        ("PATCH", "/api/sip", {"allowAllAgents": True}),
        ("POST", KEYS, {"name": "more"}),
        ("POST", "/api/calls", {}),
        ("DELETE", f"/api/agents/{agent}", None),
        ("POST", "/api/sip/versions/1/restore", None),
    ):
        answer = await ask_as(api, reader, method, path, body)
        assert (answer.status, answer.body) == (403, refusal), path
    basic = base64.b64encode(f"any:{reader['secret']}".encode()).decode()
    answer = await api.ask(
        "POST",
        f"/2010-04-01/Accounts/any/Calls/{agent}.json",
        headers={"Authorization": f"Basic {basic}", "X-API-Key": ""},
        data=b"Status=completed",
    )
    assert (answer.status, answer.body["message"]) == (403, refusal["detail"])


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "name", "required"),
        ({"name": ""}, "name", "shorter than 1"),
        ({"name": "x" * 51}, "name", "50"),
        ({"name": 7}, "name", "expected text"),
        ({"name": "x", "expiryDate": "tomorrow"}, "expiryDate", "expected a time such as"),
        ({"name": "x", "expiryDate": "2020-01-01T00:00:00Z"}, "expiryDate", "expected a time to come"),
        ({"name": "x", "readOnly": "yes"}, "readOnly", "expected true or false"),
        ({"name": "x", "colour": "red"}, "colour", "unknown"),
        ([], "non_field_errors", "object"),
    ],
)
async def test_a_mistake_is_named(api: Api, body: Any, field: str, words: str) -> None:
    answer = await api.ask("POST", KEYS, body)
    assert answer.status == 400
    assert answer.body.keys() == {field}
    assert words in str(answer.body[field])


async def test_a_key_of_another_account_is_not_seen(api: Api) -> None:
    theirs = "zyxwvuts." + "z" * 32
    await api.store.create_account("other", "Other", theirs)
    for method, body in (("GET", None), ("PATCH", {"revoked": True}), ("DELETE", None)):
        assert (await api.ask(method, f"{KEYS}/{theirs[:8]}", body)).status == 404
    assert (await api.ask("GET", KEYS)).body["total"] == 1
