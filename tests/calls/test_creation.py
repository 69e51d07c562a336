from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from callgate.calls.creation import CallMaker
from callgate.core.templates.errors import TemplateUnfit
from callgate.entities.agent import Agent
from callgate.entities.call import Call
from callgate.entities.json import JsonObject
from callgate.entities.tool import BUILT_IN_IDS, DurableTool
from callgate.ports import StartCall
from callgate.runtime.ids import SystemIds
from callgate.schema.errors import Invalid
from tests.calls.stage import AGENT, Stage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADERS = (("X-Customer-Name", "Bob"), ("X-Account", "815"), ("Via", "ignored"))


def make(
    template: dict[str, Any] | None,
    body: dict[str, Any] | None = None,
    tools: dict[str, DurableTool] | None = None,
    **maker: Any,
) -> Call:
    agent = None if template is None else Agent(AGENT, "account", "Demo", NOW, None, template)
    return CallMaker(ids=SystemIds(), **maker).make(
        replace(Stage.attempt(), headers=HEADERS),
        account_id="account",
        agent=agent,
        answer=None if body is None else StartCall(AGENT if agent else None, body),
        tools=tools or {},
        decision_id="decision",
        now=NOW,
    )


def test_headers_and_sip_become_variables_of_the_template() -> None:
    call = make({"systemPrompt": "You talk to {{customer_name}} of {{ultravox.sip.caller_id}}.", "name": "template"})
    assert call.settings["systemPrompt"] == "You talk to Bob of +15550100."
    assert "name" not in call.settings
    assert call.settings["medium"] == {"sip": {"incoming": {}}}
    assert call.request_context["account"] == 815
    assert call.metadata["ultravox.sip.from_display_name"] == "Bob"
    assert (call.agent_id, call.agent_name, call.decision_id) == (AGENT, "Demo", "decision")


def test_what_the_handler_says_stands_in_for_the_template_and_its_context_wins_over_headers() -> None:
    template = {"systemPrompt": "Hi {{customer_name}}", "externalVoice": {"x": {}}, "maxDuration": "600s"}
    body = {
        "templateContext": {"customer_name": "Alice"},
        "maxDuration": "60s",
        "voice": "Mark",
        "metadata": {"k": "v"},
        "medium": {"webRtc": {}},
    }
    call = make(template, body)
    assert call.settings["systemPrompt"] == "Hi Alice"
    assert call.settings["maxDuration"] == "60s"
    assert "externalVoice" not in call.settings
    assert call.settings["medium"] == {"sip": {"incoming": {}}}
    assert call.metadata["k"] == "v"
    assert make(template, body, sip_headers_win=True).settings["systemPrompt"] == "Hi Bob"


def test_an_inline_call_has_no_agent() -> None:
    call = make(None, {"systemPrompt": "You are {{verbatim}}."})
    assert call.agent_id is None
    assert call.settings["systemPrompt"] == "You are {{verbatim}}."


HANG_UP = {"toolName": "hangUp", "toolId": next(key for key, name in BUILT_IN_IDS.items() if name == "hangUp")}
LOOKUP = DurableTool("t1", "account", "lookup", NOW, {"modelToolName": "findOrder", "client": {}})


def test_tools_are_removed_before_others_are_added() -> None:
    template = {"selectedTools": [{"toolName": "hangUp"}, {"toolName": "x", "nameOverride": "y"}]}
    added = {"toolName": "z"}
    assert make(template, {"toolOverrides": {"remove": ["y"], "add": [added]}}).settings["selectedTools"] == [
        HANG_UP,
        added,
    ]
    assert make(template, {"toolOverrides": {"removeAll": True}}).settings["selectedTools"] == []


def test_stored_tools_are_put_in_place_and_known_by_the_models_names() -> None:
    template = {"selectedTools": [{"toolId": "t1", "parameterOverrides": {"shop": "{{shop}}"}}, {"toolName": "hangUp"}]}
    context = {"templateContext": {"shop": "7"}}
    in_place = {"toolId": "t1", "parameterOverrides": {"shop": "7"}, "temporaryTool": LOOKUP.definition}
    call = make(template, context, tools={"t1": LOOKUP})
    assert call.settings["selectedTools"] == [in_place, HANG_UP]
    removed = make(template, {**context, "toolOverrides": {"remove": ["findOrder"]}}, tools={"t1": LOOKUP})
    assert removed.settings["selectedTools"] == [HANG_UP]
    added = make({}, {"toolOverrides": {"add": [{"toolName": "lookup"}]}}, tools={"t1": LOOKUP})
    assert added.settings["selectedTools"] == [
        {"toolName": "lookup", "toolId": "t1", "temporaryTool": LOOKUP.definition}
    ]
    inline = make(None, {"selectedTools": [{"toolId": "t1"}]}, tools={"t1": LOOKUP})
    assert inline.settings["selectedTools"] == [{"toolId": "t1", "temporaryTool": LOOKUP.definition}]


def test_what_a_stage_says_is_validated_and_its_tools_are_put_in_place() -> None:
    maker = CallMaker(ids=SystemIds(), check_url=lambda url, websocket=False: "not there")
    own, in_vain = maker.stage(
        {"systemPrompt": "Second.", "selectedTools": [{"toolName": "lookup"}], "maxDuration": "5s", "x": 1},
        {"t1": LOOKUP},
    )
    assert own == {
        "systemPrompt": "Second.",
        "selectedTools": [{"toolName": "lookup", "toolId": "t1", "temporaryTool": LOOKUP.definition}],
    }
    assert in_vain == ["maxDuration", "x"]
    tool: JsonObject = {"temporaryTool": {"http": {"baseUrlPattern": "https://a.example"}}}
    with pytest.raises(Invalid, match="not there"):
        maker.stage({"selectedTools": [tool]}, {})


def test_a_broken_template_is_told_in_words() -> None:
    with pytest.raises(TemplateUnfit, match="systemPrompt"):
        make({"systemPrompt": "{{#open}}"})


def test_times_have_the_public_defaults() -> None:
    maker = CallMaker(ids=SystemIds())
    call = make({})
    assert maker.join_timeout_s(call) == 30
    assert maker.farewell(call) == ("", 3_600)
    call = make({"joinTimeout": "5s", "maxDuration": "90.5s", "timeExceededMessage": "bye"})
    assert maker.join_timeout_s(call) == 5
    assert maker.farewell(call) == ("bye", 90.5)


def test_a_brain_is_told_a_voice_by_its_name() -> None:
    maker = CallMaker(ids=SystemIds(), voices={"0b9c7a8e-0000-4000-8000-000000000001": "marin"})
    by_id: JsonObject = {"voice": "0B9C7A8E-0000-4000-8000-000000000001", "model": "fast"}
    assert maker.for_brain(by_id) == {"voice": "marin", "model": "fast"}
    others: list[JsonObject] = [{"voice": "marin"}, {"voice": "unknown"}, {}, {"externalVoice": {}}]
    for settings in others:
        assert maker.for_brain(settings) is settings
