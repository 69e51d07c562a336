"""`callgate sip get|versions|restore|lint`."""

from tests.cli.operator import Operator
from tests.peers.gate import Gate


def test_the_rules_in_words(operator: Operator, gate: Gate, sales: str) -> None:
    gate.patch_sip(
        {
            "allowedCidrRanges": ["127.0.0.0/8", "203.0.113.7/32"],
            "allowAllAgents": False,
            "allowedAgents": [{"agentId": sales, "toUserPattern": r"^\+1555\d+$"}],
            "fallbackHandler": {"url": "http://127.0.0.1:9/ask", "secrets": ["hunter2"]},
        }
    )
    typed = operator.types("sip", "get")
    assert typed.rows[1:] == [
        ["domain", gate.get("/api/sip")["domain"]],
        ["ranges", "127.0.0.0/8, 203.0.113.7/32"],
        ["all agents", "off"],
        ["handler", "http://127.0.0.1:9/ask, secrets: 1"],
        ["RULE", "AGENT", "DIALLED USER", "AGENT ID"],
        ["1", "Sales", r"^\+1555\d+$", sales],
    ]
    assert "hunter2" not in typed.out
    gate.patch_sip({"allowedCidrRanges": [], "allowedAgents": [], "fallbackHandler": None})
    words = operator.types("sip", "get").out
    assert "none: nobody is admitted" in words
    assert "No rule names an agent." in words


def test_a_former_version_is_shown_and_put_in_force_again(operator: Operator, gate: Gate) -> None:
    before = gate.get("/api/sip")
    gate.patch_sip({"allowedCidrRanges": ["127.0.0.0/8", "10.0.0.0/8"]})
    listed = operator.types("sip", "versions", "--limit=2").rows
    assert listed[0] == ["VERSION", "SINCE", "BY", "CHANGED"]
    assert [row[2:] for row in listed[1:2]] == [["testtest", "allowedCidrRanges"]]
    newest, former = int(listed[1][0]), int(listed[2][0])
    assert (newest - former, len(listed)) == (1, 3)

    assert "127.0.0.0/8, 10.0.0.0/8" in operator.types("sip", "versions", str(newest)).out
    assert operator.types("sip", "versions", str(former), "--json").json == gate.get(f"/api/sip/versions/{former}")

    stale = operator.types("sip", "restore", str(former), "--if-match", str(former), code=1)
    assert stale.err == f'callgate: the configuration has changed: the tag in force is "{newest}" (412)\n'
    typed = operator.types("sip", "restore", str(former), "--if-match", str(newest))
    assert typed.out.splitlines() == ["- range 10.0.0.0/8", f"version {newest + 1} is in force"]
    assert gate.get("/api/sip") == before
    assert operator.types("sip", "restore", "99999999", code=1).err.startswith("callgate: no such version: 99999999")


def test_what_is_odd_is_listed(operator: Operator, gate: Gate) -> None:
    assert operator.types("sip", "lint").out == "nothing is odd\n"
    gate.patch_sip({"allowedCidrRanges": ["0.0.0.0/0"]})
    typed = operator.types("sip", "lint")
    assert typed.rows[1][:3] == ["warning", "range-everyone", "allowedCidrRanges[0]"]
    assert operator.types("sip", "lint", "--json").json == gate.get("/api/sip/lint")


def test_a_long_history_is_followed_page_by_page(operator: Operator, gate: Gate) -> None:
    for number in range(105):
        gate.patch_sip({"allowedCidrRanges": [f"10.0.{number}.0/24"]})
    every = operator.types("sip", "versions", "--limit=0", "--json").json
    assert len(every["results"]) == every["total"] > 105
    assert [one["number"] for one in every["results"]] == list(range(every["total"], 0, -1))
    assert len(operator.types("sip", "versions", "--limit=103").rows) == 104


def test_a_key_that_only_reads_reads(gate: Gate) -> None:
    made = gate.post("/api/api_keys", {"name": "looks", "readOnly": True})
    reader = Operator(gate.url, made["secret"])
    try:
        reader.types("sip", "get")
        refused = reader.types("sip", "set", "--no-all-agents", code=1)
    finally:
        gate.delete(f"/api/api_keys/{made['prefix']}")
    assert "(403)" in refused.err
    assert made["secret"] not in refused.err
