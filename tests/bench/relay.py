"""A carrier in the tests' own process, which can be told to fail in known ways."""

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from callgate.bench.load import Load
from callgate.media.protocol import Inspected
from callgate.media.ticker import FRAME_S, LATENESS_STEP_S

STEPS = 201
SILENCE = b"\xff" * 160


@dataclass
class Faults:
    """What is wrong with it.

    Attributes:
        capacity: of more calls than these none is served beyond it.
        swallow_to_callers: drop every second packet.
        swallow_to_models: likewise.
        hold_frames: so many of what the model says are kept back at any time.
        stall_s: how long one packet, some way into the window, is held up.
        lateness: counts by step that are reported for the window instead of what was measured.
    """

    capacity: int = 10_000
    swallow_to_callers: bool = False
    swallow_to_models: bool = False
    hold_frames: int = 0
    stall_s: float = 0.0
    lateness: dict[int, int] | None = None


@dataclass
class Made:
    """What a measurement did with its carriers."""

    calls: list[int] = field(default_factory=list)
    started: int = 0
    closed: int = 0


class _Call(WSListener):
    def __init__(self, faults: Faults, served: bool, caller_port: int) -> None:
        self.faults, self.served = faults, served
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.connect(("127.0.0.1", caller_port))
        self.sock.setblocking(False)
        self.waiting: deque[bytes] = deque()
        self.transport: WSTransport | None = None
        self.heard = self.sent = 0

    async def connect(self, url: str) -> None:
        self.transport, _ = await ws_connect(lambda: self, url)
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self.hear)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.waiting.append(frame.get_payload_as_bytes())

    def hear(self) -> None:
        data = self.sock.recv(2_048)
        self.heard += 1
        if self.served and self.transport is not None and not (self.faults.swallow_to_models and self.heard % 2):
            self.transport.send(WSMsgType.BINARY, data[12:])

    def tick(self) -> None:
        payload = self.waiting.popleft() if len(self.waiting) > self.faults.hold_frames else SILENCE
        self.sent += 1
        if self.served and not (self.faults.swallow_to_callers and self.sent % 2):
            self.sock.send(struct.pack(">BBHII", 0x80, 0, self.sent & 0xFFFF, self.sent * 160, 7) + payload)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.sock.fileno())
        self.sock.close()
        if self.transport is not None:
            self.transport.disconnect()


class Relay:
    """Implements `Carrier`."""

    def __init__(self, calls: int, faults: Faults, made: Made) -> None:
        self._faults, self._made = faults, made
        self._calls: list[_Call] = []
        self._task: asyncio.Task[None] | None = None
        self._inspections = 0
        self._lateness = [0] * STEPS
        made.calls.append(calls)

    async def start(self) -> None:
        """Be ready."""
        self._made.started += 1

    async def carry(self, load: Load) -> list[int]:
        """Connect each call."""
        for number, port in enumerate(load.caller_ports):
            call = _Call(self._faults, len(self._calls) < self._faults.capacity, port)
            self._calls.append(call)
            await call.connect(f"ws://127.0.0.1:{load.model_port}/{number}")
        self._task = asyncio.create_task(self._tick())
        return [call.sock.getsockname()[1] for call in self._calls]

    async def inspect(self) -> Sequence[Inspected]:
        """First before the calls, then as the window opens, then as it closes."""
        self._inspections += 1
        lateness = list(self._lateness)
        if self._faults.lateness is not None:
            lateness = [0] * STEPS
            if self._inspections == 3:
                for step, times in self._faults.lateness.items():
                    lateness[step] = times
        return [Inspected(len(self._calls), lateness, 0.25 * self._inspections, 1_000 * self._inspections)]

    async def close(self) -> None:
        """Let go."""
        self._made.closed += 1
        if self._task is not None:
            self._task.cancel()
        for call in self._calls:
            call.close()

    async def _tick(self) -> None:
        due_s, stalled = time.monotonic(), False
        while True:
            for call in self._calls:
                if self._faults.stall_s and not stalled and self._inspections == 2:
                    stalled = True
                    time.sleep(self._faults.stall_s)  # noqa: ASYNC251 (to hold everything up is the point)
                call.tick()
                self._lateness[min(STEPS - 1, int((time.monotonic() - due_s) / LATENESS_STEP_S))] += 1
            due_s += FRAME_S
            await asyncio.sleep(due_s - time.monotonic())


def relay(faults: Faults, made: Made | None = None) -> Callable[..., Relay]:
    """What `measure` makes its carriers with."""
    counted = made or Made()

    def make(calls: int, *, cores: Sequence[int], wideband: bool) -> Relay:
        assert len(cores) == 1
        assert not wideband
        return Relay(calls, faults, counted)

    return make
