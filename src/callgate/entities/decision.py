"""The verdict of admission on one attempt, with its trace, and the record kept of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from callgate.entities.json import Json, JsonObject


class Verdict(StrEnum):
    """What to do with an attempt."""

    ADMIT = "admit"  # an agent gets the call
    ASK = "ask"  # the owner's fallback handler is to say
    REFUSE = "refuse"  # answered with `status`
    IGNORE = "ignore"  # not answered at all


class Step(StrEnum):
    """The steps of the pipeline, in order."""

    NOISE = "noise"
    WELL_FORMED = "well_formed"
    ACCOUNT = "account"
    SOURCE = "source"
    CALLER_AUTH = "caller_auth"
    OFFER = "offer"
    REPLACES = "replaces"
    CAPACITY = "capacity"
    TO_USER = "to_user"
    ALLOWED_AGENTS = "allowed_agents"
    ALLOW_ALL_AGENTS = "allow_all_agents"
    AGENT_CAPACITY = "agent_capacity"
    FALLBACK_HANDLER = "fallback_handler"
    REFUSAL = "refusal"


class TraceEntry(NamedTuple):
    """What one step, or one rule of a step, compared and found. Ten are made for every INVITE, hence a tuple.

    Attributes:
        step: which.
        result: ``passed``, ``matched``, ``missed``, ``refused``, ``asked`` or ``skipped``.
        facts: what was compared with what; plain JSON values by name.
    """

    step: Step
    result: str
    facts: tuple[tuple[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict: printable, storable, testable; made by `core.admission.decide` alone.

    Attributes:
        verdict: what to do.
        outcome: slug of the catalogue for a refusal; ``None`` otherwise.
        status: SIP status of a refusal; ``None`` otherwise.
        reason: the refusal in words for the record (never sent to strangers).
        headers: to be sent with a refusal.
        stateless: refused in steps 0 to 3: no transaction, no body, no words.
        account_id: whose call it is; ``None`` when no account was found.
        config_version: number of the account's rules that were in force.
        agent_id: who gets an admitted call, or would have had it if it had not had as many as it may.
        matched: ``to`` or ``request_uri``: which dialled user matched; ``None`` when none did.
        trace: one entry per step and rule tried, in order.
    """

    verdict: Verdict
    outcome: str | None = None
    status: int | None = None
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    stateless: bool = False
    account_id: str | None = None
    config_version: int | None = None
    agent_id: str | None = None
    matched: str | None = None
    trace: tuple[TraceEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What is kept of an INVITE: the attempt in short, the decision, and what came of it.

    Attributes:
        decision_id: text that sorts by time.
        account_id: ``None`` for a stranger who reached no account.
        at: when the INVITE came, UTC.
        source_address: as the step "source" saw it.
        source_port: 0 when imagined.
        transport: ``udp``, ``tcp``, ``tls``.
        to_uri: as dialled.
        request_uri: as it came.
        from_uri: ``None`` when absent.
        sip_call_id: the Call-ID header.
        verdict: of the decision; ``ask`` becomes what the handler said (``admit`` or ``refuse``).
        outcome: slug of the catalogue when refused or failed; ``None`` when a call came of it.
        status: SIP status sent, or ``None`` when nothing was.
        agent_id: who got it.
        call_id: the API call that came of it.
        config_version: number of the rules in force.
        matched: ``to`` or ``request_uri``.
        trace: the decision's, and after it what the handler did.
        count: 1; more for strangers' attempts that were folded into one record of a source and minute.
        attempt: the rest of the INVITE that a replay needs (headers, offer), JSON.
    """

    decision_id: str
    account_id: str | None
    at: datetime
    source_address: str
    source_port: int
    transport: str
    to_uri: str
    request_uri: str
    from_uri: str | None
    sip_call_id: str
    verdict: Verdict
    outcome: str | None
    status: int | None
    agent_id: str | None
    call_id: str | None
    config_version: int | None
    matched: str | None
    trace: tuple[TraceEntry, ...]
    count: int = 1
    attempt: JsonObject = field(default_factory=dict)
