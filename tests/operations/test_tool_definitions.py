from datetime import UTC, datetime
from uuid import UUID, uuid4

from callgate.brains.tools.definition import read_tool
from callgate.entities.call import CallStage
from callgate.entities.json import JsonObject
from callgate.operations.tool_definitions import built_in_tools, render_call_tools, render_definition
from callgate.schema.tool import validate_tool

BODY = "PARAMETER_LOCATION_BODY"
HTTP: JsonObject = {"baseUrlPattern": "https://a.example/do", "httpMethod": "POST"}


def test_the_built_in_tools_are_those_that_calls_know() -> None:
    tools = built_in_tools()
    assert {tool.name for tool in tools.values()} == {"hangUp", "leaveVoicemail", "playDtmfSounds"}
    keys = next(tool for tool in tools.values() if tool.name == "playDtmfSounds").definition
    assert isinstance(keys["dynamicParameters"], list)
    assert [one["name"] for one in keys["dynamicParameters"] if isinstance(one, dict)] == ["digits"]
    assert {"name": "toneDuration", "location": BODY, "value": "0.2s"} in keys["staticParameters"]  # type: ignore[operator]
    assert all(read_tool({"temporaryTool": one.definition}).description for one in tools.values())


def test_a_definition_that_is_shown_says_what_was_read_of_it() -> None:
    definition: JsonObject = {
        "modelToolName": "book",
        "description": "Books.",
        "dynamicParameters": [
            {"name": "day", "location": BODY, "schema": {"type": "string"}, "required": True},
            {"name": "shop", "location": BODY, "schema": {}},
        ],
        "automaticParameters": [{"name": "call", "location": BODY, "knownValue": "KNOWN_PARAM_CALL_ID"}],
        "requirements": {
            "httpSecurityOptions": {
                "options": [
                    {"requirements": {"k": {"headerApiKey": {"name": "X-Key"}}, "q": {"queryApiKey": {"name": "key"}}}}
                ]
            }
        },
        "timeout": "5s",
        "defaultReaction": "AGENT_REACTION_LISTENS",
        "http": HTTP,
    }
    tool = read_tool(
        {
            "temporaryTool": definition,
            "authTokens": {"k": "secret one", "q": "secret two"},
            "parameterOverrides": {"shop": 7},
        }
    )
    shown = render_definition(tool)
    assert shown == {
        "description": "Books.",
        "dynamicParameters": [{"name": "day", "location": BODY, "schema": {"type": "string"}, "required": True}],
        "staticParameters": [{"name": "shop", "location": BODY, "value": 7}],
        "automaticParameters": [{"name": "call", "location": BODY, "knownValue": "KNOWN_PARAM_CALL_ID"}],
        "timeout": "5s",
        "defaultReaction": "AGENT_REACTION_LISTENS",
        "http": {**HTTP, "authHeaders": ["X-Key"], "authQueryParams": ["key"]},
    }
    assert "secret" not in str(shown)


def test_other_kinds_are_shown_as_what_they_are() -> None:
    kinds: JsonObject = {"client": {}, "dataConnection": {}, "staticResponse": {"responseText": "nine to five"}}
    for kind, value in kinds.items():
        shown = render_definition(read_tool({"temporaryTool": {"modelToolName": "x", kind: value}}))
        assert shown[kind] == value
        validate_tool({"name": "x", "definition": shown})


def test_the_tools_of_a_stage_have_names_of_their_own() -> None:
    selected: JsonObject = {
        "selectedTools": [
            {"toolId": "stored", "nameOverride": "one", "temporaryTool": {"http": HTTP}},
            {"toolName": "hangUp"},
            {"toolName": "coldTransfer"},
        ]
    }
    stages = [CallStage(str(uuid4()), "c", 0, datetime(2026, 1, 1, tzinfo=UTC), selected) for _ in range(2)]
    first, second = map(render_call_tools, stages)
    assert [(tool["name"], tool["toolId"]) for tool in first] == [("one", "stored"), ("hangUp", None)]
    ids = [UUID(str(tool["callToolId"])) for tool in (*first, *second)]
    assert len(set(ids)) == 4
    assert render_call_tools(stages[0]) == first
