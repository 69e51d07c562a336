"""`callgate sip evaluate|replay|suggestions|shadow`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callgate.cli import rehearsal
from callgate.testing.handler import HandlerServer
from tests.cli.operator import Operator, write
from tests.cli.scripted_server import ScriptedServer, reply
from tests.peers.gate import Gate
from tests.peers.phone import Phone


def test_an_imagined_call_step_by_step(operator: Operator, gate: Gate, sales: str) -> None:
    gate.patch_sip({"allowedAgents": [{"agentId": sales, "toUserPattern": r"^\+1555$"}]})
    rows = operator.types("sip", "evaluate", "--from", "127.0.0.1", "--to", "1555").rows
    marks = [(row[0], row[1]) for row in rows[:-1]]
    assert ("✓", "source") in marks
    assert marks[-4:] == [
        ("✗", "allowed_agents"), ("✗", "allow_all_agents"), ("–", "fallback_handler"), ("✗", "refusal"),
    ]  # fmt: skip
    (rule,) = [row[2] for row in rows if row[1:2] == ["allowed_agents"]]
    assert rule.endswith("`+1555`, with a leading +, would match")
    assert rows[-1][0].startswith("= refused with 603: ")

    admitted = operator.types("sip", "evaluate", "--from", "127.0.0.1", "--to", "x", "--request-uri", "sip:+1555@here")
    assert admitted.rows[-2][:2] == ["✓", "allowed_agents"]
    assert admitted.out.splitlines()[-1].startswith("= admitted: rule 1 (agent `Sales`)")


def test_a_draft_is_tried_and_not_stored(operator: Operator, gate: Gate, tmp_path: Path) -> None:
    before = gate.get("/api/sip")
    draft = write(tmp_path / "draft", {"allowedCidrRanges": ["203.0.113.0/24"]})
    words = ["sip", "evaluate", "--from", "203.0.113.7", "--to", "demo"]
    assert operator.types(*words).out.splitlines()[-1].startswith("= refused with 403")
    assert operator.types(*words, "--draft", draft).out.splitlines()[-1].startswith("= admitted")
    assert operator.types(*words, "--draft", draft, "--json").json["verdict"] == "admit"
    assert gate.get("/api/sip") == before
    bad = write(tmp_path / "bad", {"allowedCidrRanges": ["x"]})
    wrong = operator.types(*words, "--draft", bad, "--header", "X-A: b", code=1)
    assert wrong.err == "callgate: patch.allowedCidrRanges.0: not an IPv4 range such as `203.0.113.0/24`: `x`\n"
    wrong = operator.types("sip", "evaluate", "--from", "here", "--to", "demo", code=1)
    assert wrong.err == "callgate: attempt.sourceAddress: not an IP address such as `203.0.113.7`: `here`\n"


def test_the_handler_is_asked_only_when_wanted(operator: Operator, gate: Gate, handler: HandlerServer) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    words = ["sip", "evaluate", "--from", "127.0.0.1", "--to", "nobody"]
    assert operator.types(*words).out.splitlines()[-1] == "= no rule matched: the fallback handler is asked"
    assert len(handler.requests) == 0
    assert "handler " in operator.types(*words, "--ask-handler").out
    assert len(handler.requests) >= 1


@pytest.mark.parametrize("slowly", [False, True])
def test_a_replay_says_which_calls_would_have_gone_elsewhere(
    operator: Operator, gate: Gate, phone: Phone, tmp_path: Path, slowly: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = phone.calls("demo", duration_s=0.1)
    assert report.status == 200
    draft = write(tmp_path / "draft", {"allowedAgents": []})
    words = ["sip", "replay", "--draft", draft, "--since", "1h"]
    if slowly:  # as a job that is asked about: its first answer comes before it is done
        asked = rehearsal._followed
        monkeypatch.setattr(rehearsal, "_ASKED_EVERY_S", 0.01)
        monkeypatch.setattr(rehearsal, "_followed", lambda asking, job: asked(asking, {**job, "state": "running"}))
    typed = operator.types(*words)
    row = typed.rows[1]
    assert row[1] == "goes to agent `demo`"
    assert row[2].startswith("is refused: ")
    assert int(row[0]) >= 1
    assert "would have gone elsewhere" in typed.out.splitlines()[-1]
    assert any(line.startswith("agent demo: +0 -") for line in typed.out.splitlines())

    found = operator.types(*words, "--json").json
    assert (found["state"], found["result"]["changed"] >= 1) == ("done", True)
    none = operator.types("sip", "replay", "--draft", draft, "--until", "2020-01-01")
    assert none.out.splitlines() == ["No call would have gone elsewhere.", "0 of 0 attempts would have gone elsewhere"]


def test_what_would_have_let_a_call_in_is_suggested_and_made(
    operator: Operator, gate: Gate, sales: str, phone: Phone
) -> None:
    gate.patch_sip({"allowedAgents": [{"agentId": sales, "toUserPattern": r"^\+1777$"}]})
    report = phone.calls("1777", duration_s=0.1)
    assert report.status == 603
    (decision,) = gate.until(lambda: [one for one in gate.decisions()[:1] if one["toUri"].startswith("sip:1777@")])
    typed = operator.types("sip", "suggestions", decision["decisionId"])
    assert typed.rows[0] == ["CHANGE", "THEN THE CALL", "ALSO LETS IN", "REROUTES"]
    assert typed.rows[1][0] == "1"
    assert "goes to agent `Sales`" in typed.out
    number = next(row[0] for row in typed.rows[1:] if "goes to agent `Sales`" in row)
    made = operator.types("sip", "suggestions", decision["decisionId"], "--apply", number)
    assert "is in force" in made.out
    assert phone.calls("1777", duration_s=0.1).status == 200
    wrong = operator.types("sip", "suggestions", decision["decisionId"], "--apply", "99", code=2)
    assert wrong.err.startswith("callgate: --apply is 99; there are ")


def test_a_draft_beside_live_calls(operator: Operator, gate: Gate, phone: Phone, tmp_path: Path) -> None:
    assert operator.types("sip", "shadow", "show", code=1).err == "callgate: there is no shadow; PUT one (404)\n"
    draft = write(tmp_path / "draft", {"allowedAgents": []})
    put = operator.types("sip", "shadow", "put", "--draft", draft, "--duration", "60s")
    assert put.rows[0][1].startswith("watching, until ")
    phone.calls("demo", duration_s=0.1)
    shown = operator.types("sip", "shadow", "show")
    assert ["attempts", "1, of which 1 would have gone elsewhere"] in shown.rows
    assert shown.rows[-2][:2] == ["1", "goes to agent `demo`"]
    assert operator.types("sip", "shadow", "show", "--json").json["changed"] == 1

    operator.types("sip", "shadow", "drop")
    operator.types("sip", "shadow", "put", "--draft", draft)
    promoted = operator.types("sip", "shadow", "promote")
    assert promoted.out.splitlines()[0].startswith("- rule: demo at ")
    assert gate.get("/api/sip")["allowedAgents"] == []


def job(state: str, records: int) -> dict[str, Any]:
    result = {"moves": [], "furtherMoves": 0, "agents": [], "leftOut": {}, "summary": "0 of 200 attempts"}
    done = {"result": result if state == "done" else None, "error": "out of room" if state == "failed" else None}
    return {"jobId": "j1", "state": state, "progress": {"records": records, "total": 200}, **done}


@pytest.fixture
def slow_server() -> Iterator[ScriptedServer]:
    one = ScriptedServer()
    yield one
    one.close()


def test_a_long_replay_shows_how_far_it_is(slow_server: ScriptedServer, tmp_path: Path) -> None:
    slow_server.replies = [reply(job("running", 50), 202), reply(job("running", 100)), reply(job("done", 200))]
    words = ["sip", "replay", "--draft", write(tmp_path / "draft", {})]
    terminal = Operator(slow_server.url).terminal(*words)
    assert terminal.wait() == 0
    assert "replaying" in terminal.text
    assert "25%" in terminal.text
    assert terminal.text.rstrip().endswith("0 of 200 attempts")
    assert slow_server.asked == ["POST /api/sip/replay", "GET /api/sip/replay/j1", "GET /api/sip/replay/j1"]

    slow_server.replies = [reply(job("failed", 0))]
    assert Operator(slow_server.url).types(*words, code=1).err == "callgate: the replay has failed: out of room\n"


def test_whoever_leaves_a_replay_ends_it(slow_server: ScriptedServer, tmp_path: Path) -> None:
    slow_server.replies = [reply(job("running", 50))]
    terminal = Operator(slow_server.url).terminal("sip", "replay", "--draft", write(tmp_path / "draft", {}))
    terminal.until("replaying")
    terminal.interrupt()
    assert terminal.wait() == 130
    assert "Traceback" not in terminal.text
    assert slow_server.asked[-1] == "DELETE /api/sip/replay/j1"
