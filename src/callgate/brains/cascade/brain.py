"""A cascade: ears that know turns, a chat model that answers, a speech server that says it (`cascade`).

One answer is thought at a time. What is to be said waits until the model is free, and an answer also until the caller
has finished and has been understood. Time is told by `hear`, which comes every 20 ms; servers have deadlines of their
own (`servers.Patience`).
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from callgate.brains.cascade.clauses import ClauseCutter, spoken_text
from callgate.brains.cascade.ears import HEARD, Ears
from callgate.brains.cascade.memory import AgentEntry, CallerEntry, Memory, ToolUse
from callgate.brains.cascade.mouth import Mouth, Saying
from callgate.brains.cascade.servers import Cascade, ServerClient, ServerFailed
from callgate.brains.cascade.speech_sound import SPOKEN
from callgate.brains.cascade.thinking import Thinking, read_answer
from callgate.brains.cascade.transcripts import write_down
from callgate.brains.cascade.voice import Voice
from callgate.brains.conversation import Conversation
from callgate.brains.manners import Manners
from callgate.brains.socket import BrainUnreachable
from callgate.brains.speech_detection import FRAME_S, Heard, turn_settings
from callgate.brains.tools.client import ToolClient
from callgate.brains.tools.definition import Reaction
from callgate.brains.tools.use import CallTools, ToolResult
from callgate.core.audio.format import SoundFormat
from callgate.core.audio.wav import write_wav
from callgate.core.dialects.chat_completions import ToolCall, message, request, tool_definition
from callgate.entities.json import Json, JsonObject
from callgate.ports.brain import Brain, BrainHost, BrainPlan
from callgate.runtime.address_guard import AddressGuard

WARM_UP: Final = "(The telephone is ringing.)"
"""What the model is asked while it does: with the call's own prompt, which servers keep read for the first answer."""
TOOL_ROUNDS_MAX: Final = 8  # answers in a row that only use tools; then one has to be without
_GREET: Final = "(The caller is on the telephone. Greet the caller.)"
_GREET_AS_TOLD: Final = "(The caller is on the telephone. You speak first, as follows: {prompt})"
# A noise silenced the agent and turned out to be no words.
_CUT_OFF: Final = "(You were interrupted by a noise. Go on with what you were saying.)"
_ERRORS_TOLD_MAX: Final = 20  # events a call, of errors that change nothing
_WARM_UP_SILENCE_S: Final = 0.5  # written down by a transcription server to prove that it does


@dataclass(frozen=True, slots=True)
class _Words:
    """Something to be said word for word."""

    text: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """Something the model is to say; `remark`: what it is told for it."""

    remark: str = ""


