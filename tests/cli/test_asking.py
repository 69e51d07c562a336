"""What all commands that ask a node have in common: exit codes, one line per mistake, quiet ends."""

import json
import os
import signal

import pytest

from tests.cli.operator import Operator
from tests.peers.gate import API_KEY, Gate
from tests.peers.phone import Phone


def test_every_mistake_of_a_400_is_a_line_that_names_its_field(operator: Operator, gate: Gate) -> None:
    before = gate.get("/api/sip")
    typed = operator.types("sip", "set", "--allow-range", "10.0.0.0/33", "--allow-range", "here", code=1)
    assert typed.out == ""
    assert typed.err.splitlines() == [
        "callgate: allowedCidrRanges.1: the mask must be a number from 0 to 32: `10.0.0.0/33`",
        "callgate: allowedCidrRanges.2: not an IPv4 range such as `203.0.113.0/24`: `here`",
    ]
    assert gate.get("/api/sip") == before


def test_what_is_not_there_and_who_may_not(operator: Operator, gate: Gate) -> None:
    assert operator.types("calls", "show", "nope", code=1).err == "callgate: no such call: nope (404)\n"
    stranger = Operator(gate.url, "abcdefgh." + "x" * 32).types("agents", "list", code=1)
    assert stranger.err.startswith("callgate: ")
    assert "(401); the key is from CALLGATE_API_KEY" in stranger.err
    assert "xxxx" not in stranger.err


@pytest.mark.parametrize(
    "words",
    [
        ["sip", "set"],
        ["sip", "nothing"],
        ["calls", "show"],
        ["sip", "get", "--url", "gate"],
        ["calls", "list", "--limit=x"],
        ["calls", "list", "--since", "lately"],
        ["sip", "replay", "--draft", "/nonexistent"],
    ],
)
def test_a_command_line_that_cannot_be_meant_is_exit_code_2(operator: Operator, words: list[str]) -> None:
    typed = operator.types(*words, code=2)
    assert typed.out == ""
    assert typed.err != ""


def test_json_is_exactly_the_apis(operator: Operator, gate: Gate) -> None:
    assert operator.types("sip", "get", "--json").json == gate.get("/api/sip")
    assert operator.types("agents", "list", "--json", "--limit=100").json == gate.get("/api/agents?pageSize=100")
    assert operator.types("agents", "list", "--json").out.count("\n") == 1


def test_a_key_that_is_given_appears_nowhere(operator: Operator) -> None:
    for words in (["sip", "get"], ["calls", "show", "x"], ["keys", "list"]):
        typed = operator.types(*words, "--key", API_KEY, code=1 if "x" in words else 0)
        assert API_KEY not in typed.out + typed.err


def test_whoever_has_read_enough_hears_nothing_more(operator: Operator) -> None:
    read, written = os.pipe()
    os.close(read)
    process = operator.starts("agents", "list", stdout=written)
    os.close(written)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_ctrl_c_is_quiet(operator: Operator, phone: Phone) -> None:
    phone.calls("nobody")
    with operator.starts("decisions", "tail", "--json") as process:
        assert process.stdout is not None
        assert "decisionId" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")


def test_a_terminal_has_colours_and_borders_and_a_file_has_neither(operator: Operator, gate: Gate) -> None:
    at_terminal = operator.terminal("sip", "evaluate", "--from", "127.0.0.1", "--to", "demo")
    assert at_terminal.wait() == 0
    assert "\x1b[32m✓" in at_terminal.shown
    in_file = operator.types("sip", "evaluate", "--from", "127.0.0.1", "--to", "demo")
    assert "\x1b" not in in_file.out
    assert " ".join(at_terminal.text.split()) == " ".join(in_file.out.split())

    for columns in (60, 120):
        listed = operator.terminal("agents", "list", columns=columns)
        assert listed.wait() == 0
        assert "─" in listed.text
        assert max(map(len, listed.text.splitlines())) <= columns
        assert (gate.demo_agent_id in listed.text) == (columns == 120)  # whole where there is room, else in pieces

    pretty = operator.terminal("sip", "get", "--json")
    assert pretty.wait() == 0
    assert json.loads(pretty.text) == gate.get("/api/sip")
    assert pretty.text.startswith('{\n  "')


def test_what_cannot_be_undone_is_asked(operator: Operator, gate: Gate, sales: str) -> None:
    typed = operator.types("agents", "delete", "Sales", code=2)
    assert typed.err == (
        "callgate: Delete the agent Sales and its rules? Nobody is at the terminal to answer; expected --yes\n"
    )
    for answer, code in (("n", 2), ("", 2), ("y", 0)):
        assert gate.get(f"/api/agents/{sales}")["name"] == "Sales"
        terminal = operator.terminal("agents", "delete", "Sales")
        terminal.until("[y/N]")
        terminal.type(answer)
        assert terminal.wait() == code
        assert ("nothing was changed" in terminal.text) == (code == 2)
    assert "Sales" not in operator.types("agents", "list").out
