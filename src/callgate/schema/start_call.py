"""The bodies that start a call: `POST /api/calls`, `POST /api/agents/{agent_id}/calls`, a fallback handler's answer."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from callgate.entities.json import Json, JsonObject
from callgate.schema.body import B, Body, HasTool, Int32, UuidText, bounded, read
from callgate.schema.body import CheckUrl as CheckUrl
from callgate.schema.errors import shown
from callgate.schema.medium import Callbacks, DataConnection, Medium
from callgate.schema.tool import SelectedTools, ToolOverrides
from callgate.schema.voice import ExternalVoice, only_one

_Delay = Annotated[str, bounded(0, 3_600)]  # an hour of silence is longer than any call waits for words
_Pause = Annotated[str, bounded(0, 60)]  # turn-taking; nobody waits a minute for a turn
_JoinTimeout = Annotated[str, bounded(1, 600)]  # carriers give up after three minutes, some after ten
_MaxDuration = Annotated[str, bounded(1, 86_400)]  # a day
_Timestamp = Annotated[str, bounded(0, 999_999_999_999)]
_Temperature = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Activation = Annotated[float, Field(ge=0.1, le=1, allow_inf_nan=False)]
_Language = Annotated[str, Field(max_length=16)]
_SharedSecret = Annotated[str, Field(min_length=16, max_length=127)]

OutputMedium = Literal["MESSAGE_MEDIUM_UNSPECIFIED", "MESSAGE_MEDIUM_VOICE", "MESSAGE_MEDIUM_TEXT"]
Retention = Literal[
    "CALL_RETENTION_POLICY_UNSPECIFIED", "CALL_RETENTION_POLICY_RETAIN", "CALL_RETENTION_POLICY_AUTO_DELETE"
]


def _metadata(value: dict[str, str]) -> dict[str, str]:
    for key in value:
        if key.startswith("ultravox."):
            raise ValueError(f"keys may not begin with `ultravox.`, which the server sets: {shown(key)}")
    return value


Metadata = Annotated[dict[str, str], AfterValidator(_metadata)]


class Span(Body):
    """From when to when, since the call was joined."""

    start: _Timestamp | None = None
    end: _Timestamp | None = None


class InitialMessage(Body):
    """Something said before the call."""

    role: (
        Literal[
            "MESSAGE_ROLE_UNSPECIFIED",
            "MESSAGE_ROLE_USER",
            "MESSAGE_ROLE_AGENT",
            "MESSAGE_ROLE_TOOL_CALL",
            "MESSAGE_ROLE_TOOL_RESULT",
        ]
        | None
    ) = None
    text: str | None = None
    invocation_id: str | None = None
    tool_name: str | None = None
    error_details: str | None = None
    medium: OutputMedium | None = None
    call_stage_message_index: Int32 | None = None
    call_stage_id: str | None = None
    call_state: dict[str, Any] | None = None
    timespan: Span | None = None
    wall_clock_timespan: Span | None = None
    metadata: dict[str, Any] | None = None


class FallbackGreeting(Body):
    """What the agent says when the user stays silent."""

    delay: _Delay | None = None
    text: str | None = None
    prompt: str | None = None


class UserGreeting(Body):
    """The user speaks first."""

    fallback: FallbackGreeting | None = None


class AgentGreeting(Body):
    """The agent speaks first."""

    uninterruptible: bool | None = None
    text: str | None = None
    prompt: str | None = None
    delay: _Delay | None = None


class FirstSpeaker(Body):
    """Who speaks first, and how."""

    user: UserGreeting | None = None
    agent: AgentGreeting | None = None

    @model_validator(mode="after")
    def _one(self) -> "FirstSpeaker":
        only_one(self, {"user": "user", "agent": "agent"})
        return self


class TimedMessage(Body):
    """What is said after a time of silence."""

    duration: _Delay | None = None
    message: str | None = None
    end_behavior: (
        Literal["END_BEHAVIOR_UNSPECIFIED", "END_BEHAVIOR_HANG_UP_SOFT", "END_BEHAVIOR_HANG_UP_STRICT"] | None
    ) = None


class VoiceActivity(Body):
    """When a turn begins and ends."""

    turn_endpoint_delay: _Pause | None = None
    minimum_turn_duration: _Pause | None = None
    minimum_interruption_duration: _Pause | None = None
    frame_activation_threshold: _Activation | None = None


class CallSettings(Body):
    """What both bodies and templates have in common."""

    medium: Medium | None = None
    join_timeout: _JoinTimeout | None = None
    max_duration: _MaxDuration | None = None
    recording_enabled: bool | None = None
    initial_output_medium: OutputMedium | None = None
    first_speaker_settings: FirstSpeaker | None = None
    data_connection: DataConnection | None = None
    voice: str | None = None
    voice_overrides: ExternalVoice | None = None
    retention_policy: Retention | None = None
    shared_secrets: list[_SharedSecret] | None = None


class Persona(CallSettings):
    """What a call of its own and a template have in common, and a call to an agent takes from the template."""

    system_prompt: str | None = None
    temperature: _Temperature | None = None
    model: str | None = None
    external_voice: ExternalVoice | None = None
    language_hint: _Language | None = None
    time_exceeded_message: str | None = None
    inactivity_messages: list[TimedMessage] | None = None
    selected_tools: SelectedTools | None = None
    vad_settings: VoiceActivity | None = None

    @model_validator(mode="after")
    def _one_voice(self) -> "Persona":
        only_one(self, {"voice": "voice", "external_voice": "externalVoice"})
        return self


class StartCallBody(Persona):
    """`StartCallRequest`."""

    initial_messages: list[InitialMessage] | None = None
    first_speaker: Literal["FIRST_SPEAKER_UNSPECIFIED", "FIRST_SPEAKER_AGENT", "FIRST_SPEAKER_USER"] | None = None
    transcript_optional: bool | None = None
    experimental_settings: dict[str, Any] | None = None
    metadata: Metadata | None = None
    initial_state: dict[str, Any] | None = None
    callbacks: Callbacks | None = None

    @model_validator(mode="after")
    def _speakers_agree(self) -> "StartCallBody":
        settings, speaker = self.first_speaker_settings, self.first_speaker
        if settings is None or speaker in (None, "FIRST_SPEAKER_UNSPECIFIED"):
            return self
        if (settings.user is not None) != (speaker == "FIRST_SPEAKER_USER"):
            raise ValueError(f"`firstSpeaker` and `firstSpeakerSettings` must name the same speaker: {shown(speaker)}")
        return self


class StartAgentCallBody(CallSettings):
    """`StartAgentCallRequest`; its `agentId` is ignored where the URL names the agent."""

    template_context: dict[str, Any] | None = None
    initial_messages: list[InitialMessage] | None = None
    metadata: Metadata | None = None
    experimental_settings: dict[str, Any] | None = None
    callbacks: Callbacks | None = None
    tool_overrides: ToolOverrides | None = None
    agent_id: UuidText | None = None

    @model_validator(mode="after")
    def _overrides_have_a_voice(self) -> "StartAgentCallBody":
        if self.voice_overrides is not None and self.voice is None:
            raise ValueError("`voiceOverrides` may be given only together with `voice`")
        return self


def validate_start_call(
    body: Json,
    *,
    check_url: CheckUrl | None = None,
    has_tool: HasTool | None = None,
    ignore_medium: bool = False,
) -> JsonObject:
    """The body of `POST /api/calls`: only what was given, normalised.

    Args:
        body: as it came.
        check_url: the deployment's guard of URLs.
        has_tool: which tools may be selected by id; ``None``: any.
        ignore_medium: leave the medium out unread, as in a fallback handler's answer.

    Raises:
        Invalid: with every mistake.
    """
    return _validated(StartCallBody, body, {"check_url": check_url, "has_tool": has_tool}, ignore_medium)


def validate_start_agent_call(
    body: Json,
    *,
    check_url: CheckUrl | None = None,
    has_tool: HasTool | None = None,
    ignore_medium: bool = False,
) -> JsonObject:
    """The body of `POST /api/agents/{agent_id}/calls`; see `validate_start_call`."""
    return _validated(StartAgentCallBody, body, {"check_url": check_url, "has_tool": has_tool}, ignore_medium)


def _validated(model: type[B], body: Json, context: dict[str, Any], ignore_medium: bool) -> JsonObject:
    if ignore_medium and isinstance(body, dict):
        body = {key: value for key, value in body.items() if key != "medium"}
    return read(model, body, context).given()
