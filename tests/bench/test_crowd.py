import asyncio
import multiprocessing
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from callgate.bench import crowd as crowds
from callgate.bench.crowd import Seen
from callgate.core.audio.pcm import audioop

LOUD = audioop.lin2ulaw(b"\x00\x70" * 160, 2)
QUIET = b"\xff" * 160
HEADER = bytes(12)


class FromModel(WSListener):
    """Frames of one model."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.frames.put_nowait(frame.get_payload_as_bytes())


@dataclass
class Served:
    """A crowd of one call, and the gate's ends of it."""

    pipe: Connection
    model_port: int
    caller_port: int
    rtp: socket.socket

    def go(self) -> None:
        self.pipe.send(("go", [self.rtp.getsockname()[1]]))

    async def packet(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.rtp, 2_048)

    def to_caller(self, payload: bytes) -> None:
        self.rtp.sendto(HEADER + payload, ("127.0.0.1", self.caller_port))

    async def seen(self) -> Seen:
        self.pipe.send(("seen",))
        assert await asyncio.to_thread(self.pipe.poll, 5)
        seen = self.pipe.recv()
        assert isinstance(seen, Seen)
        return seen

    async def connect(self) -> tuple[WSTransport, FromModel]:
        listener = FromModel()
        transport, _ = await ws_connect(lambda: listener, f"ws://127.0.0.1:{self.model_port}/0")
        return transport, listener


@asynccontextmanager
async def served(wideband: bool = False) -> AsyncIterator[Served]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=crowds.main, args=(theirs, 1, wideband, False), daemon=True)
    process.start()
    theirs.close()
    assert await asyncio.to_thread(ours.poll, 20)
    word, model_port, (caller_port,) = ours.recv()
    assert word == "ready"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp:
        rtp.bind(("127.0.0.1", 0))
        rtp.setblocking(False)
        try:
            async with asyncio.timeout(10):
                yield Served(ours, model_port, caller_port, rtp)
        finally:
            ours.send(("stop",))
            await asyncio.to_thread(process.join, 5)
            ours.close()
    assert process.exitcode == 0


def loud(payload: bytes) -> bool:
    return audioop.max(audioop.ulaw2lin(payload, 2), 2) > 8_000


async def test_a_caller_sends_g711_in_order_and_every_tenth_frame_is_loud() -> None:
    async with served() as crowd:
        crowd.go()
        packets = [await crowd.packet() for _ in range(20)]
    assert all(len(packet) == 172 and packet[:2] == b"\x80\x00" for packet in packets)
    assert [int.from_bytes(packet[2:4]) for packet in packets] == list(range(1, 21))
    assert [int.from_bytes(packet[4:8]) for packet in packets] == [160 * number for number in range(1, 21)]
    assert [number for number, packet in enumerate(packets, 1) if loud(packet[12:])] == [10, 20]


@pytest.mark.parametrize(("wideband", "size"), [(False, 160), (True, 640)])
async def test_a_model_sends_frames_of_its_format(wideband: bool, size: int) -> None:
    async with served(wideband) as crowd:
        transport, listener = await crowd.connect()
        crowd.go()
        assert {len(await listener.frames.get()) for _ in range(12)} == {size}
        transport.disconnect()


async def test_what_was_seen_is_counted_once() -> None:
    async with served() as crowd:
        transport, _ = await crowd.connect()
        crowd.go()
        await crowd.packet()
        for _ in range(3):
            crowd.to_caller(QUIET)
        for _ in range(4):
            transport.send(WSMsgType.BINARY, QUIET)
        total = Seen()
        while total.received < 3 or total.heard_frames < 4:
            seen = await crowd.seen()
            assert (seen.received, seen.heard_frames) == (seen.received_least, seen.heard_least)
            total.received += seen.received
            total.heard_frames += seen.heard_frames
            total.sent += seen.sent
            await crowd.packet()
        assert (total.received, total.heard_frames) == (3, 4)
        transport.disconnect()


async def test_the_delay_of_a_probe_is_from_its_leaving_to_its_first_loud_sample() -> None:
    async with served() as crowd:
        transport, listener = await crowd.connect()
        crowd.go()
        while not loud((await crowd.packet())[12:]):
            pass
        while not loud(await listener.frames.get()):
            pass
        await asyncio.sleep(0.050)  # what this gate takes
        crowd.to_caller(QUIET[:80] + LOUD[:80])
        transport.send(WSMsgType.BINARY, QUIET)
        transport.send(WSMsgType.BINARY, LOUD)
        there: list[float] = []
        back: list[float] = []
        while not there or not back:
            seen = await crowd.seen()
            there, back = there + seen.there_s, back + seen.back_s
        assert there[0] >= 0.050
        assert back[0] >= 0.060  # and half a frame until it is loud
        transport.disconnect()


async def test_sound_that_is_not_the_probe_is_no_delay() -> None:
    async with served() as crowd:
        transport, _ = await crowd.connect()
        crowd.go()
        for _ in range(12):
            await crowd.packet()
            crowd.to_caller(QUIET)
            transport.send(WSMsgType.BINARY, QUIET)
        seen = await crowd.seen()
        assert (seen.there_s, seen.back_s) == ([], [])
        transport.disconnect()


async def test_models_rest_and_callers_do_not() -> None:
    async with served() as crowd:
        transport, listener = await crowd.connect()
        crowd.go()
        await crowd.packet()
        crowd.pipe.send(("rest",))
        await crowd.seen()  # it is told in order: the rest has begun
        while not listener.frames.empty():
            listener.frames.get_nowait()
        await crowd.packet()
        before = listener.frames.qsize()
        for _ in range(6):
            await crowd.packet()
        assert listener.frames.qsize() - before <= 2  # that were on their way
        await listener.frames.get()  # and then they speak again
        transport.disconnect()


async def test_a_model_that_leaves_and_a_gate_that_is_gone_are_survived() -> None:
    async with served() as crowd:
        transport, _ = await crowd.connect()
        crowd.go()
        await crowd.packet()
        transport.disconnect()
        crowd.rtp.close()  # the caller's packets are refused from here on
        again, listener = await crowd.connect()
        assert len(await listener.frames.get()) == 160
        assert (await crowd.seen()).seconds > 0
        again.disconnect()


async def test_half_a_request_is_hung_up_on() -> None:
    async with served() as crowd:
        reader, writer = await asyncio.open_connection("127.0.0.1", crowd.model_port)
        writer.write(b"GET /0 HTTP/1.1\r\n")
        assert await reader.read() == b""
        writer.close()
        assert (await crowd.seen()).sent == 0
