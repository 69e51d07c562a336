"""A call that deletes itself, on a running node."""

from pathlib import Path

from tests.peers.caller import Caller
from tests.peers.gate import Gate, Refused
from tests.peers.receiver import Receiver

# The node looks for such calls every ten seconds.
LOOKED_S_MAX = 25.0


def test_a_call_goes_with_its_recording_once_its_owner_has_heard_of_its_end(gate: Gate) -> None:
    agent = gate.make_agent("forgetful", retentionPolicy="CALL_RETENTION_POLICY_AUTO_DELETE", recordingEnabled=True)
    with Receiver() as receiver:
        webhook = gate.post("/api/webhooks", {"url": receiver.url, "events": ["call.billed"], "agentId": agent})
        with Caller(gate, f"agent_{agent}") as caller:
            assert caller.status == 200
            call_id = gate.decision(caller.sip_call_id)["callId"]
            assert gate.call(call_id)["retentionPolicy"] == "auto_delete"
        receiver.until(lambda: receiver.events() == ["call.billed"])

        def gone() -> bool:
            try:
                gate.call(call_id)
            except Refused as refusal:
                return refusal.status == 404
            return False

        gate.until(gone, timeout_s=LOOKED_S_MAX)
        assert gate.get(f"/api/deleted_calls/{call_id}")["recordingEnabled"] is True
        assert list(Path(gate.log_path).parent.glob(f"data/recordings/{call_id}*")) == []
        gate.delete(f"/api/webhooks/{webhook['webhookId']}")
