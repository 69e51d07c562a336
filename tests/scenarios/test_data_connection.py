"""A call and its owner's server: SIP in, RTP both ways, a model behind one WebSocket and the owner behind another."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callgate.core.audio.codecs import PCMU
from callgate.core.audio.tones import strength, tone
from callgate.testing.data_connection_server import DataConnectionServer
from callgate.testing.openai_realtime_server import RealtimeServer
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate, Refused
from tests.peers.model import ModelInThread

Model = ModelInThread[RealtimeServer]
Owner = ModelInThread[DataConnectionServer]

SECRET = "a-shared-secret-of-some-length"
CALLER_HZ, AGENT_HZ = 450, 700
RATE_HZ = 16_000
VOICE = PCMU.new_encoder()(tone(CALLER_HZ, 20))
DATA_TOOL = {
    "temporaryTool": {
        "modelToolName": "book",
        "description": "Books.",
        "dataConnection": {},
        "dynamicParameters": [
            {"name": "day", "location": "PARAMETER_LOCATION_BODY", "schema": {"type": "string"}, "required": True}
        ],
    }
}


@pytest.fixture
def model() -> Iterator[Model]:
    one = ModelInThread(RealtimeServer())
    yield one
    one.stop()
    assert one.server.complaints == []


@pytest.fixture
def owner() -> Iterator[Owner]:
    one = ModelInThread(DataConnectionServer(SECRET))
    yield one
    one.stop()
    assert one.server.complaints == []


@pytest.fixture
def modelled_gate(tmp_path: Path, model: Model) -> Iterator[Gate]:
    """A node that serves `ultravox-v0.7` by that model."""
    config = tmp_path / "callgate.toml"
    config.write_text(f'[models."ultravox-v0.7"]\nkind = "openai-realtime"\nurl = "{model.server.url}"\n')
    gate = Gate(tmp_path, settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1"}, options=(f"--config={config}",))
    gate.reset()
    yield gate
    assert gate.stop() == 0
    log = gate.log_path.read_text()
    assert SECRET not in log
    assert "Bearer hidden" not in log


def agent_of(gate: Gate, owner: Owner, **fields: Any) -> str:
    """An agent whose calls are connected to the owner's server."""
    return gate.make_agent(
        f"connected {next(_numbers)}",
        sharedSecrets=[SECRET],
        dataConnection={"websocketUrl": owner.server.url, "headers": {"Authorization": "Bearer hidden"}, **fields},
        model="ultravox-v0.7",
        firstSpeakerSettings={"user": {}},
        selectedTools=[DATA_TOOL],
    )


_numbers = itertools.count(1)


def loud_frames(caller: Caller, seconds: float, frequency_hz: float) -> int:
    """How many frames of a tone the caller hears in the next seconds."""
    decode = PCMU.new_decoder()
    return sum(strength(decode(packet.payload), frequency_hz) > 0.9 for _, packet in caller.hear(seconds))


def test_the_owners_server_is_told_hears_answers_and_speaks(modelled_gate: Gate, model: Model, owner: Owner) -> None:
    gate, server = modelled_gate, owner.server
    server.results["book"] = {"result": "booked for monday"}
    agent = agent_of(gate, owner, audioConfig={"sampleRate": RATE_HZ}, dataMessages={"callEvent": True})
    with Caller(gate, f"agent_{agent}") as caller:
        assert caller.status == 200
        gate.until(lambda: server.told)
        call_id = server.headers["X-Ultravox-Call-ID"]  # signed, or the server would have refused
        assert server.headers["Authorization"] == "Bearer hidden"
        assert server.told[0] == {"type": "call_started", "callId": call_id}
        # Both speak at a time, for most of a second.
        model.does(model.server.speaks(PCMU.new_encoder()(tone(AGENT_HZ, 800)), "A tone."))
        for _ in range(50):
            caller.say(VOICE)
            caller.hear(0.02)
        model.does(model.server.understands("Monday, please."))
        gate.until(lambda: len(server.messages("transcript")) == 2)
        check_sound(bytes(server.sound))
        # The model uses a tool that is done there.
        model.does(model.server.calls_tool("book", '{"day": "monday"}'))
        gate.until(lambda: model.server.asked("response.create"))
        (used,) = server.messages("data_connection_tool_invocation")
        assert used["parameters"] == {"day": "monday"}
        told = [message["item"] for message in model.server.asked("conversation.item.create")]
        assert [item["output"] for item in told if item["type"] == "function_call_output"] == ["booked for monday"]
        model.does(model.server.finishes())
        # The owner has the agent say something.
        owner.does(server.says("forced_agent_message", content="Hold the line.", urgency="immediate"))
        asked = gate.until(lambda: model.server.asked("response.create")[1:])
        assert "Hold the line." in asked[0]["response"]["instructions"]
        model.does(model.server.speaks(PCMU.new_encoder()(tone(AGENT_HZ, 400)), "Hold the line."))
        assert loud_frames(caller, 0.8, AGENT_HZ) > 15
        owner.does(server.says("hang_up"))
        caller.is_hung_up_on(5.0)
    call = gate.ended_call(caller.sip_call_id)
    assert (call["callId"], call["endReason"]) == (call_id, "agent_hangup")
    assert call["dataConnectionConfig"]["websocketUrl"] == server.url
    assert SECRET not in str(call)
    check_messages(server)
    said = [(message["role"], message["text"]) for message in gate.messages(call_id)]
    assert ("MESSAGE_ROLE_AGENT", "Hold the line.") in said


