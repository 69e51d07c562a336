"""A call as the API knows it, what was said in it and what happened to it."""

from dataclasses import dataclass, field
from datetime import datetime

from callgate.entities.json import JsonObject


@dataclass(frozen=True, slots=True)
class Call:
    """A call.

    Attributes:
        call_id: UUID, text.
        account_id: whose.
        agent_id: who answers; ``None`` for an inline ``startCall``.
        agent_name: at the time of the call; ``None`` likewise.
        stage_id: UUID of the stage that the call is in; `settings` are those of this stage.
        created: when the INVITE was admitted, UTC.
        settings: the rendered start-call body in the public JSON (camelCase): what the brain is to do.
        metadata: text by key; ``ultravox.sip.*`` from SIP among them.
        request_context: the template context the call was created with, JSON.
        decision_id: the record that says why it came here.
        sip: our SIP side, JSON: ``callId``, ``from``, ``to``, ``source``, ``codec``, ``timings`` …
        join_url: where a client without a phone joins it; ``None`` for calls that came in over SIP.
        joined: when the caller could talk to the agent, UTC; ``None`` before.
        ended: when, UTC; ``None`` before.
        end_reason: the public ``endReason``; ``None`` before the end.
        outcome: slug of the catalogue; ``None`` before the end.
        outcome_detail: what exactly, in words; may be empty.
    """

    call_id: str
    account_id: str
    agent_id: str | None
    agent_name: str | None
    stage_id: str
    created: datetime
    settings: JsonObject
    metadata: dict[str, str]
    request_context: JsonObject
    decision_id: str | None = None
    sip: JsonObject = field(default_factory=dict)
    join_url: str | None = None
    joined: datetime | None = None
    ended: datetime | None = None
    end_reason: str | None = None
    outcome: str | None = None
    outcome_detail: str = ""


@dataclass(frozen=True, slots=True)
class CallStage:
    """A stretch of a call with settings of its own; every call begins in one.

    Attributes:
        stage_id: UUID, text.
        call_id: of which call.
        position: 0, 1, 2 … within the call.
        created: when the call entered it (the first: when the call was made), UTC.
        settings: as those of a call: what was inherited, and what is new.
    """

    stage_id: str
    call_id: str
    position: int
    created: datetime
    settings: JsonObject

    @property
    def initial_messages(self) -> list[JsonObject]:
        """What was said before it, as its settings tell; they come first in its messages."""
        given = self.settings.get("initialMessages")
        return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


@dataclass(frozen=True, slots=True)
class ToolUse:
    """What a message about a tool says beside its text.

    Attributes:
        name: of the tool, as the model knows it.
        invocation_id: names the use; the same in call and result.
        tool_id: of the stored tool; empty for one defined on the spot and for a name that does not exist.
        error: for an owner, why the use failed; empty when it did not.
        state: of the call, where the use has changed it; ``None``: it has not.
    """

    name: str
    invocation_id: str
    tool_id: str = ""
    error: str = ""
    state: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """Something said or typed in a call, or a tool used in it.

    Attributes:
        call_id: in which call.
        index: 0, 1, 2 … within the call.
        role: ``MESSAGE_ROLE_USER``, ``MESSAGE_ROLE_AGENT`` …
        text: the words; in brackets, what was heard but not understood, or done with a key. Of a tool, what the model
            wrote as its arguments, and what it was told.
        medium: ``MESSAGE_MEDIUM_VOICE`` or ``MESSAGE_MEDIUM_TEXT``.
        at: wall clock at its start, UTC.
        start_s: seconds since the call was joined; ``None`` when unknown.
        end_s: likewise its end.
        stage_id: in which stage.
        stage_index: 0, 1, 2 … within the stage, its initial messages counted.
        tool: for a message about a tool.
    """

    call_id: str
    index: int
    role: str
    text: str
    medium: str
    at: datetime
    start_s: float | None = None
    end_s: float | None = None
    stage_id: str = field(kw_only=True)
    stage_index: int = field(kw_only=True)
    tool: ToolUse | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Something noteworthy that happened in a call.

    Attributes:
        call_id: in which call.
        stage_id: in which stage.
        at: wall clock, UTC.
        offset_s: seconds since the call was joined; 0 before.
        severity: ``debug``, ``info``, ``warning`` or ``error``.
        type: short name, at most 50 characters.
        text: in words.
        extras: details, JSON.
    """

    call_id: str
    stage_id: str
    at: datetime
    offset_s: float
    severity: str
    type: str
    text: str
    extras: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallTombstone:
    """What stays of a deleted call: nothing that was said in it, and not who called.

    Attributes:
        call_id: UUID, text.
        account_id: whose.
        deleted: when it was deleted, UTC.
        created: as it was in the call, and so are the following.
        joined: likewise.
        ended: likewise.
        end_reason: likewise.
        agent_id: likewise.
        agent_name: likewise.
        voice: id or name; ``None``: the model's own, or one that was described on the spot.
        max_duration: as the call's settings said it, a duration.
        recording_enabled: likewise.
    """

    call_id: str
    account_id: str
    deleted: datetime
    created: datetime
    joined: datetime | None
    ended: datetime | None
    end_reason: str | None
    agent_id: str | None
    agent_name: str | None
    voice: str | None
    max_duration: str
    recording_enabled: bool


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A fact that webhooks must hear of, written in the same transaction as the fact.

    Attributes:
        event_id: UUID, text.
        account_id: whose.
        call_id: about which call.
        event: ``call.started``, ``call.joined``, ``call.ended`` or ``call.billed``.
        at: when, UTC.
        payload: the public Call at that moment, JSON.
    """

    event_id: str
    account_id: str
    call_id: str
    event: str
    at: datetime
    payload: JsonObject
