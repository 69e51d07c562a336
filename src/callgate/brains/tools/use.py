"""The use of tools in one call: a model names one, it is done, and the model is told what came of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from callgate.brains.conversation import Conversation
from callgate.brains.tools.client import ToolClient
from callgate.brains.tools.definition import Reaction, Tool, tools_of
from callgate.brains.tools.request import ArgumentsUnfit, chosen, read_arguments, request_of
from callgate.entities.call import ToolUse
from callgate.entities.json import Json, JsonObject
from callgate.ports.brain import BrainHost, BrainPlan, StageRefused, ToolAnswer, ToolFailed
from callgate.schema.duration import seconds
from callgate.schema.json_text import read_json

_TOOL_CALL: Final = "MESSAGE_ROLE_TOOL_CALL"
_TOOL_RESULT: Final = "MESSAGE_ROLE_TOOL_RESULT"
# At a time: what one turn of a model asks for in parallel, with room; a model that asks for more has lost its thread.
_USES_MAX: Final = 16
_NAME_CHARACTERS_MAX: Final = 64  # the public limit of a tool's name
_ID_CHARACTERS_MAX: Final = 128  # of what a model calls a use
_DETAILS_CHARACTERS_MAX: Final = 2_000  # of why a use failed
_STATE_BYTES_MAX: Final = 64 * 1024  # as much as a tool's answer; each change of it is kept as a whole
_ELSEWHERE: Final = {"client": "the caller's client", "dataConnection": "a data connection"}
_ROLES: Final = {"assistant": "MESSAGE_ROLE_AGENT", "user": "MESSAGE_ROLE_USER"}


class Effects(Protocol):
    """What using a tool may do to the talk."""

    def leave(self, outcome: str, *, soft: bool = False) -> None:
        """Hang up when what is being said has been heard; `soft`: unless the caller speaks meanwhile."""
        ...

    def speak(self, text: str) -> None:
        """Have the agent say this, word for word."""
        ...

    def restage(self, settings: JsonObject) -> None:
        """The talk enters another stage: of the call's settings, these are new."""
        ...


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the model is told.

    Attributes:
        text: the tool's words.
        reaction: what the agent does now.
        error: whether it failed; `text` says why.
    """

    text: str
    reaction: Reaction = Reaction.SPEAKS
    error: bool = False


@dataclass(frozen=True, slots=True)
class _Use:
    about: ToolUse
    answered: Callable[[ToolResult], None]


class CallTools:
    """The tools of one call.

    Args:
        plan: the call.
        host: likewise.
        client: of the worker.
        conversation: so far.
        effects: on the talk.
        stages: whether the talk can enter other stages.

    Attributes:
        offered: what the model may use.
        state: of the call, which tools may change.
    """

    def __init__(
        self,
        plan: BrainPlan,
        host: BrainHost,
        client: ToolClient,
        conversation: Conversation,
        effects: Effects,
        *,
        stages: bool = True,
    ) -> None:
        self._plan = plan
        self._host = host
        self._client = client
        self._conversation = conversation
        self._effects = effects
        self._stages = stages
        self._stage_id = plan.about.get("stageId")
        self._uses: set[asyncio.Task[None]] = set()
        state = plan.settings.get("initialState")
        self.state: JsonObject = dict(state) if isinstance(state, dict) else {}
        self.offered: Sequence[Tool] = ()
        self._tools: dict[str, Tool] = {}
        self.select(plan.settings)

    def select(self, settings: JsonObject) -> None:
        """Offer the tools that these settings select."""
        found, unusable = tools_of(settings)
        self._tools = {
            name: tool
            for name, tool in found.items()
            if tool.kind not in _ELSEWHERE or self._host.channel(tool.kind) is not None
        }
        missing = [name for name in found if name not in self._tools]
        words = [
            *unusable,
            *(f"tool {name!r} is done by {_ELSEWHERE[found[name].kind]}, and there is none" for name in missing),
        ]
        for text in words:
            self._host.event("warning", "tool_unusable", text)
        self.offered = tuple(self._tools.values())

    def use(self, name: str, arguments: str, invocation_id: str, answered: Callable[[ToolResult], None]) -> None:
        """Have a tool used.

        Args:
            name: as the model knows it.
            arguments: as the model wrote them: JSON, if it kept its word.
            invocation_id: names the use.
            answered: is told, on the event loop, once; never after `close`.
        """
        tool = self._tools.get(name)
        about = ToolUse(
            _text_of(name, _NAME_CHARACTERS_MAX),
            _text_of(invocation_id, _ID_CHARACTERS_MAX),
            "" if tool is None else tool.tool_id,
        )
        self._host.message(_TOOL_CALL, _text_of(arguments), tool=about)
        use = _Use(about, answered)
        if tool is None:
            words = f"there is no tool called {about.name!r}"
            self._host.event("warning", "tool_unknown", words)
            self._refuse(use, words)
            return
        try:
            values = chosen(tool, read_arguments(arguments))
            if tool.kind == "builtIn":
                self._done(use, self._built_in(tool, values))
                return
            if tool.kind == "static":
                self._done(use, ToolResult(tool.response, tool.reaction))
                return
            if len(self._uses) >= _USES_MAX:
                raise ArgumentsUnfit(f"{_USES_MAX} tools are in use already; wait for their answers")
            work = self._answer(tool, values, invocation_id)
        except ArgumentsUnfit as error:
            self._refuse(use, str(error))
            return
        task = asyncio.get_running_loop().create_task(self._wait(tool, work, use), name="use of a tool")
        self._uses.add(task)
        task.add_done_callback(self._uses.discard)

    def close(self) -> None:
        """Nobody waits for answers any more."""
        for task in tuple(self._uses):
            task.cancel()

    # ---------------------------------------------------------------------------------------------------- fragments

    def _answer(self, tool: Tool, values: JsonObject, invocation_id: str) -> Awaitable[ToolAnswer]:
        if tool.kind == "http":
            request = request_of(tool, values, self._known)
            return self._client.ask(request, tool.timeout_s)
        channel = self._host.channel(tool.kind)
        assert channel is not None, "without a channel such tools are not offered"
        fixed = {one.name: self._known(one.known) if one.known else one.value for one in tool.fixed}
        given = {name: value for name, value in fixed.items() if value is not None}
        return channel.invoke(tool.name, invocation_id, {**values, **given})

    async def _wait(self, tool: Tool, work: Awaitable[ToolAnswer], use: _Use) -> None:
        try:
            async with asyncio.timeout(tool.timeout_s + 1.0):
                answer = await work
        except ToolFailed as error:
            self._failed(use, str(error))
            return
        except TimeoutError:
            self._failed(use, f"no answer within {tool.timeout_s:g} s")
            return
        await self._read(tool, answer, use)

    async def _read(self, tool: Tool, answer: ToolAnswer, use: _Use) -> None:
        """Do what an answer's headers ask for, and tell the model."""
        headers = answer.headers
        try:
            reaction = Reaction(headers.get("x-ultravox-agent-reaction", tool.reaction.value))
        except ValueError:
            reaction = tool.reaction
        if "x-ultravox-update-call-state" in headers and self._update(headers["x-ultravox-update-call-state"]):
            use = replace(use, about=replace(use.about, state=self.state))
        kind = headers.get("x-ultravox-response-type", "")
        if kind == "hang-up":
            self._effects.leave("agent-hangup")
            self._done(use, ToolResult(answer.text, Reaction.LISTENS))
            return
        if kind == "new-stage":
            try:
                await self._restage(answer.text)
            except StageRefused as error:
                self._host.event("warning", "tool_stage", f"tool {use.about.name!r}: {error}"[:500])
                self._refuse(use, f"The conversation could not go on in a new stage: {error}")
                return
            self._done(use, ToolResult("The conversation goes on in a new stage.", reaction))
            return
        if kind not in ("", "tool-response"):
            self._host.event("warning", "tool_response_type", f"a tool answered with the type {kind[:50]!r}")
        self._done(use, ToolResult(answer.text, reaction))

    def _update(self, text: str) -> bool:
        """Whether a tool has changed the call's state."""
        found = _object_of(text)
        if found is None:
            self._host.event("warning", "tool_state", "a tool sent a call state that is not a JSON object")
            return False
        state = {**self.state, **found}
        if len(json.dumps(state)) > _STATE_BYTES_MAX:
            self._host.event("warning", "tool_state", f"the call state would be longer than {_STATE_BYTES_MAX} bytes")
            return False
        self.state = state
        return True

    async def _restage(self, text: str) -> None:
        if not self._stages:
            raise StageRefused("this agent's prompt and tools cannot be changed in mid-call")
        body = _object_of(text)
        if body is None:
            raise StageRefused("a tool asked for a new stage with no JSON object for it")
        given = body.get("initialState")
        stage = await self._host.stage({**body, "initialState": self.state if given is None else given})
        self._stage_id = stage.stage_id
        if isinstance(given, dict):
            self.state = given
        if "selectedTools" in stage.settings:
            self.select(stage.settings)
        self._host.event("info", "call_stage", "the conversation entered a new stage")
        self._effects.restage(stage.settings)

    def _built_in(self, tool: Tool, values: JsonObject) -> ToolResult:
        given: dict[str, Json] = {one.name: one.value for one in tool.fixed} | dict(values)
        soft = given.get("strict") is False
        if tool.built_in == "hangUp":
            self._effects.leave("agent-hangup", soft=soft)
            return ToolResult("The call ends when you have finished speaking.", Reaction.LISTENS)
        if tool.built_in == "leaveVoicemail":
            self._effects.speak(str(given["message"]))
            self._effects.leave("agent-hangup", soft=soft)
            result = given.get("result")
            return ToolResult(result if isinstance(result, str) else "The message is being left.", Reaction.LISTENS)
        digits = str(given["digits"])
        try:
            self._host.bridge.send_digits(digits, _ms(given.get("toneDuration")), _ms(given.get("spaceDuration")))
        except ValueError as error:
            raise ArgumentsUnfit(str(error)) from None
        return ToolResult(f"Pressed {digits}.", tool.reaction)

    def _known(self, name: str) -> Json:
        match name:
            case "KNOWN_PARAM_CALL_ID":
                return self._plan.call_id
            case "KNOWN_PARAM_CONVERSATION_HISTORY":
                return [{"role": _ROLES[role], "text": text} for role, text in self._conversation.history]
            case "KNOWN_PARAM_OUTPUT_SAMPLE_RATE":
                return 8_000  # of the telephone
            case "KNOWN_PARAM_CALL_STATE":
                return self.state
            case "KNOWN_PARAM_CALL_STAGE_ID":
                return self._stage_id
            case "KNOWN_PARAM_CALL_METADATA":
                return self._plan.about.get("metadata")
        return None

    def _done(self, use: _Use, result: ToolResult) -> None:
        self._host.message(_TOOL_RESULT, _text_of(result.text), tool=use.about)
        use.answered(result)

    def _refuse(self, use: _Use, words: str, details: str = "") -> None:
        """Tell the model that it did not work, and an owner why."""
        about = replace(use.about, error=_text_of(details or words, _DETAILS_CHARACTERS_MAX))
        self._done(replace(use, about=about), ToolResult(words, error=True))

    def _failed(self, use: _Use, words: str) -> None:
        words = _text_of(words)
        self._host.event("warning", "tool_failed", f"tool {use.about.name!r}: {words}"[:500])
        self._refuse(use, f"The tool failed: {words}"[:1_000], words)


def _text_of(text: str, characters_max: int | None = None) -> str:
    """A text from outside, cut, and without what is no text (JSON may hold half a surrogate pair)."""
    return text[:characters_max].encode("utf-8", "replace").decode()


def _object_of(text: str) -> JsonObject | None:
    """The JSON object in a tool's words; ``None`` when there is none."""
    try:
        found = read_json(text.encode("utf-8", "surrogateescape"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _ms(value: Json) -> int:
    return max(40, min(round(1_000 * seconds(value)), 5_000)) if isinstance(value, str) else 100
