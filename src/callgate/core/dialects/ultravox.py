"""Ultravox Realtime over its server WebSocket, as its client: the call's creation, and data messages both ways.

Sound goes in binary messages, 16-bit PCM; everything else is JSON in text. What a server says beyond what a call needs
is passed over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from callgate.core.dialects.data_messages import write
from callgate.entities.json import Json, JsonObject

RATE_HZ: Final = 8_000  # of the telephone, both ways: nothing to convert but G.711
BUFFER_MS: Final = 30_000  # what the server may send ahead, since the queue and its clearing are ours

# Of a call's settings, what the server is told; what is kept in time here (inactivity, the end of the call) is not.
_TOLD: Final = (
    "systemPrompt",
    "temperature",
    "voice",
    "externalVoice",
    "voiceOverrides",
    "languageHint",
    "initialMessages",
    "firstSpeaker",
    "firstSpeakerSettings",
    "vadSettings",
    "initialState",
)


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool as the server is told of it: done by its client, which is us.

    Attributes:
        name: for the model.
        description: likewise.
        properties: JSON Schemas by name.
        required: names of those that the model must fill in.
        timeout_s: for our answer.
    """

    name: str
    description: str
    properties: JsonObject
    required: frozenset[str]
    timeout_s: float


def call_body(settings: JsonObject, tools: Sequence[ClientTool], *, model: str, max_duration_s: float) -> JsonObject:
    """The body of ``POST /api/calls``.

    Args:
        settings: of the call, in the public JSON.
        tools: that its model may use.
        model: as the server calls it; empty: its default.
        max_duration_s: after which the server may end it.
    """
    body: JsonObject = {name: settings[name] for name in _TOLD if settings.get(name) is not None}
    if model:
        body["model"] = model
    if tools:
        body["selectedTools"] = [{"temporaryTool": _tool(tool)} for tool in tools]
    body["maxDuration"] = f"{max_duration_s:g}s"
    body["medium"] = {
        "serverWebSocket": {
            "inputSampleRate": RATE_HZ,
            "outputSampleRate": RATE_HZ,
            "clientBufferSizeMs": BUFFER_MS,
        }
    }
    return body


def _tool(tool: ClientTool) -> JsonObject:
    parameters: list[Json] = [
        {"name": name, "location": "PARAMETER_LOCATION_BODY", "schema": schema, "required": name in tool.required}
        for name, schema in tool.properties.items()
    ]
    return {
        "modelToolName": tool.name,
        "description": tool.description,
        "dynamicParameters": parameters,
        "timeout": f"{tool.timeout_s:g}s",
        "client": {},
    }


# ----------------------------------------------------------------------------------------------------- what is read


@dataclass(frozen=True, slots=True)
class Clear:
    """Throw away what waits to be heard."""


@dataclass(frozen=True, slots=True)
class State:
    """What the agent does: ``idle``, ``listening``, ``thinking`` or ``speaking``."""

    state: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """Something that is being said.

    Attributes:
        role: ``user`` or ``agent``.
        text: all of it, or a piece (`is_delta`).
        is_delta: whether it continues what came before under the same number.
        final: whether it is complete.
        ordinal: names it within the call.
    """

    role: str
    text: str
    is_delta: bool
    final: bool
    ordinal: int


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model wants a tool."""

    name: str
    invocation_id: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message of a known type without its shape, or no JSON."""

    words: str


Event = Clear | State | Transcript | ToolCalled | Malformed


class _Message(msgspec.Struct, rename="camel"):
    type: str
    state: str = ""
    role: str = ""
    text: str | None = None
    delta: str | None = None
    final: bool = False
    ordinal: int = 0
    tool_name: str = ""
    invocation_id: str = ""
    parameters: dict[str, Any] | None = None


_decoder: Final = msgspec.json.Decoder(_Message)


def read(message: bytes) -> Event | None:
    """What a server said; ``None`` for what a call has no use for."""
    try:
        found = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Malformed(str(error)[:200])
    match found.type:
        case "playback_clear_buffer":
            return Clear()
        case "state":
            return State(found.state)
        case "transcript":
            is_delta = not found.text and found.delta is not None
            text = found.delta if is_delta else found.text
            return Transcript(found.role, text or "", is_delta, found.final, found.ordinal)
        case "client_tool_invocation":
            return ToolCalled(found.tool_name, found.invocation_id, found.parameters or {})
    return None


# -------------------------------------------------------------------------------------------------- what is written


def user_text(text: str, urgency: str = "soon") -> bytes:
    """Something typed."""
    return write("user_text_message", text=text, urgency=urgency)


def forced_words(text: str, *, urgency: str = "immediate", uninterruptible: bool = False) -> bytes:
    """Something for the agent to say."""
    return write("forced_agent_message", content=text, urgency=urgency, uninterruptible=uninterruptible)


def tool_result(invocation_id: str, result: str, reaction: str, *, failed: bool) -> bytes:
    """What came of a tool."""
    if failed:
        return write(
            "client_tool_result",
            invocationId=invocation_id,
            errorType="implementation-error",
            errorMessage=result,
        )
    return write(
        "client_tool_result",
        invocationId=invocation_id,
        result=result,
        responseType="tool-response",
        agentReaction=reaction,
    )


def hang_up() -> bytes:
    """The call is over."""
    return write("hang_up")
