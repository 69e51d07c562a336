"""A client without a phone: the API makes a call, the client joins it over a WebSocket, and both hear each other."""

import os
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from callgate.core.audio.tones import strength, tone
from tests.peers.client import Client
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate, Refused

CLIENT = {"serverWebSocket": {"inputSampleRate": 8_000, "clientBufferSizeMs": 0}}
RATES = {"serverWebSocket": {"inputSampleRate": 16_000, "outputSampleRate": 24_000}}


def until(found: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not found():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)  # another program's doing cannot be awaited


def ended(gate: Gate, call_id: str) -> dict[str, object]:
    call: dict[str, object] = gate.until(lambda: (call := gate.get(f"/api/calls/{call_id}"))["ended"] and call)
    return call


def speak(client: Client, hz: float, ms: int, rate_hz: int = 8_000) -> None:
    """In real time, as a client should."""
    sound = tone(hz, ms, 0.5, rate_hz)
    size = rate_hz // 50 * 2
    for start in range(0, len(sound), size):
        client.says(sound[start : start + size])
        time.sleep(0.02)  # the client's clock is the test's


def test_a_client_hears_the_greeting_is_repeated_and_leaves(gate: Gate) -> None:
    call = gate.post(f"/api/agents/{gate.demo_agent_id}/calls", {"medium": CLIENT, "metadata": {"who": "test"}})
    assert (call["joined"], call["ended"], call["sipDetails"]) == (None, None, None)
    assert call["medium"] == CLIENT
    assert call["joinUrl"].endswith(f"/calls/{call['callId']}/server_web_socket")
    with Client(call["joinUrl"]) as client:
        until(lambda: len(client.sound) > 8_000)  # half a second of the greeting
        assert gate.get(f"/api/calls/{call['callId']}")["joined"]
        speak(client, 440, 600)
        silent_until = time.monotonic() + 0.8
        while time.monotonic() < silent_until:
            speak(client, 440, 0)
            client.says(bytes(320))
            time.sleep(0.02)  # the client's clock is the test's
        until(lambda: strength(bytes(client.sound[-1_600:]), 440) > 0.5)  # what was said is repeated
        client.leaves()
    over = ended(gate, call["callId"])
    assert (over["endReason"], over["metadata"]) == ("hangup", {"who": "test"})
    roles = [one["role"] for one in gate.get(f"/api/calls/{call['callId']}/messages")["results"]]
    assert roles[0] == "MESSAGE_ROLE_AGENT"


def test_rates_that_differ_and_no_silence_sent(gate: Gate) -> None:
    call = gate.post(
        f"/api/agents/{gate.demo_agent_id}/calls",
        {"medium": RATES, "firstSpeakerSettings": {"user": {}}},
    )
    with Client(call["joinUrl"]) as client:
        until(lambda: gate.get(f"/api/calls/{call['callId']}")["joined"])
        assert not client.sound  # an agent that says nothing sends nothing
        speak(client, 700, 600, 16_000)
        for _ in range(40):
            client.says(bytes(640))
            time.sleep(0.02)  # the client's clock is the test's
        until(lambda: len(client.sound) > 24_000)
        assert strength(bytes(client.sound[9_600:14_400]), 700, 24_000) > 0.5


def test_a_call_of_its_own_without_an_agent(gate: Gate) -> None:
    call = gate.post("/api/calls", {"medium": CLIENT, "model": "demo", "timeExceededMessage": "bye"})
    assert call["agent"] is None
    with Client(call["joinUrl"]) as client:
        until(lambda: client.sound)
        gate.post(f"/api/calls/{call['callId']}/send_data_message", {"type": "hang_up"})
        assert client.is_dismissed() == (1000, "The call was hung up through the API.")
    assert ended(gate, call["callId"])["endReason"] == "agent_hangup"


def test_a_connection_that_breaks_is_told_from_a_goodbye(gate: Gate) -> None:
    call = gate.post("/api/calls", {"medium": CLIENT, "model": "demo"})
    with Client(call["joinUrl"]) as client:
        until(lambda: client.sound)
        client.vanishes()
        assert ended(gate, call["callId"])["endReason"] == "connection_error"


def test_a_call_is_joined_once(gate: Gate) -> None:
    call = gate.post("/api/calls", {"medium": CLIENT, "model": "demo"})
    with Client(call["joinUrl"]) as client:
        until(lambda: client.sound)
        with Client(call["joinUrl"]) as second:
            code, words = second.is_dismissed()
            assert (code, "it has been joined" in words) == (4404, True)
        assert client.close_code is None
    ended(gate, call["callId"])
    with Client(call["joinUrl"]) as late:
        assert late.is_dismissed()[0] == 4404


