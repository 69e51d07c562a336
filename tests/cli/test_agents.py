"""`callgate agents`."""

import json

from tests.cli.operator import Operator
from tests.peers.gate import Gate


def test_an_agent_is_made_shown_changed_and_deleted(operator: Operator, gate: Gate) -> None:
    made = operator.types("agents", "create", "Ada", "--prompt", "You are\nAda.", "--voice", "Mark")
    agent_id = made.rows[0][1]
    assert gate.get(f"/api/agents/{agent_id}")["callTemplate"] == {"systemPrompt": "You are\nAda.", "voice": "Mark"}
    shown = operator.types("agents", "show", "Ada")
    assert shown.out == made.out
    assert shown.out.endswith("\nYou are\nAda.\n")
    assert ["voice", "Mark"] in shown.rows

    stdin = json.dumps({"temperature": 0.5, "voice": "of the file"})
    operator.types("agents", "set", agent_id, "--name", "Ada L.", "--template=-", "--voice", "Jessica", stdin=stdin)
    found = gate.get(f"/api/agents/{agent_id}")
    assert (found["name"], found["callTemplate"]) == (
        "Ada L.",
        {"systemPrompt": "You are\nAda.", "voice": "Jessica", "temperature": 0.5},
    )
    assert operator.types("agents", "show", "Ada L.", "--json").json == found
    operator.types("agents", "delete", agent_id, "--yes")
    assert operator.types("agents", "show", agent_id, code=1).err.startswith("callgate: no such agent: ")
    assert operator.types("agents", "show", "Ada L.", code=2).err == (
        "callgate: no agent is called 'Ada L.'; `callgate agents list` shows them\n"
    )


def test_agents_are_listed(operator: Operator, gate: Gate, sales: str) -> None:
    rows = operator.types("agents", "list", "--search", "sal").rows
    assert [rows[0], rows[1][:3], rows[1][4]] == [
        ["NAME", "CALLS", "MODEL", "CREATED", "AGENT"], ["Sales", "0", "-"], sales,
    ]  # fmt: skip
    assert operator.types("agents", "list", "--search", "xyzzy").out == "There are none.\n"
    assert operator.types("agents", "list", "--json", "--search", "sal").json == gate.get("/api/agents?search=sal")


def test_a_template_that_is_refused_names_its_field(operator: Operator) -> None:
    wrong = operator.types("agents", "create", "Ada", "--template=-", stdin='{"temperatur": 1}', code=1)
    assert wrong.err == ("callgate: callTemplate.temperatur: unknown key `temperatur`; did you mean `temperature`?\n")
    assert operator.types("agents", "set", "demo", code=2).err.startswith("callgate: nothing to set; expected --name")
