"""Callers who send no sound, send it from elsewhere, or hold: what is told, and what ends."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate

TIMEOUT_S = 2.0


@pytest.fixture(scope="module")
def short_gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A node that gives up on silent calls soon."""
    gate = Gate(
        tmp_path_factory.mktemp("quiet"),
        settings=SETTINGS | {"CALLGATE_MEDIA_TIMEOUT_S": str(TIMEOUT_S), "CALLGATE_MEDIA_WORKERS": "1"},
    )
    gate.reset()
    yield gate
    assert gate.stop() == 0


def events(gate: Gate, caller: Caller) -> list[dict[str, Any]]:
    """What happened in a call so far."""
    return gate.events(str(gate.decision(caller.sip_call_id)["callId"]))


def event(gate: Gate, caller: Caller, type: str) -> dict[str, Any]:
    """One of them, once it is there."""
    found = gate.until(lambda: [one for one in events(gate, caller) if one["type"] == type])
    assert len(found) == 1
    return dict(found[0])


def test_a_call_without_a_single_packet_is_hung_up(short_gate: Gate) -> None:
    with Caller(short_gate) as caller:
        assert caller.status == 200
        begun_s = time.monotonic()
        assert caller.is_hung_up_on(TIMEOUT_S + 5) != ""
        assert time.monotonic() - begun_s > TIMEOUT_S - 0.5
    call = short_gate.ended_call(caller.sip_call_id)
    assert call["endReason"] == "connection_error"
    assert "outcome=media-timeout" in short_gate.log()
    told = event(short_gate, caller, "media_timeout")
    assert "neither sound nor reports" in told["text"]


def test_a_call_on_hold_is_not(short_gate: Gate) -> None:
    with Caller(short_gate) as caller:
        caller.say()
        caller.hold(True)
        caller.hear(0.2)
        assert caller.hear(TIMEOUT_S + 1.5) == []  # and nothing is sent to who holds
        caller.hold(False)
        assert len(caller.hear(0.5)) > 15
        call_id = short_gate.decision(caller.sip_call_id)["callId"]
        assert short_gate.call(call_id)["ended"] is None
    assert short_gate.ended_call(caller.sip_call_id)["endReason"] == "hangup"


def test_silence_is_told_with_its_likely_cause_and_ends_nothing(gate: Gate) -> None:
    with Caller(gate) as caller:
        told = event(gate, caller, "no_sound_from_caller")
        assert told["severity"] == "warning"
        assert "firewall or NAT" in told["text"]
        for _ in range(60):
            caller.say()
            caller.hear(0.02)
        event(gate, caller, "sound_returned")
    assert gate.ended_call(caller.sip_call_id)["endReason"] == "hangup"


def test_sound_from_elsewhere_is_told_and_answered_there(gate: Gate) -> None:
    with Caller(gate) as caller, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.3", 0))
        for _ in range(75):
            caller.say(source=elsewhere)
            caller.hear(0.02)
        elsewhere.setblocking(False)
        assert len(elsewhere.recv(2_048)) == 172
        assert len(caller.hear(0.2)) == 0
        told = event(gate, caller, "sound_from_elsewhere")
        assert told["extras"]["source"].startswith("127.0.0.3:")
        assert "another host" in told["text"]


def test_the_quality_of_a_call_is_shown_while_it_lasts(gate: Gate) -> None:
    with Caller(gate) as caller:
        for _ in range(100):
            caller.say()
            caller.hear(0.02)
        call_id = gate.decision(caller.sip_call_id)["callId"]
        quality = gate.until(lambda: (found := gate.get(f"/api/calls/{call_id}/quality"))["packetsReceived"] and found)
        assert (quality["codec"], quality["encrypted"], quality["packetsLost"]) == ("PCMU", False, 0)
        assert quality["mos"] > 4
    gate.ended_call(caller.sip_call_id)
    assert gate.get(f"/api/calls/{call_id}/quality")["packetsReceived"] == 100
