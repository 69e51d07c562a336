"""An agent at Ultravox Realtime, or whatever speaks its API: created and joined while the phone rings (`ultravox`).

The model takes its own turns and says when what it sent is to be thrown away. Its tools are done here, so that they
pass the same checks as those of every other brain.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from callgate.brains.conversation import Conversation
from callgate.brains.manners import Manners
from callgate.brains.socket import BrainSocket, BrainUnreachable
from callgate.brains.tools.client import ToolClient
from callgate.brains.tools.use import CallTools, ToolResult
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.core.dialects.ultravox import (
    Clear,
    ClientTool,
    Malformed,
    State,
    ToolCalled,
    Transcript,
    call_body,
    forced_words,
    hang_up,
    read,
    tool_result,
    user_text,
)
from callgate.entities.json import Json, JsonObject
from callgate.ports.brain import Brain, BrainHost, BrainPlan
from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.http import forbidden_cause, http_session
from callgate.schema.duration import seconds

_CREATE_S_MAX: Final = 5.0  # for the call to be created: the phone rings meanwhile
_ANSWER_BYTES_MAX: Final = 1024 * 1024  # of the created call, which repeats prompt and tools
_EARLY_BYTES_MAX: Final = 10 * 16_000  # of sound before the caller is there: ten seconds
_MAX_DURATION_S: Final = 3_600.0  # the public default
_GRACE_S: Final = 60.0  # the server ends the call this much later than we do
_NORMAL: Final = (1000, 1001)
_ERRORS_TOLD_MAX: Final = 20  # events a call
_SPOKEN_MAX: Final = 100  # transcripts that are not complete, at a time
_ROLES: Final = {"user": "user", "agent": "assistant"}


class UltravoxBrain:
    """The agent of one call."""

    def __init__(self, plan: BrainPlan, host: BrainHost, factory: "UltravoxFactory") -> None:
        self._host = host
        self._bridge = host.bridge
        self._factory = factory
        self._settings = plan.settings
        self._conversation = Conversation(plan.settings, host)
        # The server greets by itself; what is left to our manners are silence, keys and leaving.
        self._manners = Manners({**plan.settings, "firstSpeakerSettings": {"user": {}}}, host, self)
        self._tools = CallTools(plan, host, factory.client, self._conversation, self, stages=False)
        self.hears = self.speaks = PCM_8K
        self._socket: BrainSocket | None = None
        self._live = False
        self._early = bytearray()
        self._state = ""
        self._asked = False  # whether words were asked for that have not begun
        self._said: dict[int, str] = {}
        self._errors = 0

    # --------------------------------------------------------------------------------------------------- ports.Brain

    async def start(self) -> None:
        """Create the call and join it."""
        duration = self._settings.get("maxDuration")
        max_s = seconds(duration) if isinstance(duration, str) else _MAX_DURATION_S
        body = call_body(
            self._settings,
            [
                _client_tool(tool.parameters, tool.name, tool.description, tool.timeout_s)
                for tool in self._tools.offered
            ],
            model=self._factory.model,
            max_duration_s=max_s + _GRACE_S,
        )
        self._socket = await BrainSocket.connect(
            await self._factory.create(body),
            guard=self._factory.guard,
            on_text=self._read,
            on_binary=self._play,
            on_closed=self._closed,
        )

    def begin(self) -> None:
        """The caller is there: what was said too early is heard now."""
        self._live = True
        self._conversation.begin()
        self._manners.begin()
        early, self._early = bytes(self._early), bytearray()
        if early:
            self._play(early)

    def hear(self, frame: bytes) -> None:
        """To the agent; also what makes time pass."""
        if self._live:
            if self._socket is not None:
                self._socket.send_binary(frame)
            self._manners.tick()

    def held(self, on: bool) -> None:
        """Timers pause."""
        self._manners.held(on)

    def digit(self, digit: str, duration_ms: int) -> None:
        """Digits become a text when the caller pauses."""
        self._manners.digit(digit)

    def marked(self, name: str) -> None:
        """Nothing is marked."""

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Speak now, over whatever is being said."""
        self._bridge.clear()
        self._ask(text, uninterruptible=then_hang_up is not None)
        if then_hang_up:
            self._manners.leave(then_hang_up)

    def tell(self, message: JsonObject) -> None:
        """A text of the user, or words that the agent is forced to say."""
        urgency = str(message.get("urgency", "soon"))
        if message.get("type") == "forced_agent_message":
            certain = message.get("uninterruptible") is True
            self._asked = True
            self._send(forced_words(str(message.get("content", "")), urgency=urgency, uninterruptible=certain))
            return
        text = str(message.get("text", ""))
        self._conversation.said("user", text)
        self._manners.caller_active()
        self._send(user_text(text, urgency))

    async def close(self) -> None:
        """Leave."""
        self._tools.close()
        if self._socket is not None:
            self._send(hang_up())
            await self._socket.close()

    # ------------------------------------------------------------------------------- manners.Speaker, tools.Effects

    @property
    def silent(self) -> bool:
        """Whether nothing is being said, nor about to be."""
        return not self._asked and self._state not in ("thinking", "speaking")

    def greet(self, text: str, prompt: str) -> None:
        """Never asked for: the server greets."""

    def speak(self, text: str) -> None:
        """Say this."""
        self._ask(text)

    def typed(self, digits: str) -> None:
        """The caller has typed something."""
        self._conversation.said("user", f"[DTMF] {digits}")
        self._send(user_text(digits, "immediate"))

    def leave(self, outcome: str, *, soft: bool = False) -> None:
        """Hang up after the last word."""
        self._manners.leave(outcome, soft=soft)

    def restage(self, settings: JsonObject) -> None:
        """Never asked for: the server keeps stages of its own, and cannot be told of ours."""

    # ---------------------------------------------------------------------------------------------------- fragments

    def _ask(self, text: str, *, uninterruptible: bool = False) -> None:
        self._asked = True
        self._send(forced_words(text, uninterruptible=uninterruptible))

    def _send(self, message: bytes) -> None:
        if self._socket is not None:
            self._socket.send_text(message)

    def _play(self, sound: bytes) -> None:
        if not self._live:
            self._early += sound[: _EARLY_BYTES_MAX - len(self._early)]
            return
        self._asked = False
        try:
            self._bridge.play(sound)
        except ValueError as error:
            self._trouble(f"sound that cannot be played: {error}")

    def _read(self, message: bytes) -> None:
        match read(message):
            case Clear():
                self._early.clear()
                self._bridge.clear()
            case State(state):
                if state == "thinking" and self._state == "listening":
                    self._host.turn_ended()
                self._state = state
            case Transcript() as said:
                self._transcribed(said)
            case ToolCalled(name, invocation_id, parameters):
                self._tools.use(
                    name, json.dumps(parameters), invocation_id, lambda result: self._used(invocation_id, result)
                )
            case Malformed(words):
                self._trouble(f"a message that cannot be read: {words}")

    def _transcribed(self, said: Transcript) -> None:
        if said.role == "user":
            self._manners.caller_active()
        text = (
            self._said.pop(said.ordinal, "") + said.text
            if said.is_delta
            else said.text or self._said.get(said.ordinal, "")
        )
        if said.final:
            self._said.pop(said.ordinal, None)
            if said.role in _ROLES:
                self._conversation.said(_ROLES[said.role], text)
        elif said.ordinal in self._said or len(self._said) < _SPOKEN_MAX:
            self._said[said.ordinal] = text

    def _used(self, invocation_id: str, result: ToolResult) -> None:
        self._send(tool_result(invocation_id, result.text, result.reaction.value, failed=result.error))

    def _trouble(self, words: str) -> None:
        self._errors += 1
        if self._errors <= _ERRORS_TOLD_MAX:
            self._host.event("warning", "brain_error", words[:500])

    def _closed(self, why: str) -> None:
        code = None if self._socket is None else self._socket.close_code
        self._socket = None
        self._asked, self._state = False, ""
        if self._live and code in _NORMAL:
            if not self._manners.leaving:
                self._manners.leave("agent-hangup")
        else:
            self._host.fail(f"the agent is gone: {why}")


