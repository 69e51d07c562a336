"""The variables of a call: where they come from, who wins, and what the agent's schema says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.templates.context import CallContext, TemplateUnfit, build_context
from callgate.core.templates.render import render_text
from callgate.entities.json import Json, JsonObject


def context(
    *headers: tuple[str, str],
    given: JsonObject | None = None,
    schema: JsonObject | None = None,
    sip_headers_win: bool = False,
    caller_id: str | None = "+1555",
) -> CallContext:
    return build_context(
        headers=headers,
        caller_id=caller_id,
        from_display_name=None,
        from_uri="sip:+1555@peer.example",
        template_context=given,
        schema=schema,
        sip_headers_win=sip_headers_win,
    )


SIP: JsonObject = {"sip": {"caller_id": "+1555", "from_uri": "sip:+1555@peer.example"}}


def test_headers_and_sip_become_variables_and_metadata() -> None:
    made = context(("X-Customer-Name", "Bob"), ("User-Agent", "x"), ("x-customer-name", "Eve"))
    assert made.context == {"customer_name": "Bob, Eve", "ultravox": SIP}
    assert made.metadata == {
        "ultravox.sip.caller_id": "+1555",
        "ultravox.sip.from_uri": "sip:+1555@peer.example",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("1.50", 1.5),
        ("true", True),
        ("null", None),
        ('{"a": [1, 2]}', {"a": [1, 2]}),
        ('"Bob"', "Bob"),
        ("0815", "0815"),
        ("+1555", "+1555"),
        ("Bob", "Bob"),
        ("", ""),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e999", "1e999"),
        ('"\\ud800"', '"\\ud800"'),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_a_value_is_json_where_it_is_json_and_is_rendered_as_it_was_written(text: str, value: Json) -> None:
    made = context(("X-A", text))
    assert made.context["a"] == value
    assert type(made.context["a"]) is type(value)
    assert render_text("{{a}}", made.context, made.texts) == text


@given(st.text(max_size=30))
def test_any_value_can_be_stored_and_rendered(text: str) -> None:
    made = context(("X-A", text))
    json.dumps(made.context, allow_nan=False)
    assert render_text("{{a}}", made.context, made.texts) == text


def test_whom_our_proxy_speaks_for_and_forged_sip_are_no_variables() -> None:
    made = context(
        ("X-Callgate-Source", "192.0.2.7"),
        ("X-Ultravox", '{"sip": {"caller_id": "forged"}}'),
        ("X-", "x"),
        given={"ultravox": {"sip": {"caller_id": "forged"}}},
        sip_headers_win=True,
    )
    assert made.context == {"ultravox": SIP}


@pytest.mark.parametrize(("sip_headers_win", "winner"), [(False, "handler"), (True, "header")])
def test_the_handler_wins_over_headers_unless_the_setting_says_otherwise(sip_headers_win: bool, winner: str) -> None:
    made = context(("X-Plan", "header"), given={"plan": "handler"}, sip_headers_win=sip_headers_win)
    assert made.context["plan"] == winner
    assert render_text("{{plan}}", made.context, made.texts) == winner


def test_the_handlers_value_is_not_rendered_with_the_headers_text() -> None:
    made = context(("X-Plan", "1.0"), given={"plan": 2})
    assert render_text("{{plan}}", made.context, made.texts) == "2"


def test_nothing_is_said_of_an_anonymous_caller() -> None:
    made = context(caller_id=None)
    assert "ultravox.sip.caller_id" not in made.metadata
    assert made.context == {"ultravox": {"sip": {"from_uri": "sip:+1555@peer.example"}}}


CLOSED: JsonObject = {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}


def test_what_the_schema_has_no_place_for_is_left_out_but_stays_in_metadata() -> None:
    made = context(("X-Name", "Bob"), ("X-Trunk", "7"), schema=CLOSED)
    assert made.context == {"name": "Bob"}
    assert made.metadata["ultravox.sip.caller_id"] == "+1555"


def test_the_schema_permits_single_variables_of_sip() -> None:
    schema: JsonObject = {
        "properties": {
            "ultravox": {
                "properties": {"sip": {"properties": {"caller_id": {}}, "additionalProperties": False}},
            }
        },
        "additionalProperties": False,
    }
    assert context(schema=schema).context == {"ultravox": {"sip": {"caller_id": "+1555"}}}
    pattern: JsonObject = {"patternProperties": {"^ultra": {}, "^n": {}}, "additionalProperties": False}
    assert context(("X-Name", "Bob"), ("X-Other", "x"), schema=pattern).context == {"name": "Bob", "ultravox": SIP}


def test_a_number_is_text_to_whoever_declared_a_string() -> None:
    made = context(("X-Name", "815"), schema=CLOSED)
    assert made.context == {"name": "815"}


@pytest.mark.parametrize(
    ("schema", "given", "words"),
    [
        (CLOSED, {"name": 7}, "name: 7 is not of type 'string'"),
        (CLOSED, {"other": 7}, "'other' is not permitted"),
        ({"required": ["name"]}, {}, "'name' is a required property"),
        ({"properties": {"name": {"pattern": "^[a-z]+$"}}}, {"name": "BOB"}, "does not match"),
        ({"properties": {"name": {"pattern": "(?=x)"}}}, {"name": "x"}, "not a valid RE2 expression"),
        ({"type": 5}, {}, "no valid JSON Schema"),
        ({"$ref": "https://elsewhere.example/schema"}, {}, "leads nowhere"),
        ({"$ref": "#"}, {}, "circles"),
        ({"additionalProperties": {"type": "string"}}, {"a": 1, "ultravox": None}, "a: 1 is not of type"),
    ],
)
def test_what_does_not_fit_the_schema_is_told(schema: JsonObject, given: JsonObject, words: str) -> None:
    with pytest.raises(TemplateUnfit) as error:
        context(given=given, schema=schema)
    assert words in str(error.value)


def test_a_pattern_that_would_stall_other_engines_does_not() -> None:
    schema: JsonObject = {"properties": {"name": {"pattern": "^(a+)+$"}}}
    with pytest.raises(TemplateUnfit):
        context(given={"name": "a" * 50_000 + "b"}, schema=schema)
