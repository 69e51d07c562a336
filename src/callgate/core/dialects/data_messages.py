"""The public data messages, as the server of a call speaks them: JSON in text, beside the sound.

`ultravox` is the other side of the same messages. The shapes of `call_event`, `tool_used`, `invoking_tool`,
`user_started_speaking` and `user_stopped_speaking` are in no public source and so our own; `docs/data-messages.md` has
them all.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec

from callgate.entities.json import Json, JsonObject

CLIENT: Final = "client"
"""Who joined the call by its `joinUrl`."""
DATA_CONNECTION: Final = "dataConnection"
"""The owner's server, to which the call connects."""

TEXT_CHARACTERS_MAX: Final = 20_000  # what a model reads in the middle of a call, with room
_WORDS_CHARACTERS_MAX: Final = 300  # of ours about a message that is not understood
_THREADS: Final = (None, "UI")

# `EnabledDataMessages`: what is told unless the flag says otherwise.
_ALWAYS: Final = ("pong", "state", "transcript", "clientToolInvocation", "callStarted")
_BY_KIND: Final[Mapping[str, str]] = {CLIENT: "playbackClearBuffer", DATA_CONNECTION: "dataConnectionToolInvocation"}
_ASKED_FOR: Final = ("debug", "callEvent", "toolUsed", "userStartedSpeaking", "userStoppedSpeaking", "invokingTool")
_FLAGS: Final = (*_ALWAYS, *_BY_KIND.values(), *_ASKED_FOR)


def enabled(kind: str, flags: Json) -> frozenset[str]:
    """The types of messages that a party is told.

    Args:
        kind: `CLIENT` or `DATA_CONNECTION`.
        flags: its `dataMessages`; whatever is no flag is passed over.
    """
    told = dict.fromkeys((*_ALWAYS, _BY_KIND[kind]), True)
    if isinstance(flags, dict):
        told |= {name: flags[name] is True for name in _FLAGS if isinstance(flags.get(name), bool)}
    return frozenset(_type_of(name) for name, on in told.items() if on)


def _type_of(flag: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", flag)


# -------------------------------------------------------------------------------------------------- what is written


def write(kind: str, **fields: Any) -> bytes:
    """A message of a type, whichever side sends it."""
    return json.dumps({"type": kind, **fields}, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class DataMessage:
    """Something to be told.

    Attributes:
        type: by which it is enabled.
        data: JSON.
    """

    type: str
    data: bytes


def call_started(call_id: str) -> DataMessage:
    """The call has begun."""
    return _message("call_started", callId=call_id)


def pong(timestamp: Json) -> DataMessage:
    """The answer to a ping, with its own time."""
    return _message("pong", timestamp=timestamp)


def state(name: str) -> DataMessage:
    """What the agent does: ``idle``, ``listening``, ``thinking`` or ``speaking``."""
    return _message("state", state=name)


def transcript(role: str, medium: str, text: str, ordinal: int) -> DataMessage:
    """Something was said, in full.

    Args:
        role: ``user`` or ``agent``.
        medium: ``voice`` or ``text``.
        text: what.
        ordinal: names it within the call.
    """
    return _message("transcript", role=role, medium=medium, text=text, final=True, ordinal=ordinal)


def tool_invocation(kind: str, name: str, invocation_id: str, parameters: JsonObject) -> DataMessage:
    """A tool is to be used by a party of this kind."""
    type_ = f"{'client' if kind == CLIENT else 'data_connection'}_tool_invocation"
    return _message(type_, toolName=name, invocationId=invocation_id, parameters=parameters)


def playback_clear_buffer() -> DataMessage:
    """Sound that has been sent and not been heard is not to be heard."""
    return _message("playback_clear_buffer")


def debug(message: str) -> DataMessage:
    """Words for who writes the party's program."""
    return _message("debug", message=message)


def call_event(severity: str, type_: str, text: str, extras: JsonObject) -> DataMessage:
    """Something stands in the call's events now."""
    return _message("call_event", event={"severity": severity, "type": type_, "text": text, "extras": extras})


def invoking_tool(name: str, invocation_id: str, parameters: JsonObject) -> DataMessage:
    """The model uses a tool, whoever does it."""
    return _message("invoking_tool", toolName=name, invocationId=invocation_id, parameters=parameters)


def tool_used(name: str, invocation_id: str, result: str) -> DataMessage:
    """A tool has been used, and this is what the model is told."""
    return _message("tool_used", toolName=name, invocationId=invocation_id, result=result)


def user_started_speaking() -> DataMessage:
    """The caller's voice is there, by its energy."""
    return _message("user_started_speaking")


def user_stopped_speaking() -> DataMessage:
    """The caller's voice is gone."""
    return _message("user_stopped_speaking")


def thread_rejected(thread_id: str, reason: str) -> bytes:
    """The answer to who wants another thread; there is no flag for it."""
    return write("thread_rejected", threadId=thread_id, reason=reason)


def _message(type_: str, **fields: Any) -> DataMessage:
    return DataMessage(type_, write(type_, **fields))


# ----------------------------------------------------------------------------------------------------- what is read

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX)]


