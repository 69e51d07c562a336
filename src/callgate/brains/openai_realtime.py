"""A brain behind the OpenAI Realtime protocol: connected while the phone rings, interrupted to the millisecond.

What the caller has really heard is known exactly, since the queue of sound is ours: at a barge-in the queue is cleared
and the server told how much of the item was heard. Time is told by `hear`, which comes every 20 ms.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from callgate.brains.conversation import Conversation
from callgate.brains.heard import part_of
from callgate.brains.manners import Manners
from callgate.brains.realtime_link import RealtimeLink
from callgate.brains.realtime_server import RealtimeServer
from callgate.brains.tools.client import ToolClient
from callgate.brains.tools.definition import Reaction
from callgate.brains.tools.use import CallTools, ToolResult
from callgate.core.audio.convert import choose_format
from callgate.core.audio.format import SoundFormat, sound_format
from callgate.core.dialects.openai_realtime import (
    AgentSaid,
    AgentSaying,
    CallerSaid,
    Event,
    Malformed,
    ResponseCreated,
    ResponseDone,
    ServerError,
    Sound,
    SoundDone,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    append,
    cancel,
    configure,
    respond,
    say_exactly,
    tool_result,
    truncate,
    words_of,
)
from callgate.entities.json import JsonObject
from callgate.ports.brain import Brain, BrainHost, BrainPlan

_ROTATE_S: Final = 58 * 60.0  # servers end a session after an hour
_ERRORS_TOLD_MAX: Final = 20  # events a call, of errors that change nothing


@dataclass(slots=True)
class _Item:
    """Something the agent says.

    Attributes:
        item_id: the server's name for it.
        content_index: of its sound.
        begins_ms: of all queued sound, what came before it.
        begun_s: when its first sound came.
        received_ms: of its sound.
        text: as far as it is known.
        done: whether all its sound has come.
    """

    item_id: str
    content_index: int
    begins_ms: float
    begun_s: float
    received_ms: float = 0.0
    text: str = ""
    done: bool = False


class OpenAIRealtimeBrain:
    """The agent of one call."""

    def __init__(self, plan: BrainPlan, host: BrainHost, server: RealtimeServer, client: ToolClient) -> None:
        self._host = host
        self._bridge = host.bridge
        self._server = server
        self._settings = plan.settings
        self._conversation = Conversation(plan.settings, host)
        self._manners = Manners(plan.settings, host, self)
        self._tools = CallTools(plan, host, client, self._conversation, self)
        first = choose_format(server.formats, host.codec)
        self.hears = self.speaks = first
        self._silence = first.silence
        self._link: RealtimeLink | None = None
        self._linked_s = 0.0
        self._reconnecting: asyncio.Task[None] | None = None
        self._reconnected = False
        self._closed = False
        self._live = False
        self._now_s = host.monotonic()
        self._item: _Item | None = None
        self._muted = ""  # the item whose late sound is not wanted any more
        self._responding = False
        self._asked = b""
        self._pending: deque[bytes] = deque()
        self._using = 0  # tools whose answers the model waits for
        self._speak_next = False  # when they have all come
        self._errors = 0

    # --------------------------------------------------------------------------------------------------- ports.Brain

    async def start(self) -> None:
        """Connect and configure."""
        self._link = link = await self._open(str(self.hears))
        self._linked_s = self._host.monotonic()
        self.hears = self.speaks = sound_format(link.format)
        self._silence = self.hears.silence
        self._tell_history(link)

    def begin(self) -> None:
        """The caller is there."""
        self._live = True
        self._now_s = self._host.monotonic()
        self._conversation.begin()
        self._manners.begin()

    def hear(self, frame: bytes) -> None:
        """To the model; also what makes time pass."""
        if not self._live:
            return
        self._now_s = now = self._host.monotonic()
        if self._link is not None:
            # Who may not interrupt is not listened to.
            self._link.send(append(self._silence if self._manners.uninterruptible else frame))
        self._manners.tick()
        if now - self._linked_s > _ROTATE_S and self._reconnecting is None and not self._responding:
            self._reconnecting = asyncio.get_running_loop().create_task(self._rotate(), name="rotation of a session")

    def held(self, on: bool) -> None:
        """Timers pause."""
        self._manners.held(on)

    def digit(self, digit: str, duration_ms: int) -> None:
        """Digits become words when the caller pauses."""
        self._manners.digit(digit)

    def marked(self, name: str) -> None:
        """An item has been heard to its end."""
        item = self._item
        if item is not None and item.done and item.item_id == name:
            self._heard_of(item, item.text)
            self._item = None
            self._manners.uninterruptible = False

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Speak now, over whatever is being said."""
        self._be_quiet()
        if then_hang_up:
            self._manners.leave(then_hang_up)
            self._manners.uninterruptible = True
        self.speak(text)

    def tell(self, message: JsonObject) -> None:
        """A text of the user, or words that the agent is forced to say."""
        urgent = message.get("urgency") == "immediate"
        if message.get("type") == "forced_agent_message":
            if urgent:
                self._be_quiet()
            self._manners.uninterruptible |= message.get("uninterruptible") is True
            self.speak(str(message.get("content", "")))
            return
        text = str(message.get("text", ""))
        self._conversation.said("user", text)
        self._manners.caller_active()
        if urgent:
            self._be_quiet()
        self._send(words_of("user", text, self._server.profile))
        if message.get("urgency") != "later":
            self._when_free(respond())

    async def close(self) -> None:
        """Let go of the connection."""
        self._closed = True
        self._tools.close()
        if self._reconnecting is not None:
            self._reconnecting.cancel()
        if self._link is not None:
            await self._link.close()

    # ------------------------------------------------------------------------------- manners.Speaker, tools.Effects

    @property
    def silent(self) -> bool:
        """Whether nothing is being said, nor about to be."""
        return not self._responding and not self._pending and self._item is None

    def greet(self, text: str, prompt: str) -> None:
        """Say the first words."""
        self._when_free(say_exactly(text) if text else respond(prompt))

    def speak(self, text: str) -> None:
        """Say this when what is being said has been said."""
        self._when_free(say_exactly(text))

    def typed(self, digits: str) -> None:
        """The caller has typed something."""
        self._conversation.said("user", f"[DTMF] {digits}")
        self._send(words_of("user", f"[DTMF] {digits}", self._server.profile))
        self._when_free(respond())

    def leave(self, outcome: str, *, soft: bool = False) -> None:
        """Hang up after the last word."""
        self._manners.leave(outcome, soft=soft)

    def restage(self, settings: JsonObject) -> None:
        """Other instructions and tools; the model's voice stays, since servers cannot change it."""
        self._settings = {**self._settings, **settings}
        self._manners.restage(settings)
        wanted = self._server.configuration(self._settings, self._tools.offered, str(self.hears))
        self._send(configure(replace(wanted, voice=""), self._server.profile))

    # ------------------------------------------------------------------------------------------ what the server says

    def _event(self, event: Event) -> None:
        match event:
            case Sound():
                self._play(event)
            case SoundDone(item_id):
                self._sound_is_done(item_id)
            case AgentSaying(item_id, text):
                if self._item is not None and self._item.item_id == item_id:
                    self._item.text += text
            case AgentSaid(item_id, text):
                if self._item is not None and self._item.item_id == item_id:
                    self._item.text = text
            case SpeechStarted():
                self._manners.caller_active()
                if not self._manners.uninterruptible:
                    self._interrupt()
            case SpeechStopped():
                self._host.turn_ended()
                self._manners.caller_active()
            case CallerSaid(text):
                self._conversation.said("user", text)
            case ResponseCreated():
                self._responding = True
            case ResponseDone(_, status, words):
                self._response_is_done(status, words)
            case ToolCalled(call_id, name, arguments):
                self._use(call_id, name, arguments)
            case ServerError("response_cancel_not_active"):
                self._response_is_done("completed", "")
            case ServerError("conversation_already_has_active_response") if self._asked:
                self._responding = True
                self._pending.appendleft(self._asked)  # it began to answer by itself meanwhile
                self._asked = b""
            case ServerError(code, message):
                self._trouble(f"{code}: {message}" if code else message)
            case Malformed(words):
                self._trouble(f"a message that cannot be read: {words}")

    def _play(self, event: Sound) -> None:
        if event.item_id == self._muted or not self._live:
            return
        item = self._item
        if item is None or item.item_id != event.item_id:
            if item is not None:
                self._heard_of(item, item.text)  # the next item begins where it ends
            begins_ms = self._bridge.played_ms + self._bridge.queued_ms
            item = self._item = _Item(event.item_id, event.content_index, begins_ms, self._now_s)
        try:
            self._bridge.play(event.sound)
        except ValueError as error:
            self._trouble(f"sound that cannot be played: {error}")
            return
        item.received_ms += len(event.sound) / self.speaks.bytes_per_ms

    def _sound_is_done(self, item_id: str) -> None:
        if self._item is not None and self._item.item_id == item_id:
            self._item.done = True
            self._bridge.mark(item_id)

    def _be_quiet(self) -> None:
        """Something else is to be said now."""
        self._interrupt()
        if self._responding:
            self._send(cancel())

    def _interrupt(self) -> None:
        """The caller speaks: silence at once, and the model is told how much was heard."""
        item, self._item = self._item, None
        cleared = self._bridge.clear()
        if item is None:
            return
        self._muted = item.item_id
        heard_ms = min(max(0.0, cleared.played_ms - item.begins_ms), item.received_ms)
        if 0 < heard_ms < item.received_ms:
            self._send(truncate(item.item_id, item.content_index, int(heard_ms)))
        self._heard_of(item, part_of(item.text, heard_ms / item.received_ms if item.received_ms else 0.0))

    def _heard_of(self, item: _Item, text: str) -> None:
        """An item ends, here or in the middle; what was heard of it becomes a message."""
        self._conversation.said("assistant", text, item.begun_s)

    def _response_is_done(self, status: str, words: str) -> None:
        self._responding = False
        if status in ("failed", "incomplete"):
            self._trouble(f"an answer {status}: {words}")
        if self._pending:
            self._ask(self._pending.popleft())
        elif self._item is None and not self._manners.leaving:
            self._manners.uninterruptible = False  # what was not to be interrupted was not said

    def _trouble(self, words: str) -> None:
        self._errors += 1
        if self._errors <= _ERRORS_TOLD_MAX:
            self._host.event("warning", "brain_error", words[:500])

    def _use(self, call_id: str, name: str, arguments: str) -> None:
        self._using += 1
        link = self._link
        self._tools.use(name, arguments, call_id, lambda result: self._used(call_id, link, result))

    def _used(self, call_id: str, link: RealtimeLink | None, result: ToolResult) -> None:
        """Several tools may be in use: the model goes on when the last has answered."""
        self._using -= 1
        if link is not self._link:
            return  # another session took over and knows nothing of the question
        self._send(tool_result(call_id, result.text))
        self._speak_next |= result.reaction is not Reaction.LISTENS
        if not self._using and self._speak_next:
            self._speak_next = False
            self._when_free(respond())

    # --------------------------------------------------------------------------------------------------- the connection

    def _send(self, message: bytes) -> None:
        if self._link is not None:
            self._link.send(message)

    def _when_free(self, message: bytes) -> None:
        """Have the model speak, once it does not already: two answers at a time are an error."""
        if self._responding:
            self._pending.append(message)
        else:
            self._ask(message)

    def _ask(self, message: bytes) -> None:
        self._responding, self._asked = True, message
        self._send(message)

    async def _open(self, wanted: str) -> RealtimeLink:
        return await RealtimeLink.open(
            self._server,
            wanted=self._server.configuration(self._settings, self._tools.offered, wanted),
            heard=self._event,
            ended=self._ended,
        )

    def _ended(self, why: str) -> None:
        """The connection has gone: once, another one takes its place."""
        self._link = None
        if self._closed:
            return
        if self._reconnected:
            self._host.fail(f"the speech model is gone: {why}")
            return
        self._reconnected = True
        self._host.event("warning", "brain_reconnecting", f"the connection to the speech model ended: {why}")
        self._reconnecting = asyncio.get_running_loop().create_task(self._reconnect(), name="another session")

    async def _reconnect(self) -> None:
        try:
            async with asyncio.timeout(self._server.reconnect_s_max):
                await self._renew()
        except OSError as error:
            words = str(error) or f"no answer within {self._server.reconnect_s_max:g} s"
            self._host.fail(f"the speech model is gone and cannot be reached again: {words}")
        finally:
            self._reconnecting = None

    async def _rotate(self) -> None:
        """Another session before the server ends this one; the old one goes on until it is there."""
        try:
            old = self._link
            await self._renew()
            if old is not None:
                await old.close()
        except OSError as error:
            self._linked_s = self._now_s - _ROTATE_S + 20.0  # tried again soon
            self._trouble(f"no new session before the old one ends: {error}")
        finally:
            self._reconnecting = None

    async def _renew(self) -> None:
        link = await self._open(str(self.hears))
        if link.format != str(self.hears):
            await link.close()
            raise OSError(f"it speaks {link.format} now; expected {self.hears}")
        self._tell_history(link)
        self._link, self._linked_s, self._responding = link, self._host.monotonic(), False
        if self._pending:
            self._ask(self._pending.popleft())

    def _tell_history(self, link: RealtimeLink) -> None:
        for role, text in self._conversation.history:
            link.send(words_of(role, text, self._server.profile))


class OpenAIRealtimeFactory:
    """Makes brains of one server.

    Args:
        server: as configured.
        client: for the tools of its calls.
    """

    def __init__(self, server: RealtimeServer, client: ToolClient) -> None:
        self._server = server
        self._client = client

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains may hear and speak."""
        return self._server.formats

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """One for a call."""
        return OpenAIRealtimeBrain(plan, host, self._server, self._client)

    def close(self) -> None:
        """Nothing is shared."""
