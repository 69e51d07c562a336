"""`callgate webhooks`."""

from tests.cli.operator import Operator
from tests.peers.gate import Gate
from tests.peers.phone import Phone
from tests.peers.receiver import Receiver


def test_a_webhook_is_made_told_told_again_and_deleted(operator: Operator, gate: Gate, phone: Phone) -> None:
    with Receiver() as receiver:
        made = operator.types("webhooks", "create", receiver.url, "--event", "call.ended", "--agent", "demo")
        facts = {row[0]: row[1] for row in made.rows}
        webhook_id = facts["webhook"]
        assert gate.get(f"/api/webhooks/{webhook_id}")["secrets"] == [facts["secret"]]
        assert ["normal", receiver.url, "call.ended", "-", webhook_id] in operator.types("webhooks", "list").rows

        phone.calls("demo", duration_s=0.1)
        gate.until(lambda: receiver.received)
        gate.until(lambda: "delivered" in operator.types("webhooks", "deliveries", webhook_id).out)
        rows = operator.types("webhooks", "deliveries", webhook_id, "--state=delivered").rows
        assert rows[1][1:4] == ["call.ended", "delivered", "1"]
        operator.types("webhooks", "redeliver", webhook_id, rows[1][-1])
        gate.until(lambda: len(receiver.received) == 2)
        assert {one.event_id for one in receiver.received} == {rows[1][-1]}

        listed = operator.types("webhooks", "list", "--json", "--agent", "demo").json
        assert listed == gate.get(f"/api/webhooks?agentId={gate.demo_agent_id}")
        operator.types("webhooks", "delete", webhook_id, "--yes")
        assert webhook_id not in operator.types("webhooks", "list").out


def test_an_event_that_does_not_exist(operator: Operator) -> None:
    wrong = operator.types("webhooks", "create", "http://127.0.0.1:9/", "--event", "call.dropped", code=1)
    assert wrong.err.startswith("callgate: events.0: expected one of 'call.started'")
