"""A session on real sockets in virtual time, with the caller on one side and a brain on the other.

Another engine passes the same tests when it gets a `Place` of its own: all that tests use are its verbs.
"""

import asyncio
import heapq
import itertools
import select
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from callgate.core.audio.format import PCMU_8K, SoundFormat
from callgate.core.rtp.packet import Packet, pack, unpack
from callgate.core.rtp.watch import Watch
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.phone_line import PhoneLine
from callgate.media.port_pool import PortPair
from callgate.media.protocol import HangUp, Happened, ToControl
from callgate.media.session import Session
from callgate.media.ticker import Ticker
from callgate.ports import SoundPath
from callgate.ports.brain import Brain, BrainHost, BrainPlan, Bridge

FRAME_S = 0.020
DIGITS = 101
NOISE = 13


class VirtualLoop:
    """Timers on a clock that jumps to the next one, and readers that are called when there is something to read."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self._timers: list[tuple[float, int, _Timer]] = []
        self._readers: dict[int, Callable[[], None]] = {}
        self._poll = select.poll()
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay_s: float, ring: Callable[[], None]) -> "_Timer":
        timer = _Timer(ring)
        heapq.heappush(self._timers, (self.now_s + delay_s, next(self._numbers), timer))
        return timer

    def add_reader(self, fd: int, read: Callable[[], None]) -> None:
        self._readers[fd] = read
        self._poll.register(fd, select.POLLIN)

    def remove_reader(self, fd: int) -> None:
        if self._readers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def read(self) -> None:
        """All that has come."""
        while ready := self._poll.poll(0):
            for fd, _ in ready:
                if fd in self._readers:
                    self._readers[fd]()

    def run_until(self, until_s: float, after_each: Callable[[], None]) -> None:
        # What is due at the very end belongs to the time after it; sums of floats are not told apart by less.
        while self._timers and self._timers[0][0] < until_s - 1e-6:
            due_s, _, timer = heapq.heappop(self._timers)
            if timer.cancelled:
                continue
            self.now_s = max(self.now_s, due_s)
            timer.ring()
            after_each()
        self.now_s = until_s


@dataclass
class _Timer:
    ring: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class ScriptedBrain:
    """Does nothing by itself; remembers all it is told."""

    def __init__(self, host: BrainHost, hears: SoundFormat, speaks: SoundFormat) -> None:
        self.host = host
        self.hears, self.speaks = hears, speaks
        self.frames: list[bytes] = []
        self.count = 0
        self.keeps = True
        self.digits: list[str] = []
        self.marks: list[str] = []
        self.holds: list[bool] = []

    async def start(self) -> None:
        """Nothing to connect to."""

    def begin(self) -> None:
        """It does not greet."""

    def hear(self, frame: bytes) -> None:
        self.count += 1
        if self.keeps:
            self.frames.append(frame)

    def held(self, on: bool) -> None:
        self.holds.append(on)

    def digit(self, digit: str, duration_ms: int) -> None:
        self.digits.append(digit)

    def marked(self, name: str) -> None:
        self.marks.append(name)

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """It has no voice."""

    def tell(self, message: JsonObject) -> None:
        """It has no ears for this."""

    async def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class _Factory:
    hears: SoundFormat
    speaks: SoundFormat
    made: list[ScriptedBrain] = field(default_factory=list)

    @property
    def formats(self) -> Sequence[SoundFormat]:
        return (self.hears, self.speaks)

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        self.made.append(ScriptedBrain(host, self.hears, self.speaks))
        return self.made[-1]

    def close(self) -> None:
        """Nothing is shared."""


@dataclass(frozen=True)
class Came:
    """A packet that came to the caller.

    Attributes:
        at_s: when.
        packet: what.
    """

    at_s: float
    packet: Packet


class Peer:
    """The caller's two sockets."""

    def __init__(self, loop: VirtualLoop, address: str) -> None:
        self._loop = loop
        self.rtp, self.rtcp = _bound(address), _bound(address)
        self.to = ("127.0.0.1", 0)
        self.came: list[Came] = []
        self.rtcp_to = ("127.0.0.1", 0)
        self.reports: list[bytes] = []
        self.reports_apart = 0
        self.keeps = True
        self.sequence, self.timestamp, self.ssrc = 1_000, 50_000, 7

    @property
    def port(self) -> int:
        return int(self.rtp.getsockname()[1])

    def send(
        self,
        payload: bytes,
        payload_type: int = 0,
        *,
        sequence: int | None = None,
        timestamp: int | None = None,
        marker: bool = False,
        source: socket.socket | None = None,
        raw: bytes = b"",
    ) -> None:
        """A packet; without a number of its own it is the next. `raw` is sent instead, whatever it is."""
        if raw:
            self.rtp.sendto(raw, self.to)
            self._loop.read()
            return
        if sequence is None:
            sequence, self.sequence = self.sequence, (self.sequence + 1) & 0xFFFF
        if timestamp is None:
            timestamp, self.timestamp = self.timestamp, (self.timestamp + 160) & 0xFFFF_FFFF
        (source or self.rtp).sendto(pack(payload_type, marker, sequence, timestamp, self.ssrc, payload), self.to)
        self._loop.read()

    def send_report(self, data: bytes, *, muxed: bool = False) -> None:
        """RTCP, from its own port or from that of sound."""
        if muxed:
            self.rtp.sendto(data, self.to)
        else:
            self.rtcp.sendto(data, self.rtcp_to)
        self._loop.read()

    def listen(self) -> None:
        """Take what has come."""
        for sock, take in ((self.rtp, self._sound), (self.rtcp, self._report)):
            while True:
                try:
                    data = sock.recv(2_048)
                except BlockingIOError:
                    break
                take(data)

    def _report(self, data: bytes) -> None:
        self.reports_apart += 1
        self.reports.append(data)

    def _sound(self, data: bytes) -> None:
        if len(data) > 1 and 192 <= data[1] < 224:
            self.reports.append(data)
        elif self.keeps:
            packet = unpack(data)
            assert packet is not None
            self.came.append(Came(self._loop.now_s, packet))

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class Stranger:
    """A socket that is not the caller's."""

    def __init__(self) -> None:
        self.rtp = _bound()
        self._count = 0

    def count(self) -> int:
        """How many packets have come to it so far."""
        while True:
            try:
                self.rtp.recv(2_048)
            except BlockingIOError:
                return self._count
            self._count += 1

    def close(self) -> None:
        self.rtp.close()


