"""What a shell is offered, by the protocol that the installed script speaks with typer."""

import socket
import subprocess

import pytest

from tests.cli.operator import Operator
from tests.peers.gate import Gate
from tests.peers.phone import Phone


def offered(operator: Operator, line: str) -> list[str]:
    """The words that bash is offered at the end of a line."""
    words = line.split(" ")
    environment = {"_CALLGATE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    operator.environment |= environment
    process = operator.starts()
    out, err = process.communicate(timeout=30)
    assert err == ""
    return out.split()


def test_commands_and_options(operator: Operator) -> None:
    assert offered(operator, "callgate a") == ["agents", "accounts"]
    assert offered(operator, "callgate sip re") == ["replay", "restore"]
    assert "--allow-range" in offered(operator, "callgate sip set --al")


def test_names_and_ids_of_the_node(operator: Operator, gate: Gate, sales: str, phone: Phone) -> None:
    phone.calls("demo", duration_s=0.1)
    call_id = gate.until(lambda: gate.calls()[0]["ended"] and gate.calls()[0]["callId"])
    assert offered(operator, "callgate agents show Sal") == ["Sales"]
    assert offered(operator, f"callgate agents show {sales[:8]}") == [sales]
    assert offered(operator, f"callgate calls show {call_id[:8]}") == [call_id]
    assert offered(operator, "callgate keys revoke testt") == ["testtest"]
    newest = gate.get("/api/sip/versions")["results"][0]["number"]
    assert str(newest) in offered(operator, "callgate sip restore ")
    decision_id = gate.decisions()[0]["decisionId"]
    assert decision_id in offered(operator, "callgate decisions show ")
    assert "Sales" in offered(operator, "callgate decisions tail --agent S")


@pytest.mark.parametrize("backlog", [0, None])
def test_a_node_that_is_away_or_hangs_offers_nothing_soon(backlog: int | None) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if backlog is not None:
            silent.listen(backlog)
        operator = Operator(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert offered(operator, "callgate agents show ") == []


def test_who_has_no_key_is_offered_nothing(gate: Gate) -> None:
    operator = Operator(gate.url)
    operator.environment.pop("CALLGATE_API_KEY")
    assert offered(operator, "callgate agents show ") == []


def test_the_script_for_a_shell_is_printed(operator: Operator) -> None:
    process = operator.starts("--show-completion", "bash", stdin=subprocess.DEVNULL)
    out, _ = process.communicate(timeout=30)
    assert "_CALLGATE_COMPLETE" in out