def test_strangers_at_the_door(gate: Gate) -> None:
    call = gate.post("/api/calls", {"medium": CLIENT, "model": "demo", "joinTimeout": "1s"})
    base = call["joinUrl"].partition("/calls/")[0]
    with Client(f"{base}/calls/{uuid.uuid4()}/server_web_socket") as stranger:
        assert stranger.is_dismissed()[0] == 4404
    with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
        Client(f"{base}/somewhere")
    over = ended(gate, call["callId"])  # nobody joined it in time
    assert (over["joined"], over["endReason"]) == (None, "unjoined")


def test_half_a_sample_and_too_much_sound_become_events(gate: Gate) -> None:
    call = gate.post("/api/calls", {"medium": CLIENT, "model": "demo", "firstSpeakerSettings": {"user": {}}})
    with Client(call["joinUrl"]) as client:
        until(lambda: gate.get(f"/api/calls/{call['callId']}")["joined"])
        client.says(bytes(321))
        client.says(bytes(16_000 * 40))  # forty seconds at once
        kinds = {"client_sound", "client_overflow"}
        events = f"/api/calls/{call['callId']}/events"
        gate.until(lambda: kinds <= {one["type"] for one in gate.get(events)["results"]})


def test_a_brain_that_cannot_be_reached_closes_the_connection_with_its_status(tmp_path: Path) -> None:
    config = tmp_path / "callgate.toml"
    config.write_text('[models.gone]\nkind = "websocket"\nurl = "ws://127.0.0.1:9/"\n')
    other = Gate(tmp_path, settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1"}, options=(f"--config={config}",))
    try:
        call = other.post("/api/calls", {"medium": CLIENT, "model": "gone"})
        with Client(call["joinUrl"]) as client:
            assert client.is_dismissed() == (4480, "The agent's brain is unreachable or refuses.")
        assert ended(other, call["callId"])["endReason"] == "connection_error"
    finally:
        assert other.stop() == 0


def test_a_prior_call_is_continued(gate: Gate) -> None:
    first = gate.post(
        "/api/calls", {"medium": CLIENT, "model": "demo", "systemPrompt": "Be kind.", "languageHint": "en"}
    )
    with Client(first["joinUrl"]) as client:
        until(lambda: client.sound)
    ended(gate, first["callId"])
    path = f"/api/calls?priorCallId={first['callId']}"
    second = gate.post(path, {"medium": CLIENT, "languageHint": "de"})
    assert (second["systemPrompt"], second["languageHint"]) == ("Be kind.", "de")
    with pytest.raises(Refused, match="initialMessages"):
        gate.post(path, {"medium": CLIENT, "initialMessages": []})
    with Client(second["joinUrl"]) as client:
        until(lambda: client.sound)


def test_a_worker_that_dies_ends_its_clients_call_and_another_takes_the_next(tmp_path: Path) -> None:
    other = Gate(tmp_path, settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1"})
    try:
        call = other.post("/api/calls", {"medium": CLIENT, "model": "demo"})
        with Client(call["joinUrl"]) as client:
            until(lambda: client.sound)
            before = other.workers()
            os.kill(before[0], signal.SIGKILL)
            client.is_dismissed()
        assert ended(other, call["callId"])["endReason"] == "system_error"
        other.until(lambda: other.workers() and other.workers() != before)
        second = other.post("/api/calls", {"medium": CLIENT, "model": "demo"})
        assert second["joinUrl"].partition("/calls/")[0] == call["joinUrl"].partition("/calls/")[0]

        def joined() -> object:
            try:
                with Client(second["joinUrl"]) as again:
                    until(lambda: again.sound)
                return True
            except aiohttp.ClientConnectorError:
                return False  # the new worker is still starting

        until(joined)
    finally:
        other.stop()


def test_data_messages_beside_the_sound(gate: Gate) -> None:
    call = gate.post("/api/calls", {"medium": CLIENT, "model": "demo"})
    with Client(call["joinUrl"]) as client:
        until(lambda: client.sound)
        client.tells({"type": "ping", "timestamp": 7.0})
        until(lambda: {"type": "pong", "timestamp": 7.0} in client.messages)
        assert client.messages[0] == {"type": "call_started", "callId": call["callId"]}
        assert {"type": "state", "state": "speaking"} in client.messages
        speak(client, 440, 400)  # into the greeting
        until(lambda: {"type": "playback_clear_buffer"} in client.messages)
        until(lambda: any(one["type"] == "transcript" and one["role"] == "agent" for one in client.messages))
        client.tells({"type": "forced_agent_message", "content": "Good evening.", "urgency": "immediate"})
        client.tells({"type": "nonsense"})
        client.tells({"type": "hang_up"})
        assert client.is_dismissed()[0] == 1000
    assert ended(gate, call["callId"])["endReason"] == "hangup"
    events = gate.get(f"/api/calls/{call['callId']}/events")["results"]
    assert [one["type"] for one in events] == ["data_message_not_understood"]
