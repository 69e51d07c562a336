from typing import Any

import pytest

from callgate.brains.tools.definition import TOOLS_MAX, Place, Reaction, ToolUnusable, read_tool, tools_of
from callgate.entities.json import JsonObject

HTTP: JsonObject = {"baseUrlPattern": "https://x.example/do", "httpMethod": "POST"}


def temporary(**fields: Any) -> JsonObject:
    return {"temporaryTool": {"modelToolName": "book", "description": "Books.", "http": HTTP, **fields}}


def test_what_the_model_is_told_is_a_json_schema_of_its_parameters() -> None:
    tool = read_tool(
        temporary(
            dynamicParameters=[
                {
                    "name": "day",
                    "location": "PARAMETER_LOCATION_BODY",
                    "schema": {"type": "string", "enum": ["mon", "tue"]},
                    "required": True,
                },
                {"name": "note", "location": "PARAMETER_LOCATION_QUERY", "schema": {"type": "string"}},
            ],
            staticParameters=[{"name": "shop", "location": "PARAMETER_LOCATION_HEADER", "value": "7"}],
        )
    )
    assert (tool.name, tool.description) == ("book", "Books.")
    assert tool.parameters == {
        "type": "object",
        "properties": {"day": {"type": "string", "enum": ["mon", "tue"]}, "note": {"type": "string"}},
        "required": ["day"],
    }


def test_overrides_take_a_parameter_from_the_model() -> None:
    entry = temporary(
        dynamicParameters=[{"name": "day", "location": "PARAMETER_LOCATION_BODY", "schema": {}, "required": True}]
    )
    tool = read_tool({**entry, "parameterOverrides": {"day": "mon"}, "nameOverride": "other"})
    assert tool.name == "other"
    assert tool.dynamic == ()
    assert tool.overridden("day") == "mon"


def test_without_a_place_a_parameter_goes_where_its_method_has_one() -> None:
    parameters = [{"name": "a", "schema": {}}]
    got = read_tool(temporary(dynamicParameters=parameters, http={**HTTP, "httpMethod": "GET"}))
    assert (got.dynamic[0].place, read_tool(temporary(dynamicParameters=parameters)).dynamic[0].place) == (
        Place.QUERY,
        Place.BODY,
    )


@pytest.mark.parametrize(("given", "used"), [(None, 2.5), ("10s", 10.0), ("0.5s", 0.5), ("60s", 40.0)])
def test_a_tool_has_two_and_a_half_seconds_and_forty_at_most(given: str | None, used: float) -> None:
    assert read_tool(temporary(**({"timeout": given} if given else {}))).timeout_s == used


def test_the_first_option_whose_tokens_were_given_is_used() -> None:
    requirements = {
        "httpSecurityOptions": {
            "options": [
                {"requirements": {"a": {"queryApiKey": {"name": "key"}}, "b": {"headerApiKey": {"name": "X-B"}}}},
                {"requirements": {"c": {"httpAuth": {"scheme": "Bearer"}}}},
            ]
        }
    }
    entry = temporary(requirements=requirements)
    tool = read_tool({**entry, "authTokens": {"a": "1", "c": "3"}})
    assert [(one.name, one.value, one.in_query) for one in tool.credentials] == [("Authorization", "Bearer 3", False)]
    tool = read_tool({**entry, "authTokens": {"a": "1", "b": "2", "c": "3"}})
    assert [(one.name, one.value, one.in_query) for one in tool.credentials] == [
        ("key", "1", True),
        ("X-B", "2", False),
    ]
    with pytest.raises(ToolUnusable, match="authTokens for b"):
        read_tool({**entry, "authTokens": {"a": "1"}})


def test_an_override_that_a_tool_requires_must_be_given() -> None:
    entry = temporary(requirements={"requiredParameterOverrides": ["corpus"]})
    with pytest.raises(ToolUnusable, match="corpus"):
        read_tool(entry)
    read_tool({**entry, "parameterOverrides": {"corpus": "c"}})


def test_built_in_tools_are_known_by_name() -> None:
    tool = read_tool({"toolName": "playDtmfSounds", "parameterOverrides": {"toneDuration": "0.4s"}})
    assert [one.name for one in tool.dynamic] == ["digits"]
    assert tool.overridden("toneDuration") == "0.4s"
    assert tool.overridden("spaceDuration") == "0.1s"
    assert read_tool({"toolName": "hangUp"}).reaction is Reaction.LISTENS


def test_a_stored_tool_is_known_by_its_id_too() -> None:
    assert read_tool({**temporary(), "toolId": "stored"}).tool_id == "stored"
    assert read_tool({"toolName": "hangUp", "toolId": "built in"}).tool_id == "built in"
    with pytest.raises(ToolUnusable, match="there is no tool 'gone'"):
        read_tool({"toolId": "gone"})


def test_what_cannot_be_used_is_told_and_the_rest_is_offered() -> None:
    found, words = tools_of(
        {"selectedTools": [{"toolName": "coldTransfer"}, {"toolName": "hangUp"}, {"toolName": "hangUp"}, 7]}
    )
    assert list(found) == ["hangUp"]
    assert words == ["there is no tool 'coldTransfer'", "two tools are called 'hangUp'; the first is used"]


def test_there_are_no_more_tools_than_a_model_can_choose_from() -> None:
    found, words = tools_of({"selectedTools": [{"toolName": "hangUp", "nameOverride": f"t{n}"} for n in range(130)]})
    assert (len(found), len(words)) == (TOOLS_MAX, 2)
