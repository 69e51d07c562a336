"""The connection of one call to its owner's server: data messages both ways and, where wanted, the sound of both sides.

It is made when the call begins and never in its way: who cannot be reached, is slow or leaves costs the call nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from callgate.brains.both_sides import BothSides, load_converters
from callgate.brains.socket import BrainSocket, BrainUnreachable
from callgate.core.audio.format import RATES_HZ, SoundFormat
from callgate.core.webhook.signature import sign
from callgate.entities.json import Json, JsonObject
from callgate.runtime.address_guard import AddressGuard

CALL_HEADER: Final = "X-Ultravox-Call-ID"
SIGNATURE_HEADER: Final = "X-Ultravox-Signature"
TIMESTAMP_HEADER: Final = "X-Ultravox-Signature-Timestamp"

RATE_HZ: Final = 16_000  # the public default
MESSAGE_BYTES_MAX: Final = 256 * 1024  # the longest text or result that is taken, written as escapes
# Attempts in a row, and the pauses between them: a server that restarts is back within half a minute.
TRIES_MAX: Final = 6
_PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0, 15.0)
LASTED_S: Final = 30.0  # a connection that has lasted is a success, and what follows is counted anew
WAITING_BYTES_MAX: Final = 256 * 1024  # of messages while there is no connection; the oldest go first
SOUND_BEHIND_BYTES_MAX: Final = 256 * 1024  # four seconds in stereo at 16 kHz; messages may be four times as far behind
_DONE: Final = 1000  # RFC 6455 section 7.4.1 (Defined Status Codes): it has done what it was there for


@dataclass(frozen=True, slots=True)
class DataConnectionPlan:
    """The data connection that a call asks for.

    Attributes:
        url: ``ws://`` or ``wss://``.
        headers: of the handshake, as the owner set them.
        secrets: each signs the handshake.
        data_messages: which are told.
        rate_hz: of the sound; ``None``: none is sent.
        mixed: both sides in one channel, else two.
    """

    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    data_messages: Json
    rate_hz: int | None
    mixed: bool


def data_connection_of(settings: JsonObject) -> DataConnectionPlan | None:
    """The data connection of a call's settings; ``None`` where they ask for none."""
    given = settings.get("dataConnection")
    url = given.get("websocketUrl") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(url, str) or not url:
        return None
    headers, secrets, sound = given.get("headers"), settings.get("sharedSecrets"), given.get("audioConfig")
    rate_hz: int | None = None
    if isinstance(sound, dict):
        wanted = sound.get("sampleRate")
        rate_hz = wanted if isinstance(wanted, int) and wanted in RATES_HZ else RATE_HZ
    return DataConnectionPlan(
        url=url,
        headers={name: str(value) for name, value in headers.items()} if isinstance(headers, dict) else {},
        secrets=tuple(str(secret) for secret in secrets) if isinstance(secrets, list) else (),
        data_messages=given.get("dataMessages"),
        rate_hz=rate_hz,
        mixed=isinstance(sound, dict) and sound.get("channelMode") == "CHANNEL_MODE_MIXED",
    )


class ConnectionHost(Protocol):
    """What a data connection may ask of its call."""

    def monotonic(self) -> float:
        """Seconds on the session's clock."""
        ...

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        """Put an event into the call's events."""
        ...


