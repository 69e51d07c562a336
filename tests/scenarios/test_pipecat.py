"""A caller talks to a Pipecat bot that Callgate runs: SIP in, RTP both ways, a pipeline in a process of its own."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callgate.core.audio.codecs import PCMU
from callgate.core.audio.tones import strength, tone
from callgate.core.rtp.packet import unpack
from tests.peers.bot_environment import BOTS, bot_environment
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.pipecat_bots import SPEECH_HZ

CALLER_HZ = 440
VOICE = [PCMU.new_encoder()(tone(CALLER_HZ, 1_000))[at : at + 160] for at in range(0, 8_000, 160)]
SILENT = b"\xff" * 160
TELEPHONE_EVENT = 101


@pytest.fixture(scope="module")
def bot_gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A node that serves `bot` by a Pipecat bot, and `doubled` by one that is followed by the demo agent."""
    folder = tmp_path_factory.mktemp("gate")
    python = bot_environment(folder / "venv")
    bot = f'kind = "pipecat"\nbot = "telephone_bots:run_bot"\npath = "{BOTS}"\npython = "{python}"\n'
    wrong = bot.replace("run_bot", "no_such")
    config = folder / "callgate.toml"
    config.write_text(f'[models.bot]\n{bot}[models.doubled]\n{bot}then = ["demo"]\n[models.wrong]\n{wrong}')
    gate = Gate(folder, settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1"}, options=(f"--config={config}",))
    gate.reset()
    yield gate
    bots = bot_processes(gate)
    assert gate.stop() == 0
    gate.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in bots))  # none outlives its worker


def bot_processes(gate: Gate) -> list[int]:
    """Of the node's workers."""
    (worker,) = gate.workers()
    return [int(pid) for pid in Path(f"/proc/{worker}/task/{worker}/children").read_text().split()]


def joins(caller: Caller) -> None:
    """Say something until the gate has heard that the call is joined, and sends."""
    for piece in VOICE:
        caller.say(piece)
        if caller.hear(0.02):
            return


def heard(packets: list[Any]) -> list[bool]:
    """Frame by frame, whether it was the bot's tone."""
    decode = PCMU.new_decoder()
    return [strength(decode(packet.payload), SPEECH_HZ) > 0.8 for _, packet in packets]


def test_a_caller_is_heard_and_hears(bot_gate: Gate) -> None:
    agent = bot_gate.make_agent("echoing", model="bot", systemPrompt="Echo.")
    with Caller(bot_gate, f"agent_{agent}") as caller:
        assert caller.status == 200
        came = []
        for _ in range(2):
            for piece in VOICE:
                caller.say(piece)
                came += caller.hear(0.02)
        decode = PCMU.new_decoder()
        echoed = [strength(decode(packet.payload), CALLER_HZ) > 0.9 for _, packet in came[-50:]]
        assert sum(echoed) >= 45
    call = bot_gate.ended_call(caller.sip_call_id)
    assert call["endReason"] == "hangup"
    assert {event["severity"] for event in bot_gate.events(call["callId"])} <= {"debug", "info"}


def test_keys_both_ways_an_interruption_and_a_goodbye(bot_gate: Gate) -> None:
    agent = bot_gate.make_agent("keys", model="bot")
    with Caller(bot_gate, f"agent_{agent}") as caller:
        joins(caller)
        caller.press("3")
        assert sum(heard(caller.hear(1.0))) > 30
        caller.press("1")
        caller.hear(0.3)
        assert {packet.payload for _, packet in caller.hear(0.3)} == {SILENT}
        caller.press("2")
        assert keys_pressed(caller, 3, 5.0) == "42#"
        caller.press("9")
        goodbye = caller.hear(1.0)
        assert sum(heard(goodbye)) >= 18  # all of its 400 ms
        assert caller.is_hung_up_on(5.0) != ""
    call = bot_gate.ended_call(caller.sip_call_id)
    assert call["endReason"] == "agent_hangup"
    said = [(message["role"], message["text"]) for message in bot_gate.messages(call["callId"])]
    assert said == [("MESSAGE_ROLE_AGENT", "goodbye")]


def keys_pressed(caller: Caller, count: int, within_s: float) -> str:
    """What the gate presses: RFC 4733 section 2.3 (Payload Format)."""
    pressed: dict[int, str] = {}
    until = time.monotonic() + within_s
    while len(pressed) < count and (left := until - time.monotonic()) > 0:
        caller.rtp.settimeout(left)
        packet = unpack(caller.rtp.recv(2_048))
        if packet is not None and packet.payload_type == TELEPHONE_EVENT:
            pressed[packet.timestamp] = "0123456789*#ABCD"[packet.payload[0]]
    return "".join(pressed.values())


def test_another_takes_over_from_a_process_that_is_killed(bot_gate: Gate) -> None:
    agent = bot_gate.make_agent("doubled", model="doubled", firstSpeakerSettings={"user": {}})
    before = bot_processes(bot_gate)
    with Caller(bot_gate, f"agent_{agent}") as caller:
        joins(caller)
        caller.press("3")
        caller.hear(0.5)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        after = caller.hear(3.0)
        assert any(
            packet.payload != SILENT and not was_bot for (_, packet), was_bot in zip(after, heard(after), strict=True)
        )
    call = bot_gate.ended_call(caller.sip_call_id)
    told = {event["type"]: event["text"] for event in bot_gate.events(call["callId"])}
    assert told["brain_failed"] == "doubled: the bot's process has died"
    assert "brain_replaced" in told
    bot_gate.until(lambda: set(bot_processes(bot_gate)) - set(before))


def test_a_bot_that_raises_ends_its_call(bot_gate: Gate) -> None:
    agent = bot_gate.make_agent("failing", model="bot")
    bot_gate.until(lambda: bot_processes(bot_gate))
    with Caller(bot_gate, f"agent_{agent}") as caller:
        joins(caller)
        caller.press("*")
        assert caller.is_hung_up_on(15.0) != ""
    call = bot_gate.ended_call(caller.sip_call_id)
    (failed,) = (event["text"] for event in bot_gate.events(call["callId"]) if event["type"] == "brain_failed")
    assert failed == "bot: the bot failed: RuntimeError: a star"
    assert call["endReason"] != "hangup"
    assert "RuntimeError: a star" in bot_gate.log_path.read_text()


def test_a_bot_that_cannot_be_imported_is_a_480_with_words(bot_gate: Gate) -> None:
    words = "the bot telephone_bots:no_such cannot be imported: AttributeError"
    assert f"callgate: {words}" in bot_gate.log_path.read_text()  # when the node started
    agent = bot_gate.make_agent("wrong", model="wrong")
    with Caller(bot_gate, f"agent_{agent}") as caller:
        assert caller.status == 480
    call = bot_gate.ended_call(caller.sip_call_id)
    (failed,) = (event["text"] for event in bot_gate.events(call["callId"]) if event["type"] == "agent_failed")
    assert failed.startswith(f"the agent could not be started: {words}")
