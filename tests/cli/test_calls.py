"""`callgate calls`."""

import wave
from pathlib import Path

import pytest

from tests.cli.operator import Operator
from tests.peers.caller import Caller
from tests.peers.gate import Gate
from tests.peers.phone import Phone


@pytest.fixture
def call(gate: Gate, phone: Phone) -> str:
    """The id of a call that is over, of an agent that records."""
    agent_id = gate.make_agent("Recorder", recordingEnabled=True)
    report = phone.calls(f"agent_{agent_id}", duration_s=0.5, from_uri="sip:+15550177@127.0.0.1")
    assert report.ok
    over = gate.until(lambda: [one for one in gate.calls() if one["agentId"] == agent_id and one["ended"]])
    gate.delete(f"/api/agents/{agent_id}")
    return str(over[0]["callId"])


def test_calls_are_listed_newest_first(operator: Operator, gate: Gate, call: str) -> None:
    typed = operator.types("calls", "list", "--limit=1")
    assert typed.rows[0] == ["CREATED", "STATE", "LASTED", "CALLER", "AGENT", "CALL"]
    assert typed.rows[1][1:2] + typed.rows[1][3:] == ["hangup", "+15550177", "Recorder", call]
    found = operator.types("calls", "list", "--limit=5", "--json", "--agent", "demo", "--since", "1h").json
    assert all(one["agent"]["name"] == "demo" for one in found["results"])
    metadata = operator.types("calls", "list", "--metadata", "ultravox.sip.caller_id=+15550177", "--json").json
    assert call in [one["callId"] for one in metadata["results"]]
    assert operator.types("calls", "list", "--until", "2020-01-01").out == "There are none.\n"


def test_one_call_what_was_said_what_happened_and_how_it_sounded(
    operator: Operator, gate: Gate, call: str, tmp_path: Path
) -> None:
    shown = operator.types("calls", "show", call)
    assert [["call", call], ["state", "hangup"], ["agent", "Recorder"]] == shown.rows[:3]
    assert ["ultravox.sip.caller_id", "+15550177"] in shown.rows
    assert operator.types("calls", "show", call, "--json").json == gate.call(call)

    said = operator.types("calls", "messages", call)
    (first, *_) = gate.messages(call)
    assert said.rows[0] == [first["timespan"]["start"], "agent", first["text"]]
    assert operator.types("calls", "messages", call, "--json").json["results"] == gate.messages(call)

    happened = operator.types("calls", "events", call, "--severity=debug", "--json").json
    assert happened["results"] == gate.events(call)
    assert operator.types("calls", "events", call, "--severity=loud", code=1).err.startswith(
        "callgate: minimum_severity: expected one of "
    )
    assert operator.types("calls", "quality", call, "--json").json == gate.get(f"/api/calls/{call}/quality")
    assert "verdict" in operator.types("calls", "quality", call).out

    wav = tmp_path / "call.wav"
    assert f" bytes in {wav}" in operator.types("calls", "recording", call, str(wav)).err
    with wave.open(str(wav)) as recorded:
        assert recorded.getnchannels() == 2
    assert operator.types("calls", "recording", call, str(wav), code=2).err == (
        f"callgate: {wav} exists; expected a new file\n"
    )

    operator.types("calls", "delete", call, "--yes")
    assert operator.types("calls", "show", call, code=1).err == f"callgate: no such call: {call} (404)\n"


def test_a_call_in_progress_is_hung_up(operator: Operator, gate: Gate) -> None:
    with Caller(gate) as caller:
        call_id = str(gate.decision(caller.sip_call_id)["callId"])
        gate.until(lambda: gate.call(call_id)["joined"])
        assert "in progress" in operator.types("calls", "list", "--limit=1").out
        refused = operator.types("calls", "delete", call_id, "--yes", code=1)
        assert refused.err.startswith("callgate: the call is in progress; hang it up first")
        operator.types("calls", "hang-up", call_id)
        gate.until(lambda: gate.call(call_id)["ended"])
    assert gate.call(call_id)["endReason"] == "agent_hangup"
    assert "(422)" in operator.types("calls", "hang-up", call_id, "--message", "Bye.", code=1).err


def test_a_call_for_a_client_is_started(operator: Operator, gate: Gate) -> None:
    stdin = '{"metadata": {"ticket": "815"}, "joinTimeout": "1s"}'
    typed = operator.types("calls", "start", "demo", "--file=-", stdin=stdin)
    facts = {row[0]: row[1] for row in typed.rows}
    assert (facts["state"], facts["agent"], facts["ticket"]) == ("not joined", "demo", "815")
    assert facts["to be joined at"].startswith("ws://")
    assert gate.call(facts["call"])["medium"]["serverWebSocket"]["inputSampleRate"] == 16_000
    wrong = operator.types("calls", "start", "demo", "--file=-", stdin='{"medium": {"webRtc": {}}}', code=1)
    assert wrong.err.startswith("callgate: medium: ")
    gate.until(lambda: gate.call(facts["call"])["ended"])  # nobody joins it
    assert "unjoined" in operator.types("calls", "list", "--limit=1").out
