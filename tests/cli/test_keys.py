"""`callgate keys`."""

from tests.cli.operator import Operator
from tests.peers.gate import Gate


def test_a_key_is_made_used_revoked_and_deleted(operator: Operator, gate: Gate) -> None:
    made = operator.types("keys", "create", "dashboard", "--read-only", "--expires", "2099-01-01T00:00:00Z")
    secret = made.out.strip()
    prefix = secret.partition(".")[0]
    assert made.err == "callgate: the key is shown this once; keep it like a password\n"
    Operator(gate.url, secret).types("agents", "list")

    listed = operator.types("keys", "list")
    (row,) = [row for row in listed.rows if row[0] == prefix]
    assert row[1:3] == ["dashboard", "look"]
    assert secret not in listed.out
    assert operator.types("keys", "list", "--json").json["results"] == gate.get("/api/api_keys")["results"]

    operator.types("keys", "revoke", prefix, code=2)  # nobody there to say yes
    operator.types("keys", "revoke", prefix, "--yes")
    assert [row[2] for row in operator.types("keys", "list").rows if row[0] == prefix] == ["nothing: revoked"]
    spent = Operator(gate.url, secret).types("agents", "list", code=1)
    assert "(401)" in spent.err
    assert secret not in spent.err
    operator.types("keys", "delete", prefix, "--yes")
    assert prefix not in operator.types("keys", "list").out


def test_what_the_node_does_not_do(operator: Operator) -> None:
    assert operator.types("keys", "delete", "testtest", "--yes", code=1).err.startswith("callgate: ")
    wrong = operator.types("keys", "create", "x", "--expires", "yesterday", code=1)
    assert wrong.err.startswith("callgate: expiryDate: expected a time such as ")
