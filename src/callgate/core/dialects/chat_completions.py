"""The chat completions of OpenAI and of all who speak like it, as their client: the request, and the streamed answer.

Servers differ in small things, all of which are read: contents that are null or lists, chunks of usage only, ids and
indices that are missing or repeated, arguments in one piece or in many, streams without ``[DONE]``.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from callgate.core.dialects.event_stream import EventStream
from callgate.entities.json import Json, JsonObject

ANSWER_CHARACTERS_MAX: Final = 32_768  # half an hour of speech: a model that says more has lost its thread
TOOL_CALLS_MAX: Final = 16  # in one answer: what a turn asks for in parallel, with room
ARGUMENTS_CHARACTERS_MAX: Final = 65_536  # of one use of a tool
_WORDS_CHARACTERS_MAX: Final = 300  # of an error
_END: Final = "[DONE]"


class AnswerUnreadable(Exception):
    """What came is no streamed answer, or the server says in it that it failed; words for the call's events."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool.

    Attributes:
        call_id: the server's name for this use.
        name: of the tool.
        arguments: as the model wrote them: JSON, if it kept its word.
    """

    call_id: str
    name: str
    arguments: str


# -------------------------------------------------------------------------------------------------- what is written


def text_part(text: str) -> bytes:
    """A text, as a part of a message."""
    return _json({"type": "text", "text": text})


def audio_part(wav: bytes) -> bytes:
    """A WAV file, as a part of a message; kept by who sends it again and again."""
    return b'{"type":"input_audio","input_audio":{"data":"' + base64.b64encode(wav) + b'","format":"wav"}}'


def message(role: str, text: str) -> bytes:
    """A message of text only: ``system``, ``user`` or ``assistant``."""
    return _json({"role": role, "content": text})


def user_message(parts: Sequence[bytes]) -> bytes:
    """What the user said, from its parts."""
    return b'{"role":"user","content":[' + b",".join(parts) + b"]}"


def tool_calls_message(text: str, calls: Sequence[ToolCall]) -> bytes:
    """The assistant's message that asked for tools; their results follow it at once."""
    asked: list[Json] = [
        {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]
    return _json({"role": "assistant", "content": text or None, "tool_calls": asked})


def tool_result_message(call_id: str, text: str) -> bytes:
    """What came of one use of a tool."""
    return _json({"role": "tool", "tool_call_id": call_id, "content": text})


def tool_definition(name: str, description: str, parameters: JsonObject) -> JsonObject:
    """A tool as requests list it."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def request(
    model: str,
    messages: Sequence[bytes],
    *,
    tools: Sequence[JsonObject] = (),
    may_use_tools: bool = True,
    temperature: float | None = None,
) -> bytes:
    """The body of ``POST …/chat/completions`` for a streamed answer.

    Args:
        model: as the server calls it; empty: it is not said.
        messages: each as one of the functions here wrote it.
        tools: as `tool_definition` writes them.
        may_use_tools: whether the model may use them in this answer.
        temperature: ``None``: the server's own.
    """
    head: JsonObject = {"model": model} if model else {}
    head["stream"] = True
    if temperature is not None:
        head["temperature"] = temperature
    if tools:
        head["tools"] = list(tools)
        head["tool_choice"] = "auto" if may_use_tools else "none"
    return _json(head)[:-1] + b',"messages":[' + b",".join(messages) + b"]}"


def _json(value: JsonObject) -> bytes:
    # JSON that came in may hold half a surrogate pair, which no encoding can carry.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


# ----------------------------------------------------------------------------------------------------- what is read


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: Any = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: Any = None
    object: str | None = None
    message: Any = None


_decoder: Final = msgspec.json.Decoder(_Chunk)


@dataclass(slots=True)
class _Partial:
    """A use of a tool, as far as it has come."""

    index: int | None
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class AnswerStream:
    """Reads one streamed answer.

    Attributes:
        begun: whether anything of an answer has come.
        moves: how many pieces have come that brought something.
        finish: why the model stopped (``stop``, ``tool_calls``, ``length`` …); empty: it has not.
        done: whether the server has said that nothing follows.
    """

    def __init__(self) -> None:
        self._events = EventStream()
        self._characters = 0
        self._partial: list[_Partial] = []
        self.begun = False
        self.moves = 0
        self.finish = ""
        self.done = False

    @property
    def complete(self) -> bool:
        """Whether the answer has come to its end; else it broke off."""
        return self.done or bool(self.finish)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model wants; to be asked when the answer is complete."""
        return tuple(
            ToolCall(one.call_id or f"call_{number}", one.name, one.arguments or "{}")
            for number, one in enumerate(self._partial)
            if one.name
        )

    def feed(self, received: bytes) -> str:
        """The text that has come.

        Args:
            received: what came next, cut anywhere.

        Raises:
            AnswerUnreadable: see there.
        """
        try:
            found = self._events.feed(received)
        except ValueError as error:
            raise AnswerUnreadable(str(error)) from None
        return "".join(self._read(data) for data in found)

    def _read(self, data: str) -> str:
        if data.strip() == _END:
            self.done = True
        if self.done or not data.strip():
            return ""
        try:
            chunk = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise AnswerUnreadable(f"a piece that cannot be read: {error}"[:_WORDS_CHARACTERS_MAX]) from None
        if chunk.error:
            raise AnswerUnreadable(_words(chunk.error))
        if chunk.object == "error":
            raise AnswerUnreadable(_words(chunk.message))
        if not chunk.choices:
            return ""  # of usage, or of nothing
        self.begun = True
        choice = chunk.choices[0]
        text = ""
        if choice.delta is not None:
            text = _text(choice.delta.content)
            for call in choice.delta.tool_calls or ():
                self._assemble(call)
            if text or choice.delta.tool_calls:
                self.moves += 1
        self._characters += len(text)
        if self._characters > ANSWER_CHARACTERS_MAX:
            raise AnswerUnreadable(f"an answer of more than {ANSWER_CHARACTERS_MAX} characters")
        self.finish = choice.finish_reason or self.finish
        return text

    def _assemble(self, call: _Call) -> None:
        partial = self._of(call)
        function = call.function or _Function()
        partial.call_id = partial.call_id or call.id or ""
        partial.name = partial.name or function.name or ""
        if isinstance(function.arguments, str):
            partial.arguments += function.arguments
        elif function.arguments is not None:
            partial.arguments += json.dumps(function.arguments)  # some write the object itself
        if len(partial.arguments) > ARGUMENTS_CHARACTERS_MAX:
            raise AnswerUnreadable(f"arguments of a tool of more than {ARGUMENTS_CHARACTERS_MAX} characters")

    def _of(self, call: _Call) -> _Partial:
        """What a piece belongs to: of the same index, unless it comes with a name of its own."""
        same = [one for one in self._partial if call.index is None or one.index == call.index]
        last = same[-1] if same else None
        if last is None or (call.id and last.call_id and call.id != last.call_id):
            if len(self._partial) >= TOOL_CALLS_MAX:
                raise AnswerUnreadable(f"an answer with more than {TOOL_CALLS_MAX} uses of tools")
            last = _Partial(call.index)
            self._partial.append(last)
        return last


def _text(content: Any) -> str:
    """Of a content: a text, or a list of parts with texts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return ""


def _words(error: Any) -> str:
    found = error.get("message") if isinstance(error, dict) else error
    return f"the server failed: {found if isinstance(found, str) and found else error}"[:_WORDS_CHARACTERS_MAX]
