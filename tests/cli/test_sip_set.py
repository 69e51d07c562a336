"""`callgate sip set`."""

import json
import threading
from pathlib import Path

import pytest

from callgate.cli.client import Client
from tests.cli.operator import Operator, write
from tests.peers.gate import Gate
from tests.peers.phone import Phone


def test_ranges_come_and_go(operator: Operator, gate: Gate) -> None:
    typed = operator.types("sip", "set", "--allow-range", "203.0.113.0/24", "--allow-range", "198.51.100.7/32")
    assert typed.out.splitlines()[:2] == ["+ range 203.0.113.0/24", "+ range 198.51.100.7/32"]
    assert gate.get("/api/sip")["allowedCidrRanges"] == ["127.0.0.0/8", "203.0.113.0/24", "198.51.100.7/32"]
    typed = operator.types("sip", "set", "--remove-range", "203.0.113.0/24", "--allow-range", "198.51.100.7/32")
    assert typed.out.splitlines()[0] == "- range 203.0.113.0/24"
    assert gate.get("/api/sip")["allowedCidrRanges"] == ["127.0.0.0/8", "198.51.100.7/32"]
    wrong = operator.types("sip", "set", "--remove-range", "10.0.0.0/8", code=2)
    assert wrong.err == (
        "callgate: --remove-range: 10.0.0.0/8 is not in the rules; they have 127.0.0.0/8, 198.51.100.7/32\n"
    )


def test_a_rule_for_an_agent_is_in_force_for_the_next_call(
    operator: Operator, gate: Gate, sales: str, phone: Phone
) -> None:
    assert phone.calls("+15550100", duration_s=0.1).status == 603
    typed = operator.types("sip", "set", "--agent", r"Sales=^\+1555", "--no-all-agents")
    assert typed.out.splitlines()[:2] == [r"+ rule: Sales at ^\+1555", "- all agents, each at agent_<id>"]
    assert phone.calls("+15550100", duration_s=0.1).status == 200

    assert "nothing changes" in operator.types("sip", "set", "--agent", rf"{sales}=^\+1555").out
    typed = operator.types("sip", "set", "--remove-agent", "Sales", "--agent", "Sales")
    assert typed.out.splitlines()[:2] == [r"- rule: Sales at ^\+1555", f"+ rule: Sales at ^agent_{sales}$"]
    assert phone.calls("+15550100", duration_s=0.1).status == 603
    assert operator.types("sip", "set", "--agent", "Nobody", code=2).err == (
        "callgate: no agent is called 'Nobody'; `callgate agents list` shows them\n"
    )


def test_what_is_odd_is_told_with_the_change(operator: Operator) -> None:
    typed = operator.types("sip", "set", "--allow-range", "0.0.0.0/0")
    assert "range-everyone" in typed.out
    assert "range-contained" in typed.out
    as_json = operator.types("sip", "set", "--no-all-agents", "--json")
    assert as_json.json["allowAllAgents"] is False
    assert as_json.err.startswith("callgate: lint: findings=")


def test_a_whole_patch_comes_from_a_file_or_from_standard_input(operator: Operator, gate: Gate, tmp_path: Path) -> None:
    draft = write(tmp_path / "draft.json", {"allowAllAgents": False, "fallbackHandler": {"url": "http://127.0.0.1:9/"}})
    typed = operator.types("sip", "set", "--file", draft)
    assert typed.out.splitlines()[:2] == [
        "- all agents, each at agent_<id>",
        "+ handler http://127.0.0.1:9/, secrets: 1",
    ]
    assert gate.get("/api/sip")["allowAllAgents"] is False
    typed = operator.types("sip", "set", "--file=-", stdin=json.dumps(gate.get("/api/sip") | {"allowAllAgents": True}))
    assert typed.out.splitlines()[0] == "+ all agents, each at agent_<id>"
    assert operator.types("sip", "set", "--no-handler").out.startswith("- handler http://127.0.0.1:9/")

    wrong = operator.types("sip", "set", "--file=-", stdin='{"allowAllAgent": true}', code=1)
    assert wrong.err == "callgate: allowAllAgent: unknown key `allowAllAgent`; did you mean `allowAllAgents`?\n"
    assert operator.types("sip", "set", "--file=-", stdin="{", code=2).err.startswith(
        "callgate: standard input is not JSON"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to set; expected --file, or options that say what to change"),
        (["--file=-", "--all-agents"], "expected either --file, or options that say what to change"),
        (["--handler", "http://a.example", "--no-handler"], "expected --handler or --no-handler, not both"),
    ],
)
def test_what_cannot_be_meant(operator: Operator, words: list[str], said: str) -> None:
    assert operator.types("sip", "set", *words, code=2).err == f"callgate: {said}\n"


def test_a_change_by_somebody_else_in_between_is_not_lost(
    operator: Operator, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Client.ask

    def late(self: Client, method: str, *rest: object, **more: object) -> object:
        if method == "PATCH":
            somebody = threading.Thread(target=gate.patch_sip, args=({"allowedCidrRanges": ["10.0.0.0/8"]},))
            somebody.start()
            somebody.join()
        return asked(self, method, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Client, "ask", late)
    refused = operator.types("sip", "set", "--allow-range", "192.0.2.0/24", code=1)
    assert "the configuration has changed" in refused.err
    assert gate.get("/api/sip")["allowedCidrRanges"] == ["10.0.0.0/8"]
