"""A caller talks to an agent behind the Ultravox API: SIP in, RTP both ways, a created call and its WebSocket out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callgate.core.audio.codecs import PCMU
from callgate.core.audio.tones import strength, tone
from callgate.testing.ultravox_server import UltravoxServer
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.model import ModelInThread

Model = ModelInThread[UltravoxServer]
CALLER_HZ, AGENT_HZ = 440, 700


@pytest.fixture
def model() -> Iterator[Model]:
    one = ModelInThread(UltravoxServer())
    yield one
    one.stop()
    assert one.server.complaints == []


@pytest.fixture
def hosted_gate(tmp_path: Path, model: Model) -> Iterator[Gate]:
    """A node that serves `ultravox-v0.7` by that server."""
    config = tmp_path / "callgate.toml"
    config.write_text(
        f'[models."ultravox-v0.7"]\nkind = "ultravox"\nurl = "{model.server.url}"\napi_key_env = "MODEL_KEY"\n'
    )
    gate = Gate(
        tmp_path,
        settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1", "MODEL_KEY": "key-hidden"},
        options=(f"--config={config}",),
    )
    gate.reset()
    yield gate
    assert gate.stop() == 0
    assert "key-hidden" not in gate.log_path.read_text()


def test_a_conversation_with_a_tool_at_its_end(hosted_gate: Gate, model: Model) -> None:
    gate, server = hosted_gate, model.server
    agent = gate.make_agent(
        "hosted", model="ultravox-v0.7", systemPrompt="Be brief.", selectedTools=[{"toolName": "hangUp"}]
    )
    encode = PCMU.new_encoder()
    voice = encode(tone(CALLER_HZ, 1_000))
    with Caller(gate, f"agent_{agent}") as caller:
        assert caller.status == 200
        assert (server.keys, server.bodies[0]["systemPrompt"]) == (["key-hidden"], "Be brief.")
        for at in range(0, len(voice), 160):
            caller.say(voice[at : at + 160])
            caller.hear(0.02)
        assert strength(bytes(server.sound[-8_000:]), CALLER_HZ) > 0.9
        model.does(server.understands("Goodbye."))
        model.does(server.speaks(tone(AGENT_HZ, 600), "Goodbye to you."))
        model.does(server.calls_tool("hangUp", reason="done"))
        heard = caller.hear(0.7)
        decode = PCMU.new_decoder()
        assert sum(strength(decode(packet.payload), AGENT_HZ) > 0.9 for _, packet in heard) > 25
        caller.is_hung_up_on(5.0)
    call = gate.ended_call(caller.sip_call_id)
    assert call["endReason"] == "agent_hangup"
    said = [(message["role"], message["text"]) for message in gate.messages(call["callId"])]
    assert ("MESSAGE_ROLE_USER", "Goodbye.") in said
    assert ("MESSAGE_ROLE_AGENT", "Goodbye to you.") in said


def test_a_refusal_is_a_480_with_its_words(hosted_gate: Gate, model: Model) -> None:
    model.server.refuses = 402
    agent = hosted_gate.make_agent("refused", model="ultravox-v0.7")
    with Caller(hosted_gate, f"agent_{agent}") as caller:
        assert caller.status == 480
    call = hosted_gate.ended_call(caller.sip_call_id)
    (failed,) = [event["text"] for event in hosted_gate.events(call["callId"]) if event["type"] == "agent_failed"]
    assert "refused with HTTP 402" in failed
