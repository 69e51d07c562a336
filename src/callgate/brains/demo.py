"""The built-in brain: greets, repeats what the caller says, obeys digits, and needs no key, model or network.

Everything it does is driven by `hear`, which comes every 20 ms, so it has no timers of its own. Prompts are
played at once, free text when an engine has spoken it or its time is up. A hang-up that has been decided is a value
(`_Farewell`) that only a caller who may interrupt it takes back; the bridge's mark is its quick way, the empty queue
its sure one.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from callgate.brains.inactivity import Ending, Inactivity, TimedMessage, schedule
from callgate.brains.opening import Opening, opening
from callgate.brains.prompt import TEXTS, sound, spoken_time
from callgate.brains.speech import Speech
from callgate.brains.speech_detection import Heard, SpeechDetector, turn_settings
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.core.audio.pcm import audioop
from callgate.entities.json import JsonObject
from callgate.ports.brain import BrainHost, BrainPlan

UTTERANCE_FRAMES_MAX: Final = 500  # 10 s: what follows is not repeated
_BEFORE_FRAMES: Final = 10  # 200 ms kept from before speech was noticed: the soft beginning of a word
_AFTER_FRAMES: Final = 5  # 100 ms kept of the silence that ended it
_FRAME_MS: Final = 20.0
# How long a caller may wait for the engines. Speaking takes some ms, understanding about 150.
_SPEAK_S_MAX: Final = 1.5
_WARM_UP_S_MAX: Final = 3.0  # the first call of a worker may come while they still start
_UNDERSTAND_S_MAX: Final = 0.6
_GRACE_S: Final = 0.5  # after the last word should have been sent

_AGENT: Final = "MESSAGE_ROLE_AGENT"
_USER: Final = "MESSAGE_ROLE_USER"
# What is played where a text was to be spoken, by what follows it.
_STOCK: Final = {
    "max-duration": "time-exceeded",
    "inactivity": "goodbye",
    "agent-hangup": "goodbye",
    "agent-lost": "goodbye",
}
_PHRASES: Final = {
    "what time is it": "1",
    "tell me the time": "1",
    "goodbye": "9",
    "bye bye": "9",
    "hang up": "9",
    "help": "0",
    "what can you do": "0",
    "hello": "0",
}


@dataclass(slots=True)
class _Farewell:
    """A hang-up that has been decided.

    Attributes:
        outcome: the slug.
        soft: whether a caller who interrupts takes it back.
        at_s: when it happens whatever the queue says.
    """

    outcome: str
    soft: bool
    at_s: float


@dataclass(slots=True)
class _Text:
    """Free text on its way through the engine.

    Attributes:
        text: what.
        stock: the prompt that stands in for it.
        until_s: when that happens.
        asked: whether the engine has been asked; else it is still starting.
    """

    text: str
    stock: str
    until_s: float
    asked: bool = False


class DemoBrain:
    """The agent of one call.

    Args:
        plan: the call's settings.
        host: the call.
        speech: the engines.
        now: wall clock, for telling the time.
    """

    def __init__(self, plan: BrainPlan, host: BrainHost, speech: Speech, now: Callable[[], datetime]) -> None:
        self._host = host
        self._bridge = host.bridge
        self._speech = speech
        self._now = now
        self._opening: Opening | None = opening(plan.settings)
        self._detector = SpeechDetector(turn_settings(plan.settings))
        self._steps = schedule(plan.settings)
        language = plan.settings.get("languageHint")
        self._language = language if isinstance(language, str) else ""
        self._began_s = host.monotonic()
        self._inactivity = Inactivity(self._steps, self._began_s)
        self.hears = self.speaks = PCM_8K
        self._live = False
        self._held = False
        self._repeating = True
        self._uninterruptible = False
        self._engine_missing_told = False
        self._recent: deque[bytes] = deque(maxlen=_BEFORE_FRAMES)
        self._utterance: list[bytes] | None = None
        self._utterance_at_s = 0.0
        self._text: _Text | None = None
        self._farewell: _Farewell | None = None
        self._puzzle: tuple[bytes, float] | None = None  # an utterance being understood, and until when
        self._puzzles = 0

    # --------------------------------------------------------------------------------------------------- ports.Brain

    async def start(self) -> None:
        """Prepare; the engines start in the background, and no call waits for them."""
        self._speech.warm()

    def begin(self) -> None:
        """The caller is there."""
        self._began_s = self._host.monotonic()
        self._inactivity = Inactivity(self._steps, self._began_s)
        self._live = True
        self._open(self._began_s)

    def hear(self, frame: bytes) -> None:
        """One frame from the caller; also what makes time pass."""
        if not self._live:
            return
        now = self._host.monotonic()
        self._listen(frame, now)
        if self._opening is not None:
            self._open(now)
        if self._text is not None:
            self._progress(self._text, now)
        if self._puzzle is not None and now >= self._puzzle[1]:
            self._understood(self._puzzles, "")
        if self._held:
            self._wait()
        else:
            self._await_caller(now)

    def held(self, on: bool) -> None:
        """The caller put us on hold, or came back: what waits for the caller waits longer."""
        self._held = on

    def digit(self, digit: str, duration_ms: int) -> None:
        """Obey a key."""
        if not self._live or (self._farewell is not None and not self._farewell.soft):
            return
        now = self._host.monotonic()
        self._inactivity.caller_active(now)
        self._host.message(_USER, f"(pressed {digit})", self._ms(now), self._ms(now))
        self._obey(digit)

    def marked(self, name: str) -> None:
        """The last word has been sent."""
        if self._farewell is not None and name == self._farewell.outcome and self._text is None:
            self._hang_up()

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Speak `text` over whatever is being said."""
        if not self._live:
            if then_hang_up is not None:
                self._host.hang_up(then_hang_up)
            return
        self._silence()
        self._farewell = None
        self._uninterruptible = False
        if text.strip():
            self._say_text(text, _STOCK.get(then_hang_up or "", "no-engine"))
        if then_hang_up is not None:
            self._say_farewell(then_hang_up)

    def tell(self, message: JsonObject) -> None:
        """It says what it is forced to, and understands no text."""
        if message.get("type") == "forced_agent_message":
            self.say(str(message.get("content", "")))
        else:
            self._host.event("info", "message_not_taken", "the demo agent understands no text", message=message)

    async def close(self) -> None:
        """The call is over."""
        self._live = False
        self._text = self._farewell = self._puzzle = self._utterance = None

    # ------------------------------------------------------------------------------------------------------ listening

    def _listen(self, frame: bytes, now: float) -> None:
        heard = self._detector.hear(audioop.rms(frame, 2))
        utterance = self._utterance
        if utterance is not None and len(utterance) < UTTERANCE_FRAMES_MAX:
            utterance.append(frame)
        self._recent.append(frame)
        if heard is Heard.NOTHING:
            return
        if heard is Heard.BEGAN:
            self._utterance = list(self._recent)
            self._utterance_at_s = now - len(self._recent) * _FRAME_MS / 1_000
            if self._opening is not None and self._opening.yields:
                self._opening = None
        elif heard is Heard.INTERRUPTED:
            self._interrupted(now)
        elif heard is Heard.ENDED:
            self._turn_ended(now)
        else:
            self._utterance = None

    def _interrupted(self, now: float) -> None:
        """The caller means to speak: the agent stops within this frame, unless its words may not be cut."""
        self._inactivity.caller_active(now)
        if self._uninterruptible or (self._farewell is not None and not self._farewell.soft):
            return
        self._farewell = None
        self._silence()

    def _turn_ended(self, now: float) -> None:
        utterance, self._utterance = self._utterance, None
        self._host.turn_ended()
        self._inactivity.caller_active(now)
        if utterance is None or self._busy() or self._farewell is not None:
            return  # said while the agent would not be interrupted
        if len(utterance) < UTTERANCE_FRAMES_MAX:
            silent = max(0, self._detector.ending_frames - _AFTER_FRAMES)
            utterance = utterance[: len(utterance) - silent] or utterance
        pcm = b"".join(utterance)
        self._puzzles += 1
        number = self._puzzles
        if self._speech.understand(pcm, lambda phrase: self._understood(number, phrase)):
            self._puzzle = (pcm, now + _UNDERSTAND_S_MAX)
        else:
            self._reply(pcm, "")

    def _understood(self, number: int, phrase: str) -> None:
        """The recogniser has answered, or its time is up; an answer to an earlier question is of no use."""
        if self._puzzle is None or number != self._puzzles:
            return
        pcm, self._puzzle = self._puzzle[0], None
        self._reply(pcm, phrase)

    def _reply(self, pcm: bytes, phrase: str) -> None:
        duration_ms = len(pcm) / 16
        start = self._ms(self._utterance_at_s)
        self._host.message(_USER, phrase or f"({duration_ms / 1_000:.1f} s of speech)", start, start + duration_ms)
        digit = _PHRASES.get(phrase)
        if digit is not None:
            self._obey(digit)
        elif phrase in ("stop repeating", "start repeating", "repeat after me"):
            self._set_repeating(phrase != "stop repeating")
        elif self._repeating:
            self._bridge.play(pcm)
            self._told("(repeats what the caller said)", duration_ms)

    # ------------------------------------------------------------------------------------------------------- speaking

    def _open(self, now: float) -> None:
        """Say the first words when their time has come."""
        words = self._opening
        if words is None or words.delay_s is None or now - self._began_s < words.delay_s - 1e-6:
            return
        if self._farewell is not None or (words.delay_s > 0 and self._detector.speaking):
            return
        self._opening = None
        self._uninterruptible = words.uninterruptible
        if words.text is None:
            self._prompt("greeting")
        else:
            self._say_text(words.text, "greeting")

    def _obey(self, digit: str) -> None:
        self._opening = None
        self._uninterruptible = False
        self._farewell = None
        self._silence()
        if digit == "1":
            now = self._now()
            self._prompt(*spoken_time(now.hour, now.minute))
        elif digit == "2":
            self._set_repeating(not self._repeating)
        elif digit == "9":
            self._prompt("goodbye")
            self._say_farewell("agent-hangup")
        else:
            self._prompt("menu")

    def _set_repeating(self, repeating: bool) -> None:
        self._repeating = repeating
        self._prompt("repeating-on" if repeating else "repeating-off")

    def _wait(self) -> None:
        """A frame's time passes that does not count against a caller who is elsewhere."""
        self._inactivity.wait(_FRAME_MS / 1_000)
        if self._farewell is not None:
            self._farewell.at_s += _FRAME_MS / 1_000

    def _await_caller(self, now: float) -> None:
        """Ask a silent caller, and hang up what has been decided."""
        if self._busy():
            self._inactivity.agent_active(now)
        elif self._detector.speaking:
            self._inactivity.caller_active(now)
        farewell = self._farewell
        if farewell is not None:
            if self._text is None and (self._bridge.queued_ms <= 0 or now >= farewell.at_s):
                self._hang_up()
            return
        step = self._inactivity.due(now)
        if step is not None:
            self._say_step(step)

    def _say_step(self, step: TimedMessage) -> None:
        if step.prompt is not None:
            self._prompt(step.prompt)
        elif step.text.strip():
            self._say_text(step.text, "are-you-there" if step.ending is Ending.NONE else "goodbye")
        if step.ending is not Ending.NONE:
            self._say_farewell("inactivity", soft=step.ending is Ending.SOFT)

    def _say_text(self, text: str, stock: str) -> None:
        """Have free text spoken, or the stock prompt `stock`, which leaves a warning on the call."""
        if not self._speech.speaks:
            self._play_stock(stock, text)
            return
        now = self._host.monotonic()
        waits = _SPEAK_S_MAX if self._speech.ready_to_speak() else _WARM_UP_S_MAX
        self._text = _Text(text, stock, now + waits)
        self._progress(self._text, now)

    def _progress(self, words: _Text, now: float) -> None:
        if now >= words.until_s:
            self._spoken(words, None)
        elif not words.asked and self._speech.ready_to_speak():
            words.asked = True
            if not self._speech.speak(words.text, self._language, lambda pcm: self._spoken(words, pcm)):
                self._spoken(words, None)

    def _spoken(self, words: _Text, pcm: bytes | None) -> None:
        """The engine has answered; not for words that have been silenced meanwhile."""
        if self._text is not words:
            return
        self._text = None
        if pcm:
            self._bridge.play(pcm)
            self._told(words.text, len(pcm) / 16)
        else:
            self._play_stock(words.stock, words.text)
        if self._farewell is not None:
            self._say_farewell(self._farewell.outcome, soft=self._farewell.soft)

    def _play_stock(self, stock: str, text: str) -> None:
        if not self._engine_missing_told:
            self._engine_missing_told = True
            self._host.event(
                "warning",
                "speech_engine_missing",
                "no speech engine spoke a text; a stock prompt was played",
                missing=text,
                prompt=stock,
            )
        self._prompt(stock)

    def _prompt(self, *names: str) -> None:
        pcm = b"".join(map(sound, names))
        self._bridge.play(pcm)
        self._told(" ".join(TEXTS[name] for name in names), len(pcm) / 16)

    def _told(self, text: str, duration_ms: float) -> None:
        """Note what was queued just now, with the time at which it is heard."""
        end = self._ms(self._host.monotonic()) + self._bridge.queued_ms
        self._host.message(_AGENT, text, max(0.0, end - duration_ms), end)

    def _say_farewell(self, outcome: str, soft: bool = False) -> None:
        """Hang up when all that is queued has been sent."""
        now = self._host.monotonic()
        self._farewell = _Farewell(outcome, soft, now + self._bridge.queued_ms / 1_000 + _GRACE_S)
        if self._text is None:
            self._bridge.mark(outcome)

    def _hang_up(self) -> None:
        assert self._farewell is not None
        outcome, self._farewell = self._farewell.outcome, None
        self._live = False
        self._host.hang_up(outcome)

    def _silence(self) -> None:
        """Stop speaking, and want to say no more of it."""
        self._text = self._puzzle = None
        if self._bridge.queued_ms > 0:
            self._bridge.clear()

    def _busy(self) -> bool:
        """Whether the agent is speaking or about to."""
        if self._bridge.queued_ms > 0 or self._text is not None or self._puzzle is not None:
            return True
        self._uninterruptible = False
        return False

    def _ms(self, at_s: float) -> float:
        return max(0.0, (at_s - self._began_s) * 1_000)


class DemoFactory:
    """Makes the demo agents of one worker.

    Args:
        speech: whether to use the speech engines where they are installed.
        now: wall clock, aware; the time that is told is its own.
    """

    def __init__(self, *, speech: bool = True, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.speech = Speech(speaks=speech, understands=speech)
        self._now = now
        for name in TEXTS:  # read here, and not while the first caller waits
            sound(name)

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains hear and speak."""
        return (PCM_8K,)

    def make(self, plan: BrainPlan, host: BrainHost) -> DemoBrain:
        """The agent for one call."""
        return DemoBrain(plan, host, self.speech, self._now)

    def close(self) -> None:
        """End the engines."""
        self.speech.close()
