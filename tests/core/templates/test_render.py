"""Mustache over plain JSON: what is rendered, how, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.templates.render import TemplateUnfit, check_template, render_template, render_text
from callgate.entities.json import JsonObject

CONTEXT: JsonObject = {
    "name": 'Bob & "Eve" <x>',
    "n": 0,
    "yes": True,
    "no": False,
    "nothing": None,
    "items": [{"t": "a"}, {"t": "b"}],
    "words": ["x", "y"],
    "ultravox": {"sip": {"caller_id": "+1555"}},
}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("plain } text", "plain } text"),
        ("{{name}}", 'Bob & "Eve" <x>'),
        ("{{{name}}}{{&name}}", 2 * 'Bob & "Eve" <x>'),
        ("{{ ultravox.sip.caller_id }}", "+1555"),
        ("{{n}} {{yes}} {{no}} {{nothing}}|", "0 true false |"),
        ("{{missing}}{{ultravox.nothing.there}}{{name.first}}|", "|"),
        ("{{words}}", '["x","y"]'),
        ("{{#items}}{{t}}{{name}};{{/items}}", 'aBob & "Eve" <x>;bBob & "Eve" <x>;'),
        ("{{#words}}{{.}}{{/words}}", "xy"),
        ("{{#yes}}y{{/yes}}{{#no}}n{{/no}}{{^no}}N{{/no}}{{^missing}}M{{/missing}}", "yNM"),
        ("{{#ultravox.sip}}{{caller_id}}{{/ultravox.sip}}", "+1555"),
        ("a{{! a comment }}b", "ab"),
        ("{{=<% %>=}}<%name%>", 'Bob & "Eve" <x>'),
        ("{{name.__class__}}{{items.append}}{{name.upper}}|", "|"),
        ("{{items.0.t}}|", "|"),
    ],
)
def test_a_template_is_rendered(template: str, rendered: str) -> None:
    assert render_text(template, CONTEXT) == rendered
    assert check_template(template) is None


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{name", "unclosed tag"),
        ("{{#items}}x", "never closed"),
        ("{{/items}}", "not opened"),
        ("{{#a}}{{#b}}{{/a}}{{/b}}", "last open tag"),
        ("{{> /etc/passwd}}", "partials are not offered"),
        ("{{}}", "without a name"),
        ("{{ }}", "without a name"),
        ("{{#a}}" * 60 + "{{/a}}" * 60, "nested deeper than 50"),
    ],
)
def test_a_broken_template_is_told(template: str, words: str) -> None:
    assert words in (check_template(template) or "")
    with pytest.raises(TemplateUnfit) as error:
        render_template({"systemPrompt": template}, CONTEXT)
    assert str(error.value).startswith("systemPrompt: ")


@given(st.text("{}#/^&!=> ab.\n", max_size=40))
def test_any_template_is_rendered_or_refused(template: str) -> None:
    try:
        rendered = render_text(template, {"a": ["x", {"b": 1}], "b": True})
    except TemplateUnfit:
        rendered = None
    assert (rendered is None) == (check_template(template) is not None)


def test_sections_that_multiply_are_cut() -> None:
    many: JsonObject = {"a": [0] * 200}
    with pytest.raises(TemplateUnfit, match="more than"):
        render_text("{{#a}}" * 6 + "{{/a}}" * 6, many)
    with pytest.raises(TemplateUnfit, match="more than"):
        render_text("{{#a}}{{t}}{{/a}}", {"a": [0] * 2_000, "t": "x" * 1_000})


def test_exactly_the_fields_of_the_contract_are_rendered() -> None:
    mark = "{{n}}"
    template: JsonObject = {
        "systemPrompt": mark,
        "languageHint": mark,
        "timeExceededMessage": mark,
        "model": mark,
        "firstSpeakerSettings": {"agent": {"text": mark}},
        "inactivityMessages": [{"message": mark, "duration": "30s"}],
        "selectedTools": [
            {
                "toolName": mark,
                "descriptionOverride": mark,
                "authTokens": {"key": mark},
                "parameterOverrides": {"p": mark, "q": 7},
            },
            {
                "temporaryTool": {
                    "description": mark,
                    "modelToolName": mark,
                    "staticParameters": [{"name": mark, "value": mark}, {"name": "x", "value": 3}],
                    "http": {
                        "baseUrlPattern": mark,
                        "authHeaders": [{"name": mark, "value": mark}],
                        "authQueryParams": [{"name": "x", "value": mark}],
                    },
                }
            },
        ],
    }
    assert render_template(template, CONTEXT) == {
        "systemPrompt": "0",
        "languageHint": "0",
        "timeExceededMessage": "0",
        "model": mark,
        "firstSpeakerSettings": {"agent": {"text": mark}},
        "inactivityMessages": [{"message": "0", "duration": "30s"}],
        "selectedTools": [
            {
                "toolName": mark,
                "descriptionOverride": "0",
                "authTokens": {"key": "0"},
                "parameterOverrides": {"p": "0", "q": 7},
            },
            {
                "temporaryTool": {
                    "description": "0",
                    "modelToolName": mark,
                    "staticParameters": [{"name": mark, "value": "0"}, {"name": "x", "value": 3}],
                    "http": {
                        "baseUrlPattern": mark,
                        "authHeaders": [{"name": mark, "value": "0"}],
                        "authQueryParams": [{"name": "x", "value": "0"}],
                    },
                }
            },
        ],
    }
    assert template["systemPrompt"] == mark  # the agent's own template stays as it is
