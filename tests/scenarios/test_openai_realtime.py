"""A caller talks to a speech model behind the OpenAI Realtime protocol: SIP in, RTP both ways, a WebSocket out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callgate.core.audio.codecs import PCMU
from callgate.core.audio.tones import strength, tone
from callgate.testing.openai_realtime_server import RealtimeServer
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.model import ModelInThread

Model = ModelInThread[RealtimeServer]

VOICE = PCMU.new_encoder()(tone(440, 20))
AGENT_HZ = 700


@pytest.fixture
def model() -> Iterator[Model]:
    one = ModelInThread(RealtimeServer())
    yield one
    one.stop()
    assert one.server.complaints == []


@pytest.fixture
def modelled_gate(tmp_path: Path, model: Model) -> Iterator[Gate]:
    """A node that serves `ultravox-v0.7` by that model."""
    config = tmp_path / "callgate.toml"
    config.write_text(
        f'[models."ultravox-v0.7"]\nkind = "openai-realtime"\nurl = "{model.server.url}"\napi_key_env = "MODEL_KEY"\n'
    )
    gate = Gate(
        tmp_path,
        settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1", "MODEL_KEY": "sk-hidden"},
        options=(f"--config={config}",),
    )
    gate.reset()
    yield gate
    assert gate.stop() == 0
    assert "sk-hidden" not in gate.log_path.read_text()


def test_a_conversation_with_an_interruption(modelled_gate: Gate, model: Model) -> None:
    gate, server = modelled_gate, model.server
    agent = gate.make_agent(
        "modelled", model="ultravox-v0.7", systemPrompt="Be brief.", firstSpeakerSettings={"user": {}}
    )
    with Caller(gate, f"agent_{agent}") as caller:
        assert caller.status == 200
        assert server.headers["Authorization"] == "Bearer sk-hidden"
        assert server.session["instructions"] == "Be brief."
        for _ in range(50):
            caller.say(VOICE)
            caller.hear(0.02)
        assert bytes(server.sound).count(VOICE) > 40  # untouched: the model takes what the caller sends
        model.does(server.understands("Tell me a story."))
        sound = PCMU.new_encoder()(tone(AGENT_HZ, 5_000))
        model.does(server.speaks(sound, "one two three four five six seven eight nine ten", finishes=False))
        story = caller.hear(1.0)
        heard = PCMU.new_decoder()(b"".join(packet.payload for _, packet in story[10:]))
        assert strength(heard, AGENT_HZ) > 0.95
        model.does(server.hears_speech())
        after = caller.hear(0.3)
        # One packet may have been on its way, one fades.
        assert all(packet.payload == b"\xff" * 160 for _, packet in after[3:])
        gate.until(lambda: server.asked("conversation.item.truncate"))
        (truncated,) = server.asked("conversation.item.truncate")
        assert truncated["audio_end_ms"] == pytest.approx(1_000, abs=150)
    call = gate.ended_call(caller.sip_call_id)
    assert call["model"] == "ultravox-v0.7"
    said = [(message["role"], message["text"]) for message in gate.messages(call["callId"])]
    assert said[0] == ("MESSAGE_ROLE_USER", "Tell me a story.")
    assert said[1][0] == "MESSAGE_ROLE_AGENT"
    assert said[1][1] in ("one", "one two")


def test_a_model_that_refuses_is_a_480_with_its_words(modelled_gate: Gate, model: Model) -> None:
    model.server.refuses = 401
    agent = modelled_gate.make_agent("refused", model="ultravox-v0.7")
    with Caller(modelled_gate, f"agent_{agent}") as caller:
        assert caller.status == 480
    call = modelled_gate.ended_call(caller.sip_call_id)
    failed = [event["text"] for event in modelled_gate.events(call["callId"]) if event["type"] == "agent_failed"]
    assert failed == ["the agent could not be started: refused with HTTP 401: no"]


def test_a_model_that_is_gone_ends_the_call(modelled_gate: Gate, model: Model) -> None:
    agent = modelled_gate.make_agent("gone", model="ultravox-v0.7", firstSpeakerSettings={"user": {}})
    with Caller(modelled_gate, f"agent_{agent}") as caller:
        caller.hear(0.1)
        model.server.refuses = 503
        model.does(model.server.breaks())
        assert caller.is_hung_up_on(8.0) != ""
    assert modelled_gate.ended_call(caller.sip_call_id)["endReason"] != "hangup"


def test_another_takes_over_from_a_model_that_is_gone(tmp_path: Path, model: Model) -> None:
    config = tmp_path / "callgate.toml"
    config.write_text(
        f'[models.first]\nkind = "openai-realtime"\nurl = "{model.server.url}"\nthen = ["second"]\n'
        '[models.second]\nkind = "demo"\n'
    )
    gate = Gate(tmp_path, settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1"}, options=(f"--config={config}",))
    gate.reset()
    agent = gate.make_agent("doubled", model="first", firstSpeakerSettings={"user": {}})
    with Caller(gate, f"agent_{agent}") as caller:
        model.does(model.server.speaks(PCMU.new_encoder()(tone(AGENT_HZ, 400)), "Let me see."))
        caller.hear(0.5)
        model.server.refuses = 503
        model.does(model.server.breaks())
        after = caller.hear(3.0)
        silent = longest = 0
        for _, packet in after:
            silent = silent + 20 if packet.payload == b"\xff" * 160 else 0
            longest = max(longest, silent)
        assert longest < 2_000
        assert any(packet.payload != b"\xff" * 160 for _, packet in after)
    call = gate.ended_call(caller.sip_call_id)
    assert call["endReason"] == "hangup"
    told = [event["type"] for event in gate.events(call["callId"])]
    assert told.index("brain_failed") < told.index("brain_replaced")
    assert gate.stop() == 0


def test_other_agents_are_served_by_the_demo_agent(modelled_gate: Gate, model: Model) -> None:
    with Caller(modelled_gate) as caller:
        assert len(caller.hear(0.5)) > 15
    assert model.server.sessions == 0
