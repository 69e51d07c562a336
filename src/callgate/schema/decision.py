"""Decision records as the API shows them: with every step in words."""

from callgate.core.admission.explain import explain_trace, summary
from callgate.entities.decision import Decision, DecisionRecord, TraceEntry
from callgate.entities.json import Json, JsonObject
from callgate.schema.call import timestamp


def render_decision(record: DecisionRecord) -> JsonObject:
    """A record of an INVITE."""
    return {
        "decisionId": record.decision_id,
        "at": timestamp(record.at),
        "sourceAddress": record.source_address,
        "sourcePort": record.source_port,
        "transport": record.transport,
        "toUri": record.to_uri,
        "requestUri": record.request_uri,
        "fromUri": record.from_uri,
        "sipCallId": record.sip_call_id,
        "verdict": record.verdict.value,
        "outcome": record.outcome,
        "status": record.status,
        "agentId": record.agent_id,
        "callId": record.call_id,
        "configVersion": record.config_version,
        "matched": record.matched,
        "count": record.count,
        "summary": summary(record),
        "trace": render_trace(record.trace, explain_trace(record.trace)),
    }


def render_evaluation(decision: Decision, line: str, words: tuple[str, ...]) -> JsonObject:
    """What would come of an imagined INVITE."""
    return {
        "verdict": decision.verdict.value,
        "outcome": decision.outcome,
        "status": decision.status,
        "agentId": decision.agent_id,
        "configVersion": decision.config_version,
        "matched": decision.matched,
        "summary": line,
        "trace": render_trace(decision.trace, words),
    }


def render_trace(trace: tuple[TraceEntry, ...], words: tuple[str, ...]) -> list[Json]:
    """Each step or rule tried: what was compared, the result, and both in words."""
    return [
        {"step": entry.step.value, "result": entry.result, "words": said, "facts": dict(entry.facts)}
        for entry, said in zip(trace, words, strict=True)
    ]
