"""A caller talks to a cascade: SIP in, RTP both ways, and three servers behind HTTP that listen, answer and speak."""

import base64
import io
import re
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callgate.core.audio.codecs import PCMU
from callgate.core.audio.tones import strength, tone
from callgate.core.rtp.packet import Packet
from callgate.testing.cascade_servers import CascadeServers, Reply
from callgate.testing.tool_server import Answer, ToolServer
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.model import ModelInThread

Model = ModelInThread[CascadeServers]

CALLER_HZ = 450  # nine periods a frame
VOICE, SILENCE = PCMU.new_encoder()(tone(CALLER_HZ, 20)), b"\xff" * 160


@pytest.fixture
def model() -> Iterator[Model]:
    one = ModelInThread(CascadeServers())
    yield one
    one.stop()


@pytest.fixture
def tools() -> Iterator[ModelInThread[ToolServer]]:
    one = ModelInThread(ToolServer())
    yield one
    one.stop()


@pytest.fixture
def own_gate(tmp_path: Path, model: Model) -> Iterator[Gate]:
    """A node whose model `own` is those servers, and `second` whoever follows it."""
    config = tmp_path / "callgate.toml"
    url = model.server.url
    servers = f'url = "{url}"\nmodel = "m"\napi_key_env = "MODEL_KEY"\nspeech_url = "{url}"\nspeech_voice = "nova"\n'
    config.write_text(
        f'[models.own]\nkind = "cascade"\n{servers}'
        f'[models.own-and-then]\nkind = "cascade"\n{servers}then = ["demo"]\n'
        f'[models.own-reads]\nkind = "cascade"\n{servers}transcription_url = "{url}"\naudio_input = false\n'
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


def talk(caller: Caller, frame: bytes, ms: int) -> list[tuple[float, Packet]]:
    """Send a frame again and again at its pace; what came meanwhile."""
    came = []
    for _ in range(ms // 20):
        caller.say(frame)
        came += caller.hear(0.02)
    return came


def heard_of(packets: list[tuple[float, Packet]], hz: int) -> int:
    """How many ms of a tone came."""
    decode = PCMU.new_decoder()
    return 20 * sum(strength(decode(packet.payload), hz) > 0.9 for _, packet in packets)


def said(gate: Gate, call_id: str) -> list[tuple[str, str]]:
    """A call's messages; how long the caller spoke depends on how busy this machine is."""
    return [
        (one["role"].removeprefix("MESSAGE_ROLE_"), re.sub(r"\d\.\d s", "… s", one["text"]))
        for one in gate.messages(call_id)
    ]


def last_sound(prompt: dict[str, Any]) -> bytes:
    """The sound of the last message, 16 kHz."""
    (part,) = [part for part in prompt["messages"][-1]["content"] if part["type"] == "input_audio"]
    with wave.open(io.BytesIO(base64.b64decode(part["input_audio"]["data"]))) as file:
        assert file.getframerate() == 16_000
        pcm: bytes = file.readframes(file.getnframes())
    return pcm


def test_a_conversation_with_an_interruption(own_gate: Gate, model: Model) -> None:
    gate, server = own_gate, model.server
    agent = gate.make_agent(
        "own",
        model="own",
        systemPrompt="Be brief.",
        firstSpeakerSettings={"agent": {"text": "Good morning."}},
    )
    model.does(
        server.script(Reply(["One two three four. ", "Five six seven eight nine ten eleven twelve."]), Reply(["Yes?"]))
    )
    with Caller(gate, f"agent_{agent}") as caller:
        assert caller.status == 200
        assert server.keys == {"Bearer sk-hidden", ""}
        greeting = talk(caller, SILENCE, 1_000)
        assert heard_of(greeting, server.hz) == pytest.approx(50 * len("Good morning."), abs=60)
        talk(caller, VOICE, 600)
        answer = talk(caller, SILENCE, 1_200)
        assert heard_of(answer, server.hz) > 400
        sound = last_sound(server.prompts[0])
        assert 940 <= len(sound) / 32 < 2_000  # 300 ms before it and 100 after it; longer where we were slow to speak
        assert strength(sound[32 * 400 : 32 * 800], CALLER_HZ, 16_000) > 0.95
        interrupted = talk(caller, VOICE, 400)
        # 100 ms of speech make an interruption; one packet may have been on its way, one fades.
        assert heard_of(interrupted[10:], server.hz) == 0
        assert all(packet.payload == SILENCE for _, packet in interrupted[10:])
        talk(caller, SILENCE, 1_000)
    assert [message["role"] for message in server.prompts[1]["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    kept = server.prompts[1]["messages"][4]["content"]
    assert kept.startswith("One two")
    assert "twelve" not in kept
    call = gate.ended_call(caller.sip_call_id)
    assert call["model"] == "own"
    assert said(gate, call["callId"]) == [
        ("AGENT", "Good morning."),
        ("USER", "(the caller spoke for … s)"),
        ("AGENT", kept),
        ("USER", "(the caller spoke for … s)"),
        ("AGENT", "Yes?"),
    ]
    turns = [event for event in gate.events(call["callId"]) if event["type"] == "turn"]
    assert len(turns) == 2


def test_a_tool_is_used_and_the_agent_hangs_up(own_gate: Gate, model: Model, tools: ModelInThread[ToolServer]) -> None:
    gate, server = own_gate, model.server
    tools.server.answer = Answer("booked")
    day = {
        "name": "day",
        "location": "PARAMETER_LOCATION_BODY",
        "schema": {"type": "string"},
        "required": True,
    }
    book = {
        "modelToolName": "book",
        "description": "Books a table.",
        "dynamicParameters": [day],
        "http": {"baseUrlPattern": f"{tools.server.url}/book", "httpMethod": "POST"},
    }
    agent = gate.make_agent(
        "booking",
        model="own-reads",
        firstSpeakerSettings={"user": {}},
        selectedTools=[{"temporaryTool": book}, {"toolName": "hangUp"}],
    )
    server.transcripts.append("Book a table.")
    model.does(
        server.script(Reply([], [("book", '{"day": "Monday"}')]), Reply(["Booked. Good bye."], [("hangUp", "{}")]))
    )
    with Caller(gate, f"agent_{agent}") as caller:
        talk(caller, VOICE, 400)
        heard = talk(caller, SILENCE, 1_800)
        assert caller.is_hung_up_on(5.0) is not None
    assert heard_of(heard, server.hz) == pytest.approx(50 * len("Booked.Good bye."), abs=60)
    assert [asked.body for asked in tools.server.asked] == [b'{"day":"Monday"}']
    assert server.prompts[0]["messages"] == [{"role": "user", "content": "Book a table."}]
    assert server.prompts[1]["messages"][-1]["content"] == "booked"
    call = gate.ended_call(caller.sip_call_id)
    assert call["endReason"] == "agent_hangup"
    spoken = [entry for entry in said(gate, call["callId"]) if entry[0] in ("USER", "AGENT")]
    assert spoken == [("USER", "Book a table."), ("AGENT", "Booked. Good bye.")]


def test_a_server_that_refuses_is_a_480_with_its_words(own_gate: Gate, model: Model) -> None:
    model.server.refuses["/audio/speech"] = 401
    agent = own_gate.make_agent("refused", model="own")
    with Caller(own_gate, f"agent_{agent}") as caller:
        assert caller.status == 480
    call = own_gate.ended_call(caller.sip_call_id)
    (failed,) = [event["text"] for event in own_gate.events(call["callId"]) if event["type"] == "agent_failed"]
    assert failed == "the agent could not be started: the speech server refused with HTTP 401: no, you"


@pytest.mark.parametrize("name", ["own", "own-and-then"])
def test_a_server_that_is_gone_ends_the_call_or_has_another_take_over(own_gate: Gate, model: Model, name: str) -> None:
    agent = own_gate.make_agent("gone", model=name, firstSpeakerSettings={"user": {}})
    model.does(model.server.script(Reply(dies_after=0), Reply(error="out of memory")))
    with Caller(own_gate, f"agent_{agent}") as caller:
        talk(caller, VOICE, 400)
        if name == "own":
            assert caller.is_hung_up_on(8.0) != ""
        else:
            after = talk(caller, SILENCE, 2_500)
            assert any(packet.payload != SILENCE for _, packet in after)
    call = own_gate.ended_call(caller.sip_call_id)
    told = [event["type"] for event in own_gate.events(call["callId"])]
    if name == "own":
        assert call["endReason"] != "hangup"
    else:
        assert call["endReason"] == "hangup"
        assert told.index("brain_failed") < told.index("brain_replaced")
    assert said(own_gate, call["callId"])[0] == ("USER", "(the caller spoke for … s)")
