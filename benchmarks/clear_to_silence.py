"""How soon a caller no longer hears a model that was interrupted, while a worker carries other calls too.

A model speaks a second of tone at once and takes it back while it is being played; the time from there to the last
sample that is more than silence is counted, as if each packet were played the moment it comes. The caller has a packet
every 20 ms, so clears are spread over the phases of a frame: a gate that falls silent with its next packet has a median
of 10 ms, one that fades within it over 5 ms has 15.
"""

import asyncio
import socket
import struct
import time
from typing import Final, cast

import numpy as np
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from callgate.bench.load import BenchFailed, Load
from callgate.bench.media import Arrangement
from callgate.bench.workers import Workers
from callgate.core.audio.pcm import audioop

_HEADER_BYTES: Final = 12
_DATAGRAM_BYTES_MAX: Final = 2_048
_LOUD: Final = 8_000  # of 32,767; the tone has 30,000
_QUIET: Final = 500  # what a fade may leave
_ANSWER_S_MAX: Final = 2.0
_RATE_HZ: Final = 8_000
_HALF_PERIOD: Final = 8  # samples: a sine passes through nothing in the middle of sound
_PHASES_S: Final = 0.003  # of no common measure with 20 ms, so that clears fall anywhere within a frame
_TONE: Final = {
    False: audioop.lin2ulaw(struct.pack("<16h", *([30_000] * 8 + [-30_000] * 8)), 2) * 500,
    True: struct.pack("<32h", *([30_000] * 16 + [-30_000] * 16)) * 500,
}
"""A second of 500 Hz, by whether models speak s16le at 16,000 Hz."""


class Interrupted:
    """One caller and its model, in this process. To a carrier it looks like a load of one call."""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.setblocking(False)
        self.caller_ports: list[int] = [self._sock.getsockname()[1]]
        self.model_port = 0
        self._server: asyncio.Server | None = None
        self._model: WSTransport | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await ws_create_server(self._model_of, "127.0.0.1", 0)
        self.model_port = self._server.sockets[0].getsockname()[1]

    async def clear(self, wideband: bool, phase_s: float) -> float:
        """Speak, take it back, and return the seconds until the caller has silence.

        Raises:
            BenchFailed: no sound came, or it did not end.
        """
        if self._model is None:
            raise BenchFailed("the model that is to be interrupted was not connected")
        self._model.send(WSMsgType.BINARY, _TONE[wideband])
        await self._until_loud()
        await asyncio.sleep(0.1 + phase_s)
        self._drain()
        asked_s = time.monotonic()
        self._model.send(WSMsgType.TEXT, b'{"type":"clear"}')
        return await self._silent_s() - asked_s

    async def close(self) -> None:
        """Let go."""
        if self._server is not None:
            self._server.close()
        if self._model is not None:
            self._model.disconnect()
        self._sock.close()

    def _model_of(self, _request: WSUpgradeRequest) -> WSListener:
        outer = self

        class Model(WSListener):
            def on_ws_connected(self, transport: WSTransport) -> None:
                outer._model = transport

            def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
                pass

        return Model()

    def _drain(self) -> None:
        try:
            while True:
                self._sock.recv(_DATAGRAM_BYTES_MAX)
        except BlockingIOError:
            return

    async def _until_loud(self) -> None:
        while audioop.max(await self._heard("the tone"), 2) < _LOUD:
            pass

    async def _silent_s(self) -> float:
        """When the first silence within a packet begins."""
        while True:
            sound = np.abs(np.frombuffer(await self._heard("silence"), np.int16).astype(np.int32))
            loud = np.flatnonzero(sound > _QUIET)
            if not len(loud):
                return time.monotonic()
            if loud[-1] < len(sound) - _HALF_PERIOD:
                return time.monotonic() + (int(loud[-1]) + 1) / _RATE_HZ

    async def _heard(self, what: str) -> bytes:
        try:
            async with asyncio.timeout(_ANSWER_S_MAX):
                packet = await asyncio.get_running_loop().sock_recv(self._sock, _DATAGRAM_BYTES_MAX)
        except TimeoutError:
            raise BenchFailed(f"{what} did not come within {_ANSWER_S_MAX:g} s") from None
        return audioop.ulaw2lin(packet[_HEADER_BYTES:], 2)


async def clears(calls: int, *, arrangement: Arrangement, wideband: bool, times: int) -> list[float]:
    """Seconds from clear to silence, so many times, beside so many other calls.

    Raises:
        BenchFailed: see `Interrupted.clear`, or the calls could not be carried.
    """
    workers = Workers(calls + 1, cores=arrangement.worker_cores, wideband=wideband)
    # The load must sleep between frames: the one who is interrupted shares its core.
    load = Load(calls, wideband=wideband, core=arrangement.crowd_cores[0], alone=False)
    interrupted = Interrupted()
    try:
        await workers.start()
        await interrupted.start()
        await load.ready()
        load.go(await workers.carry(load))
        await workers.carry(cast("Load", interrupted))
        return [await interrupted.clear(wideband, turn * _PHASES_S % 0.020) for turn in range(times)]
    finally:
        await workers.close()
        await load.stop()
        await interrupted.close()
