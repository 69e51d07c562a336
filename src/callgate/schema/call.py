"""Calls, messages and events as the public API shows them: plain dicts, since every outbox payload is one."""

from datetime import datetime
from typing import Final

from callgate.entities.call import Call, CallEvent, CallTombstone, Message
from callgate.entities.json import Json, JsonObject
from callgate.schema.duration import duration

MAX_DURATION: Final = "3600s"
"""Of a call that says nothing else."""

_RETENTION: Final = {"CALL_RETENTION_POLICY_RETAIN": "retain", "CALL_RETENTION_POLICY_AUTO_DELETE": "auto_delete"}

# Left out when absent, because they are not nullable.
_OPTIONAL: Final = (("callbacks", "callbacks"), ("dataConnection", "dataConnectionConfig"),
                    ("externalVoice", "externalVoice"), ("voiceOverrides", "voiceOverrides"))  # fmt: skip

# How our catalogue's slugs end the SIP side; the rest is "unknown", null while the call lasts.
_TERMINATION: Final = {
    "caller-hangup": "SIP_TERMINATION_NORMAL",
    "agent-hangup": "SIP_TERMINATION_NORMAL",
    "api-hangup": "SIP_TERMINATION_NORMAL",
    "inactivity": "SIP_TERMINATION_NORMAL",
    "max-duration": "SIP_TERMINATION_NORMAL",
    "caller-cancelled": "SIP_TERMINATION_CANCELED",
    "agent-not-ready": "SIP_TERMINATION_TIMEOUT",
    "no-prack": "SIP_TERMINATION_TIMEOUT",
    "no-ack": "SIP_TERMINATION_TIMEOUT",
    "agent-unreachable": "SIP_TERMINATION_DESTINATION_UNAVAILABLE",
    "callee-busy": "SIP_TERMINATION_BUSY",
    "callee-declined": "SIP_TERMINATION_REJECTED",
    "callee-unknown": "SIP_TERMINATION_INVALID_NUMBER",
    "callee-unreachable": "SIP_TERMINATION_DESTINATION_UNAVAILABLE",
    "callee-silent": "SIP_TERMINATION_TIMEOUT",
    "not-joined": "SIP_TERMINATION_TIMEOUT",
}


def timestamp(at: datetime | None) -> str | None:
    """A time as ISO 8601 in UTC, with ``Z``."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def render_call(call: Call) -> JsonObject:
    """The public Call."""
    settings = call.settings
    first = settings.get("firstSpeakerSettings")
    first_settings: JsonObject = first if isinstance(first, dict) and first else _first_of(settings.get("firstSpeaker"))
    medium = settings.get("initialOutputMedium")
    shown: JsonObject = {
        "callId": call.call_id,
        "clientVersion": None,
        "created": timestamp(call.created),
        "joined": timestamp(call.joined),
        "ended": timestamp(call.ended),
        "endReason": call.end_reason,
        "billedDuration": _billed("0s", call),
        "billedSideInputTokens": _billed(0, call),
        "billedSideOutputTokens": _billed(0, call),
        "billingStatus": "BILLING_STATUS_FREE_OTHER",
        "firstSpeaker": "FIRST_SPEAKER_USER" if "user" in first_settings else "FIRST_SPEAKER_AGENT",
        "firstSpeakerSettings": first_settings,
        "inactivityMessages": settings.get("inactivityMessages", []),
        "initialOutputMedium": medium if medium == "MESSAGE_MEDIUM_TEXT" else "MESSAGE_MEDIUM_VOICE",
        "joinTimeout": settings.get("joinTimeout", "30s"),
        "joinUrl": call.join_url,
        "languageHint": settings.get("languageHint"),
        "maxDuration": settings.get("maxDuration", MAX_DURATION),
        "medium": settings.get("medium"),
        "model": settings.get("model", "ultravox-v0.7"),
        "recordingEnabled": settings.get("recordingEnabled", False),
        "retentionPolicy": _RETENTION.get(str(settings.get("retentionPolicy"))),
        "systemPrompt": settings.get("systemPrompt"),
        "temperature": settings.get("temperature", 0.0),
        "timeExceededMessage": settings.get("timeExceededMessage"),
        "voice": settings.get("voice"),
        "transcriptOptional": settings.get("transcriptOptional", True),
        "vadSettings": settings.get("vadSettings"),
        "shortSummary": None,
        "summary": None,
        "agent": None if call.agent_id is None else {"agentId": call.agent_id, "name": call.agent_name or ""},
        "agentId": call.agent_id,
        "experimentalSettings": settings.get("experimentalSettings"),
        "metadata": dict(call.metadata),
        "initialState": settings.get("initialState", {}),
        "requestContext": call.request_context,
        "sipDetails": None
        if call.join_url is not None
        else {
            "billedDuration": _billed("0s", call),
            "terminationReason": None
            if call.outcome is None
            else _TERMINATION.get(call.outcome, "SIP_TERMINATION_UNKNOWN"),
        },
    }
    for given, name in _OPTIONAL:
        value = settings.get(given)
        if value is not None:
            shown[name] = value
    return shown


def _billed(nothing: Json, call: Call) -> Json:
    """What a call costs: nothing, once it is over; before, nobody has been billed."""
    return None if call.ended is None else nothing


def _first_of(speaker: Json) -> JsonObject:
    return {"user": {}} if speaker == "FIRST_SPEAKER_USER" else {"agent": {}}


def render_message(message: Message) -> JsonObject:
    """The public Message; its times are seconds since the call was joined."""
    shown: JsonObject = {
        "role": message.role,
        "text": message.text,
        "medium": message.medium,
        "callStageMessageIndex": message.stage_index,
        "callStageId": message.stage_id,
    }
    if message.tool is not None:
        shown |= {"toolName": message.tool.name, "invocationId": message.tool.invocation_id}
        if message.tool.error:
            shown["errorDetails"] = message.tool.error
        if message.tool.state is not None:
            shown["callState"] = message.tool.state
    if message.start_s is not None:
        span: JsonObject = {"start": duration(message.start_s)}
        if message.end_s is not None:
            span["end"] = duration(message.end_s)
        shown["timespan"] = span
    return shown


def render_tombstone(tombstone: CallTombstone) -> JsonObject:
    """The public CallTombstone."""
    return {
        "callId": tombstone.call_id,
        "accountId": tombstone.account_id,
        "created": timestamp(tombstone.created),
        "joined": timestamp(tombstone.joined),
        "ended": timestamp(tombstone.ended),
        "endReason": tombstone.end_reason,
        "deletionTime": timestamp(tombstone.deleted),
        "hadSummary": False,  # no call of ours has one
        "maxDuration": tombstone.max_duration,
        "recordingEnabled": tombstone.recording_enabled,
    }


def render_event(event: CallEvent) -> JsonObject:
    """The public CallEvent."""
    return {
        "callId": event.call_id,
        "callStageId": event.stage_id,
        "callTimestamp": duration(event.offset_s),
        "severity": event.severity,
        "type": event.type,
        "text": event.text,
        "extras": event.extras,
        "wallClockTimestamp": timestamp(event.at),
    }
