"""What is kept of an INVITE, made from the attempt, its decision and what came of it."""

from dataclasses import dataclass
from datetime import datetime

from callgate.core.sdp.crypto import without_keys
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision, DecisionRecord, Step, TraceEntry, Verdict
from callgate.entities.json import Json, JsonObject

# Headers that a replay or a person may need; the rest of an INVITE (Via, Route, Authorization …) is not kept.
_KEPT_HEADERS = ("p-asserted-identity", "diversion", "history-info", "user-agent", "require", "contact")
# An offer of audio alone is under 1 kB; what is longer is kept in part.
OFFER_BYTES_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What came of a decision once others had acted on it.

    Attributes:
        verdict: ``admit`` or ``refuse``.
        outcome: slug of the catalogue for a refusal; ``None`` when a call came of it.
        status: SIP status sent; ``None`` when a call came of it.
        agent_id: who got it.
        call_id: the call that came of it.
        trace: what happened after the decision, e.g. the handler's answer.
    """

    verdict: Verdict
    outcome: str | None = None
    status: int | None = None
    agent_id: str | None = None
    call_id: str | None = None
    trace: tuple[TraceEntry, ...] = ()


def record_of(
    attempt: Attempt, decision: Decision, *, decision_id: str, at: datetime, aftermath: Aftermath | None = None
) -> DecisionRecord:
    """The record of one INVITE."""
    after = aftermath or Aftermath(decision.verdict, decision.outcome, decision.status, decision.agent_id)
    return DecisionRecord(
        decision_id=decision_id,
        account_id=decision.account_id,
        at=at,
        source_address=_source_as_seen(attempt, decision),
        source_port=attempt.source_port,
        transport=attempt.transport,
        to_uri=attempt.to_uri,
        request_uri=attempt.request_uri,
        from_uri=attempt.from_uri,
        sip_call_id=attempt.call_id,
        verdict=after.verdict,
        outcome=after.outcome,
        status=after.status,
        agent_id=after.agent_id,
        call_id=after.call_id,
        config_version=decision.config_version,
        matched=decision.matched,
        trace=decision.trace + after.trace,
        attempt={} if decision.stateless else _rest_of(attempt),
    )


def _source_as_seen(attempt: Attempt, decision: Decision) -> str:
    """The address that the step "source" compared: behind a proxy of ours, the one that the proxy named."""
    for entry in decision.trace:
        for name, value in entry.facts:
            if entry.step is Step.SOURCE and name == "address" and isinstance(value, str):
                return value
    return attempt.source_address


def _rest_of(attempt: Attempt) -> JsonObject:
    headers: list[Json] = [
        [name, value] for name, value in attempt.headers if name.lower() in _KEPT_HEADERS or name[:2].lower() == "x-"
    ]
    rest: JsonObject = {"headers": headers, "contentType": attempt.content_type}
    if attempt.from_display_name:
        rest["fromDisplayName"] = attempt.from_display_name
    if attempt.body:
        rest["offer"] = without_keys(attempt.body[:OFFER_BYTES_KEPT].decode("utf-8", "replace"))
    return rest