class Ping(msgspec.Struct, tag="ping", tag_field="type"):
    """Is anybody there?"""

    timestamp: int | float | str | None = None


class UserText(msgspec.Struct, tag="user_text_message", tag_field="type", rename="camel"):
    """Something for the agent to know, as if the caller had typed it."""

    text: _Text
    urgency: Literal["immediate", "soon", "later"] = "soon"
    thread_id: str | None = None


class _InputText(msgspec.Struct, tag="input_text_message", tag_field="type", rename="camel"):
    """What older clients send in its place."""

    text: _Text
    defer_response: bool = False


class OutputMedium(msgspec.Struct, tag="set_output_medium", tag_field="type"):
    """How the agent is to answer from now on."""

    medium: Literal["voice", "text"]


class ToolResult(msgspec.Struct, rename="camel"):
    """What came of a tool that was to be used."""

    invocation_id: str
    result: Any = None
    response_type: str | None = None
    agent_reaction: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    update_call_state: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """Its words: the result, as JSON where it is no text."""
        if self.result is None or isinstance(self.result, str):
            return self.result or ""
        return json.dumps(self.result, ensure_ascii=False)


class ClientToolResult(ToolResult, tag="client_tool_result", tag_field="type"):
    """From a client."""


class DataConnectionToolResult(ToolResult, tag="data_connection_tool_result", tag_field="type"):
    """From a data connection."""


class ForcedWords(msgspec.Struct, tag="forced_agent_message", tag_field="type", rename="camel"):
    """Something for the agent to say."""

    content: Annotated[str, msgspec.Meta(max_length=TEXT_CHARACTERS_MAX)] = ""
    uninterruptible: bool = False
    urgency: Literal["immediate", "soon"] = "soon"
    thread_id: str | None = None
    tool_calls: list[Any] | None = None
    known_tool_results: list[Any] | None = None


class HangUp(msgspec.Struct, tag="hang_up", tag_field="type"):
    """End the call, after the agent has said this."""

    message: Annotated[str, msgspec.Meta(max_length=TEXT_CHARACTERS_MAX)] | None = None


class SpawnThread(msgspec.Struct, tag="spawn_thread", tag_field="type", rename="camel"):
    """Have the agent think of something else besides."""

    new_thread_id: str = ""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """No JSON, no known type, not its shape, or what is not offered; in words."""

    words: str


_AnyResult = ClientToolResult | DataConnectionToolResult
Said = Ping | UserText | OutputMedium | _AnyResult | ForcedWords | HangUp | SpawnThread | NotUnderstood

_decoder: Final = msgspec.json.Decoder(
    Ping | UserText | _InputText | OutputMedium | _AnyResult | ForcedWords | HangUp | SpawnThread
)


def read(message: bytes) -> Said:
    """What a party said."""
    try:
        found: Said | _InputText = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return NotUnderstood(str(error)[:_WORDS_CHARACTERS_MAX])
    match found:
        case _InputText():
            return UserText(found.text, "later" if found.defer_response else "soon")
        case UserText(thread_id=thread) | ForcedWords(thread_id=thread) if thread not in _THREADS:
            return NotUnderstood(f"a call has one thread, `UI`; threadId: {thread!r}"[:_WORDS_CHARACTERS_MAX])
        case ForcedWords() if found.tool_calls or found.known_tool_results:
            return NotUnderstood("toolCalls: not offered; an agent can be made to speak, but not to use tools")
        case ForcedWords() if not found.content:
            return NotUnderstood("content: expected something to say")
        case _:
            return found