def check_sound(sound: bytes) -> None:
    """The caller is left and the agent right, at the same time."""
    both = np.frombuffer(sound[: len(sound) // 4 * 4], "<i2").reshape(-1, 2)
    left, right = (np.ascontiguousarray(both[:, side]) for side in (0, 1))
    loud = np.flatnonzero(np.abs(right.astype(int)) > 8_000)
    assert len(loud) > 0
    half = slice(int(loud[0]) + RATE_HZ // 5, int(loud[0]) + RATE_HZ * 7 // 10)
    assert strength(left[half].tobytes(), CALLER_HZ, RATE_HZ) > 0.9
    assert strength(right[half].tobytes(), AGENT_HZ, RATE_HZ) > 0.9
    assert strength(right[half].tobytes(), CALLER_HZ, RATE_HZ) < 0.01


def check_messages(server: DataConnectionServer) -> None:
    """What was told in the course of the call."""
    states = [message["state"] for message in server.messages("state")]
    assert states[:3] == ["listening", "speaking", "listening"]
    assert states.index("thinking") > 1
    said = [(message["ordinal"], message["role"], message["text"]) for message in server.messages("transcript")]
    assert said[:2] == [(1, "agent", "A tone."), (2, "user", "Monday, please.")]
    assert said[-1][2] == "Hold the line."


def test_a_server_that_refuses_costs_the_call_nothing(modelled_gate: Gate, model: Model, owner: Owner) -> None:
    gate = modelled_gate
    owner.server.refuses = 403
    with Caller(gate, f"agent_{agent_of(gate, owner)}") as caller:
        assert caller.status == 200
        gate.until(lambda: caller.hear(0.1))  # it has begun
        model.does(model.server.calls_tool("book", '{"day": "monday"}'))
        model.does(model.server.speaks(PCMU.new_encoder()(tone(AGENT_HZ, 400)), "Here I am."))
        assert loud_frames(caller, 0.8, AGENT_HZ) > 15
    call = gate.ended_call(caller.sip_call_id)
    assert call["endReason"] == "hangup"
    failed = [event for event in gate.events(call["callId"]) if event["type"] == "data_connection_failed"]
    assert failed[0]["text"] == "refused with HTTP 403: no; tried again in 0.5 s"
    assert failed[0]["severity"] == "warning"


def test_an_address_that_may_not_be_reached_is_refused_when_it_is_saved(gate: Gate) -> None:
    for url in ("ws://10.0.0.1/", "https://owner.example/", "ws://owner.example/"):
        with pytest.raises(Refused) as refused:
            gate.make_agent("wrong", dataConnection={"websocketUrl": url})
        assert refused.value.status == 400
        assert "websocketUrl" in refused.value.body["callTemplate"]["dataConnection"]


def test_the_demo_agent_may_be_attended(gate: Gate, owner: Owner) -> None:
    agent = gate.make_agent(
        "demo attended", sharedSecrets=[SECRET], dataConnection={"websocketUrl": owner.server.url, "audioConfig": {}}
    )
    with Caller(gate, f"agent_{agent}") as caller:
        caller.hear(0.5)
        gate.until(lambda: owner.server.messages("transcript"))
        owner.does(owner.server.says("user_text_message", text="It understands no text."))
        owner.does(owner.server.says("hang_up", message="Goodbye."))
        caller.is_hung_up_on(8.0)
    call = gate.ended_call(caller.sip_call_id)
    assert call["endReason"] == "agent_hangup"
    assert "message_not_taken" in [event["type"] for event in gate.events(call["callId"])]
    assert owner.server.told[0]["type"] == "call_started"
