"""What may happen within a dialog, as a carrier's side sees it: offers, reliable ringing, refreshes, odd orders."""

from typing import Any

import pytest

from callgate.testing.handler import HandlerServer
from tests.peers.gate import Gate
from tests.peers.sipp import Sipp, SippRun

pytestmark = pytest.mark.sipp


def moves(gate: Gate, run: SippRun) -> list[tuple[bool, bool]]:
    """Whether we send and receive after each new agreement of a call that the caller has ended."""
    call = gate.ended_call(run.call_id)
    assert call["endReason"] == "hangup"
    events: list[dict[str, Any]] = gate.events(call["callId"])
    return [
        (event["extras"]["sends"], event["extras"]["receives"])
        for event in events
        if event["type"] == "sound_negotiated"
    ]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_delayed_offer_that_is_never_answered_ends_the_call(gate: Gate, sipp: Sipp, transport: str) -> None:
    run = sipp.run("delayed_offer_unanswered", transport=transport)
    assert run.ok, run
    assert gate.ended_call(run.call_id)["endReason"] == "connection_error"
    assert "does not fit our offer" in run.messages  # the BYE's reason


def test_hold_and_resume_in_every_way_and_an_offer_of_ours(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("hold_and_resume")
    assert run.ok, run
    assert moves(gate, run) == [(False, True), (True, True), (False, False), (True, True), (False, False), (True, True)]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_reinvite_before_the_ack(gate: Gate, sipp: Sipp, transport: str) -> None:
    run = sipp.run("reinvite_before_ack", transport=transport)
    assert run.ok, run
    assert moves(gate, run) == [(False, True)]


def test_a_reinvite_while_the_first_invite_is_unanswered(gate: Gate, sipp: Sipp, handler: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_answer({"startAgentCall": {"agentId": gate.demo_agent_id}}, after_s=0.7)
    run = sipp.run("reinvite_too_early", user="somebody")
    assert run.ok, run
    assert moves(gate, run) == []


def test_hold_by_update_options_and_an_update_too_many(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("update")
    assert run.ok, run
    assert moves(gate, run) == [(False, True), (True, True), (True, True)]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_ringing_is_reliable_where_that_is_required(
    gate: Gate, sipp: Sipp, handler: HandlerServer, transport: str
) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_answer({"startAgentCall": {"agentId": gate.demo_agent_id}}, after_s=0.7)
    run = sipp.run("prack_required", user="somebody", transport=transport)
    assert run.ok, run
    assert gate.ended_call(run.call_id)["endReason"] == "hangup"


def test_ringing_is_plain_where_reliable_is_only_supported(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("prack_supported")
    assert run.ok, run
    assert gate.ended_call(run.call_id)["endReason"] == "hangup"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_offer_in_reliable_ringing_is_answered_in_the_prack(gate: Gate, sipp: Sipp, transport: str) -> None:
    run = sipp.run("prack_with_offer", transport=transport)
    assert run.ok, run
    call = gate.ended_call(run.call_id)
    assert call["endReason"] == "hangup"
    assert call["joined"] is not None


def test_reliable_ringing_that_is_never_acknowledged(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("prack_missing")
    assert run.ok, run
    assert run.count("SIP/2.0 180") >= 4
    assert gate.ended_call(run.call_id)["endReason"] == "connection_error"


def test_the_caller_refreshes_its_session(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("session_timer")
    assert run.ok, run
    assert gate.ended_call(run.call_id)["endReason"] == "hangup"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_bye_before_the_ack(gate: Gate, sipp: Sipp, transport: str) -> None:
    run = sipp.run("bye_before_ack", transport=transport)
    assert run.ok, run
    call = gate.ended_call(run.call_id)
    assert (call["endReason"], call["joined"]) == ("hangup", None)


def test_other_streams_are_declined_and_unknown_lines_passed_over(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("video_declined")
    assert run.ok, run
    heard = [part for part in run.messages.split("\n----") if "message received [" in part]
    assert heard
    assert "candidate" not in "".join(heard)
    assert gate.ended_call(run.call_id)["endReason"] == "hangup"
