from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from callgate.calls.creation import CallMaker
from callgate.core.templates.errors import TemplateUnfit
from callgate.entities.agent import Agent
from callgate.entities.call import Call
from callgate.ports import StartCall
from callgate.runtime.ids import SystemIds
from tests.calls.stage import AGENT, Stage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADERS = (("X-Customer-Name", "Bob"), ("X-Account", "815"), ("Via", "ignored"))


def make(template: dict[str, Any] | None, body: dict[str, Any] | None = None, **maker: Any) -> Call:
    agent = None if template is None else Agent(AGENT, "account", "Demo", NOW, None, template)
    return CallMaker(ids=SystemIds(), **maker).make(
        replace(Stage.attempt(), headers=HEADERS),
        account_id="account",
        agent=agent,
        answer=None if body is None else StartCall(AGENT if agent else None, body),
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


def test_tools_are_removed_before_others_are_added() -> None:
    template = {"selectedTools": [{"toolName": "hangUp"}, {"toolName": "x", "nameOverride": "y"}]}
    added = {"toolName": "z"}
    assert make(template, {"toolOverrides": {"remove": ["y"], "add": [added]}}).settings["selectedTools"] == [
        {"toolName": "hangUp"},
        added,
    ]
    assert make(template, {"toolOverrides": {"removeAll": True}}).settings["selectedTools"] == []


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