class Place:
    """One call: `peer`, `brain`, and time."""

    def __init__(
        self,
        hears: SoundFormat = PCMU_8K,
        speaks: SoundFormat = PCMU_8K,
        chances: Sequence[int] = (),
        bind: str = "127.0.0.1",
        caller: str = "127.0.0.1",
        before: Callable[[PortPair], None] = lambda pair: None,
        **path: Any,
    ) -> None:
        self.loop = VirtualLoop()
        self.peer = Peer(self.loop, caller)
        self.told: list[ToControl] = []
        self._closed = False
        self._pair = PortPair(_bound(bind), _bound(bind))
        self.peer.to = (caller, self._pair.rtp_port)
        self.peer.rtcp_to = (caller, self._pair.rtcp.getsockname()[1])
        before(self._pair)
        # Of an SSRC, a first sequence number, a first timestamp, and the times between reports.
        numbers = itertools.chain(chances, itertools.count(0x4000_0000, 7_919))
        loop = cast("asyncio.AbstractEventLoop", self.loop)
        self._ticker = Ticker(loop, self.loop.time)
        line = partial(
            PhoneLine,
            pair=self._pair,
            loop=loop,
            chance=lambda: next(numbers) & 0xFFFF_FFFF,
            watch=Watch(),
            clock=self.loop.time,
        )
        self.session = Session(1, line, self.told.append, self._ticker, None, self.loop.time)
        self.path = SoundPath(
            **{
                "remote_address": caller,
                "remote_port": self.peer.port,
                "codec": "PCMU",
                "payload_type": 0,
                "digits_payload_type": DIGITS,
                "comfort_noise_payload_type": NOISE,
                "rtcp_port": self.peer.rtcp.getsockname()[1],
                **path,
            }
        )
        factory = _Factory(hears, speaks)
        asyncio.run(self.session.open(factory, BrainPlan("scripted", "call", {}), self.path))
        self.brain = factory.made[0]

    @property
    def bridge(self) -> Bridge:
        return self.session.bridge

    @property
    def quality(self) -> SoundQuality:
        return self.session.bridge.quality()

    @property
    def payloads(self) -> list[bytes]:
        return [came.packet.payload for came in self.peer.came]

    def events(self) -> list[str]:
        return [message.type for message in self.told if isinstance(message, Happened)]

    def hang_ups(self) -> list[str]:
        return [message.outcome for message in self.told if isinstance(message, HangUp)]

    def words(self, type: str) -> str:
        return next(message.text for message in self.told if isinstance(message, Happened) and message.type == type)

    def facts(self, type: str) -> JsonObject:
        return next(message.extras for message in self.told if isinstance(message, Happened) and message.type == type)

    def begin(self) -> "Place":
        self.session.begin()
        return self

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.run_until(self.loop.now_s + seconds, self.peer.listen)
        self.peer.listen()

    def run_frames(self, frames: int) -> None:
        """Let so many frames' time pass."""
        self.run(frames * FRAME_S)

    def stall(self, seconds: float) -> None:
        """Let time pass in which the process does not run."""
        self.loop.now_s += seconds

    def redirect(self, **changes: Any) -> None:
        """A later SDP of the caller."""
        self.path = replace(self.path, **changes)
        self.session.redirect(self.path)

    def talk(self, payloads: Sequence[bytes], payload_type: int = 0) -> None:
        """Have the caller send a packet every 20 ms."""
        for payload in payloads:
            self.peer.send(payload, payload_type)
            self.run(FRAME_S)

    def close(self) -> None:
        """Hang up; done twice, it does nothing."""
        if not self._closed:
            self._closed = True
            asyncio.run(self.session.close())
            self.peer.listen()
            self.peer.close()
            self._pair.close()


def _bound(host: str = "127.0.0.1") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # A port that the system chose is given back when a connected socket is dissolved: it must be asked for by number.
    with socket.socket(family, socket.SOCK_DGRAM) as free:
        free.bind((host, 0))
        address = free.getsockname()
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind(address)
    sock.setblocking(False)
    return sock