class CascadeBrain:
    """The agent of one call."""

    def __init__(self, plan: BrainPlan, host: BrainHost, factory: "CascadeFactory") -> None:
        self._host = host
        self._cascade = factory.cascade
        self._client = factory.servers
        self._settings = plan.settings
        self._conversation = Conversation(plan.settings, host)
        self._memory = Memory(self._conversation)
        self._manners = Manners(plan.settings, host, self)
        self._tools = CallTools(plan, host, factory.tools, self._conversation, self)
        self._ears = Ears(turn_settings(plan.settings))
        self._voice = Voice(self._client, self._cascade, _text(plan.settings.get("voice")), self._voice_not_taken)
        self._mouth = Mouth(self._voice, host.bridge, now=host.monotonic, heard=self._heard, failed=self._fail)
        self.hears, self.speaks = HEARD, SPOKEN
        self._live = False
        self._wanted: deque[_Words | _Answer] = deque()
        self._thinking: Thinking | None = None
        self._writing: set[asyncio.Task[None]] = set()  # of turns into transcripts
        self._insists = False  # whether the turn that goes on is long enough to interrupt
        self._meant = False  # whether it has done so
        self._cut_off = False  # whether it has silenced the agent
        self._using = 0  # tools whose answers the model waits for
        self._speak_next = False  # when they have all come
        self._rounds = 0  # answers in a row that only used tools
        self._errors = 0

    # --------------------------------------------------------------------------------------------------- ports.Brain

    async def start(self) -> None:
        """Have every server prove that it works, all at once."""
        wanted = [self._prove_chat(), self._voice.prove()]
        if self._cascade.transcription is not None:
            wanted.append(self._prove_transcription())
        tasks = [asyncio.ensure_future(work) for work in wanted]
        try:
            async with asyncio.timeout(self._cascade.patience.start):
                await asyncio.gather(*tasks)
        except ServerFailed as error:
            raise BrainUnreachable(str(error)) from error
        except TimeoutError:
            raise BrainUnreachable(f"no answer within {self._cascade.patience.start:g} s") from None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def begin(self) -> None:
        """The caller is there."""
        self._live = True
        self._conversation.begin()
        self._manners.begin()
        self._next()

    def hear(self, frame: bytes) -> None:
        """Listen; also what makes time pass."""
        if not self._live:
            return
        heard = self._ears.hear(frame)
        if heard is not Heard.NOTHING:
            self._turn(heard)
        if self._insists and not self._manners.uninterruptible:
            self._interrupt()
        self._mouth.tick()
        self._manners.tick()

    def held(self, on: bool) -> None:
        """Timers pause."""
        self._manners.held(on)

    def digit(self, digit: str, duration_ms: int) -> None:
        """Digits become words when the caller pauses."""
        self._manners.digit(digit)

    def marked(self, name: str) -> None:
        """A saying has been heard to its end."""
        self._mouth.marked(name)

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Speak now, over whatever is being said."""
        self._wanted.clear()
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
            words = _Words(str(message.get("content", "")))
            self._want(words, first=urgent)
            return
        if urgent:
            self._be_quiet()
        self._memory.caller_typed(str(message.get("text", "")))
        self._manners.caller_active()
        if message.get("urgency") != "later":
            self._want(_Answer())

    async def close(self) -> None:
        """Let go of all connections."""
        self._live = False
        self._wanted.clear()
        self._tools.close()
        writing = tuple(self._writing)
        for task in writing:
            task.cancel()
        if self._thinking is not None:
            await self._thinking.close()
        await self._mouth.close()
        await asyncio.gather(*writing, return_exceptions=True)

    # ------------------------------------------------------------------------------- manners.Speaker, tools.Effects

    @property
    def silent(self) -> bool:
        """Whether nothing is being said, nor about to be."""
        return self._thinking is None and not self._wanted and not self._mouth.preparing

    def greet(self, text: str, prompt: str) -> None:
        """Say the first words."""
        self._want(_Words(text) if text else _Answer(_GREET_AS_TOLD.format(prompt=prompt) if prompt else _GREET))

    def speak(self, text: str) -> None:
        """Say this when what is being said has been said."""
        self._want(_Words(text))

    def typed(self, digits: str) -> None:
        """The caller has typed something."""
        self._memory.caller_typed(f"[DTMF] {digits}")
        self._rounds = 0
        self._want(_Answer())

    def leave(self, outcome: str, *, soft: bool = False) -> None:
        """Hang up after the last word."""
        self._manners.leave(outcome, soft=soft)

    def restage(self, settings: JsonObject) -> None:
        """Another prompt, voice, temperature and other tools, from the next answer on."""
        self._settings = {**self._settings, **settings}
        self._voice.change(_text(self._settings.get("voice")))

    # ------------------------------------------------------------------------------------------------ the caller's turn

    def _turn(self, heard: Heard) -> None:
        if heard is Heard.BEGAN:
            self._cut_off = False
        elif heard is Heard.INTERRUPTED:
            self._insists = True
        else:
            meant, self._insists, self._meant = self._meant, False, False
            if heard is Heard.ENDED:
                self._turn_ended(meant)
            self._next()

    def _interrupt(self) -> None:
        """The caller speaks, and means it: silence, also where words that may not be cut have just ended."""
        self._manners.caller_active()
        if not self._meant:
            self._meant, self._cut_off = True, self._busy
            self._be_quiet()

    def _turn_ended(self, meant: bool) -> None:
        wav = self._ears.turn()
        if (self._busy and not meant) or (self._manners.leaving and self._manners.uninterruptible):
            return  # said while the agent would not be interrupted
        self._manners.caller_active()
        if self._manners.leaving:
            return
        self._host.turn_ended()
        self._rounds = 0
        now = self._host.monotonic()
        ended_s = now - FRAME_S * self._ears.ending_frames
        begun_s = min(now - FRAME_S * self._ears.began_frames, ended_s)
        entry = self._memory.caller_spoke(wav, ended_s - begun_s, begun_s, ended_s, listens=self._cascade.audio_input)
        if self._cascade.transcription is None:
            self._memory.understood(entry, None)
        else:
            self._work(self._write_down(entry, wav))
        if self._cascade.audio_input:
            self._want(_Answer())

    async def _write_down(self, entry: CallerEntry, wav: bytes) -> None:
        """Have a turn written down, and answered by a model that cannot listen."""
        try:
            text = await write_down(self._client, self._cascade, wav, _text(self._settings.get("languageHint")))
        except ServerFailed as error:
            if not self._cascade.audio_input:
                self._fail(f"the caller cannot be understood: {error}")
                return
            self._trouble(f"a turn was not written down: {error}")
            self._memory.understood(entry, None)
            return
        if self._cascade.audio_input:
            self._memory.understood(entry, text)
        elif text:
            self._memory.understood(entry, text)
            self._want(_Answer())
        else:
            self._memory.forget(entry)
            if self._cut_off:
                self._want(_Answer(_CUT_OFF))

    @property
    def _busy(self) -> bool:
        return self._thinking is not None or self._mouth.busy

    # ------------------------------------------------------------------------------------------------------- speaking

    def _want(self, item: _Words | _Answer, *, first: bool = False) -> None:
        """Have something said once that is possible; an answer is the answer to all that was said before it."""
        if first:
            self._wanted.appendleft(item)
        elif isinstance(item, _Words) or item not in self._wanted:
            self._wanted.append(item)
        self._next()

    def _next(self) -> None:
        """Say what is wanted next, if that is possible."""
        while self._live and self._wanted and self._thinking is None:
            item = self._wanted[0]
            if isinstance(item, _Answer) and (self._meant or self._is_understanding):
                return  # the caller has not finished
            self._wanted.popleft()
            saying = self._mouth.begin(self._memory.agent_begins())
            if isinstance(item, _Words):
                self._say(saying, item.text)
            else:
                self._think(saying, item.remark)

    @property
    def _is_understanding(self) -> bool:
        """Whether the model needs a transcript that has not come."""
        return bool(self._writing) and not self._cascade.audio_input

    def _say(self, saying: Saying, text: str) -> None:
        cutter = ClauseCutter()
        for clause in (*cutter.feed(text), *cutter.finish()):
            if words := spoken_text(clause):
                self._mouth.add(saying, words)
        self._mouth.finish(saying)

    def _think(self, saying: Saying, remark: str) -> None:
        self._thinking = Thinking(
            self._client,
            self._cascade,
            request=lambda: self._request(remark),
            shorten=self._memory.shorten,
            said=lambda clause: self._mouth.add(saying, clause),
            done=lambda calls: self._thought(saying, calls),
            failed=self._fail,
        )

    def _request(self, remark: str) -> bytes:
        return self._body(self._memory.messages(_text(self._settings.get("systemPrompt")), remark))

    def _body(self, messages: Sequence[bytes]) -> bytes:
        temperature = self._settings.get("temperature")
        tools = self._tools.offered if self._cascade.tools else ()
        return request(
            self._cascade.chat.model,
            messages,
            tools=[tool_definition(tool.name, tool.description, tool.parameters) for tool in tools],
            may_use_tools=self._rounds < TOOL_ROUNDS_MAX,
            temperature=float(temperature) if isinstance(temperature, int | float) else None,
        )

    def _thought(self, saying: Saying, calls: Sequence[ToolCall]) -> None:
        """The model has finished an answer; it may have asked for tools."""
        self._thinking = None
        if not calls and not saying.clauses:
            self._trouble("the model answered with nothing")
        self._mouth.finish(saying)
        self._use(saying.entry, calls)
        self._next()

    def _use(self, entry: AgentEntry, calls: Sequence[ToolCall]) -> None:
        uses = [ToolUse(call) for call in calls]
        entry.uses = uses
        self._using += len(uses)
        self._rounds = self._rounds + 1 if uses else 0
        for use in uses:
            self._have_used(use)

    def _have_used(self, use: ToolUse) -> None:
        def used(result: ToolResult) -> None:
            """Several tools may be in use: the model goes on when the last has answered."""
            use.result = result.text
            self._using -= 1
            self._speak_next |= result.reaction is not Reaction.LISTENS
            if not self._using and self._speak_next:
                self._speak_next = False
                self._want(_Answer())

        self._tools.use(use.call.name, use.call.arguments, use.call.call_id, used)

    def _heard(self, saying: Saying) -> None:
        """A saying has ended, here or in the middle."""
        self._memory.tell()
        if self.silent and not self._mouth.busy and not self._manners.leaving:
            self._manners.uninterruptible = False

    def _be_quiet(self) -> None:
        """Silence at once: nothing of what is being said or thought is wanted any more."""
        thinking, self._thinking = self._thinking, None
        if thinking is not None:
            thinking.cancel()
        self._mouth.hush()

    # -------------------------------------------------------------------------------------------------------- servers

    async def _prove_chat(self) -> None:
        """The first words of an answer prove the server, the key, the model and that it takes these tools."""
        prompt = _text(self._settings.get("systemPrompt"))
        messages = [*([message("system", prompt)] if prompt else []), message("user", WARM_UP)]
        await read_answer(self._client, self._cascade, self._body(messages), lambda text: False)

    async def _prove_transcription(self) -> None:
        silence = bytes(int(_WARM_UP_SILENCE_S * 1_000) * HEARD.bytes_per_ms)
        await write_down(self._client, self._cascade, write_wav(silence, HEARD.rate_hz), "")

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="transcript of a turn")
        self._writing.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled():
            if (error := task.exception()) is not None:
                self._fail(f"a turn could not be written down: {error or type(error).__name__}")
            self._next()

    def _fail(self, words: str) -> None:
        """A server is of no use any more; what was said is told first, since who takes over goes on from there."""
        if not self._live:
            return
        self._live = False
        self._wanted.clear()
        thinking, self._thinking = self._thinking, None
        if thinking is not None:
            thinking.cancel()
        self._mouth.abandon()
        self._memory.settle()
        self._host.fail(words)

    def _trouble(self, words: str) -> None:
        self._errors += 1
        if self._errors <= _ERRORS_TOLD_MAX:
            self._host.event("warning", "brain_error", words[:500])

    def _voice_not_taken(self, words: str) -> None:
        self._host.event("warning", "voice_not_taken", words[:500])


class CascadeFactory:
    """Makes brains of one set of servers.

    Args:
        cascade: as configured.
        guard: which addresses may be reached.
        tools: for the tools of its calls.
    """

    def __init__(self, cascade: Cascade, *, guard: AddressGuard, tools: ToolClient) -> None:
        self.cascade = cascade
        self.servers = ServerClient(guard)
        self.tools = tools

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains hear and speak."""
        return (HEARD, SPOKEN)

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """One for a call."""
        return CascadeBrain(plan, host, self)

    def close(self) -> None:
        """Its connections live as long as the worker's process."""

    async def let_go(self) -> None:
        """Close its connections."""
        await self.servers.close()


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
