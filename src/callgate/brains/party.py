"""One who takes part in a call by data messages: the client that joined it, or the owner's server."""

import asyncio
import json
from collections.abc import Callable
from typing import Final, Protocol

from callgate.brains.tools.client import ANSWER_BYTES_MAX
from callgate.core.dialects.data_messages import (
    CLIENT,
    DATA_CONNECTION,
    ClientToolResult,
    DataConnectionToolResult,
    DataMessage,
    ForcedWords,
    HangUp,
    NotUnderstood,
    OutputMedium,
    Ping,
    SpawnThread,
    ToolResult,
    UserText,
    debug,
    enabled,
    pong,
    read,
    thread_rejected,
    tool_invocation,
)
from callgate.entities.json import Json, JsonObject
from callgate.ports.brain import ToolAnswer, ToolFailed

_INVOCATIONS_MAX: Final = 32  # that wait for their results: twice what one model may ask for at a time
_TAKEN_PER_S_MAX: Final = 100  # messages: nobody types, or uses tools, as fast; more would keep other calls waiting
_COMPLAINTS_MAX: Final = 20  # events a call
_WORDS_CHARACTERS_MAX: Final = 1_000  # of a tool that has failed
_TOOL_TYPES: Final = {CLIENT: "client_tool_invocation", DATA_CONNECTION: "data_connection_tool_invocation"}
_NAMES: Final = {CLIENT: "the client", DATA_CONNECTION: "the data connection"}


class PartyHost(Protocol):
    """What a party may ask of its call."""

    def monotonic(self) -> float:
        """Seconds on the session's clock."""
        ...

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        """Put an event into the call's events."""
        ...

    def announce(self, message: DataMessage) -> None:
        """Tell every party that wants to be told."""
        ...

    def told(self, message: JsonObject) -> None:
        """A text for the agent, or words for it to say, as `Brain.tell` takes them."""
        ...

    def leave(self, words: str, outcome: str) -> None:
        """Have the agent say `words`, which may be empty, and end the call."""
        ...

    def answer_in(self, medium: str) -> None:
        """Have the caller answered by ``voice`` or ``text``."""
        ...


class Party:
    """A party of one call. Implements `ports.ToolChannel`.

    Args:
        kind: `CLIENT` or `DATA_CONNECTION`.
        flags: its `dataMessages`.
        send: sends it a message, JSON.
        host: the call.

    Attributes:
        kind: see above.
        does_tools: whether it is asked to do the tools of its kind.
    """

    def __init__(self, kind: str, flags: Json, send: Callable[[bytes], None], host: PartyHost) -> None:
        self.kind = kind
        self._enabled = enabled(kind, flags)
        self.does_tools = _TOOL_TYPES[kind] in self._enabled
        self._send = send
        self._host = host
        self._invocations: dict[str, asyncio.Future[ToolAnswer]] = {}
        self._gone = ""
        self._taken_in = 0  # the second in which messages are counted
        self._taken = 0
        self._complaints = 0

    def tell(self, message: DataMessage) -> None:
        """Tell it something, unless its owner does not want it told."""
        if message.type in self._enabled:
            self._send(message.data)

    def take(self, message: bytes) -> None:
        """It says something."""
        if self._floods():
            return
        match read(message):
            case Ping(timestamp):
                self.tell(pong(timestamp))
            case UserText(text, urgency):
                self._host.told({"type": "user_text_message", "text": text, "urgency": urgency})
            case ForcedWords(content, uninterruptible, urgency):
                self._host.told(
                    {
                        "type": "forced_agent_message",
                        "content": content,
                        "uninterruptible": uninterruptible,
                        "urgency": urgency,
                    }
                )
            case HangUp(words):
                # A client is the caller; an owner's server is the owner, as the API is.
                self._host.leave(words or "", "caller-hangup" if self.kind == CLIENT else "api-hangup")
            case OutputMedium(medium):
                self._set_medium(medium)
            case ClientToolResult() | DataConnectionToolResult() as result:
                self._answered(result)
            case SpawnThread(thread_id):
                self._send(thread_rejected(thread_id, "a call has one thread"))
            case NotUnderstood(words):
                self._complain("data_message_not_understood", words)

    # ------------------------------------------------------------------------------------------------------- tools

    def invoke(self, name: str, invocation_id: str, parameters: JsonObject) -> asyncio.Future[ToolAnswer]:
        """Have it use a tool."""
        future: asyncio.Future[ToolAnswer] = asyncio.get_running_loop().create_future()
        refusal = self._gone
        if invocation_id in self._invocations:
            refusal = f"another use of a tool is called {invocation_id[:100]!r}"
        elif len(self._invocations) >= _INVOCATIONS_MAX:
            refusal = f"{_INVOCATIONS_MAX} tools are in use already"
        if refusal:
            _fail(future, refusal)
            return future
        self._invocations[invocation_id] = future
        future.add_done_callback(lambda _: self._invocations.pop(invocation_id, None))
        self._host.announce(tool_invocation(self.kind, name, invocation_id, parameters))
        return future

    def gone(self, words: str, *, for_good: bool) -> None:
        """It cannot be asked any more, or has forgotten what it was asked."""
        for future in tuple(self._invocations.values()):
            _fail(future, words)
        if for_good:
            self._gone = words

    def _answered(self, result: ToolResult) -> None:
        own = isinstance(result, ClientToolResult) == (self.kind == CLIENT)
        future = self._invocations.get(result.invocation_id) if own else None
        if future is None or future.done():
            self._complain("tool_result_unknown", f"nothing waits for a result of {result.invocation_id[:100]!r}")
            return
        text = result.text
        if result.error_type is not None:
            _fail(future, (result.error_message or text or result.error_type)[:_WORDS_CHARACTERS_MAX])
        elif len(text.encode("utf-8", "replace")) > ANSWER_BYTES_MAX:
            _fail(future, f"its answer is longer than {ANSWER_BYTES_MAX} bytes")
        else:
            future.set_result(ToolAnswer(text, _headers(result)))

    # --------------------------------------------------------------------------------------------------- fragments

    def _set_medium(self, medium: str) -> None:
        if self.kind == CLIENT:
            self._host.answer_in(medium)
        else:
            self._complain("message_not_taken", "how the caller is answered is not a data connection's to set")

    def _floods(self) -> bool:
        second = int(self._host.monotonic())
        if second != self._taken_in:
            self._taken_in, self._taken = second, 0
        self._taken += 1
        if self._taken == _TAKEN_PER_S_MAX + 1:
            self._complain("data_messages_dropped", f"more than {_TAKEN_PER_S_MAX} data messages in a second")
        return self._taken > _TAKEN_PER_S_MAX

    def _complain(self, slug: str, words: str) -> None:
        self.tell(debug(words))
        self._complaints += 1
        if self._complaints <= _COMPLAINTS_MAX:
            self._host.event("warning", slug, f"{_NAMES[self.kind]}: {words}")


def _headers(result: ToolResult) -> dict[str, str]:
    """What a result asks for, as the headers of an HTTP tool's answer ask for it."""
    headers = {}
    if result.response_type is not None:
        headers["x-ultravox-response-type"] = result.response_type
    if result.agent_reaction is not None:
        headers["x-ultravox-agent-reaction"] = result.agent_reaction
    if result.update_call_state is not None:
        headers["x-ultravox-update-call-state"] = json.dumps(result.update_call_state)
    return headers


def _fail(future: "asyncio.Future[ToolAnswer]", words: str) -> None:
    if not future.done():
        future.set_exception(ToolFailed(words))
        future.exception()  # who asked may have given up: nobody needs to be reminded of it then
