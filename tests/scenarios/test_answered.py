"""Calls that are answered, as a carrier's side sees them."""

from pathlib import Path

import pytest

from callgate.core.audio.g711 import CODECS
from callgate.core.audio.tones import tone
from callgate.testing.handler import HandlerServer
from tests.peers.gate import Gate
from tests.peers.phone import Phone
from tests.peers.sipp import Sipp

VOICES = Path(__file__).parent.parent / "brains" / "vectors"

pytestmark = pytest.mark.sipp


@pytest.fixture(autouse=True)
def voice(tmp_path: Path) -> None:
    """What SIPp says: a second of voice, as far as energy goes, and silence."""
    (tmp_path / "voice.ulaw").write_bytes(CODECS["PCMU"].encode(tone(440, 800) + bytes(16_000)))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_basic_call_has_sound_both_ways(gate: Gate, sipp: Sipp, transport: str) -> None:
    run = sipp.run("basic_call", transport=transport)
    assert run.ok, run
    decision = gate.decision(run.call_id)
    assert (decision["verdict"], decision["transport"]) == ("admit", transport)
    assert decision["agentId"] == gate.demo_agent_id
    call = gate.ended_call(run.call_id)
    assert call["endReason"] == "hangup"
    assert call["joined"] is not None
    assert call["sipDetails"]["terminationReason"] == "SIP_TERMINATION_NORMAL"
    said = [(message["role"], message["text"]) for message in gate.messages(call["callId"])]
    assert said[0][0] == "MESSAGE_ROLE_AGENT"
    assert ("MESSAGE_ROLE_AGENT", "(repeats what the caller said)") in said


def test_a_delayed_offer_is_answered_in_the_ack(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("delayed_offer")
    assert run.ok, run
    call = gate.ended_call(run.call_id)
    assert call["endReason"] == "hangup"
    assert any(message["role"] == "MESSAGE_ROLE_USER" for message in gate.messages(call["callId"]))


def test_an_invite_that_is_repeated_makes_one_call(gate: Gate, sipp: Sipp, handler: HandlerServer) -> None:
    before = {call["callId"] for call in gate.calls()}
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_answer({"startAgentCall": {"agentId": gate.demo_agent_id}}, after_s=0.2)
    # SIPp answers a repeated 100 with one more INVITE, for ever, unless it is told not to think of copies.
    run = sipp.run("invite_repeated", user="somebody", options=("-nr",))
    assert run.ok, run
    call = gate.ended_call(run.call_id)
    assert {call["callId"] for call in gate.calls()} - before == {call["callId"]}
    assert len(handler.requests) == 1


def test_a_200_that_is_never_acknowledged_is_repeated_and_given_up(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("lost_ack")
    assert run.ok, run
    assert run.count("SIP/2.0 200") >= 4
    assert gate.ended_call(run.call_id)["endReason"] == "connection_error"


def test_a_reinvite_moves_and_holds_the_sound(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("reinvite")
    assert run.ok, run
    assert "a=recvonly" in run.messages  # our answer to a caller who only sends
    call = gate.ended_call(run.call_id)
    moves = [event["extras"] for event in gate.events(call["callId"]) if event["type"] == "sound_negotiated"]
    assert [(move["remote"], move["sends"]) for move in moves] == [
        ("127.0.0.2:40002", True),
        ("127.0.0.2:40002", False),
    ]
    assert call["endReason"] == "hangup"


def test_what_is_not_offered_is_refused_and_the_call_goes_on(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("other_methods")
    assert run.ok, run
    assert gate.ended_call(run.call_id)["endReason"] == "hangup"


def test_key_9_by_info_has_the_agent_hang_up(gate: Gate, sipp: Sipp) -> None:
    run = sipp.run("info_digit")
    assert run.ok, run
    call = gate.ended_call(run.call_id)
    assert call["endReason"] == "agent_hangup"
    assert gate.messages(call["callId"])[-1]["text"] == "Thank you for calling. Goodbye."


def test_a_call_ends_at_its_longest_duration_with_its_words(gate: Gate, sipp: Sipp) -> None:
    agent = gate.make_agent("short", maxDuration="1s", timeExceededMessage="Our time is over.")
    run = sipp.run("agent_says_bye", user=f"agent_{agent}")
    assert run.ok, run
    call = gate.ended_call(run.call_id)
    assert call["endReason"] == "timeout"
    words = gate.messages(call["callId"])[-1]["text"]
    assert words in ("Our time is over.", "Our time is up. Goodbye.")  # with a speech engine, and without


def test_a_silent_caller_is_hung_up_on(gate: Gate, sipp: Sipp) -> None:
    steps = [{"duration": "1s", "message": "Bye.", "endBehavior": "END_BEHAVIOR_HANG_UP_STRICT"}]
    agent = gate.make_agent("impatient", inactivityMessages=steps, firstSpeakerSettings={"user": {}})
    run = sipp.run("agent_says_bye", user=f"agent_{agent}")
    assert run.ok, run
    assert gate.ended_call(run.call_id)["endReason"] == "agent_hangup"


def test_a_live_call_is_hung_up_through_the_api(gate: Gate, sipp: Sipp) -> None:
    running = sipp.start("agent_says_bye")
    call_id = gate.decision(running.call_id)["callId"]
    gate.until(lambda: gate.call(call_id)["joined"])
    gate.post(f"/api/calls/{call_id}/send_data_message", {"type": "hang_up", "message": "Bye."})
    run = running.finish()
    assert run.ok, run
    assert gate.ended_call(run.call_id)["endReason"] == "agent_hangup"


def test_the_built_in_phone_hears_the_greeting_and_presses_9(gate: Gate, phone: Phone) -> None:
    report = phone.calls("demo", digits=",,9", duration_s=15)
    assert (report.ok, report.ended_by) == (True, "callee")
    assert report.heard_ms > 2_000
    assert report.packets_sent > 50


def test_headers_become_context_and_metadata(gate: Gate, phone: Phone) -> None:
    report = phone.calls("demo", headers=[("X-Customer-Name", "Bob")], from_uri="sip:+4420@example.org", duration_s=0.1)
    assert report.ok
    call = gate.until(lambda: gate.calls()[0])
    assert call["requestContext"]["customer_name"] == "Bob"
    assert call["metadata"]["ultravox.sip.caller_id"] == "+4420"


@pytest.mark.speech
def test_a_caller_barges_in_and_is_understood(gate: Gate, phone: Phone) -> None:
    pytest.importorskip("pocketsphinx", reason="the extra callgate[demo] is not installed")
    assert phone.calls("demo", duration_s=2.0).ok  # the engines start with a worker's first call
    report = phone.calls("demo", play=VOICES / "what_time_is_it.wav", duration_s=4.0)
    assert report.ok
    call = gate.until(lambda: gate.calls()[0])
    said = gate.until(lambda: [message["text"] for message in gate.messages(call["callId"])][:3])
    assert said[1] == "what time is it"
    assert said[2].startswith("It is ")
