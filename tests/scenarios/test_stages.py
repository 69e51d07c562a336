"""A tool that an account keeps takes a call to another stage: the records tell each stage's own story."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callgate.testing.openai_realtime_server import RealtimeServer
from callgate.testing.tool_server import Answer, ToolServer
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.model import ModelInThread

BODY = "PARAMETER_LOCATION_BODY"


@pytest.fixture
def model() -> Iterator[ModelInThread[RealtimeServer]]:
    one = ModelInThread(RealtimeServer())
    yield one
    one.stop()
    assert one.server.complaints == []


@pytest.fixture
def shop() -> Iterator[ToolServer]:
    one = ModelInThread(ToolServer())
    yield one.server
    one.stop()


@pytest.fixture
def modelled_gate(tmp_path: Path, model: ModelInThread[RealtimeServer]) -> Iterator[Gate]:
    config = tmp_path / "callgate.toml"
    config.write_text(f'[models."ultravox-v0.7"]\nkind = "openai-realtime"\nurl = "{model.server.url}"\n')
    gate = Gate(tmp_path, settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1"}, options=(f"--config={config}",))
    gate.reset()
    yield gate
    assert gate.stop() == 0


def make_tool(gate: Gate, shop: ToolServer, name: str) -> str:
    automatic = {"name": "stage", "location": BODY, "knownValue": "KNOWN_PARAM_CALL_STAGE_ID"}
    definition = {"http": {"baseUrlPattern": f"{shop.url}/{name}"}, "automaticParameters": [automatic]}
    return str(gate.post("/api/tools", {"name": name, "definition": definition})["toolId"])


def test_a_stored_tool_takes_the_call_to_a_second_stage(
    modelled_gate: Gate, model: ModelInThread[RealtimeServer], shop: ToolServer
) -> None:
    gate, server = modelled_gate, model.server
    sales, order = make_tool(gate, shop, "toSales"), make_tool(gate, shop, "order")
    agent = gate.make_agent(
        "two stages",
        model="ultravox-v0.7",
        systemPrompt="You greet.",
        firstSpeakerSettings={"user": {}},
        selectedTools=[{"toolId": sales, "descriptionOverride": "Whoever wants to buy."}],
    )
    shop.answer = Answer(
        json.dumps({"systemPrompt": "You sell.", "selectedTools": [{"toolName": "order"}, {"toolName": "hangUp"}]}),
        headers={"X-Ultravox-Response-Type": "new-stage", "X-Ultravox-Update-Call-State": '{"wants": "tea"}'},
    )
    with Caller(gate, f"agent_{agent}") as caller:
        assert caller.status == 200
        assert [(tool["name"], tool["description"]) for tool in server.session["tools"]] == [
            ("toSales", "Whoever wants to buy.")
        ]
        model.does(server.understands("I want tea."))
        model.does(server.calls_tool("toSales"))
        gate.until(lambda: server.session["instructions"] == "You sell.")
        assert [tool["name"] for tool in server.session["tools"]] == ["order", "hangUp"]
        shop.answer = Answer("out of tea", 503)
        model.does(server.understands("A pound, please."))
        model.does(server.calls_tool("order"))
        gate.until(lambda: len(shop.asked) == 2)
        caller.hear(0.3)
    call = gate.ended_call(caller.sip_call_id)
    path = f"/api/calls/{call['callId']}"
    assert call["systemPrompt"] == "You sell."

    first, second = gate.get(f"{path}/stages")["results"]
    assert (first["systemPrompt"], first["errorCount"], first["initialState"]) == ("You greet.", 0, {})
    assert (second["systemPrompt"], second["errorCount"], second["initialState"]) == ("You sell.", 1, {"wants": "tea"})
    assert [json.loads(asked.body)["stage"] for asked in shop.asked] == [first["callStageId"], second["callStageId"]]

    def told(stage: dict[str, Any]) -> list[tuple[Any, ...]]:
        said = gate.get(f"{path}/stages/{stage['callStageId']}/messages")["results"]
        assert [message["callStageMessageIndex"] for message in said] == list(range(len(said)))
        return [
            (message["role"].removeprefix("MESSAGE_ROLE_"), message.get("toolName") or message["text"])
            for message in said
        ]

    assert told(first) == [("USER", "I want tea."), ("TOOL_CALL", "toSales"), ("TOOL_RESULT", "toSales")]
    assert told(second) == [("USER", "A pound, please."), ("TOOL_CALL", "order"), ("TOOL_RESULT", "order")]
    assert len(gate.get(f"{path}/messages?mode=in_call")["results"]) == 6
    *_, asked, failed = gate.messages(call["callId"])
    assert asked["invocationId"] == failed["invocationId"]
    assert failed["errorDetails"] == "it answered 503: out of tea"
    changed = gate.get(f"{path}/messages?mode=in_call")["results"][2]
    assert changed["callState"] == {"wants": "tea"}
    events = {event["type"]: event["callStageId"] for event in gate.events(call["callId"])}
    assert (events["call_stage"], events["tool_failed"]) == (second["callStageId"], second["callStageId"])

    tools = gate.get(f"{path}/tools")
    assert [(tool["name"], tool["toolId"] == order) for tool in tools] == [("order", True), ("hangUp", False)]
    (greeter,) = gate.get(f"{path}/stages/{first['callStageId']}/tools")
    assert (greeter["name"], greeter["toolId"]) == ("toSales", sales)
    for tool_id, errors in ((sales, 0), (order, 1)):
        history = gate.get(f"/api/tools/{tool_id}/history")
        assert [(one["call"]["callId"], one["errorCount"]) for one in history["results"]] == [(call["callId"], errors)]


def test_a_tool_that_has_vanished_is_told_and_the_call_goes_on(
    modelled_gate: Gate, model: ModelInThread[RealtimeServer], shop: ToolServer
) -> None:
    gate = modelled_gate
    kept, gone = make_tool(gate, shop, "kept"), make_tool(gate, shop, "gone")
    agent = gate.make_agent(
        "without",
        model="ultravox-v0.7",
        firstSpeakerSettings={"user": {}},
        selectedTools=[{"toolId": gone}, {"toolId": kept}],
    )
    gate.delete(f"/api/tools/{gone}")
    with Caller(gate, f"agent_{agent}") as caller:
        assert caller.status == 200
        assert [tool["name"] for tool in model.server.session["tools"]] == ["kept"]
    call = gate.ended_call(caller.sip_call_id)
    told = [event["text"] for event in gate.events(call["callId"]) if event["type"] == "tool_unusable"]
    assert told == [f"there is no tool {gone!r}"]
