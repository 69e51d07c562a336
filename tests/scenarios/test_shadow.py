"""A draft beside live calls, then in force; a refusal explained, rehearsed and undone."""

from pathlib import Path
from typing import Any

import pytest

from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate, Refused
from tests.peers.sipp import Sipp


@pytest.mark.sipp
def test_a_draft_watches_live_calls_and_is_promoted(gate: Gate, sipp: Sipp) -> None:
    agent = gate.demo_agent_id
    numbers = [{"agentId": agent, "toUserPattern": r"^\+1555[0-9]{4}$"}]
    shadow = gate.put("/api/sip/shadow", {"patch": {"allowedAgents": numbers}, "duration": "600s"})
    complete = sipp.run("complete_call")
    assert complete.ok, complete
    refused = sipp.run("refused_603", user="+15550100")
    assert refused.ok, refused
    assert sipp.run("refused_603", user="nobody").ok

    seen = gate.until(lambda: _seen(gate, attempts=3))
    moves = {(move["from"]["kind"], move["to"]["kind"]): move["count"] for move in seen["moves"]}
    assert moves == {("agent", "refused"): 1, ("refused", "agent"): 1}
    assert seen["agents"] == [{"agentId": agent, "agentName": seen["agents"][0]["agentName"], "gains": 1, "loses": 1}]
    listed = {one["decisionId"]: one["toUri"] for one in seen["differences"]}
    for run, user in ((complete, "demo"), (refused, "+15550100")):
        assert listed[gate.decision(run.call_id)["decisionId"]].startswith(f"sip:{user}@")

    span = {"fromDate": shadow["created"]}
    replayed = gate.post("/api/sip/replay", {"patch": {"allowedAgents": numbers}, **span})["result"]
    assert (replayed["changed"], replayed["same"]) == (2, 1)
    promoted = gate.post("/api/sip/shadow/promote", None)
    assert promoted["allowedAgents"] == numbers
    with Caller(gate, "+15550100") as caller:
        assert caller.status == 200
    with pytest.raises(Refused) as gone:
        gate.get("/api/sip/shadow")
    assert gone.value.status == 404


def test_what_a_draft_has_seen_survives_a_restart(tmp_path: Path) -> None:
    first = Gate(tmp_path, settings=SETTINGS)
    first.put("/api/sip/shadow", {"patch": {"allowedAgents": []}, "duration": "600s"})
    with Caller(first) as caller:
        assert caller.status == 200
    assert first.until(lambda: _seen(first, attempts=1))["changed"] == 1
    assert first.stop() == 0

    second = Gate(tmp_path, settings=SETTINGS)
    seen = second.get("/api/sip/shadow")
    assert (seen["attempts"], seen["changed"], seen["state"]) == (1, 1, "watching")
    with Caller(second) as caller:
        assert caller.status == 200
    assert second.until(lambda: _seen(second, attempts=2))["changed"] == 2
    assert second.stop() == 0


def _seen(gate: Gate, *, attempts: int) -> dict[str, Any] | None:
    shadow: dict[str, Any] = gate.get("/api/sip/shadow")
    return shadow if shadow["attempts"] == attempts else None
