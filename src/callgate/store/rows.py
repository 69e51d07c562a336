"""Entities as rows and back."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy.engine import RowMapping

from callgate.entities.account import Account, AccountLimits, ApiKey
from callgate.entities.agent import Agent
from callgate.entities.call import Call, CallEvent, CallStage, CallTombstone, Message, OutboxEvent, ToolUse
from callgate.entities.decision import DecisionRecord, Step, TraceEntry, Verdict
from callgate.entities.json import Json
from callgate.entities.shadow import SipShadow
from callgate.entities.sip_config import (
    AgentAllowance,
    BreakerTerms,
    FallbackHandler,
    Safeguards,
    SipConfig,
    SipConfigVersion,
)
from callgate.entities.tool import DurableTool
from callgate.entities.webhook import Delivery, DeliveryState, Webhook, WebhookFailure, WebhookHealth

Row = Mapping[str, Any] | RowMapping


def account_of(row: Row) -> Account:
    """An account from its row."""
    limits = AccountLimits(**{one.name: row[one.name] for one in fields(AccountLimits)})
    return Account(row["account_id"], row["slug"], row["name"], row["created"], limits)


def account_row(account: Account) -> dict[str, Any]:
    """An account as a row."""
    return {
        "account_id": account.account_id,
        "slug": account.slug,
        "name": account.name,
        "created": account.created,
        **asdict(account.limits),
    }


def api_key_of(row: Row) -> ApiKey:
    """What is kept of a key, from its row."""
    return ApiKey(**{attribute.name: row[attribute.name] for attribute in fields(ApiKey)})


def api_key_row(key: ApiKey) -> dict[str, Any]:
    """The row of what is kept of a key."""
    return {attribute.name: getattr(key, attribute.name) for attribute in fields(ApiKey)}


def config_json(config: SipConfig) -> dict[str, Json]:
    """A configuration as it is stored: the public names, secrets included, and under ``fallback`` what is our own."""
    handler, safeguards = config.fallback_handler, config.safeguards
    return {
        "allowedCidrRanges": list(config.allowed_cidr_ranges),
        "allowAllAgents": config.allow_all_agents,
        "allowedAgents": [
            {"agentId": entry.agent_id, "toUserPattern": entry.to_user_pattern} for entry in config.allowed_agents
        ],
        "fallbackHandler": None if handler is None else {"url": handler.url, "secrets": list(handler.secrets)},
        "fallback": {
            "secondUrl": safeguards.second_url,
            "agentOnFailure": safeguards.agent_on_failure,
            "breaker": _breaker_json(safeguards.breaker),
        },
    }


def _breaker_json(terms: BreakerTerms | None) -> Json:
    if terms is None:
        return None
    return {"failures": terms.failures, "windowSeconds": terms.window_s, "openSeconds": terms.open_s}


def config_of(stored: Mapping[str, Any]) -> SipConfig:
    """A configuration from what is stored."""
    handler = stored["fallbackHandler"]
    return SipConfig(
        tuple(stored["allowedCidrRanges"]),
        stored["allowAllAgents"],
        tuple(AgentAllowance(entry["agentId"], entry["toUserPattern"]) for entry in stored["allowedAgents"]),
        None if handler is None else FallbackHandler(handler["url"], tuple(handler["secrets"])),
        _safeguards_of(stored.get("fallback")),
    )


def _safeguards_of(stored: Mapping[str, Any] | None) -> Safeguards:
    if stored is None:  # written before there were any
        return Safeguards()
    terms = stored["breaker"]
    breaker = None
    if terms is not None:
        breaker = BreakerTerms(terms["failures"], terms["windowSeconds"], terms["openSeconds"])
    return Safeguards(stored["secondUrl"], stored["agentOnFailure"], breaker)


def version_row(version: SipConfigVersion) -> dict[str, Any]:
    """A version as a row."""
    return {
        "account_id": version.account_id,
        "number": version.number,
        "created": version.created,
        "changed_by": version.changed_by,
        "config": config_json(version.config),
        "difference": version.difference,
    }


def version_of(row: Row) -> SipConfigVersion:
    """A version from its row."""
    return SipConfigVersion(
        row["account_id"],
        row["number"],
        row["created"],
        row["changed_by"],
        config_of(row["config"]),
        row["difference"],
    )


def agent_row(agent: Agent) -> dict[str, Any]:
    """An agent as a row; its calls are counted, not stored."""
    return {
        "agent_id": agent.agent_id,
        "account_id": agent.account_id,
        "name": agent.name,
        "created": agent.created,
        "published_revision_id": agent.published_revision_id,
        "call_template": agent.call_template,
        "deleted": agent.deleted,
    }


def agent_of(row: Row, calls: int = 0) -> Agent:
    """An agent from its row."""
    return Agent(
        row["agent_id"],
        row["account_id"],
        row["name"],
        row["created"],
        row["published_revision_id"],
        row["call_template"],
        calls,
        row["deleted"],
    )


def call_row(call: Call) -> dict[str, Any]:
    """A call as a row."""
    return {
        "call_id": call.call_id,
        "account_id": call.account_id,
        "agent_id": call.agent_id,
        "agent_name": call.agent_name,
        "stage_id": call.stage_id,
        "created": call.created,
        "settings": call.settings,
        "metadata": call.metadata,
        "request_context": call.request_context,
        "decision_id": call.decision_id,
        "sip": call.sip,
        "join_url": call.join_url,
        "joined": call.joined,
        "ended": call.ended,
        "duration_s": _duration_s(call),
        "end_reason": call.end_reason,
        "outcome": call.outcome,
        "outcome_detail": call.outcome_detail,
        "auto_delete": call.settings.get("retentionPolicy") == "CALL_RETENTION_POLICY_AUTO_DELETE",
    }


def _duration_s(call: Call | CallTombstone) -> float | None:
    return (call.ended - call.joined).total_seconds() if call.ended and call.joined else None


def tombstone_row(tombstone: CallTombstone) -> dict[str, Any]:
    """What stays of a call as a row."""
    kept = {attribute.name: getattr(tombstone, attribute.name) for attribute in fields(CallTombstone)}
    return {**kept, "duration_s": _duration_s(tombstone)}


def tombstone_of(row: Row) -> CallTombstone:
    """What stays of a call from its row."""
    return CallTombstone(**{attribute.name: row[attribute.name] for attribute in fields(CallTombstone)})


def call_of(row: Row) -> Call:
    """A call from its row."""
    return Call(
        call_id=row["call_id"],
        account_id=row["account_id"],
        agent_id=row["agent_id"],
        agent_name=row["agent_name"],
        stage_id=row["stage_id"],
        created=row["created"],
        settings=row["settings"],
        metadata=row["metadata"],
        request_context=row["request_context"],
        decision_id=row["decision_id"],
        sip=row["sip"],
        join_url=row["join_url"],
        joined=row["joined"],
        ended=row["ended"],
        end_reason=row["end_reason"],
        outcome=row["outcome"],
        outcome_detail=row["outcome_detail"],
    )


def tool_row(tool: DurableTool) -> dict[str, Any]:
    """A tool as a row."""
    return {
        "tool_id": tool.tool_id,
        "account_id": tool.account_id,
        "name": tool.name,
        "created": tool.created,
        "definition": tool.definition,
    }


def tool_of(row: Row) -> DurableTool:
    """A tool from its row."""
    return DurableTool(row["tool_id"], row["account_id"], row["name"], row["created"], row["definition"])


def stage_row(stage: CallStage) -> dict[str, Any]:
    """A stage as a row."""
    return {
        "call_id": stage.call_id,
        "position": stage.position,
        "stage_id": stage.stage_id,
        "created": stage.created,
        "settings": stage.settings,
    }


def stage_of(row: Row) -> CallStage:
    """A stage from its row."""
    return CallStage(row["stage_id"], row["call_id"], row["position"], row["created"], row["settings"])


def message_row(message: Message) -> dict[str, Any]:
    """A message as a row."""
    tool = message.tool
    return {
        "call_id": message.call_id,
        "position": message.index,
        "role": message.role,
        "text": message.text,
        "medium": message.medium,
        "at": message.at,
        "start_s": message.start_s,
        "end_s": message.end_s,
        "stage_id": message.stage_id,
        "stage_position": message.stage_index,
        "tool_name": None if tool is None else tool.name,
        "invocation_id": None if tool is None else tool.invocation_id,
        "tool_id": None if tool is None else tool.tool_id or None,
        "tool_error": None if tool is None else tool.error or None,
        "call_state": None if tool is None else tool.state,
    }


def message_of(row: Row) -> Message:
    """A message from its row."""
    tool = None
    if row["tool_name"] is not None:
        tool = ToolUse(
            row["tool_name"],
            row["invocation_id"],
            row["tool_id"] or "",
            row["tool_error"] or "",
            row["call_state"],
        )
    return Message(
        row["call_id"],
        row["position"],
        row["role"],
        row["text"],
        row["medium"],
        row["at"],
        row["start_s"],
        row["end_s"],
        stage_id=row["stage_id"],
        stage_index=row["stage_position"],
        tool=tool,
    )


def event_row(event: CallEvent) -> dict[str, Any]:
    """An event as a row."""
    return {
        "call_id": event.call_id,
        "stage_id": event.stage_id,
        "at": event.at,
        "offset_s": event.offset_s,
        "severity": event.severity,
        "type": event.type,
        "text": event.text,
        "extras": event.extras,
    }


def event_of(row: Row) -> CallEvent:
    """An event from its row."""
    return CallEvent(
        row["call_id"],
        row["stage_id"],
        row["at"],
        row["offset_s"],
        row["severity"],
        row["type"],
        row["text"],
        row["extras"],
    )


def outbox_row(event: OutboxEvent) -> dict[str, Any]:
    """An outbox event as a row."""
    return {
        "event_id": event.event_id,
        "account_id": event.account_id,
        "call_id": event.call_id,
        "event": event.event,
        "at": event.at,
        "payload": event.payload,
    }


def outbox_of(row: Row) -> OutboxEvent:
    """An outbox event from its row."""
    return OutboxEvent(row["event_id"], row["account_id"], row["call_id"], row["event"], row["at"], row["payload"])


def webhook_row(webhook: Webhook) -> dict[str, Any]:
    """A webhook as a row, without its health."""
    return {
        "webhook_id": webhook.webhook_id,
        "account_id": webhook.account_id,
        "agent_id": webhook.agent_id,
        "created": webhook.created,
        "url": webhook.url,
        "secrets": list(webhook.secrets),
        "events": list(webhook.events),
        "retired": webhook.retired,
    }


def webhook_of(row: Row) -> Webhook:
    """A webhook from its row."""
    return Webhook(
        row["webhook_id"],
        row["account_id"],
        row["agent_id"],
        row["created"],
        row["url"],
        tuple(row["secrets"]),
        tuple(row["events"]),
        row["retired"],
    )


def health_row(health: WebhookHealth) -> dict[str, Any]:
    """How a webhook fares, as the other half of its row."""
    return {
        "unhealthy": int(health.unhealthy),
        "changed": health.changed,
        "failed_in_row": health.failed_in_row,
        "failures": [[one.at.isoformat(), one.words] for one in health.failures],
    }


def health_of(row: Row) -> WebhookHealth:
    """How a webhook fares, from its row."""
    failures = tuple(WebhookFailure(datetime.fromisoformat(at), words) for at, words in row["failures"])
    return WebhookHealth(bool(row["unhealthy"]), row["changed"], row["failed_in_row"], failures)


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    """A delivery as a row."""
    return {
        "event_id": delivery.event_id,
        "endpoint": delivery.endpoint,
        "account_id": delivery.account_id,
        "call_id": delivery.call_id,
        "event": delivery.event,
        "due": delivery.due,
        "state": delivery.state.value,
        "tries": delivery.tries,
        "tried": delivery.tried,
        "failure": delivery.failure,
        "url": delivery.url,
    }


def delivery_of(row: Row) -> Delivery:
    """A delivery from its row."""
    return Delivery(
        row["event_id"],
        row["endpoint"],
        row["account_id"],
        row["call_id"],
        row["event"],
        row["due"],
        DeliveryState(row["state"]),
        row["tries"],
        row["tried"],
        row["failure"],
        row["url"],
    )


def decision_row(record: DecisionRecord, *, stranger: bool) -> dict[str, Any]:
    """A decision record as a row."""
    return {
        "decision_id": record.decision_id,
        "account_id": record.account_id,
        "stranger": int(stranger),
        "at": record.at,
        "source_address": record.source_address,
        "source_port": record.source_port,
        "transport": record.transport,
        "to_uri": record.to_uri,
        "request_uri": record.request_uri,
        "from_uri": record.from_uri,
        "sip_call_id": record.sip_call_id,
        "verdict": record.verdict.value,
        "outcome": record.outcome,
        "status": record.status,
        "agent_id": record.agent_id,
        "call_id": record.call_id,
        "config_version": record.config_version,
        "matched": record.matched,
        "trace": [[entry.step.value, entry.result, dict(entry.facts)] for entry in record.trace],
        "count": record.count,
        "attempt": record.attempt,
    }


def decision_of(row: Row) -> DecisionRecord:
    """A decision record from its row."""
    return DecisionRecord(
        decision_id=row["decision_id"],
        account_id=row["account_id"],
        at=row["at"],
        source_address=row["source_address"],
        source_port=row["source_port"],
        transport=row["transport"],
        to_uri=row["to_uri"],
        request_uri=row["request_uri"],
        from_uri=row["from_uri"],
        sip_call_id=row["sip_call_id"],
        verdict=Verdict(row["verdict"]),
        outcome=row["outcome"],
        status=row["status"],
        agent_id=row["agent_id"],
        call_id=row["call_id"],
        config_version=row["config_version"],
        matched=row["matched"],
        trace=tuple(TraceEntry(Step(step), result, tuple(facts.items())) for step, result, facts in row["trace"]),
        count=row["count"],
        attempt=row["attempt"],
    )


def shadow_row(shadow: SipShadow) -> dict[str, Any]:
    """A shadow as a row."""
    return {attribute.name: getattr(shadow, attribute.name) for attribute in fields(SipShadow)}


def shadow_of(row: Row) -> SipShadow:
    """A shadow from its row."""
    return SipShadow(**{attribute.name: row[attribute.name] for attribute in fields(SipShadow)})
