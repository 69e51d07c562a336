"""Calls that are not lost although the fallback handler is: a second one, an agent for failures, a circuit breaker."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from callgate.testing.handler import HandlerServer
from tests.peers.gate import Gate
from tests.peers.handler import HandlerInThread
from tests.peers.sipp import Sipp

pytestmark = pytest.mark.sipp

FALLBACK = "/api/sip/fallback"
# Nothing listens on the port of tcpmux; port 0 would be refused as a URL.
DEAD = "http://127.0.0.1:1/first"
DEAD_TOO = "http://127.0.0.1:1/second"


@pytest.fixture
def second() -> Iterator[HandlerServer]:
    """Another fallback handler."""
    running = HandlerInThread()
    yield running.server
    running.stop()


def handler_steps(gate: Gate, call_id: str) -> list[dict[str, Any]]:
    """What the record of an INVITE says of handlers, in order."""
    return [entry for entry in gate.decision(call_id)["trace"] if entry["step"] == "fallback_handler"]


def test_the_first_handler_is_dead_and_the_second_answers(gate: Gate, sipp: Sipp, second: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": DEAD, "secrets": ["s3cret"]}})
    gate.patch(FALLBACK, {"secondUrl": second.url})
    second.will_answer({"startAgentCall": {"agentId": gate.demo_agent_id, "metadata": {"by": "second"}}})
    run = sipp.run("complete_call", user="somebody")
    assert run.ok, run
    assert gate.ended_call(run.call_id)["metadata"]["by"] == "second"
    asked, first, other = handler_steps(gate, run.call_id)
    assert [asked["result"], first["result"], other["result"]] == ["asked", "missed", "matched"]
    assert first["words"].startswith(f"first handler `{DEAD}`: no connection to the fallback handler")
    assert other["words"].startswith(f"the second fallback handler `{second.url}` gave the call to agent")
    assert (other["facts"]["status"], other["facts"]["ms"] > 0) == (200, True)


def test_the_first_handler_is_silent_and_the_second_answers_in_time(
    gate: Gate, sipp: Sipp, handler: HandlerServer, second: HandlerServer
) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    gate.patch(FALLBACK, {"secondUrl": second.url})
    handler.will_hang()
    second.will_answer({"startAgentCall": {"agentId": gate.demo_agent_id}})
    run = sipp.run("complete_call", user="somebody")
    assert run.ok, run
    assert len(handler.requests) == len(second.requests) == 1


def test_a_rejection_of_the_first_handler_is_the_last_word(gate: Gate, sipp: Sipp, handler: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    gate.patch(FALLBACK, {"secondUrl": DEAD_TOO, "agentOnFailure": gate.demo_agent_id})
    handler.will_answer({"reject": {"sipRejectCode": 486}})
    run = sipp.run("refused_486", user="nobody")
    assert run.ok, run
    assert gate.decision(run.call_id)["outcome"] == "handler-rejected"


def test_both_handlers_are_dead_and_the_agent_for_failures_answers(gate: Gate, sipp: Sipp) -> None:
    agent = gate.make_agent("Stand-in", systemPrompt="You stand in for {{ultravox.sip.caller_id}}.")
    gate.patch_sip({"fallbackHandler": {"url": DEAD}})
    gate.patch(FALLBACK, {"secondUrl": DEAD_TOO, "agentOnFailure": agent})
    run = sipp.run("complete_call", user="somebody")
    assert run.ok, run
    call = gate.ended_call(run.call_id)
    assert (call["agentId"], call["systemPrompt"]) == (agent, "You stand in for sipp.")
    decision = gate.decision(run.call_id)
    assert (decision["verdict"], decision["agentId"], decision["outcome"]) == ("admit", agent, None)
    assert decision["summary"].startswith("admitted: handler failed: first handler: no connection")
    assert "sent to the agent for failures" in decision["summary"]
    assert [step["result"] for step in handler_steps(gate, run.call_id)] == ["asked", "missed", "missed", "matched"]


def test_a_breaker_opens_and_calls_go_at_once_to_the_agent_for_failures(
    gate: Gate, sipp: Sipp, handler: HandlerServer
) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    agent = gate.demo_agent_id
    gate.patch(FALLBACK, {"agentOnFailure": agent, "breaker": {"failures": 2, "openSeconds": 3_600}})
    handler.will_hang()
    for _ in range(2):  # a second each, until the handler's time is over
        assert sipp.run("complete_call", user="somebody").ok
    [shown] = gate.get(FALLBACK)["handlers"]
    assert (shown["breaker"]["state"], shown["breaker"]["failures"]) == ("open", 2)
    assert shown["breaker"]["nextTry"] is not None
    assert "handler.breaker_open" in gate.log()

    run = sipp.run("complete_call", user="somebody")
    assert run.ok, run
    assert len(handler.requests) == 2
    asked, skipped, agent_step = handler_steps(gate, run.call_id)
    assert "circuit breaker is open after 2 failures" in skipped["words"]
    assert agent_step["facts"]["agentOnFailure"] == agent
    gate.ended_call(run.call_id)
    [*_, waited_ms] = gate.until(lambda: re.findall(r"handlerMs=([0-9.]+)", gate.log()))
    assert float(waited_ms) < 500, "nobody waited for the handler"
    [statistics] = gate.get(f"{FALLBACK}/statistics")["handlers"]
    assert (statistics["answers"]["timeout"], statistics["answers"]["notAsked"]) == (2, 1)
    assert "did not answer within 1 s" in statistics["lastFailure"]["words"]

    gate.patch_sip({"allowAllAgents": False})
    assert gate.get(FALLBACK)["handlers"][0]["breaker"]["state"] == "open", "other rules do not concern it"
    gate.patch_sip({"fallbackHandler": {"url": DEAD}})
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    assert gate.get(FALLBACK)["handlers"][0]["breaker"]["state"] == "closed"


def test_without_an_agent_for_failures_an_open_breaker_is_502_at_once(gate: Gate, sipp: Sipp) -> None:
    gate.patch_sip({"fallbackHandler": {"url": DEAD}})
    gate.patch(FALLBACK, {"breaker": {"failures": 1}})
    assert sipp.run("refused_502", user="nobody").ok
    run = sipp.run("refused_502", user="nobody")
    assert run.ok, run
    assert "is not asked: its circuit breaker is" in gate.decision(run.call_id)["summary"]


def test_a_sample_makes_no_call(gate: Gate, handler: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_answer({"startCall": {"systemPrompt": "hello"}})
    calls, decisions = len(gate.calls()), gate.get("/api/sip/decisions")["total"]
    answer = gate.post(f"{FALLBACK}/test", {})
    assert answer["verdict"] == {"agentId": None, "body": {"systemPrompt": "hello"}}
    assert handler.requests[0].headers["x-callgate-test"] == "true"
    assert (len(gate.calls()), gate.get("/api/sip/decisions")["total"]) == (calls, decisions)


def test_an_evaluation_may_ask_both(gate: Gate, handler: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": DEAD}})
    gate.patch(FALLBACK, {"secondUrl": handler.url})
    handler.will_answer({"reject": {"sipRejectCode": 486}})
    attempt = {"sourceAddress": "127.0.0.1", "toUri": "somebody"}
    said = gate.post("/api/sip/evaluate", {"attempt": attempt, "askHandler": True})["handler"]
    assert (said["outcome"], said["status"], said["exchange"]["which"]) == ("handler-rejected", 486, "second")
    assert said["earlier"][0]["url"] == DEAD
