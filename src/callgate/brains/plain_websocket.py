"""A brain that is any program with a WebSocket server, by Callgate's own protocol (`core.dialects.plain`)."""

from collections.abc import Sequence
from typing import Final

from callgate.brains.socket import BrainSocket
from callgate.core.audio.format import SoundFormat
from callgate.core.dialects import plain
from callgate.entities.json import JsonObject
from callgate.ports.brain import Brain, BrainHost, BrainPlan
from callgate.runtime.address_guard import AddressGuard

_HANG_UP_S_MAX: Final = 10.0  # for the last words to be spoken and heard
_NORMAL: Final = (1_000, 1_001)  # RFC 6455 section 7.4.1 (Defined Status Codes): done, or going away
_ERRORS_TOLD_MAX: Final = 20  # a call
# Of a call's settings, what an agent can make use of; tools, for one, may hold keys of others.
_TOLD: Final = frozenset(
    ("systemPrompt", "voice", "temperature", "languageHint", "initialMessages", "firstSpeakerSettings", "vadSettings")
)


class PlainWebSocketBrain:
    """The agent of one call."""

    def __init__(self, plan: BrainPlan, host: BrainHost, factory: "PlainWebSocketFactory") -> None:
        self._plan = plan
        self._host = host
        self._factory = factory
        self.hears = self.speaks = factory.sound
        self._socket: BrainSocket | None = None
        self._began_s = 0.0
        self._farewell: tuple[str, float] | None = None  # the outcome, and when at the latest
        self._drains = False  # whether it comes as soon as all has been heard
        self._errors = 0

    async def start(self) -> None:
        """Connect, and tell which call it is."""
        factory = self._factory
        headers = {"Authorization": f"Bearer {factory.api_key}"} if factory.api_key else {}
        self._socket = await BrainSocket.connect(
            factory.url,
            headers=headers,
            guard=factory.guard,
            on_text=self._command,
            on_binary=self._play,
            on_closed=self._closed,
        )
        told: JsonObject = {name: value for name, value in self._plan.settings.items() if name in _TOLD}
        self._socket.send_text(plain.start(self._plan.call_id, str(factory.sound), told))

    def begin(self) -> None:
        """The caller is there."""
        self._began_s = self._host.monotonic()
        self._send(plain.begin())

    def hear(self, frame: bytes) -> None:
        """To the agent; also what makes time pass."""
        if self._socket is not None:
            self._socket.send_binary(frame)
        if self._farewell is not None:
            outcome, latest_s = self._farewell
            if self._host.monotonic() >= latest_s or (self._drains and not self._host.bridge.queued_ms):
                self._farewell = None
                self._host.hang_up(outcome)

    def held(self, on: bool) -> None:
        """Tell it."""
        self._send(plain.held(on))

    def digit(self, digit: str, duration_ms: int) -> None:
        """Tell it."""
        self._send(plain.digit(digit, duration_ms))

    def marked(self, name: str) -> None:
        """Tell it."""
        self._send(plain.marked(name))

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Have it speak; it hangs up after its last word, or we do."""
        if then_hang_up:
            self._farewell = (then_hang_up, self._host.monotonic() + _HANG_UP_S_MAX)
        self._send(plain.say(text, then_hang_up is not None))

    def tell(self, message: JsonObject) -> None:
        """Pass it on, as it is."""
        self._send(plain.data(message))

    async def close(self) -> None:
        """Say goodbye."""
        if self._socket is not None:
            await self._socket.close()

    # ---------------------------------------------------------------------------------------------------- fragments

    def _send(self, message: bytes) -> None:
        if self._socket is not None:
            self._socket.send_text(message)

    def _play(self, sound: bytes) -> None:
        if self._drains:
            return  # it has hung up: what comes after is not waited for
        try:
            self._host.bridge.play(sound)
        except ValueError as error:
            self._wrong(str(error))

    def _command(self, message: bytes) -> None:
        match plain.read(message):
            case plain.Clear():
                cleared = self._host.bridge.clear()
                self._send(plain.cleared(cleared.played_ms, cleared.dropped_ms))
            case plain.Mark(name):
                self._host.bridge.mark(name)
            case plain.HangUp():
                outcome = "agent-hangup" if self._farewell is None else self._farewell[0]
                self._leave(outcome)
            case plain.Digits(digits, tone_ms, gap_ms):
                try:
                    self._host.bridge.send_digits(digits, tone_ms, gap_ms)
                except ValueError as error:
                    self._wrong(str(error))
            case plain.Message(role, text):
                now_ms = 1_000 * (self._host.monotonic() - self._began_s)
                self._host.message(plain.ROLES[role], text, None, round(now_ms, 1))
            case plain.Malformed(words):
                self._wrong(words)

    def _leave(self, outcome: str) -> None:
        """Hang up when all has been heard."""
        self._farewell = (outcome, self._host.monotonic() + self._host.bridge.queued_ms / 1_000 + _HANG_UP_S_MAX)
        self._drains = True

    def _wrong(self, words: str) -> None:
        self._errors += 1
        if self._errors <= _ERRORS_TOLD_MAX:
            self._host.event("warning", "brain_error", words[:500])
            self._send(plain.error(words[:500]))

    def _closed(self, why: str) -> None:
        code = None if self._socket is None else self._socket.close_code
        if code in _NORMAL:
            self._leave("agent-hangup")
        else:
            self._host.fail(f"the agent is gone: {why}")


class PlainWebSocketFactory:
    """Makes brains of one agent.

    Args:
        url: ``ws://`` or ``wss://``.
        guard: which addresses may be reached.
        api_key: sent as a bearer token; empty: none is.
        sound: how sound is written, both ways.
    """

    def __init__(self, url: str, *, guard: AddressGuard, api_key: str, sound: SoundFormat) -> None:
        self.url = url
        self.guard = guard
        self.api_key = api_key
        self.sound = sound

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains hear and speak."""
        return (self.sound,)

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """One for a call."""
        return PlainWebSocketBrain(plan, host, self)

    def close(self) -> None:
        """Nothing is shared."""
