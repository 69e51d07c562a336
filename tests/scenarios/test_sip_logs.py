"""What is kept of the SIP of calls that others' programs make."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from callgate.phone.sound import write_wav
from tests.peers.baresip import Baresip
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import API_KEY, Gate
from tests.peers.sipp import Sipp


class _NoFurther(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def asked(url: str, key: str = "") -> tuple[int, str, str]:
    """Status, Location and body, no redirection followed."""
    request = urllib.request.Request(url, headers={"X-API-Key": key} if key else {})
    try:
        with urllib.request.build_opener(_NoFurther).open(request, timeout=10) as answer:
            return answer.status, "", answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Location", ""), error.read().decode()


def log_of(gate: Gate, call_id: str) -> str:
    """The log of a call that is over, once it has been written."""
    url = f"{gate.url}/api/calls/{call_id}/sip_logs"

    def link() -> str:
        status, location, _ = asked(url, API_KEY)
        assert status in (302, 425)
        return location

    status, _, text = asked(gate.until(link))
    assert status == 200
    return text


def ladder(text: str) -> list[str]:
    """Arrow and first two words of each message."""
    lines = text.split("\r\n")
    arrows = [(line.split()[3], lines[at + 1].split()) for at, line in enumerate(lines) if "  +" in line[:40]]
    return [f"{arrow} {words[0] if words[0] != 'SIP/2.0' else words[1]}" for arrow, words in arrows]


@pytest.mark.sipp
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_whole_call_of_sipp(gate: Gate, sipp: Sipp, transport: str) -> None:
    run = sipp.run("complete_call", transport=transport)
    assert run.ok, run
    call = gate.ended_call(run.call_id)
    text = log_of(gate, call["callId"])
    steps = list(dict.fromkeys(ladder(text)))  # over UDP something may have been said twice
    assert steps == ["<- INVITE", "-> 100", "-> 180", "-> 200", "<- ACK", "<- BYE"]
    assert f" {transport} 127.0.0.1:" in text
    assert text.count(f"Call-ID: {run.call_id}\r\n") == len(ladder(text))


@pytest.mark.sipp
def test_a_call_that_the_agent_ends(gate: Gate, sipp: Sipp) -> None:
    agent = gate.make_agent("short", maxDuration="1s", timeExceededMessage="Bye.")
    run = sipp.run("agent_says_bye", user=f"agent_{agent}")
    assert run.ok, run
    steps = ladder(log_of(gate, gate.ended_call(run.call_id)["callId"]))
    assert steps[-2:] == ["-> BYE", "<- 200"]


@pytest.mark.sipp
def test_credentials_are_in_no_log(tmp_path: Path) -> None:
    (tmp_path / "callgate.toml").write_text(
        '[caller_auth]\nmode = "also"\n[callers.alice]\npassword_env = "ALICE_PASSWORD"\n'
    )
    environment = {**SETTINGS, "ALICE_PASSWORD": "correct horse battery"}
    gate = Gate(tmp_path, settings=environment, options=(f"--config={tmp_path / 'callgate.toml'}",))
    try:
        gate.reset()
        run = Sipp(gate, tmp_path).run("proves_itself", options=("-au", "alice", "-ap", "correct horse battery"))
        assert run.ok, run
        call_id = gate.until(lambda: [call["callId"] for call in gate.calls() if call["ended"]])[0]
        text = log_of(gate, call_id)
        assert "uthorization: ********\r\n" in text
        assert "response=" not in text
    finally:
        assert gate.stop() == 0


@pytest.mark.baresip
def test_a_call_of_baresip(gate: Gate, baresip: Baresip, tmp_path: Path) -> None:
    silence = tmp_path / "said.wav"
    write_wav(silence, bytes(16_000 * 4))
    before = {call["callId"] for call in gate.calls()}
    baresip.calls("demo", said=silence, seconds=2)
    (call_id,) = gate.until(
        lambda: [one["callId"] for one in gate.calls() if one["ended"] and one["callId"] not in before]
    )
    text = log_of(gate, call_id)
    assert ladder(text)[0] == "<- INVITE"
    assert "<- BYE" in ladder(text)
    assert "User-Agent: baresip" in text


def test_while_a_call_goes_on_it_is_too_early_and_with_the_call_it_goes(gate: Gate) -> None:
    with Caller(gate, "demo") as caller:
        assert caller.status == 200
        call_id = gate.decision(caller.sip_call_id)["callId"]
        url = f"{gate.url}/api/calls/{call_id}/sip_logs"
        assert asked(url, API_KEY)[0] == 425
    gate.ended_call(caller.sip_call_id)
    link = gate.until(lambda: asked(url, API_KEY)[1])
    assert asked(link)[0] == 200
    gate.delete(f"/api/calls/{call_id}")
    assert asked(url, API_KEY)[0] == 404
    assert asked(link)[0] == 404
    assert gate.get(f"/api/deleted_calls/{call_id}")["endReason"] == "hangup"


def test_where_nothing_is_kept_there_is_none(tmp_path: Path) -> None:
    gate = Gate(tmp_path, settings={**SETTINGS, "CALLGATE_SIP_LOGS_ENABLED": "false"})
    try:
        gate.reset()
        with Caller(gate, "demo") as caller:
            assert caller.status == 200
        call = gate.ended_call(caller.sip_call_id)
        assert asked(f"{gate.url}/api/calls/{call['callId']}/sip_logs", API_KEY)[0] == 404
    finally:
        assert gate.stop() == 0