class DataConnection:
    """That of one call.

    Args:
        plan: as the call asks for it.
        call_id: of the call.
        guard: which addresses may be reached.
        host: the call.
        now: wall clock, aware, for the signature.

    Attributes:
        heard: is told what the server says, message by message.
        broke: is told in words that it is gone, and whether for good.
        sides: the sound that goes over it; ``None``: none does.
    """

    def __init__(
        self,
        plan: DataConnectionPlan,
        call_id: str,
        *,
        guard: AddressGuard,
        host: ConnectionHost,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._plan = plan
        self._call_id = call_id
        self._guard = guard
        self._host = host
        self._now = now
        self.heard: Callable[[bytes], None] = lambda message: None
        self.broke: Callable[[str, bool], None] = lambda words, for_good: None
        self.sides = None if plan.rate_hz is None else BothSides(plan.rate_hz, mixed=plan.mixed)
        self._loading: asyncio.Task[None] | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._socket: BrainSocket | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._tries = 0
        self._due_s: float | None = None
        self._opened_s = 0.0
        self._behind = False
        self._over = False

    def load(self, formats: Iterable[SoundFormat]) -> None:
        """Load what converting sound of these formats takes, in the background: other calls are not to wait for it."""
        if self._plan.rate_hz is not None:
            work = asyncio.to_thread(load_converters, tuple(formats), self._plan.rate_hz)
            self._loading = asyncio.get_running_loop().create_task(work, name="converters of a data connection")

    def begin(self) -> None:
        """The call has begun: connect."""
        self._due_s = self._host.monotonic()
        self.tick()

    def tick(self) -> None:
        """Connect when that is due."""
        if self._due_s is not None and self._host.monotonic() >= self._due_s:
            self._due_s = None
            self._tries += 1
            self._connecting = asyncio.get_running_loop().create_task(self._connect(), name="a data connection")

    def send(self, message: bytes) -> None:
        """Send a data message; it waits while there is no connection."""
        if self._socket is not None:
            self._socket.send_text(message)
            return
        if self._over:
            return
        self._waiting.append(message)
        self._waiting_bytes += len(message)
        while self._waiting_bytes > WAITING_BYTES_MAX:
            self._waiting_bytes -= len(self._waiting.popleft())

    def hear(self, frame: bytes, played_ms: float) -> None:
        """20 ms of the caller's sound and of what the agent's has been played; sent on if somebody listens."""
        sides, socket = self.sides, self._socket
        if sides is None:
            return
        if socket is None:
            sides.skip(played_ms)
        elif socket.backlog_bytes > SOUND_BEHIND_BYTES_MAX:
            sides.skip(played_ms)
            if not self._behind:
                self._behind = True
                words = f"the server is more than {SOUND_BEHIND_BYTES_MAX} bytes behind; sound is dropped meanwhile"
                self._host.event("warning", "data_connection_slow", words)
        else:
            socket.send_binary(sides.frame(frame, played_ms))

    async def close(self) -> None:
        """The call is over."""
        self._over, self._due_s = True, None
        for task in (self._connecting, self._loading):
            if task is not None:
                task.cancel()
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    # ---------------------------------------------------------------------------------------------------- fragments

    async def _connect(self) -> None:
        try:
            if self._loading is not None:
                await self._loading
            socket = await BrainSocket.connect(
                self._plan.url,
                headers=self._headers(),
                guard=self._guard,
                on_text=self.heard,
                on_binary=self.heard,
                on_closed=self._ended,
                message_bytes_max=MESSAGE_BYTES_MAX,
            )
        except BrainUnreachable as error:
            self._failed(str(error))
            return
        finally:
            self._connecting = None
        self._socket, self._opened_s = socket, self._host.monotonic()
        waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        for message in waiting:
            socket.send_text(message)

    def _headers(self) -> dict[str, str]:
        headers = {**self._plan.headers, CALL_HEADER: self._call_id}
        if self._plan.secrets:
            timestamp = self._now().isoformat()
            headers[TIMESTAMP_HEADER] = timestamp
            headers[SIGNATURE_HEADER] = sign(self._call_id.encode(), timestamp, self._plan.secrets)
        return headers

    def _ended(self, words: str) -> None:
        """It was there, and is gone."""
        code = None if self._socket is None else self._socket.close_code
        self._socket = None
        if code == _DONE:
            self._give_up()
            self._host.event("info", "data_connection_closed", words)
            self.broke(words, True)
            return
        if self._host.monotonic() - self._opened_s >= LASTED_S:
            self._tries = 0
        self._failed(words)

    def _failed(self, words: str) -> None:
        if self._tries >= TRIES_MAX:
            self._give_up()
            self._host.event("warning", "data_connection_failed", f"{words}; given up after {self._tries} attempts")
            self.broke(words, True)
            return
        pause_s = _PAUSES_S[max(0, self._tries - 1)]
        self._due_s = self._host.monotonic() + pause_s
        self._host.event("warning", "data_connection_failed", f"{words}; tried again in {pause_s:g} s")
        self.broke(words, False)

    def _give_up(self) -> None:
        self._over, self._due_s = True, None
        self._waiting.clear()
