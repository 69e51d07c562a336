"""The OpenAI Realtime protocol over a WebSocket, as its client: bytes and events.

Names are those of general availability; those of the beta are read as well, and written for servers that want them
(`openai_profiles`). What a server sends beyond what a call needs is passed over.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from callgate.core.dialects.openai_profiles import Profile
from callgate.entities.json import JsonObject

# ----------------------------------------------------------------------------------------------------- what is read


class _Session(msgspec.Struct):
    audio: dict[str, Any] | None = None
    input_audio_format: str | None = None
    output_audio_format: str | None = None


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """The server is there; it waits to be configured."""


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """It has taken the configuration.

    Attributes:
        hears: the format it says it takes, as in `Profile.formats`; empty when it does not say.
        speaks: the format it says it sends, likewise.
    """

    hears: str
    speaks: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller has finished."""


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """A transcript of the caller."""

    text: str


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    """The model begins to answer."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Sound:
    """Some of the agent's sound."""

    response_id: str
    item_id: str
    content_index: int
    sound: bytes


@dataclass(frozen=True, slots=True)
class SoundDone:
    """No more sound of this item."""

    item_id: str


@dataclass(frozen=True, slots=True)
class AgentSaying:
    """Some more of what the agent says, in words."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """All of it."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model wants a tool.

    Attributes:
        call_id: names the call in the answer.
        name: of the tool.
        arguments: as the model wrote them: JSON, if it kept its word.
    """

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """The model has finished.

    Attributes:
        response_id: which answer.
        status: ``completed``, ``cancelled``, ``failed`` or ``incomplete``.
        words: why, when it is not the first.
    """

    response_id: str
    status: str
    words: str


@dataclass(frozen=True, slots=True)
class ServerError:
    """Something went wrong; the session goes on unless the connection ends."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message of a known type that does not have its shape, or no JSON."""

    words: str


Event = (
    SessionCreated
    | SessionUpdated
    | SpeechStarted
    | SpeechStopped
    | CallerSaid
    | ResponseCreated
    | Sound
    | SoundDone
    | AgentSaying
    | AgentSaid
    | ToolCalled
    | ResponseDone
    | ServerError
    | Malformed
)


class _Response(msgspec.Struct):
    id: str = ""
    status: str = ""
    status_details: dict[str, Any] | None = None


class _Error(msgspec.Struct):
    message: str = ""
    code: str | None = None
    type: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class _Message(msgspec.Struct):
    """All fields of all messages that are read; a message has those of its type."""

    type: str
    session: _Session | None = None
    response: _Response | None = None
    error: _Error | None = None
    response_id: str = ""
    item_id: str = ""
    content_index: int = 0
    delta: str = ""
    transcript: str = ""
    item: _Item | None = None


_decoder: Final = msgspec.json.Decoder(_Message)

# Beta names on the left of those that replaced them.
_RENAMED: Final = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}


def read(message: bytes) -> Event | None:
    """What a server said; ``None`` for what a call has no use for."""
    try:
        found = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Malformed(str(error))
    kind = _RENAMED.get(found.type, found.type)
    match kind:
        case "response.output_audio.delta":
            try:
                sound = base64.b64decode(found.delta, validate=True)
            except (binascii.Error, ValueError) as error:
                return Malformed(f"sound that is no base64: {error}")
            return Sound(found.response_id, found.item_id, found.content_index, sound)
        case "response.output_audio.done":
            return SoundDone(found.item_id)
        case "response.output_audio_transcript.delta":
            return AgentSaying(found.item_id, found.delta)
        case "response.output_audio_transcript.done":
            return AgentSaid(found.item_id, found.transcript)
        case "input_audio_buffer.speech_started":
            return SpeechStarted()
        case "input_audio_buffer.speech_stopped":
            return SpeechStopped()
        case "conversation.item.input_audio_transcription.completed":
            return CallerSaid(found.transcript)
        case "response.created":
            return ResponseCreated(found.response.id if found.response else "")
        case "response.done":
            return _done(found.response or _Response())
        case "response.output_item.done":
            item = found.item
            return (
                ToolCalled(item.call_id, item.name, item.arguments) if item and item.type == "function_call" else None
            )
        case "session.created":
            return SessionCreated()
        case "session.updated":
            return _updated(found.session or _Session())
        case "error":
            error_ = found.error or _Error()
            return ServerError(error_.code or error_.type or "", error_.message)
    return None


def _done(response: _Response) -> ResponseDone:
    details = response.status_details or {}
    error = details.get("error")
    words = error.get("message") if isinstance(error, dict) else details.get("reason")
    return ResponseDone(response.id, response.status or "completed", words if isinstance(words, str) else "")


def _updated(session: _Session) -> SessionUpdated:
    if session.audio is None:
        return SessionUpdated(_beta_format(session.input_audio_format), _beta_format(session.output_audio_format))
    return SessionUpdated(_ga_format(session.audio.get("input")), _ga_format(session.audio.get("output")))


_BETA_FORMATS: Final = {"g711_ulaw": "pcmu/8000", "g711_alaw": "pcma/8000", "pcm16": "pcm16/24000"}
_GA_FORMATS: Final = {"audio/pcmu": "pcmu/8000", "audio/pcma": "pcma/8000"}


def _beta_format(name: str | None) -> str:
    return _BETA_FORMATS.get(name or "", "")


