"""Tools over HTTP, with a real tool behind HTTP too."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callgate.entities.call import Message, ToolUse
from callgate.testing.tool_server import Answer, ToolServer
from tests.web.conftest import KEY, Api
from tests.web.test_calls import NOW, started

TOOLS = "/api/tools"
OTHER_KEY = "ijklmnop." + "z" * 32
HTTP = {"http": {"baseUrlPattern": "https://a.example/look", "httpMethod": "POST"}}


@pytest.fixture
async def shop() -> AsyncIterator[ToolServer]:
    one = ToolServer()
    await one.start()
    yield one
    await one.stop()


async def make(api: Api, name: str = "look", **definition: Any) -> str:
    answer = await api.ask("POST", TOOLS, {"name": name, "definition": definition or HTTP})
    assert answer.status == 201, answer.body
    tool_id: str = answer.body["toolId"]
    return tool_id


async def names(api: Api, query: str = "", key: str = KEY) -> list[str]:
    answer = await api.ask("GET", f"{TOOLS}?{query}", headers={"X-API-Key": key})
    assert answer.status == 200, answer.body
    assert answer.body["total"] == len(answer.body["results"])
    return [tool["name"] for tool in answer.body["results"]]


async def test_a_tool_is_made_read_replaced_and_deleted(api: Api) -> None:
    made = await api.ask("POST", TOOLS, {"name": "look", "definition": {**HTTP, "timeout": "5s"}})
    assert made.status == 201
    assert made.body.keys() == {"toolId", "name", "created", "definition", "ownership"}
    assert (made.body["definition"], made.body["ownership"]) == ({**HTTP, "timeout": "5s"}, "private")
    path = f"{TOOLS}/{made.body['toolId']}"
    assert (await api.ask("GET", path.upper().replace("/API/TOOLS", TOOLS))).body == made.body
    changed = await api.ask("PUT", path, {**made.body, "name": "seek", "definition": HTTP})
    assert changed.status == 200
    assert changed.body == {**made.body, "name": "seek", "definition": HTTP}
    assert (await api.ask("GET", path)).body == changed.body
    assert (await api.ask("PATCH", path, {})).status == 405
    assert (await api.ask("DELETE", path)).status == 204
    for method in ("GET", "PUT", "DELETE"):
        assert (await api.ask(method, path, changed.body if method == "PUT" else None)).status == 404
    assert (await api.ask("GET", f"{path}/history")).status == 404
    assert (await api.ask("POST", f"{path}/test", {})).status == 404


async def test_a_name_is_unique_in_its_account_and_urls_are_guarded(api: Api) -> None:
    await make(api)
    other = await make(api, "other")
    taken = {"name": ["there is a tool of this name already: `look`"]}
    answer = await api.ask("POST", TOOLS, {"name": "look", "definition": HTTP})
    assert (answer.status, answer.body) == (400, taken)
    answer = await api.ask("PUT", f"{TOOLS}/{other}", {"name": "look", "definition": HTTP})
    assert (answer.status, answer.body) == (400, taken)
    bad = {"http": {"baseUrlPattern": "https://10.0.0.1/{id}"}}
    answer = await api.ask("POST", TOOLS, {"name": "", "definition": bad})
    assert answer.status == 400
    assert "private address" in answer.body["definition"]["http"]["baseUrlPattern"][0]
    assert answer.body["name"] == ["shorter than 1 characters: ``"]
    multipart = await api.ask("POST", TOOLS, data=b"x", headers={"Content-Type": "multipart/form-data"})
    assert multipart.status == 415


async def test_the_list_is_filtered_and_ordered(api: Api) -> None:
    for name in ("b", "A"):
        await make(api, name)
    built_in = ["hangUp", "leaveVoicemail", "playDtmfSounds"]
    assert (await names(api))[:2] == ["A", "b"]  # newest first
    assert sorted((await names(api))[2:]) == built_in
    assert await names(api, "ownership=private&sortOrder=chronologic") == ["b", "A"]
    assert await names(api, "ownership=public&sortOrder=alphabetic") == built_in
    assert await names(api, "sortOrder=display") == [*built_in, "A", "b"]
    assert await names(api, "sortOrder=alphabetic") == ["A", "b", *built_in]
    assert await names(api, "sortOrder=reverseAlphabetic") == [*reversed(built_in), "b", "A"]
    assert (await names(api, "sortOrder=reverseChronologic"))[:2] == ["A", "b"]
    assert await names(api, "search=HANG") == ["hangUp"]
    answer = await api.ask("GET", f"{TOOLS}?ownership=mine&sortOrder=x")
    assert (answer.status, set(answer.body)) == (400, {"ownership", "sortOrder"})
    page = (await api.ask("GET", f"{TOOLS}?pageSize=2&sortOrder=alphabetic")).body
    following = (await api.ask("GET", page["next"].removeprefix(api.url))).body
    assert [tool["name"] for tool in following["results"]] == built_in[:2]


async def test_nothing_of_one_account_is_seen_by_another(api: Api) -> None:
    mine = await make(api)
    await api.store.create_account("other", "Other", OTHER_KEY)
    theirs = {"X-API-Key": OTHER_KEY}
    assert await names(api, "ownership=private", OTHER_KEY) == []
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/history"), ("POST", "/test")):
        body = None if method in ("GET", "DELETE") else {"name": "x", "definition": HTTP} if not path else {}
        answer = await api.ask(method, f"{TOOLS}/{mine}{path}", body, headers=theirs)
        assert answer.status == 404, (method, path, answer.body)
    template = {"selectedTools": [{"toolId": mine}]}
    answer = await api.ask("POST", "/api/agents", {"name": "x", "callTemplate": template}, headers=theirs)
    assert answer.status == 400
    assert await names(api, "ownership=private") == ["look"]


async def test_built_in_tools_are_everybodys_and_nobodys_to_change(api: Api) -> None:
    tools = (await api.ask("GET", f"{TOOLS}?ownership=public&search=hangUp")).body["results"]
    (hang_up,) = tools
    assert hang_up["ownership"] == "public"
    path = f"{TOOLS}/{hang_up['toolId']}"
    assert (await api.ask("GET", path)).body == hang_up
    assert (await api.ask("PUT", path, {"name": "hangUp", "definition": HTTP})).status == 403
    assert (await api.ask("DELETE", path)).status == 403
    assert (await api.ask("POST", f"{path}/test", {})).status == 400
    await make(api, "hangUp")  # takes its place, by name
    assert await names(api, "search=hangUp") == ["hangUp", "hangUp"]


async def test_an_agent_selects_what_is_there_by_id(api: Api) -> None:
    mine = await make(api)
    hang_up = (await api.ask("GET", f"{TOOLS}?search=hangUp")).body["results"][0]["toolId"]
    agent = await api.agent(template={"selectedTools": [{"toolId": mine}, {"toolId": hang_up}, {"toolName": "later"}]})
    gone = "00000000-0000-4000-8000-000000000000"
    errors = [{}, {"toolId": [f"no such tool: `{gone}`"]}]
    template = {"selectedTools": [{"toolId": mine}, {"toolId": gone}], "temperature": 7}
    for method, path in (("POST", "/api/agents"), ("PATCH", f"/api/agents/{agent}")):
        answer = await api.ask(method, path, {"name": "x", "callTemplate": template})
        assert answer.status == 400
        assert answer.body["callTemplate"]["selectedTools"] == errors
        assert "temperature" in answer.body["callTemplate"]
    answer = await api.ask("POST", "/api/calls", {"selectedTools": template["selectedTools"]})
    assert (answer.status, answer.body) == (400, {"selectedTools": errors})
    added = {"toolOverrides": {"add": [{"toolId": gone}]}}
    answer = await api.ask("POST", f"/api/agents/{agent}/calls", added)
    assert (answer.status, answer.body) == (400, {"toolOverrides": {"add": [errors[1]]}})
    many = {"selectedTools": [{"toolName": "hangUp"}] * 129}
    answer = await api.ask("POST", "/api/calls", many)
    assert (answer.status, answer.body) == (400, {"selectedTools": ["more than 128 entries: 129"]})


async def test_an_agent_outlives_its_tools(api: Api) -> None:
    mine = await make(api)
    agent = await api.agent(template={"selectedTools": [{"toolId": mine}]})
    assert (await api.ask("DELETE", f"{TOOLS}/{mine}")).status == 204
    changed = await api.ask("PATCH", f"/api/agents/{agent}", {"callTemplate": {"systemPrompt": "x"}})
    assert changed.status == 200
    assert changed.body["callTemplate"]["selectedTools"] == [{"toolId": mine}]


async def test_the_calls_that_used_a_tool(api: Api) -> None:
    mine = await make(api)
    agent = await api.agent()
    call, _unused = await started(api, agent), await started(api, agent)
    for index, error in enumerate(["", "", "out of order"]):
        use = ToolUse("look", "i", mine, error)
        about: dict[str, Any] = {"stage_id": call.stage_id, "stage_index": index, "tool": use}
        api.store.message(
            Message(call.call_id, index, "MESSAGE_ROLE_TOOL_RESULT", "x", "MESSAGE_MEDIUM_VOICE", NOW, **about)
        )
    await api.store.written()
    history = (await api.ask("GET", f"{TOOLS}/{mine}/history")).body
    assert history["total"] == 1
    (entry,) = history["results"]
    assert entry == {"call": (await api.ask("GET", f"/api/calls/{call.call_id}")).body, "errorCount": 1}


async def test_a_tool_is_tried(api: Api, shop: ToolServer) -> None:
    credentials = {"options": [{"requirements": {"k": {"queryApiKey": {"name": "key"}}}}]}
    mine = await make(
        api,
        http={"baseUrlPattern": f"{shop.url}/{{shop}}", "httpMethod": "POST"},
        dynamicParameters=[
            {"name": "shop", "location": "PARAMETER_LOCATION_PATH", "schema": {}, "required": True},
            {"name": "day", "location": "PARAMETER_LOCATION_BODY", "schema": {}},
        ],
        staticParameters=[{"name": "n", "location": "PARAMETER_LOCATION_BODY", "value": 1}],
        automaticParameters=[
            {"name": "call", "location": "PARAMETER_LOCATION_BODY", "knownValue": "KNOWN_PARAM_CALL_ID"}
        ],
        requirements={"httpSecurityOptions": credentials, "requiredParameterOverrides": ["shop"]},
    )
    shop.answer = Answer("booked", headers={"X-Ultravox-Response-Type": "hang-up", "X-Other": "no"})
    given = {"parameters": {"shop": "a/b", "day": "monday", "call": "c"}, "authTokens": {"k": "secret"}}
    answer = await api.ask("POST", f"{TOOLS}/{mine}/test", given)
    assert answer.status == 200, answer.body
    duration_ms = answer.body.pop("durationMs")
    assert 0 < duration_ms < 2_500
    assert answer.body == {
        "success": True,
        "response": "booked",
        "headers": {"x-ultravox-response-type": "hang-up"},
        "request": {
            "method": "POST",
            "url": f"{shop.url}/a%2Fb",
            "body": '{"day":"monday","n":1,"call":"c"}',
        },
    }
    (asked,) = shop.asked
    assert asked.target == "/a%2Fb?key=secret"
    assert json.loads(asked.body) == {"day": "monday", "n": 1, "call": "c"}
    shop.answer = Answer("no", 500)
    failed = await api.ask("POST", f"{TOOLS}/{mine}/test", given)
    assert (failed.status, failed.body["success"], failed.body["errorDetails"]) == (200, False, "it answered 500: no")
    for body, errors in (
        ({**given, "parameters": {"shop": "a", "dya": 1}}, {"parameters": {"dya": ["the tool has no such parameter"]}}),
        ({"parameters": {"shop": "a"}}, {"non_field_errors": ["tool 'look' needs authTokens for k"]}),
        ({"authTokens": {"k": "x"}}, {"non_field_errors": ["tool 'look' needs the parameter override 'shop'"]}),
        ({**given, "parameters": {"shop": ".."}}, {"parameters": ["shop may not be '..'"]}),
        ({"parameters": 7}, {"parameters": ["expected an object: `7`"]}),
    ):
        answer = await api.ask("POST", f"{TOOLS}/{mine}/test", body)
        assert (answer.status, answer.body) == (400, errors)
    assert len(shop.asked) == 2


async def test_what_needs_no_server_is_tried_and_what_needs_a_call_is_not(api: Api) -> None:
    fixed = await make(api, "hours", staticResponse={"responseText": "nine to five"})
    answer = await api.ask("POST", f"{TOOLS}/{fixed}/test", {})
    assert (answer.status, answer.body) == (200, {"success": True, "response": "nine to five"})
    client = await make(api, "show", client={})
    answer = await api.ask("POST", f"{TOOLS}/{client}/test", {})
    assert (answer.status, answer.body) == (400, {"non_field_errors": ["such a tool can be used in a call only"]})
