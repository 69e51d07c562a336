"""Bots that others' libraries made for telephone platforms answer calls here, unchanged."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from callgate.core.audio.codecs import PCMU
from callgate.core.audio.tones import strength, tone
from callgate.core.dialects.media_streams import DIALECTS
from callgate.core.dialects.stream_ids import call_sid
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.foreign_bot import PipecatBot
from tests.peers.gate import API_KEY, Gate

CALLER_HZ = 440
VOICE = [PCMU.new_encoder()(tone(CALLER_HZ, 1_000))[at : at + 160] for at in range(0, 8_000, 160)]


@pytest.fixture
def gates() -> Iterator[list[Gate]]:
    made: list[Gate] = []
    yield made
    for gate in made:
        assert gate.stop() == 0


def served(tmp_path: Path, gates: list[Gate], url: str, dialect: str) -> tuple[Gate, str]:
    """A node whose agent is the bot at that URL."""
    config = tmp_path / "callgate.toml"
    config.write_text(f'[models.bot]\nkind = "media-streams"\nprofile = "{dialect}"\nurl = "{url}"\n')
    gate = Gate(tmp_path, settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1"}, options=(f"--config={config}",))
    gates.append(gate)
    gate.reset()
    return gate, gate.make_agent("bot", model="bot")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_pipecat_bot_hears_and_is_heard(tmp_path: Path, gates: list[Gate], dialect: str) -> None:
    with PipecatBot({}, tmp_path / "bot.log") as bot:
        gate, agent = served(tmp_path, gates, bot.url, dialect)
        with Caller(gate, f"agent_{agent}") as caller:
            heard = []
            for _ in range(3):
                for piece in VOICE:
                    caller.say(piece)
                    heard += caller.hear(0.02)
            start = bot.told("platform")
            assert start["platform"] == dialect
            # Frame by frame: its resamplers work in blocks, with gaps in between.
            decode = PCMU.new_decoder()
            echoed = [strength(decode(packet.payload), CALLER_HZ) > 0.9 for _, packet in heard[-50:]]
            assert sum(echoed) > 25
            caller.press("5")
            assert bot.told("key")["key"] == "5"
        assert bot.told("over")
    call = gate.ended_call(caller.sip_call_id)
    assert start["call"] == call_sid(call["callId"])
    assert {event["severity"] for event in gate.events(call["callId"])} <= {"debug", "info"}


def test_a_pipecat_bot_hangs_up_as_it_would_at_twilio(tmp_path: Path, gates: list[Gate]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:  # node and bot must know of each other before they start
        port = free.getsockname()[1]
    gate, agent = served(tmp_path, gates, f"ws://127.0.0.1:{port}/bot", "twilio")
    settings = {"ACCOUNT_SID": "AC" + "0" * 32, "AUTH_TOKEN": API_KEY, "BASE_URL": gate.url, "PORT": str(port)}
    with PipecatBot(settings, tmp_path / "bot.log") as bot:
        assert bot.url
        with Caller(gate, f"agent_{agent}") as caller:
            assert bot.told("platform")["body"]["to"].startswith("sip:agent_")
            caller.say(VOICE[0])
            caller.press("9")
            assert "API" in caller.is_hung_up_on(5.0)
    assert gate.ended_call(caller.sip_call_id)["endReason"] == "agent_hangup"
