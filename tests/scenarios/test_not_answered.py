"""Calls that are refused or given up, and requests that are no calls."""

import pytest

from callgate.testing.handler import HandlerServer
from tests.peers.gate import Gate, Refused
from tests.peers.sipp import Sipp

pytestmark = pytest.mark.sipp


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("scenario", ["cancel_while_asked", "cancel_while_ringing"])
def test_a_caller_who_gives_up(gate: Gate, sipp: Sipp, handler: HandlerServer, scenario: str, transport: str) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_hang()
    run = sipp.run(scenario, user="somebody", transport=transport)
    assert run.ok, run
    decision = gate.decision(run.call_id)
    assert (decision["verdict"], decision["outcome"]) == ("refuse", "caller-cancelled")
    assert handler.abandoned.is_set()


def test_a_stranger(gate: Gate, sipp: Sipp) -> None:
    gate.patch_sip({"allowedCidrRanges": ["203.0.113.0/24"]})
    run = sipp.run("refused_403")
    assert run.ok, run
    assert "SIP/2.0 100" not in run.messages
    assert run.messages.count("Content-Length: 0") >= 1
    assert "Reason:" not in run.messages
    records = gate.until(lambda: [entry for entry in gate.decisions() if entry["outcome"] == "source-not-allowed"])
    assert "203.0.113.0/24" in records[0]["summary"]


def test_a_user_whom_no_rule_lets_through(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("refused_603", user="nobody")
    assert run.ok, run
    decision = gate.decision(run.call_id)
    assert (decision["outcome"], decision["status"]) == ("no-rule-matched", 603)
    assert decision["callId"] is None
    assert 'Reason: SIP;cause=603;text="no rule lets the dialled user through' in run.messages


def test_a_handler_that_rejects_with_its_own_code(gate: Gate, sipp: Sipp, handler: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_answer({"reject": {"sipRejectCode": 486, "message": "at lunch"}})
    run = sipp.run("refused_486", user="nobody")
    assert run.ok, run
    assert "at lunch" not in run.messages
    decision = gate.decision(run.call_id)
    assert (decision["verdict"], decision["outcome"], decision["status"]) == ("refuse", "handler-rejected", 486)
    assert handler.requests[0].json()["toUri"] == f"sip:nobody@{gate.sip_host}:{gate.sip_port}"
    assert handler.requests[0].headers["x-callgate-decision-id"] == decision["decisionId"]


def test_a_handler_that_fails(gate: Gate, sipp: Sipp, handler: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_answer({"no": "such thing"})
    run = sipp.run("refused_502", user="nobody")
    assert run.ok, run
    assert gate.decision(run.call_id)["outcome"] == "handler-failed"


def test_a_handler_that_is_slow(gate: Gate, sipp: Sipp, handler: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_hang()
    run = sipp.run("refused_504", user="nobody")
    assert run.ok, run
    assert gate.decision(run.call_id)["outcome"] == "handler-timeout"


def test_a_handler_that_has_an_agent_answer(gate: Gate, sipp: Sipp, handler: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_answer({"startAgentCall": {"agentId": gate.demo_agent_id, "metadata": {"why": "because"}}})
    run = sipp.run("complete_call", user="somebody")
    assert run.ok, run
    assert gate.ended_call(run.call_id)["metadata"]["why"] == "because"


def test_an_agent_whose_schema_does_not_fit(gate: Gate, sipp: Sipp) -> None:
    schema = {"type": "object", "properties": {"customer_name": {"type": "string"}}, "required": ["customer_name"]}
    agent = gate.make_agent("particular", contextSchema=schema)
    run = sipp.run("refused_500", user=f"agent_{agent}")
    assert run.ok, run
    assert gate.decision(run.call_id)["outcome"] == "template-unfit"


@pytest.mark.parametrize(
    ("scenario", "outcome", "words"),
    [
        ("refused_488", "no-common-codec", "Warning: 304"),
        ("refused_415", "offer-not-sdp", "Accept: application/sdp"),
        ("refused_400", "malformed", "SIP/2.0 400"),
        ("refused_420", "extension-required", "Unsupported: teleportation"),
        ("replaces_refused", "replaces-refused", "calls are not taken over here"),
        ("refused_422", "interval-too-small", "Min-SE: 90"),
    ],
)
def test_an_invite_that_cannot_be_taken(gate: Gate, sipp: Sipp, scenario: str, outcome: str, words: str) -> None:
    run = sipp.run(scenario)
    assert run.ok, run
    assert words in run.messages
    assert gate.decision(run.call_id)["outcome"] == outcome


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("stray_bye", "SIP/2.0 481"),
        ("stray_message", "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"),
        ("stray_subscribe", "Allow: INVITE, ACK"),
        ("stray_refer", "Allow: INVITE, ACK"),
        ("options", "SIP/2.0 200"),
    ],
)
def test_requests_that_are_no_calls(gate: Gate, sipp: Sipp, scenario: str, words: str) -> None:
    before = len(gate.decisions())
    run = sipp.run(scenario)
    assert run.ok, run
    assert words in run.messages
    assert len(gate.decisions()) == before


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"allowedCidrRanges": ["10.0.0.1/8"]}, "allowedCidrRanges", "10.0.0.0/8"),
        ({"allowedAgents": [{"agentId": "0" * 8 + "-0000-4000-8000-" + "0" * 12}] * 21}, "allowedAgents", "20"),
        ({"allowedAgents": [{"agentId": "0" * 8 + "-0000-4000-8000-" + "0" * 12}]}, "allowedAgents", "agent"),
        ({"alowAllAgents": True}, "alowAllAgents", "allowAllAgents"),
        ({"fallbackHandler": {"url": "ftp://example.org"}}, "fallbackHandler", "http"),
    ],
)
def test_a_bad_patch_says_what_is_wrong_and_changes_nothing(
    gate: Gate, changes: dict[str, object], field: str, words: str
) -> None:
    before = gate.get("/api/sip")
    with pytest.raises(Refused) as refused:
        gate.patch_sip(changes)
    assert refused.value.status == 400
    assert list(refused.value.body) == [field]
    assert words in str(refused.value.body)
    assert gate.get("/api/sip") == before
