from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.entities.json import Json, JsonObject
from callgate.media.protocol import MESSAGE_BYTES_MAX
from callgate.schema.errors import Invalid
from callgate.schema.tool import DEFINITION_BYTES_MAX, SELECTED_MAX, validate_tool, validate_tool_test
from tests.schema.test_stage import JSON

HTTP: JsonObject = {"http": {"baseUrlPattern": "https://a.example/{id}", "httpMethod": "GET"}}
KEYS = st.sampled_from(
    ["modelToolName", "http", "client", "dataConnection", "staticResponse", "dynamicParameters", "timeout"]
)


def test_only_what_was_given_comes_back() -> None:
    parameters: list[Json] = [{"name": "id", "schema": {"type": "string"}}]
    definition: JsonObject = {**HTTP, "precomputable": None, "dynamicParameters": parameters}
    name, kept = validate_tool({"name": "look", "definition": definition, "toolId": "x", "ownership": "public"})
    assert name == "look"
    assert kept == {**HTTP, "dynamicParameters": parameters}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"name": ["required, but absent"], "definition": ["required, but absent"]}),
        ({"name": "x" * 41, "definition": HTTP}, {"name": ["longer than 40 characters: 41"]}),
        ({"name": " ", "definition": HTTP},
         {"name": ["a name needs at least one character that is not a space"]}),
        ({"name": "a b", "definition": HTTP},
         {"non_field_errors": ["`definition.modelToolName` is needed, because models cannot use the name"]}),
        ({"name": "x", "definition": {}},
         {"definition": {"non_field_errors": [
             "expected one of `http`, `client`, `dataConnection`, or a `staticResponse`: none"]}}),
        ({"name": "x", "definition": {"http": {}}},
         {"definition": {"non_field_errors": ["`http` needs a `baseUrlPattern`"]}}),
        ({"name": "x", "definition": {**HTTP, "client": {}}},
         {"definition": {"non_field_errors": [
             "expected at most one of `http`, `client`, `dataConnection`: `http` and `client`"]}}),
        ({"name": "x", "definition": {"client": {}, "staticParameters": [
            {"name": "k", "location": "PARAMETER_LOCATION_HEADER"}]}},
         {"definition": {"non_field_errors": ["`client` takes parameters in the body only: `k`"]}}),
        ({"name": "x", "definition": {**HTTP, "timeout": "41s"}},
         {"definition": {"timeout": ["expected a duration from 0s to 40s: `41s`"]}}),
        ({"name": "x", "definition": {"http": {"baseUrlPattern": "https://no.example", "httpMethod": "GE T"}}},
         {"definition": {"http": {
             "baseUrlPattern": ["not a URL that can be used: not that one"],
             "httpMethod": ["string should match pattern '^[a-zA-Z]{1,16}$': `GE T`"]}}}),
    ],
)  # fmt: skip
def test_each_mistake_is_named_where_it_is(body: Any, errors: Any) -> None:
    with pytest.raises(Invalid) as caught:
        validate_tool(body, check_url=lambda url, websocket=False: "not that one" if "no.example" in url else None)
    assert caught.value.errors == errors


def test_a_definition_is_bounded_so_that_a_call_can_carry_as_many_as_it_selects() -> None:
    with pytest.raises(Invalid, match=f"longer than {DEFINITION_BYTES_MAX} bytes"):
        validate_tool({"name": "x", "definition": {**HTTP, "description": "x" * DEFINITION_BYTES_MAX}})
    assert 2 * SELECTED_MAX * DEFINITION_BYTES_MAX < MESSAGE_BYTES_MAX  # of the template, and added to it


def test_a_test_has_parameters_and_tokens() -> None:
    found = validate_tool_test({"parameters": {"a": [1]}, "authTokens": {"k": "v"}})
    assert (found.parameters, found.auth_tokens) == ({"a": [1]}, {"k": "v"})
    bodies: list[Json] = [7, {"parameters": 7}, {"authTokens": {"k": 7}}, {"parametres": {}}]
    for body in bodies:
        with pytest.raises(Invalid):
            validate_tool_test(body)


@given(
    JSON
    | st.fixed_dictionaries({"name": JSON | st.text(max_size=45), "definition": JSON | st.dictionaries(KEYS, JSON)})
)
def test_any_json_is_taken_or_refused_in_words(body: Any) -> None:
    with suppress(Invalid):
        assert isinstance(validate_tool(body)[1], dict)
