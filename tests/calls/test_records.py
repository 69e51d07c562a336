from datetime import UTC, datetime
from typing import Any

from callgate.calls.records import OFFER_BYTES_KEPT, Aftermath, record_of
from callgate.core.admission.capacity import ROOM
from callgate.core.admission.decide import decide
from callgate.core.admission.policy import AdmissionOptions, PolicySet
from callgate.core.sdp.crypto import write_line
from callgate.entities.decision import Step, TraceEntry, Verdict
from tests.calls.stage import AGENT, OFFER, Stage

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_what_a_replay_needs_is_kept_and_credentials_are_not(stage: Stage) -> None:
    attempt = stage.attempt(
        headers=(
            ("Via", "SIP/2.0/UDP x"),
            ("Authorization", "Digest secret"),
            ("X-Customer", "42"),
            ("x-other", "a"),
            ("P-Asserted-Identity", "<sip:+1@x>"),
            ("User-Agent", "phone"),
        ),
        body=OFFER + (b"a=" + b"x" * 900 + b"\r\n") * 5,
    )
    record = record_of(attempt, decide(attempt, stage._policies(), ROOM), decision_id="d", at=NOW)
    headers: Any = record.attempt["headers"]
    assert [name for name, _ in headers] == [
        "X-Customer",
        "x-other",
        "P-Asserted-Identity",
        "User-Agent",
    ]
    assert len(record.attempt["offer"]) == OFFER_BYTES_KEPT  # type: ignore[arg-type]
    assert record.attempt["fromDisplayName"] == "Bob"
    assert (record.verdict, record.agent_id, record.matched) == (Verdict.ADMIT, AGENT, "to")


async def test_keys_of_srtp_are_not_kept(stage: Stage) -> None:
    line = "a=crypto:" + write_line(1, "AES_CM_128_HMAC_SHA1_80", b"secret" * 5) + "\r\n"
    attempt = stage.attempt(body=OFFER + line.encode())
    record = record_of(attempt, decide(attempt, stage._policies(), ROOM), decision_id="d", at=NOW)
    key = line.strip().rpartition(":")[2]
    assert f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{'A' * 40}" in str(record.attempt["offer"])
    assert key not in repr(record)


async def test_of_a_stranger_hardly_anything_is_kept(stage: Stage) -> None:
    attempt = stage.attempt(source="203.0.113.9", headers=(("X-Long", "a" * 10_000),))
    record = record_of(attempt, decide(attempt, stage._policies(), ROOM), decision_id="d", at=NOW)
    assert record.attempt == {}
    assert (record.outcome, record.status) == ("source-not-allowed", 403)


async def test_behind_a_proxy_of_ours_the_source_is_whom_it_named(stage: Stage) -> None:
    policies = PolicySet(stage._policies().accounts, AdmissionOptions(trusted_proxies=("203.0.113.1",)))
    attempt = stage.attempt(source="203.0.113.1", headers=(("X-Callgate-Source", "192.0.2.7"),))
    record = record_of(attempt, decide(attempt, policies, ROOM), decision_id="d", at=NOW)
    assert (record.verdict, record.source_address) == (Verdict.ADMIT, "192.0.2.7")


async def test_what_came_after_the_decision_stands_behind_it(stage: Stage) -> None:
    attempt = stage.attempt()
    decision = decide(attempt, stage._policies(), ROOM)
    entry = TraceEntry(Step.REFUSAL, "refused", (("outcome", "template-unfit"),))
    after = Aftermath(Verdict.REFUSE, "template-unfit", 500, AGENT, trace=(entry,))
    record = record_of(attempt, decision, decision_id="d", at=NOW, aftermath=after)
    assert record.trace == (*decision.trace, entry)
    assert (record.verdict, record.outcome, record.status) == (Verdict.REFUSE, "template-unfit", 500)
