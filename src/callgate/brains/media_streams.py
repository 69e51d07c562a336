"""A bot that was written for a telephone platform's media streams, served as the platform would (`media-streams`).

The bot hangs up, transfers and presses keys by the platform's REST interface, of which the API offers a look-alike; or
it closes its WebSocket, and the call ends when what it had sent has been heard.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from callgate.brains.socket import BrainSocket
from callgate.core.audio.format import SoundFormat, sound_format
from callgate.core.dialects.media_streams import DIALECTS, Clear, Malformed, Mark, Sound, Stream, Writer, read
from callgate.core.dialects.stream_ids import account_sid, call_sid, stream_sid
from callgate.entities.json import JsonObject
from callgate.ports.brain import Brain, BrainHost, BrainPlan
from callgate.runtime.address_guard import AddressGuard

_DRAIN_S_MAX: Final = 10.0  # for what is queued to be heard once the bot has left
_NORMAL: Final = (1000, 1001)  # RFC 6455 section 7.4.1 (Defined Status Codes): normal closure, going away
_MARKS_MAX: Final = 1_000  # waiting at a time: one for each half a second of the longest queue
_ERRORS_TOLD_MAX: Final = 20  # events a call


class MediaStreamsBrain:
    """The bot of one call."""

    def __init__(self, plan: BrainPlan, host: BrainHost, factory: "MediaStreamsFactory") -> None:
        self._host = host
        self._bridge = host.bridge
        self._factory = factory
        self._dialect = DIALECTS[factory.dialect]
        self._writer = Writer(factory.dialect, _stream(plan))
        self.hears = self.speaks = factory.sound
        self._frames_wanted = self._dialect.frame_ms // 20
        self._frames: list[bytes] = []
        self._socket: BrainSocket | None = None
        self._live = False
        self._marks: list[str] = []
        self._leaving: tuple[str, float] | None = None  # the outcome, and when at the latest
        self._gone = ""  # why, when the bot left before the caller was there
        self._errors = 0

    # --------------------------------------------------------------------------------------------------- ports.Brain

    async def start(self) -> None:
        """Connect. Nothing is said yet: bots greet at ``start``, and nobody would hear it while the phone rings."""
        self._socket = await BrainSocket.connect(
            self._factory.url,
            headers=self._factory.headers,
            guard=self._factory.guard,
            on_text=self._read,
            on_binary=lambda data: None,
            on_closed=self._closed,
        )

    def begin(self) -> None:
        """The caller is there."""
        self._live = True
        if self._gone:
            self._host.fail(self._gone)
            return
        connected = self._writer.connected()
        if connected is not None:
            self._send(connected)
        self._send(self._writer.start())

    def hear(self, frame: bytes) -> None:
        """To the bot; also what makes time pass."""
        if self._live and self._socket is not None:
            if self._frames_wanted == 1:
                self._send(self._writer.media(frame, 20))
            else:
                self._frames.append(frame)
                if len(self._frames) == self._frames_wanted:
                    self._send(self._writer.media(b"".join(self._frames), self._dialect.frame_ms))
                    self._frames.clear()
        if self._leaving is not None:
            outcome, latest_s = self._leaving
            if not self._bridge.queued_ms or self._host.monotonic() >= latest_s:
                self._leaving = None
                self._host.hang_up(outcome)

    def held(self, on: bool) -> None:
        """Platforms do not tell; the bot hears silence."""

    def digit(self, digit: str, duration_ms: int) -> None:
        """Tell it."""
        if self._live:
            self._send(self._writer.digit(digit, duration_ms))

    def marked(self, name: str) -> None:
        """Tell it."""
        if self._marks:
            self._send(self._writer.marked(self._marks.pop(0)))

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """A bot cannot be told to speak; what it has said is heard before the call ends."""
        self._host.event("info", "text_not_spoken", "the agent's protocol has no way to have it speak", missing=text)
        if then_hang_up:
            self._leave(then_hang_up)

    def tell(self, message: JsonObject) -> None:
        """A bot cannot be told."""
        self._host.event("warning", "message_not_taken", "the agent's protocol has no data messages", message=message)

    async def close(self) -> None:
        """Say that the call is over."""
        if self._socket is not None:
            if self._live:
                self._send(self._writer.stop())
            await self._socket.close()

    # ---------------------------------------------------------------------------------------------------- fragments

    def _send(self, message: bytes) -> None:
        if self._socket is not None:
            self._socket.send_text(message)

    def _read(self, message: bytes) -> None:
        match read(message, self._dialect):
            case Sound(sound):
                try:
                    self._bridge.play(sound)
                except ValueError as error:
                    self._wrong(str(error))
            case Mark(name):
                self._mark(name)
            case Clear():
                self._clear()
            case Malformed(words):
                self._wrong(words)

    def _mark(self, name: str) -> None:
        if not self._bridge.queued_ms and not self._marks:
            self._send(self._writer.marked(name))
        elif len(self._marks) < _MARKS_MAX:
            self._marks.append(name)
            self._bridge.mark(name)
        else:
            self._wrong(f"more than {_MARKS_MAX} marks are waiting")

    def _clear(self) -> None:
        self._bridge.clear()
        marks, self._marks = self._marks, []
        if self._dialect.clear_marks:
            for name in marks:
                self._send(self._writer.marked(name))
        cleared = self._writer.cleared()
        if cleared is not None:
            self._send(cleared)

    def _leave(self, outcome: str) -> None:
        self._leaving = (outcome, self._host.monotonic() + _DRAIN_S_MAX)

    def _wrong(self, words: str) -> None:
        self._errors += 1
        if self._errors <= _ERRORS_TOLD_MAX:
            self._host.event("warning", "brain_error", words[:500])

    def _closed(self, why: str) -> None:
        code = None if self._socket is None else self._socket.close_code
        self._socket = None
        if not self._live:
            self._gone = f"the bot left before the call was answered: {why}"
        elif code in _NORMAL:
            self._leave("agent-hangup")
        else:
            self._host.fail(f"the bot is gone: {why}")


class MediaStreamsFactory:
    """Makes brains of one bot.

    Args:
        url: ``ws://`` or ``wss://``, of the bot.
        guard: which addresses may be reached.
        dialect: one of `DIALECTS`.
        auth_token: with which the handshake is signed, as the platform does; empty: it is not.
    """

    def __init__(self, url: str, *, guard: AddressGuard, dialect: str, auth_token: str = "") -> None:
        self.url = url
        self.guard = guard
        self.dialect = dialect
        self.sound = sound_format(DIALECTS[dialect].sound)
        self.headers = {"X-Twilio-Signature": _signature(url, auth_token)} if auth_token else {}

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains hear and speak."""
        return (self.sound,)

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """One for a call."""
        return MediaStreamsBrain(plan, host, self)

    def close(self) -> None:
        """Nothing is shared."""


def _signature(url: str, auth_token: str) -> str:
    """HMAC-SHA1 of the URL, in base64: what bots check to know that the platform calls."""
    digest = hmac.new(auth_token.encode(), url.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _stream(plan: BrainPlan) -> Stream:
    about = plan.about
    caller, called = _text(about, "from"), _text(about, "to")
    metadata = about.get("metadata")
    own = {name: str(value) for name, value in metadata.items()} if isinstance(metadata, dict) else {}
    known = {"from": caller, "to": called, "callId": plan.call_id, "agentId": _text(about, "agentId")}
    return Stream(
        stream_id=stream_sid(plan.call_id),
        call_id=call_sid(plan.call_id),
        account_id=account_sid(_text(about, "accountId")),
        caller=caller,
        called=called,
        parameters={**{name: value for name, value in known.items() if value}, **own},
    )


def _text(about: JsonObject, name: str) -> str:
    value = about.get(name)
    return value if isinstance(value, str) else ""
