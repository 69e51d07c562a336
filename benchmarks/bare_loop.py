"""The reference of `benchmarks.media`: a loop that carries sound and does nothing else.

uvloop and picows, one UDP socket and one WebSocket a call, a frame each way every 20 ms. No jitter, no gaps, no
concealment, no reports, no address proved, no clear, no marks, no codec: what comes is passed on as it is, and a
packet's header is all that is made. It is what these libraries cost, and so the limit of what could be built on them.
"""

import asyncio
import multiprocessing
import os
import resource
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from callgate.bench.load import BenchFailed, Load
from callgate.media.protocol import Inspected
from callgate.media.ticker import FRAME_S, LATENESS_STEP_S, SLOTS

_HEADER: Final = struct.Struct(">BBHII")
_HEADER_BYTES: Final = 12
_DATAGRAM_BYTES_MAX: Final = 2_048
_STEPS: Final = 201  # as the ticker counts
_ANSWER_S_MAX: Final = 30.0


class BareLoop:
    """Implements `Carrier`: one process on the first core. It transcodes nothing: models must speak µ-law."""

    def __init__(self, calls: int, *, cores: Sequence[int], wideband: bool) -> None:
        if wideband:
            raise BenchFailed("the bare loop passes sound on as it is; expected models that speak what callers do")
        context = multiprocessing.get_context("spawn")
        self._pipe: Connection
        self._pipe, self._theirs = context.Pipe()
        self._process = context.Process(target=_main, args=(self._theirs,), daemon=True)
        self._core = cores[0]

    async def start(self) -> None:
        """Start the process."""
        self._process.start()
        self._theirs.close()
        os.sched_setaffinity(self._process.pid or 0, [self._core])

    async def carry(self, load: Load) -> list[int]:
        """Connect every call; the ports of their RTP."""
        ports: list[int] = await self._asked("carry", load.caller_ports, load.model_port)
        return ports

    async def inspect(self) -> Sequence[Inspected]:
        """How it is."""
        found: Inspected = await self._asked("inspect")
        return [found]

    async def close(self) -> None:
        """End it."""
        if self._process.pid is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.join)

    async def _asked(self, *words: object) -> Any:
        self._pipe.send(words)
        if not await asyncio.to_thread(self._pipe.poll, _ANSWER_S_MAX):
            raise BenchFailed(f"the bare loop did not answer within {_ANSWER_S_MAX:g} s")
        return self._pipe.recv()


class _Call(WSListener):
    def __init__(self, caller_port: int, model_port: int, number: int) -> None:
        self.model = f"ws://127.0.0.1:{model_port}/{number}"
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.connect(("127.0.0.1", caller_port))
        self.sock.setblocking(False)
        self.ssrc = number
        self.sequence = 0
        self.waiting: deque[bytes] = deque()
        self.transport: WSTransport | None = None

    async def connect(self) -> None:
        self.transport, _ = await ws_connect(lambda: self, self.model)
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self.heard)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.waiting.append(frame.get_payload_as_bytes())

    def heard(self) -> None:
        assert self.transport is not None
        try:
            data = self.sock.recv(_DATAGRAM_BYTES_MAX)
        except OSError:
            return
        self.transport.send(WSMsgType.BINARY, data[_HEADER_BYTES:])

    def tick(self) -> None:
        payload = self.waiting.popleft() if self.waiting else _SILENCE
        self.sequence = sequence = self.sequence + 1
        header = _HEADER.pack(0x80, 0, sequence & 0xFFFF, sequence * 160 & 0xFFFF_FFFF, self.ssrc)
        try:
            self.sock.send(header + payload)
        except OSError:
            return


_SILENCE: Final = b"\xff" * 160


class _Process:
    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.calls: list[_Call] = []
        self.lateness = [0] * _STEPS
        self.loop = asyncio.get_running_loop()
        self.begun = self.loop.time()
        self.slot = 0
        self.task: asyncio.Task[None] | None = None
        self.loop.add_reader(pipe.fileno(), self.told)
        self.loop.call_later(0, self.tick)

    def told(self) -> None:
        try:
            words = self.pipe.recv()
        except EOFError:
            os._exit(0)  # who measures has ended, and so does what is measured
        match words:
            case ("carry", list(caller_ports), int(model_port)):
                self.task = self.loop.create_task(self.carry(caller_ports, model_port))
            case _:
                usage = resource.getrusage(resource.RUSAGE_SELF)
                cpu_s = usage.ru_utime + usage.ru_stime
                self.pipe.send(Inspected(len(self.calls), self.lateness, cpu_s, usage.ru_maxrss))

    async def carry(self, caller_ports: list[int], model_port: int) -> None:
        calls = [_Call(port, model_port, number) for number, port in enumerate(caller_ports)]
        for call in calls:
            await call.connect()
        self.calls = calls
        self.pipe.send([call.sock.getsockname()[1] for call in calls])

    def tick(self) -> None:
        due_s = self.begun + self.slot * FRAME_S / SLOTS
        for call in self.calls[self.slot % SLOTS :: SLOTS]:
            call.tick()
            self.lateness[min(_STEPS - 1, max(0, int((time.monotonic() - due_s) / LATENESS_STEP_S)))] += 1
        self.slot += 1
        self.loop.call_later(max(0.0, self.begun + self.slot * FRAME_S / SLOTS - time.monotonic()), self.tick)


async def _serve(pipe: Connection) -> None:
    _process = _Process(pipe)
    await asyncio.Event().wait()


def _main(pipe: Connection) -> None:
    uvloop.run(_serve(pipe))
