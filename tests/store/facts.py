"""Calls and records to write, as short as a test wants them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from callgate.entities.call import Call, CallEvent, Message, OutboxEvent
from callgate.entities.decision import DecisionRecord, Step, TraceEntry, Verdict
from callgate.entities.webhook import EVENTS, Webhook
from callgate.runtime.ids import SystemIds
from callgate.store.open import Store
from callgate.store.rows import outbox_of
from callgate.store.tables import outbox

IDS = SystemIds()
AGENT_ID = "5ba3ad5b-0f0a-4a57-8f4e-3a0d5b3c1a01"
START = datetime(2026, 1, 1, tzinfo=UTC)


def a_call(account_id: str = "account", **more: Any) -> Call:
    call = Call(
        call_id=IDS.uuid(),
        account_id=account_id,
        agent_id=AGENT_ID,
        agent_name="Demo",
        stage_id=IDS.uuid(),
        created=START,
        settings={"systemPrompt": "be brief"},
        metadata={"ultravox.sip.caller_id": "+15550100"},
        request_context={"name": "Bob"},
    )
    return replace(call, **more)


def a_record(account_id: str | None = "account", *, step: Step = Step.REFUSAL, **more: Any) -> DecisionRecord:
    record = DecisionRecord(
        decision_id=IDS.sortable(),
        account_id=account_id,
        at=START,
        source_address="192.0.2.1",
        source_port=5060,
        transport="udp",
        to_uri="sip:demo@example.org",
        request_uri="sip:demo@example.org",
        from_uri=None,
        sip_call_id="abc",
        verdict=Verdict.REFUSE,
        outcome="no-rule-matched",
        status=603,
        agent_id=None,
        call_id=None,
        config_version=1,
        matched=None,
        trace=(TraceEntry(step, "refused", (("status", 603),)),),
    )
    return replace(record, **more)


def an_event(call: Call, name: str) -> OutboxEvent:
    return OutboxEvent(IDS.sortable(), call.account_id, call.call_id, name, START, {"callId": call.call_id})


async def a_listener(store: Store, account_id: str = "account", **more: Any) -> Webhook:
    """A webhook that wants to hear everything."""
    usual: dict[str, Any] = {"agent_id": None, "url": "https://a.example", "secrets": ("s",), "events": EVENTS}
    return await store.create_webhook(account_id, **{**usual, **more})


async def kept_events(store: Store) -> list[OutboxEvent]:
    """What stands in the outbox, in order."""
    return [outbox_of(row) for row in await store._read(select(outbox).order_by(outbox.c.event_id))]


def a_message(call: Call, index: int, text: str) -> Message:
    return Message(
        call.call_id,
        index,
        "MESSAGE_ROLE_AGENT",
        text,
        "MESSAGE_MEDIUM_VOICE",
        START,
        0.5,
        1.5,
        stage_id=call.stage_id,
        stage_index=index,
    )


def a_call_event(call: Call, severity: str, type: str) -> CallEvent:
    return CallEvent(call.call_id, call.stage_id, START + timedelta(seconds=1), 1.0, severity, type, "words", {"a": 1})
