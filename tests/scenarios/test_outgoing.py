"""The API has a call placed over SIP: SIPp as whom it goes to, and where the agent's sound arrives."""

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate, Refused
from tests.peers.sipp import RunningSipp, Sipp
from tests.peers.sound_socket import SoundSocket

CALLED = "127.0.0.6"
PASSWORD = "lovelace"


@pytest.fixture(scope="module")
def calling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A node that places calls."""
    more = {"CALLGATE_MEDIA_WORKERS": "1", "CALLGATE_SIP_OUTGOING": "true"}
    gate = Gate(tmp_path_factory.mktemp("calling"), settings=SETTINGS | more)
    yield gate
    gate.until(lambda: all(call["ended"] for call in gate.calls()))
    assert gate.stop() == 0


@pytest.fixture
def sipp(calling: Gate, tmp_path: Path) -> Sipp:
    if shutil.which("sipp") is None:
        pytest.skip("SIPp is not installed (scripts/install_test_peers.sh)")
    return Sipp(calling, tmp_path)


def free_port(transport: str) -> int:
    with socket.socket(type=socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM) as probe:
        probe.bind((CALLED, 0))
        port: int = probe.getsockname()[1]
        return port


def called(sipp: Sipp, scenario: str, port: int, sound: int = 9, transport: str = "udp") -> RunningSipp:
    """SIPp as whom the node calls."""
    options = ("-p", str(port), "-key", "sound", str(sound), "-key", "key", "1")
    running = sipp.start(scenario, transport=transport, source=CALLED, options=options)
    listens(port, transport)
    return running


def listens(port: int, transport: str) -> None:
    """Wait until SIPp does: over TCP a call that comes earlier is refused."""
    deadline, table = time.monotonic() + 10, Path(f"/proc/net/{transport}")
    while f":{port:04X} 00000000:0000" not in table.read_text():
        assert time.monotonic() < deadline, "SIPp does not listen"
        time.sleep(0.01)


def place(gate: Gate, port: int, transport: str = "udp", timeout: str = "30s", **outgoing: str) -> dict[str, Any]:
    """Have the demo agent call it."""
    to = f"sip:100@{CALLED}:{port}" + ("" if transport == "udp" else f";transport={transport}")
    body = {"medium": {"sip": {"outgoing": {"to": to, **outgoing}}}, "joinTimeout": timeout}
    call: dict[str, Any] = gate.post(f"/api/agents/{gate.demo_agent_id}/calls", body)
    assert call["joinUrl"] is None
    return call


def ended(gate: Gate, call: dict[str, Any]) -> tuple[str, str, bool]:
    """How the call ended, and whether it was joined."""
    last = gate.until(lambda: [one for one in [gate.call(call["callId"])] if one["ended"]])[0]
    return last["endReason"], last["sipDetails"]["terminationReason"], last["joined"] is not None


@pytest.mark.sipp
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_whom_the_agent_calls_hears_it_and_hangs_up(calling: Gate, sipp: Sipp, transport: str) -> None:
    port = free_port(transport)
    with SoundSocket(CALLED) as sound:
        other = called(sipp, "target_answers", port, sound.port, transport)
        call = place(calling, port, transport, **{"from": "sip:ada@a.example"})
        run = other.finish()
    assert run.ok, run
    assert "From: <sip:ada@a.example>;tag=" in run.messages
    assert len(sound.came_s) > 100
    assert len(sound.loud_s) > 30  # the greeting, and the time for who pressed 1
    assert ended(calling, call) == ("hangup", "SIP_TERMINATION_NORMAL", True)
    assert [one["role"] for one in calling.messages(call["callId"])][0] == "MESSAGE_ROLE_AGENT"


@pytest.mark.sipp
def test_the_api_hangs_up(calling: Gate, sipp: Sipp) -> None:
    port = free_port("udp")
    with SoundSocket(CALLED) as sound:
        other = called(sipp, "called_until_bye", port, sound.port)
        call = place(calling, port)
        calling.until(lambda: calling.call(call["callId"])["joined"])
        calling.until(lambda: sound.loud_s)
        calling.post(f"/api/calls/{call['callId']}/send_data_message", {"type": "hang_up"})
        run = other.finish()
    assert run.ok, run
    assert ended(calling, call) == ("agent_hangup", "SIP_TERMINATION_NORMAL", True)


@pytest.mark.sipp
def test_busy(calling: Gate, sipp: Sipp) -> None:
    port = free_port("udp")
    other = called(sipp, "target_busy", port)
    call = place(calling, port)
    run = other.finish()
    assert run.ok, run
    assert ended(calling, call) == ("unjoined", "SIP_TERMINATION_BUSY", False)


@pytest.mark.sipp
def test_it_rings_until_the_join_timeout(calling: Gate, sipp: Sipp) -> None:
    port = free_port("udp")
    other = called(sipp, "called_rings", port)
    call = place(calling, port, timeout="2s")
    with pytest.raises(Refused) as refused:
        calling.post(f"/api/calls/{call['callId']}/send_data_message", {"type": "hang_up"})
    assert refused.value.status == 422
    run = other.finish()
    assert run.ok, run
    assert ended(calling, call) == ("unjoined", "SIP_TERMINATION_TIMEOUT", False)


@pytest.mark.sipp
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_password_opens(calling: Gate, sipp: Sipp, transport: str) -> None:
    port = free_port(transport)
    with SoundSocket(CALLED) as sound:
        other = called(sipp, "called_challenges", port, sound.port, transport)
        call = place(calling, port, transport, username="ada", password=PASSWORD)
        run = other.finish()
    assert run.ok, run
    assert call["medium"]["sip"]["outgoing"].keys() == {"to", "username"}
    assert ended(calling, call) == ("hangup", "SIP_TERMINATION_NORMAL", True)
    assert PASSWORD not in calling.log_path.read_text()


@pytest.mark.sipp
def test_a_wrong_password_does_not(calling: Gate, sipp: Sipp) -> None:
    port = free_port("udp")
    other = called(sipp, "called_challenges", port)
    call = place(calling, port, username="ada", password="byron")
    run = other.finish()
    assert run.ok, run
    assert run.count("INVITE ") == 2, run.messages
    assert ended(calling, call) == ("unjoined", "SIP_TERMINATION_REJECTED", False)


def test_a_private_address_is_nobodys_to_call(calling: Gate) -> None:
    with pytest.raises(Refused, match="a private address may not be reached"):
        calling.post("/api/calls", {"medium": {"sip": {"outgoing": {"to": "sip:100@192.168.7.7"}}}})


def test_it_is_off_by_default(running_gate: Gate) -> None:
    with pytest.raises(Refused, match=r"`sip\.outgoing` turns it on"):
        running_gate.post("/api/calls", {"medium": {"sip": {"outgoing": {"to": f"sip:100@{CALLED}"}}}})
