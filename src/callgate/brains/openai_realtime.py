"""A brain behind the OpenAI Realtime protocol: connected while the phone rings, interrupted to the millisecond.

What the caller has really heard is known exactly, since the queue of sound is ours: at a barge-in the queue is cleared
and the server told how much of the item was heard. Time is told by `hear`, which comes every 20 ms.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from callgate.brains.inactivity import Ending, Inactivity, schedule
from callgate.brains.opening import opening
from callgate.brains.realtime_link import RealtimeLink
from callgate.brains.realtime_server import (
    RealtimeServer,
    greeting_prompt,
    initial_messages,
    may_hang_up,
)
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
    respond,
    say_exactly,
    tool_result,
    truncate,
    words_of,
)
from callgate.ports import Brain, BrainHost, BrainPlan

_AGENT: Final = "MESSAGE_ROLE_AGENT"
_USER: Final = "MESSAGE_ROLE_USER"
_ROTATE_S: Final = 58 * 60.0  # servers end a session after an hour
_DIGITS_PAUSE_S: Final = 1.2  # after which digits are one entry: what people pause while they type a number
_HANG_UP_S_MAX: Final = 10.0  # for the last words to be spoken and sent
_HISTORY_MAX: Final = 200  # things said that a new session is told of
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

    def __init__(self, plan: BrainPlan, host: BrainHost, server: RealtimeServer) -> None:
        self._host = host
        self._bridge = host.bridge
        self._server = server
        self._settings = settings = plan.settings
        self._opening = opening(settings)
        first = choose_format(server.formats, host.codec)
        self.hears = self.speaks = first
        self._silence = first.silence
        self._can_hang_up = may_hang_up(settings)
        self._link: RealtimeLink | None = None
        self._linked_s = 0.0
        self._reconnecting: asyncio.Task[None] | None = None
        self._reconnected = False
        self._closed = False
        self._live = False
        self._began_s = self._now_s = host.monotonic()
        self._inactivity: Inactivity | None = None
        self._held_since_s: float | None = None
        self._greet_s: float | None = None
        self._uninterruptible = False
        self._item: _Item | None = None
        self._muted = ""  # the item whose late sound is not wanted any more
        self._responding = False
        self._asked = b""
        self._pending: deque[bytes] = deque()
        self._digits = ""
        self._digits_due_s = 0.0
        self._farewell: tuple[str, float] | None = None  # the outcome, and when at the latest
        self._soft = False  # whether the caller may take it back by speaking
        self._spoke_s = 0.0
        self._history: deque[tuple[str, str]] = deque(maxlen=_HISTORY_MAX)
        self._errors = 0

    # --------------------------------------------------------------------------------------------------- ports.Brain

    async def start(self) -> None:
        """Connect and configure."""
        self._link = link = await self._open(str(self.hears))
        self._linked_s = self._host.monotonic()
        self.hears = self.speaks = sound_format(link.format)
        self._silence = self.hears.silence
        for role, text in initial_messages(self._settings):
            self._history.append((role, text))
            link.send(words_of(role, text, self._server.profile))

    def begin(self) -> None:
        """The caller is there."""
        self._live = True
        self._began_s = self._now_s = now = self._host.monotonic()
        if isinstance(self._settings.get("inactivityMessages"), list):
            self._inactivity = Inactivity(schedule(self._settings), now)
        if self._opening.delay_s is not None:
            self._greet_s = now + self._opening.delay_s
        self._pass(now)

    def hear(self, frame: bytes) -> None:
        """To the model; also what makes time pass."""
        if not self._live:
            return
        self._now_s = now = self._host.monotonic()
        if self._link is not None:
            # Who may not interrupt is not listened to.
            self._link.send(append(self._silence if self._uninterruptible else frame))
        self._pass(now)

    def held(self, on: bool) -> None:
        """Timers pause."""
        now = self._host.monotonic()
        if on:
            self._held_since_s = now
        elif self._held_since_s is not None:
            if self._inactivity is not None:
                self._inactivity.wait(now - self._held_since_s)
            self._held_since_s = None

    def digit(self, digit: str, duration_ms: int) -> None:
        """Digits become words when the caller pauses."""
        self._digits += digit
        self._digits_due_s = self._host.monotonic() + _DIGITS_PAUSE_S
        self._caller_is_active()

    def marked(self, name: str) -> None:
        """An item has been heard to its end."""
        item = self._item
        if item is not None and item.done and item.item_id == name:
            self._heard_of(item, item.text)
            self._item = None
            self._uninterruptible = False

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Speak now, over whatever is being said."""
        self._interrupt()
        if then_hang_up:
            self._farewell, self._soft = (then_hang_up, self._host.monotonic() + _HANG_UP_S_MAX), False
            self._uninterruptible = True
        if self._responding:
            self._send(cancel())
        self._when_free(say_exactly(text))

    async def close(self) -> None:
        """Let go of the connection."""
        self._closed = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
        if self._link is not None:
            await self._link.close()

    # --------------------------------------------------------------------------------------------------------- time

    def _pass(self, now: float) -> None:
        """What is due by now."""
        if self._greet_s is not None and now >= self._greet_s:
            self._greet_s = None
            self._greet()
        if self._digits and now >= self._digits_due_s:
            digits, self._digits = self._digits, ""
            self._said("user", f"[DTMF] {digits}")
            self._send(words_of("user", f"[DTMF] {digits}", self._server.profile))
            self._when_free(respond())
        if self._bridge.queued_ms > 0:
            self._spoke_s = now
            if self._inactivity is not None:
                self._inactivity.agent_active(now)
        elif self._inactivity is not None and self._held_since_s is None and self._farewell is None:
            self._inactive(now)
        if self._farewell is not None:
            outcome, latest_s = self._farewell
            spoken = not self._responding and not self._pending and self._item is None and not self._bridge.queued_ms
            if now >= latest_s or spoken:
                self._farewell = None
                self._host.hang_up(outcome)
        if now - self._linked_s > _ROTATE_S and self._reconnecting is None and not self._responding:
            self._reconnecting = asyncio.get_running_loop().create_task(self._rotate(), name="rotation of a session")

    def _greet(self) -> None:
        text = self._opening.text
        self._uninterruptible = self._opening.uninterruptible
        prompt = greeting_prompt(self._settings)
        self._when_free(say_exactly(text) if text else respond(prompt))

    def _inactive(self, now: float) -> None:
        assert self._inactivity is not None
        step = self._inactivity.due(now)
        if step is None:
            return
        if step.text:
            self._when_free(say_exactly(step.text))
        if step.ending is not Ending.NONE:
            self._farewell = ("inactivity", now + _HANG_UP_S_MAX)
            self._soft = step.ending is Ending.SOFT

    def _caller_is_active(self) -> None:
        self._greet_s = self._greet_s if not self._opening.yields else None
        if self._inactivity is not None:
            self._inactivity.caller_active(self._host.monotonic())
        if self._soft and self._farewell is not None:
            self._farewell = None

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
                self._caller_is_active()
                if not self._uninterruptible:
                    self._interrupt()
            case SpeechStopped():
                self._caller_is_active()
            case CallerSaid(text):
                self._said("user", text)
            case ResponseCreated():
                self._responding = True
            case ResponseDone(_, status, words):
                self._response_is_done(status, words)
            case ToolCalled(call_id, name, _):
                self._use(call_id, name)
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
        self._heard_of(item, _part_of(item.text, heard_ms / item.received_ms if item.received_ms else 0.0))

    def _heard_of(self, item: _Item, text: str) -> None:
        """An item ends, here or in the middle; what was heard of it becomes a message."""
        if text.strip():
            self._history.append(("assistant", text))
            self._host.message(_AGENT, text, self._since_began_ms(item.begun_s), self._since_began_ms(self._now_s))

    def _said(self, role: str, text: str) -> None:
        if text.strip():
            self._history.append((role, text.strip()))
            self._host.message(
                _USER if role == "user" else _AGENT, text.strip(), None, self._since_began_ms(self._now_s)
            )

    def _since_began_ms(self, at_s: float) -> float:
        return round(1_000 * (at_s - self._began_s), 1)

    def _response_is_done(self, status: str, words: str) -> None:
        self._responding = False
        if status in ("failed", "incomplete"):
            self._trouble(f"an answer {status}: {words}")
        if self._pending:
            self._ask(self._pending.popleft())
        elif self._item is None and self._farewell is None:
            self._uninterruptible = False  # what was not to be interrupted was not said

    def _trouble(self, words: str) -> None:
        self._errors += 1
        if self._errors <= _ERRORS_TOLD_MAX:
            self._host.event("warning", "brain_error", words[:500])

    def _use(self, call_id: str, name: str) -> None:
        if name == "hangUp" and self._can_hang_up:
            self._farewell, self._soft = ("agent-hangup", self._host.monotonic() + _HANG_UP_S_MAX), False
            self._send(tool_result(call_id, "The call ends when you have finished speaking."))
            return
        self._trouble(f"the model called a tool that it was not given: {name[:100]}")
        self._send(tool_result(call_id, f"There is no tool called {name[:100]}."))
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
            wanted=self._server.configuration(self._settings, wanted),
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
            await self._renew()
        except OSError as error:
            self._host.fail(f"the speech model is gone and cannot be reached again: {error}")
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
        for role, text in self._history:
            link.send(words_of(role, text, self._server.profile))
        self._link, self._linked_s, self._responding = link, self._host.monotonic(), False
        if self._pending:
            self._ask(self._pending.popleft())


class OpenAIRealtimeFactory:
    """Makes brains of one server."""

    def __init__(self, server: RealtimeServer) -> None:
        self._server = server

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains may hear and speak."""
        return self._server.formats

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """One for a call."""
        return OpenAIRealtimeBrain(plan, host, self._server)

    def close(self) -> None:
        """Nothing is shared."""


def _part_of(text: str, share: float) -> str:
    """The beginning of a text, by how much of its sound was heard, to the end of a word."""
    if share >= 1:
        return text
    cut = int(len(text) * share)
    kept = text[:cut] if cut >= len(text) or text[cut : cut + 1].isspace() else text[:cut].rpartition(" ")[0]
    return kept.rstrip()
