"""A caller sends its call on: SIPp and baresip as who does, SIPp as whom it is sent to; and where the sound goes."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callgate.phone.sound import write_wav
from tests.peers.baresip import Baresip
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.sipp import RunningSipp, Sipp
from tests.peers.sound_socket import SoundSocket

TARGET = "127.0.0.6"
CALLER = "sip:baresip@127.0.0.1"


@pytest.fixture(scope="module")
def referring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A node whose callers may send their calls on to one address."""
    more = {
        "CALLGATE_MEDIA_WORKERS": "1",
        "CALLGATE_SIP_REFER": "true",
        "CALLGATE_SIP_REFER_DESTINATIONS": f"10*@{TARGET}:*",
    }
    gate = Gate(tmp_path_factory.mktemp("referring"), settings=SETTINGS | more)
    gate.reset()
    yield gate
    gate.until(lambda: all(call["ended"] for call in gate.calls()))
    assert gate.stop() == 0


@pytest.fixture
def sipp(referring: Gate, tmp_path: Path) -> Sipp:
    if shutil.which("sipp") is None:
        pytest.skip("SIPp is not installed (scripts/install_test_peers.sh)")
    return Sipp(referring, tmp_path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((TARGET, 0))
        port: int = probe.getsockname()[1]
        return port


def target(sipp: Sipp, scenario: str, port: int, sound: int = 9, transport: str = "udp") -> RunningSipp:
    """SIPp as whom a call is sent to."""
    options = ("-p", str(port), "-key", "sound", str(sound), "-key", "key", "1")
    return sipp.start(scenario, transport=transport, source=TARGET, options=options)


def events(gate: Gate, call: dict[str, Any]) -> list[str]:
    return [event["type"] for event in gate.events(call["callId"]) if event["type"].startswith("transfer")]


@pytest.mark.sipp
@pytest.mark.rfc("5589", "6.1", "Successful Transfer")
@pytest.mark.parametrize(("transport", "onward"), [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp")])
def test_a_call_is_sent_on_and_its_sound_with_it(referring: Gate, sipp: Sipp, transport: str, onward: str) -> None:
    port = free_port()
    with SoundSocket("127.0.0.1") as before, SoundSocket(TARGET) as after:
        called = target(sipp, "target_answers", port, after.port, onward)
        to = f"100@{TARGET}:{port};transport={onward}"
        run = sipp.run("refer", transport=transport, options=("-key", "target", to, "-key", "sound", str(before.port)))
        taken = called.finish()
    assert run.ok, run
    assert taken.ok, taken
    told = [status for status in ("100 Trying", "180 Ringing", "200 OK") if f"\n\nSIP/2.0 {status}" in run.messages]
    assert len(told) == 3, run.messages
    assert "terminated;reason=noresource" in run.messages
    # The agent goes on talking, to somebody else from one moment to the next: it tells the time, to whom pressed 1.
    assert len(before.came_s) > 30
    assert len(after.loud_s) > 30
    assert max(before.came_s) < min(after.came_s) + 0.1
    assert len(after.came_s) > 100
    call = referring.ended_call(run.call_id)
    assert (call["endReason"], events(referring, call)) == ("hangup", ["transfer_begun", "transferred"])


@pytest.mark.sipp
def test_who_sends_a_call_on_may_hang_up_at_once(referring: Gate, sipp: Sipp) -> None:
    port = free_port()
    with SoundSocket("127.0.0.1") as before, SoundSocket(TARGET) as after:
        called = target(sipp, "target_answers", port, after.port)
        options = ("-key", "target", f"100@{TARGET}:{port}", "-key", "sound", str(before.port))
        run = sipp.run("refer_and_leave", options=options)
        taken = called.finish()
    assert run.ok, run
    assert taken.ok, taken
    assert min(after.came_s) - max(before.came_s) > 0.3  # between them it was still
    assert len(after.loud_s) > 30
    assert referring.ended_call(run.call_id)["endReason"] == "hangup"


@pytest.mark.sipp
@pytest.mark.rfc("5589", "6.3", "Failed Transfer")
def test_when_the_target_is_busy_the_caller_keeps_its_call(referring: Gate, sipp: Sipp) -> None:
    port = free_port()
    with SoundSocket("127.0.0.1") as before:
        called = target(sipp, "target_busy", port)
        options = ("-key", "target", f"100@{TARGET}:{port}", "-key", "sound", str(before.port))
        run = sipp.run("refer", options=options)
        taken = called.finish()
    assert run.ok, run
    assert taken.ok, taken
    assert "SIP/2.0 486 Busy Here" in run.messages
    assert before.came_s[-1] - before.came_s[0] > 2.0  # all the time
    call = referring.ended_call(run.call_id)
    assert (call["endReason"], events(referring, call)) == ("hangup", ["transfer_begun", "transfer_failed"])


@pytest.mark.sipp
@pytest.mark.parametrize("to", ["100@127.0.0.7:5060", f"100@{TARGET}:5060;maddr=127.0.0.7", f"900@{TARGET}"])
def test_nobody_is_called_who_is_not_listed(referring: Gate, sipp: Sipp, to: str) -> None:
    run = sipp.run("refer_declined", options=("-key", "target", to, "-key", "sound", "9"))
    assert run.ok, run
    call = referring.ended_call(run.call_id)
    assert (call["endReason"], events(referring, call)) == ("hangup", ["transfer_refused"])


@pytest.mark.sipp
@pytest.mark.baresip
def test_baresip_sends_a_call_on(referring: Gate, sipp: Sipp, tmp_path: Path) -> None:
    if shutil.which("baresip") is None:
        pytest.skip("baresip is not installed (scripts/install_test_peers.sh)")
    port = free_port()
    said = tmp_path / "said.wav"
    write_wav(said, bytes(16_000 * 20))
    with SoundSocket(TARGET) as after:
        called = target(sipp, "target_answers", port, after.port)
        log = Baresip(referring, tmp_path).sends_on("demo", f"sip:100@{TARGET}:{port}", said=said)
        taken = called.finish()
    assert taken.ok, taken
    assert len(after.loud_s) > 30
    decision = referring.until(lambda: [entry for entry in referring.decisions() if entry["fromUri"] == CALLER])[0]
    call = referring.ended_call(decision["sipCallId"])
    assert (call["endReason"], events(referring, call)) == ("hangup", ["transfer_begun", "transferred"]), log