def _ga_format(direction: Any) -> str:
    found = direction.get("format") if isinstance(direction, dict) else None
    if not isinstance(found, dict):
        return ""
    kind, rate = found.get("type"), found.get("rate", 24_000)
    return f"pcm16/{rate}" if kind == "audio/pcm" else _GA_FORMATS.get(str(kind), "")


# --------------------------------------------------------------------------------------------------- what is written


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a session is to be.

    Attributes:
        model: as its server calls it; empty: the server knows.
        instructions: the system prompt.
        voice: empty: the server's own.
        format: of sound, one of the profile's.
        temperature: ``None``: the server's own; not sent to servers of the first naming, which no longer know it.
        language: of the caller, for transcription; empty: unknown.
        transcription_model: empty: the caller's words are not transcribed.
        silence_ms: after which the caller has finished; ``None``: the server's own.
        prefix_ms: of sound before speech that counts to it; ``None``: likewise.
        threshold: 0 to 1 for speech; ``None``: likewise.
        tools: function definitions in the protocol's own shape.
    """

    model: str = ""
    instructions: str = ""
    voice: str = ""
    format: str = "pcm16/24000"
    temperature: float | None = None
    language: str = ""
    transcription_model: str = ""
    silence_ms: int | None = None
    prefix_ms: int | None = None
    threshold: float | None = None
    tools: tuple[JsonObject, ...] = ()


def configure(wanted: Configuration, profile: Profile) -> bytes:
    """``session.update``."""
    vad: JsonObject = {"type": "server_vad", "create_response": True, "interrupt_response": True}
    for name, value in (
        ("threshold", wanted.threshold),
        ("prefix_padding_ms", wanted.prefix_ms),
        ("silence_duration_ms", wanted.silence_ms),
    ):
        if value is not None:
            vad[name] = value
    transcription: JsonObject | None = None
    if wanted.transcription_model:
        transcription = {"model": wanted.transcription_model}
        if wanted.language:
            transcription["language"] = wanted.language.partition("-")[0]
    session = (_beta_session if profile.naming == "beta" else _ga_session)(wanted, vad, transcription)
    if profile.session_type:
        session["type"] = "realtime"
    if wanted.model and profile.naming == "ga":
        session["model"] = wanted.model
    if wanted.tools:
        session["tools"] = list(wanted.tools)
        session["tool_choice"] = "auto"
    return _message("session.update", session=session)


def _ga_session(wanted: Configuration, vad: JsonObject, transcription: JsonObject | None) -> JsonObject:
    encoding, _, rate = wanted.format.partition("/")
    form: JsonObject = (
        {"type": "audio/pcm", "rate": int(rate)} if encoding == "pcm16" else {"type": f"audio/{encoding}"}
    )
    output: JsonObject = {"format": form}
    if wanted.voice:
        output["voice"] = wanted.voice
    return {
        "output_modalities": ["audio"],
        "instructions": wanted.instructions,
        "audio": {
            "input": {"format": form, "transcription": transcription, "turn_detection": vad, "noise_reduction": None},
            "output": output,
        },
    }


def _beta_session(wanted: Configuration, vad: JsonObject, transcription: JsonObject | None) -> JsonObject:
    form = next(name for name, found in _BETA_FORMATS.items() if found == wanted.format)
    session: JsonObject = {
        "modalities": ["audio", "text"],
        "instructions": wanted.instructions,
        "input_audio_format": form,
        "output_audio_format": form,
        "input_audio_transcription": transcription,
        "turn_detection": vad,
    }
    if wanted.voice:
        session["voice"] = wanted.voice
    if wanted.temperature is not None:
        session["temperature"] = wanted.temperature
    return session


_APPEND: Final = b'{"type":"input_audio_buffer.append","audio":"'


def append(sound: bytes) -> bytes:
    """``input_audio_buffer.append``: some of the caller's sound."""
    return _APPEND + binascii.b2a_base64(sound, newline=False) + b'"}'


def respond(instructions: str = "") -> bytes:
    """``response.create``: have the model speak, of its own accord or as told."""
    response: JsonObject = {"instructions": instructions} if instructions else {}
    return _message("response.create", response=response) if response else _message("response.create")


def say_exactly(text: str) -> bytes:
    """Have it speak a text word for word, as far as models do that."""
    return respond(
        f"Say exactly the following, word for word, and nothing else: {json.dumps(text, ensure_ascii=False)}"
    )


def cancel() -> bytes:
    """``response.cancel``."""
    return _message("response.cancel")


def truncate(item_id: str, content_index: int, heard_ms: int) -> bytes:
    """``conversation.item.truncate``: the caller has heard so much of an item and no more."""
    return _message("conversation.item.truncate", item_id=item_id, content_index=content_index, audio_end_ms=heard_ms)


def words_of(role: str, text: str, profile: Profile) -> bytes:
    """``conversation.item.create`` with something that was said.

    Args:
        role: ``user`` or ``assistant``.
        text: what.
        profile: of the server.
    """
    kind = "input_text"
    if role == "assistant":
        kind = "text" if profile.naming == "beta" else "output_text"
    return _message(
        "conversation.item.create",
        item={"type": "message", "role": role, "content": [{"type": kind, "text": text}]},
    )


def tool_result(call_id: str, output: str) -> bytes:
    """``conversation.item.create`` with what a tool said."""
    return _message(
        "conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": output}
    )


def tool_definition(name: str, description: str, parameters: JsonObject) -> JsonObject:
    """A tool as sessions list it."""
    return {"type": "function", "name": name, "description": description, "parameters": parameters}


def _message(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, **fields}, separators=(",", ":"), ensure_ascii=False).encode()