class UltravoxFactory:
    """Makes brains of one server of the API.

    Args:
        url: ``http://`` or ``https://``, without a path: ``https://api.ultravox.ai``.
        guard: which addresses may be reached.
        api_key: of the server's account.
        model: as the server calls it; empty: its default.
        client: for the tools of its calls.
    """

    def __init__(self, url: str, *, guard: AddressGuard, api_key: str, model: str, client: ToolClient) -> None:
        self._url = url.rstrip("/")
        self._api_key = api_key
        self.guard = guard
        self.model = model
        self.client = client
        self._session: aiohttp.ClientSession | None = None

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains hear and speak."""
        return (PCM_8K,)

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """One for a call."""
        return UltravoxBrain(plan, host, self)

    def close(self) -> None:
        """Its connections live as long as the worker's process."""

    async def let_go(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()

    async def create(self, body: JsonObject) -> str:
        """Create a call; where to join it.

        Raises:
            BrainUnreachable: the server cannot be reached, or refuses.
        """
        if self._session is None:
            self._session = http_session(self.guard)
        try:
            async with (
                asyncio.timeout(_CREATE_S_MAX),
                self._session.post(
                    f"{self._url}/api/calls", json=body, headers={"X-API-Key": self._api_key}, allow_redirects=False
                ) as response,
            ):
                answer = await response.content.read(_ANSWER_BYTES_MAX)
                while more := await response.content.read(_ANSWER_BYTES_MAX):
                    answer += more
                    if len(answer) > _ANSWER_BYTES_MAX:
                        raise BrainUnreachable(f"the answer is longer than {_ANSWER_BYTES_MAX} bytes")
        except TimeoutError:
            raise BrainUnreachable(f"no call was created within {_CREATE_S_MAX:g} s") from None
        except aiohttp.ClientError as error:
            raise BrainUnreachable(forbidden_cause(error) or f"it could not be reached: {error}") from error
        if response.status != 201:
            words = answer[:300].decode("utf-8", "replace")
            raise BrainUnreachable(f"refused with HTTP {response.status}: {words}")
        return _join_url(answer)


def _join_url(answer: bytes) -> str:
    try:
        call: Json = json.loads(answer)
    except (ValueError, RecursionError):
        call = None
    url = call.get("joinUrl") if isinstance(call, dict) else None
    if not isinstance(url, str) or urlsplit(url).scheme not in ("ws", "wss"):
        raise BrainUnreachable("the created call has no joinUrl")
    return url


def _client_tool(parameters: JsonObject, name: str, description: str, timeout_s: float) -> ClientTool:
    properties, required = parameters.get("properties"), parameters.get("required")
    return ClientTool(
        name,
        description,
        properties if isinstance(properties, dict) else {},
        frozenset(str(one) for one in required) if isinstance(required, list) else frozenset(),
        timeout_s,
    )
