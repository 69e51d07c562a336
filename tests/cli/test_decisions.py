"""`callgate decisions list|tail|show`."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.operator import CALLGATE, Operator
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.phone import Phone


def records_of(process: "subprocess.Popen[str]") -> Iterator[Any]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def newest_is(gate: Gate, user: str) -> None:
    """Wait until the record of a call has been written."""
    gate.until(lambda: [one["toUri"] for one in gate.decisions()[:1]] == [gate.uri(user)])


def test_a_tail_sees_calls_as_they_come_each_once(operator: Operator, gate: Gate, phone: Phone) -> None:
    phone.calls("before", duration_s=0.1)
    newest_is(gate, "before")
    process = operator.starts("decisions", "tail", "--json", "--last=1")
    told = records_of(process)
    assert next(told)["toUri"] == gate.uri("before")
    done = subprocess.run(
        [*CALLGATE, "call", gate.uri("demo"), "--duration=0.2", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["status"] == 200
    phone.calls("nobody", duration_s=0.1)
    seen = [next(told), next(told)]
    assert [(one["toUri"], one["verdict"]) for one in seen] == [
        (gate.uri("demo"), "admit"), (gate.uri("nobody"), "refuse"),
    ]  # fmt: skip
    assert seen == [gate.get(f"/api/sip/decisions/{one['decisionId']}") for one in seen]
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=30)
    assert (rest, err, process.returncode) == ("", "", 130)


def test_a_tail_at_a_terminal_is_in_colours_and_takes_filters(operator: Operator, phone: Phone) -> None:
    terminal = operator.terminal("decisions", "tail", "--last=0", "--verdict=refuse", columns=200)
    phone.calls("first", duration_s=0.1)  # so that the terminal has something to wait for, whenever it has begun
    while "refuse" not in terminal.shown:
        phone.calls("nobody", duration_s=0.1)
        phone.calls("demo", duration_s=0.1)
        terminal.read(0.5)
    terminal.interrupt()
    assert terminal.wait() == 130
    assert "\x1b[31mrefuse" in terminal.shown
    assert "admit " not in terminal.text
    assert "Traceback" not in terminal.text


def test_a_tail_outlives_its_node(tmp_path: Path) -> None:
    gate = Gate(tmp_path, settings=SETTINGS)
    address = gate.url.removeprefix("http://")
    process = Operator(gate.url).starts("decisions", "tail", "--json")
    told = records_of(process)
    try:
        Phone(gate).calls("one", duration_s=0.1)
        assert next(told)["toUri"] == gate.uri("one")
        assert gate.stop() == 0
        assert process.stderr is not None
        assert "trying again until Ctrl-C" in process.stderr.readline()
        gate = Gate(tmp_path, settings=SETTINGS, options=(f"--http-bind={address}",))
        Phone(gate).calls("two", duration_s=0.1)
        assert next(told)["toUri"] == gate.uri("two")
        assert process.stderr.readline() == "callgate: the node answers again\n"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert gate.stop() == 0


def test_decisions_are_listed_with_filters(operator: Operator, gate: Gate, phone: Phone) -> None:
    phone.calls("nobody", duration_s=0.1)
    phone.calls("demo", duration_s=0.1)
    newest_is(gate, "demo")
    newest = gate.decisions()[0]
    rows = operator.types("decisions", "list", "--limit=2").rows
    assert rows[0] == ["AT", "VERDICT", "FROM", "DIALLED", "WHY", "DECISION"]
    assert rows[1][1:] == ["admit", "127.0.0.1", "demo", newest["summary"], newest["decisionId"]]
    assert rows[2][1:4] == ["refuse", "127.0.0.1", "nobody"]
    for words, path in (
        (["--agent", "demo"], f"agentId={gate.demo_agent_id}"),
        (["--verdict", "refuse", "--outcome", "no-rule-matched"], "verdict=refuse&outcome=no-rule-matched"),
        (["--call", newest["callId"]], f"callId={newest['callId']}"),
        (["--from", "192.0.2.1"], "sourceAddress=192.0.2.1"),
    ):
        found = operator.types("decisions", "list", "--json", "--limit=10", *words).json
        assert found == gate.get(f"/api/sip/decisions?{path}&pageSize=10") | {"next": found["next"]}
    assert operator.types("decisions", "list", "--until", "2020-01-01").out == "There are none.\n"


def test_why_a_call_was_refused_and_what_would_have_let_it_in(
    operator: Operator, gate: Gate, sales: str, phone: Phone
) -> None:
    gate.patch_sip({"allowedAgents": [{"agentId": sales, "toUserPattern": r"^\+1888$"}]})
    phone.calls("1888", duration_s=0.1)
    newest_is(gate, "1888")
    typed = operator.types("decisions", "show")  # the newest
    decision = gate.decisions()[0]
    assert ["decision", decision["decisionId"]] in typed.rows
    assert "`+1888`, with a leading +, would match" in typed.out
    assert f"= {decision['summary']}" in typed.out
    assert ["CHANGE", "THEN THE CALL", "ALSO LETS IN", "REROUTES"] in typed.rows
    assert operator.types("decisions", "show", decision["decisionId"], "--json").json == decision


@pytest.mark.parametrize("hostile", ["\x1b[2J\x1b]0;owned\x07", "\u202egnp"])
def test_what_callers_write_reaches_no_terminal(operator: Operator, gate: Gate, phone: Phone, hostile: str) -> None:
    phone.calls("nobody", duration_s=0.1, from_uri="sip:caller@127.0.0.1", from_display_name=hostile)
    newest_is(gate, "nobody")
    for words in (["decisions", "show"], ["decisions", "list"], ["decisions", "list", "--json"]):
        out = operator.types(*words).out
        assert "\x1b" not in out
        assert "\u202e" not in out
