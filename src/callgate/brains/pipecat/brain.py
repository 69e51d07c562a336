"""A Pipecat bot: a function of the user's, run in a process of its own for each call (`pipecat`).

The bot takes its own turns, greets and asks who is silent. The worker keeps the queue that the caller hears, so that
an interruption is heard at once, and sees to it that the call ends when it is to end.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import Final

from callgate.brains.pipecat.bots import BotCall, Bots, BotUnavailable, Launch
from callgate.brains.pipecat.wire import Frame, Kind, WireError, read_object
from callgate.core.audio.format import PCM_8K, PCM_16K, PCM_24K, PCM_48K, RATES_HZ, SoundFormat
from callgate.entities.json import Json, JsonObject
from callgate.ports.brain import Brain, BrainHost, BrainPlan

START_S_MAX: Final = 10.0  # for a pipeline to run: its services connect meanwhile, and the phone rings
_HANG_UP_S_MAX: Final = 10.0  # for the last words to be spoken and heard
_EARLY_BYTES_MAX: Final = 10 * 48_000  # of sound before the caller is there; pacing lets no more than 200 ms come
_ERRORS_TOLD_MAX: Final = 20  # events a call
_MESSAGES_TOLD_MAX: Final = 200  # of the bot's application, a call
_MESSAGE_CHARACTERS_MAX: Final = 10_000  # of each, in JSON; and of a text that was said
_ROLES: Final = {"agent": "MESSAGE_ROLE_AGENT", "user": "MESSAGE_ROLE_USER"}
# Of a call's settings, what a bot can make use of; tools, for one, may hold keys of others.
_TOLD: Final = frozenset(
    (
        "systemPrompt",
        "voice",
        "temperature",
        "languageHint",
        "initialMessages",
        "firstSpeakerSettings",
        "inactivityMessages",
        "timeExceededMessage",
        "maxDuration",
        "vadSettings",
    )
)


class PipecatBrain:
    """The bot of one call."""

    def __init__(self, plan: BrainPlan, host: BrainHost, bots: Bots) -> None:
        self._plan = plan
        self._host = host
        self._bridge = host.bridge
        self._bots = bots
        self.hears = PCM_16K
        self.speaks = PCM_24K
        self._call: BotCall | None = None
        self._pipeline: asyncio.Future[None] | None = None  # settled when it runs, or cannot
        self._live = False
        self._began_s = 0.0
        self._early = bytearray()
        self._played = 0  # bytes, that were queued for the caller
        self._heard = 0  # of them, those that have left the queue
        self._farewell: tuple[str, float] | None = None  # the outcome, and when at the latest
        self._drains = False  # whether it comes as soon as all has been heard
        self._errors = 0
        self._messages = 0

    # --------------------------------------------------------------------------------------------------- ports.Brain

    async def start(self) -> None:
        """Have the bot's function run, and its pipeline."""
        self._pipeline = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(START_S_MAX):
                self._call = await self._bots.take(self, _known(self._plan))
                await self._pipeline
        except TimeoutError:
            raise BotUnavailable(f"the bot's pipeline did not run within {START_S_MAX:g} s") from None

    def begin(self) -> None:
        """The caller is there: what was said too early is heard now."""
        self._live = True
        self._began_s = self._host.monotonic()
        if self._call is not None:
            self._call.send(Kind.BEGIN)
        early, self._early = bytes(self._early), bytearray()
        if early:
            self._play(early)

    def hear(self, frame: bytes) -> None:
        """To the bot; also what makes time pass."""
        now_s = self._host.monotonic()
        if self._live and self._call is not None:
            waiting = round(self._bridge.queued_ms * self.speaks.bytes_per_ms)
            self._heard = max(self._heard, self._played - waiting)
            self._call.sound(self._heard, frame, now_s)
        if self._farewell is not None:
            outcome, latest_s = self._farewell
            if now_s >= latest_s or (self._drains and not self._bridge.queued_ms):
                self._farewell = None
                self._host.hang_up(outcome)

    def held(self, on: bool) -> None:
        """Tell it."""
        self._send(Kind.HELD, {"on": on})

    def digit(self, digit: str, duration_ms: int) -> None:
        """Tell it."""
        self._send(Kind.DIGIT, {"digit": digit})

    def marked(self, name: str) -> None:
        """Nothing is marked."""

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Have it speak; it hangs up after its last word, or we do."""
        if then_hang_up:
            self._farewell = (then_hang_up, self._host.monotonic() + _HANG_UP_S_MAX)
        self._send(Kind.SAY, {"text": text, "last": then_hang_up is not None})

    def tell(self, message: JsonObject) -> None:
        """Pass it on; a text of the user's stands in the call's messages."""
        if message.get("type") == "user_text_message":
            self._said("user", str(message.get("text", "")))
        self._send(Kind.TELL, message)

    async def close(self) -> None:
        """The call is over; the bot may take its time to finish."""
        if self._pipeline is not None and not self._pipeline.done():
            self._pipeline.cancel()
        if self._call is not None:
            self._call.close()

    # ------------------------------------------------------------------------------------------------- bots.Caller

    def told(self, frame: Frame) -> None:
        """Something that the bot does."""
        if self._call is None:
            return  # it was given up
        try:
            self._do(frame.kind, frame.body)
        except (WireError, ValueError, KeyError, TypeError) as error:
            self._wrong(f"{frame.kind.name.lower()}: {error}")

    def lost(self, words: str) -> None:
        """Its process has ended."""
        self._over(words)

    # ---------------------------------------------------------------------------------------------------- fragments

    def _send(self, kind: Kind, fields: JsonObject) -> None:
        if self._call is None:
            return
        try:
            self._call.send(kind, fields)
        except WireError as error:
            self._wrong(f"{kind.name.lower()}: {error}")

    def _do(self, kind: Kind, body: bytes) -> None:
        match kind:
            case Kind.SPEECH:
                self._play(body)
            case Kind.CLEAR:
                self._early.clear()
                self._bridge.clear()
            case Kind.DIGITS:
                self._bridge.send_digits(str(read_object(body)["digits"]))
            case Kind.SAID:
                said = read_object(body)
                self._said(str(said["role"]), str(said["text"])[:_MESSAGE_CHARACTERS_MAX])
            case Kind.TURN:
                self._host.turn_ended()
            case Kind.MESSAGE:
                self._message(read_object(body)["message"])
            case Kind.READY:
                self._runs(read_object(body))
            case Kind.HANG_UP:
                self._leave()
            case Kind.FAILED:
                self._over(f"the bot failed: {body.decode(errors='replace')}")
            case Kind.DONE:
                self._done()

    def _runs(self, rates: JsonObject) -> None:
        if self._pipeline is None or self._pipeline.done():
            return
        try:
            self.hears, self.speaks = _format(rates["hears"]), _format(rates["speaks"])
        except ValueError as error:
            self._pipeline.set_exception(BotUnavailable(f"the bot's pipeline: {error}"))
        else:
            self._pipeline.set_result(None)

    def _play(self, sound: bytes) -> None:
        if self._drains:
            return  # it has hung up: what comes after is not waited for
        if not self._live:
            self._early += sound[: _EARLY_BYTES_MAX - len(self._early)]
            return
        self._bridge.play(sound)
        self._played += len(sound)

    def _said(self, role: str, text: str) -> None:
        now_ms = 1_000 * (self._host.monotonic() - self._began_s) if self._live else None
        self._host.message(_ROLES[role], text, None, None if now_ms is None else round(now_ms, 1))

    def _message(self, message: Json) -> None:
        self._messages += 1
        length = len(json.dumps(message))
        if length > _MESSAGE_CHARACTERS_MAX:
            raise ValueError(f"{length} characters; expected at most {_MESSAGE_CHARACTERS_MAX}")
        if self._messages <= _MESSAGES_TOLD_MAX:
            self._host.event("info", "bot_message", "a message of the bot's application", message=message)

    def _leave(self) -> None:
        """Hang up when all has been heard."""
        if not self._live or self._drains:
            return
        outcome = "agent-hangup" if self._farewell is None else self._farewell[0]
        self._farewell = (outcome, self._host.monotonic() + self._bridge.queued_ms / 1_000 + _HANG_UP_S_MAX)
        self._drains = True

    def _done(self) -> None:
        if self._live:
            self._call = None
            self._leave()
        else:
            self._over("the bot's function returned before the call was answered")

    def _over(self, words: str) -> None:
        """The bot is gone, or given up; unless it has said its last words, it has failed."""
        call, self._call = self._call, None
        if call is not None:
            call.close()
        if self._pipeline is not None and not self._pipeline.done():
            self._pipeline.set_exception(BotUnavailable(words))
        elif not self._drains:
            self._host.fail(words)

    def _wrong(self, words: str) -> None:
        self._errors += 1
        if self._errors <= _ERRORS_TOLD_MAX:
            self._host.event("warning", "brain_error", words[:500])


class PipecatFactory:
    """Makes brains of one bot.

    Args:
        bot: ``module:function`` of an async function ``(transport, call)``.
        path: folder of the module.
        python: interpreter in whose environment Pipecat and the bot's packages are; empty: this one.
        processes: how many, in each media worker.
        calls_per_process: that each takes at a time.

    Raises:
        ValueError: there is no such interpreter, or this one has no Pipecat or no such module.
    """

    def __init__(self, bot: str, *, path: str, python: str, processes: int, calls_per_process: int) -> None:
        if python and shutil.which(python) is None:
            raise ValueError(f"python is {python!r}; expected an interpreter")
        if not python:
            _seek("pipecat", path, "pip install 'callgate[pipecat]', or name an interpreter that has it as python")
            _seek(bot.partition(":")[0].partition(".")[0], path, "see bot and path")
        launch = Launch(bot, path, python or sys.executable)
        self.bots = Bots(launch, processes=processes, calls_per_process=calls_per_process)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return  # its processes start with its first call
        self.bots.warm()

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains may hear and speak: the rates are its pipeline's."""
        return (PCM_8K, PCM_16K, PCM_24K, PCM_48K)

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """One for a call."""
        return PipecatBrain(plan, host, self.bots)

    def close(self) -> None:
        """End its processes."""
        self.bots.close()


def _seek(module: str, path: str, advice: str) -> None:
    """See that there is a module, in the folder or where this interpreter looks, without importing it."""
    if PathFinder.find_spec(module, [path]) is None and find_spec(module) is None:
        raise ValueError(f"there is no module {module}: {advice}")


def _format(rate_hz: Json) -> SoundFormat:
    if not isinstance(rate_hz, int) or rate_hz not in RATES_HZ:
        raise ValueError(f"a sample rate of {rate_hz}; expected one of {', '.join(map(str, RATES_HZ))}")
    return SoundFormat("pcm16", rate_hz)


def _known(plan: BrainPlan) -> JsonObject:
    about = plan.about
    metadata = about.get("metadata")
    return {
        "call_id": plan.call_id,
        "settings": {name: value for name, value in plan.settings.items() if name in _TOLD},
        "caller": _text(about, "from"),
        "called": _text(about, "to"),
        "agent_id": _text(about, "agentId"),
        "metadata": {name: str(value) for name, value in metadata.items()} if isinstance(metadata, dict) else {},
    }


def _text(about: JsonObject, name: str) -> str:
    value = about.get(name)
    return value if isinstance(value, str) else ""
