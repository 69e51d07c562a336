"""Call throttles over HTTP, and the calls that name one."""

from typing import Any

import pytest

from tests.web.conftest import Api

CALL = {"medium": {"serverWebSocket": {"inputSampleRate": 8_000}}}
ONE_A_DAY = {"name": "once", "rules": [{"maxCalls": 1, "windowSeconds": 86_400}]}
NOBODY = "00000000-0000-4000-8000-000000000000"


async def test_a_throttle_is_made_read_changed_and_deleted(api: Api) -> None:
    made = await api.ask("POST", "/api/call_throttles", ONE_A_DAY)
    assert made.status == 201
    path = f"/api/call_throttles/{made.body['throttleId']}"
    assert made.body == {**ONE_A_DAY, "throttleId": made.body["throttleId"], "created": made.body["created"]}
    assert (await api.ask("GET", path)).body == made.body
    assert (await api.ask("GET", "/api/call_throttles")).body == {
        "next": None,
        "previous": None,
        "results": [made.body],
        "total": 1,
    }
    renamed = await api.ask("PATCH", path, {"name": "seldom"})
    assert renamed.body == {**made.body, "name": "seldom"}
    replaced = await api.ask("PUT", path, {**renamed.body, "rules": [{"maxCalls": 2, "windowSeconds": 60}]})
    assert replaced.body["rules"] == [{"maxCalls": 2, "windowSeconds": 60}]
    assert (await api.ask("PUT", path, {"name": "x"})).body == {"rules": ["required, but absent"]}
    assert (await api.ask("DELETE", path)).status == 204
    for method in ("GET", "DELETE"):
        assert (await api.ask(method, path)).status == 404
    assert (await api.ask("PATCH", path, {"name": "x"})).status == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": None}, "name"),
        ({"rules": []}, "rules"),
        ({"rules": [{"maxCalls": 1, "windowSeconds": 1}] * 11}, "rules"),
        ({"rules": [{"maxCalls": 101, "windowSeconds": 1}]}, "rules"),
        ({"rules": [{"maxCalls": 0, "windowSeconds": 1}]}, "rules"),
        ({"rules": [{"maxCalls": 1, "windowSeconds": 86_401}]}, "rules"),
        ({"rules": [{"maxCalls": 1}]}, "rules"),
        ({"limit": 1}, "limit"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, changes: dict[str, Any], field: str) -> None:
    refused = await api.ask("POST", "/api/call_throttles", {**ONE_A_DAY, **changes})
    assert (refused.status, list(refused.body)) == (400, [field])


async def test_a_name_is_one_throttles(api: Api) -> None:
    await api.ask("POST", "/api/call_throttles", ONE_A_DAY)
    again = await api.ask("POST", "/api/call_throttles", ONE_A_DAY)
    assert (again.status, again.body) == (400, {"name": ["another call throttle has this name: `once`"]})
    other = await api.ask("POST", "/api/call_throttles", {**ONE_A_DAY, "name": "other"})
    taken = await api.ask("PATCH", f"/api/call_throttles/{other.body['throttleId']}", {"name": "once"})
    assert (taken.status, list(taken.body)) == (400, ["name"])


async def test_calls_that_name_a_throttle_are_counted_by_it(api: Api) -> None:
    made = await api.ask("POST", "/api/call_throttles", ONE_A_DAY)
    agent = await api.agent()
    assert (await api.ask("POST", "/api/calls", CALL)).status == 201  # names none, so it does not count
    bad = await api.ask("POST", "/api/calls?throttle=once", {"medium": {"webRtc": {}}})
    assert bad.status == 400  # nor does what is no call
    assert (await api.ask("POST", "/api/calls?throttle=once", CALL)).status == 201
    for path in (f"/api/agents/{agent}/calls?throttle=once", f"/api/calls?throttle={made.body['throttleId']}"):
        over = await api.ask("POST", path, CALL)
        assert (over.status, over.body) == (429, {"detail": "the call throttle `once` allows 1 calls in 86400 s"})
        assert 86_390 < int(over.headers["Retry-After"]) <= 86_400


async def test_a_call_of_which_nothing_comes_is_not_counted(api: Api) -> None:
    await api.ask("POST", "/api/call_throttles", ONE_A_DAY)
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    agent = await api.agent(template={"systemPrompt": "{{name}}", "contextSchema": schema})
    path = f"/api/agents/{agent}/calls?throttle=once"
    assert (await api.ask("POST", path, CALL)).status == 400
    assert (await api.ask("POST", path, {**CALL, "templateContext": {"name": "Ada"}})).status == 201


@pytest.mark.parametrize("name", ["nobody", NOBODY, ""])
async def test_a_throttle_that_there_is_not_is_400(api: Api, name: str) -> None:
    refused = await api.ask("POST", f"/api/calls?throttle={name}", CALL)
    assert (refused.status, list(refused.body)) == (400, ["throttle"])
