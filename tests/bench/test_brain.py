import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from callgate.bench.brain import factories
from callgate.core.audio.format import PCM_16K, PCMU_8K
from callgate.ports.brain import Brain, BrainHost, BrainPlan


class Model(WSListener):
    """The other end: what came is in order."""

    def __init__(self) -> None:
        self.transport: WSTransport | None = None
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.url = ""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.gone.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self.heard.put_nowait(frame.get_payload_as_bytes())

    def send(self, kind: WSMsgType, payload: bytes) -> None:
        assert self.transport is not None
        self.transport.send(kind, payload)


class Host:
    """What a brain asks of its call."""

    def __init__(self) -> None:
        self.bridge = self
        self.asked: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def play(self, sound: bytes) -> None:
        self.asked.put_nowait(("play", sound))

    def clear(self) -> None:
        self.asked.put_nowait(("clear", None))

    def turn_ended(self) -> None:
        raise AssertionError("it has no turns")

    def hang_up(self, outcome: str) -> None:
        self.asked.put_nowait(("hang up", outcome))


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    model = Model()

    def accept(_request: WSUpgradeRequest) -> WSListener:
        return model

    server = await ws_create_server(accept, "127.0.0.1", 0)
    model.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/7"
    yield model
    server.close()


def made(host: Host, url: str, sound: str = "pcmu") -> Brain:
    plan = BrainPlan("websocket", "call", {"url": url, "sound": sound})
    return factories({})["websocket"].make(plan, cast("BrainHost", host))


async def test_sound_goes_both_ways_and_a_clear_is_obeyed(model: Model) -> None:
    host = Host()
    brain = made(host, model.url)
    await brain.start()
    brain.begin()
    brain.hear(b"from the caller")
    async with asyncio.timeout(5):
        assert await model.heard.get() == b"from the caller"
        model.send(WSMsgType.BINARY, b"from the model")
        model.send(WSMsgType.TEXT, b'{"type":"clear"}')
        model.send(WSMsgType.TEXT, b'{"type":"something else"}')
        model.send(WSMsgType.BINARY, b"after it")
        assert await host.asked.get() == ("play", b"from the model")
        assert await host.asked.get() == ("clear", None)
        assert await host.asked.get() == ("play", b"after it")
        await brain.close()
        await model.gone.wait()


async def test_thirty_seconds_may_be_pushed_at_once(model: Model) -> None:
    host = Host()
    brain = made(host, model.url, "pcm16")
    await brain.start()
    async with asyncio.timeout(5):
        model.send(WSMsgType.BINARY, bytes(30 * 32_000))
        _, sound = await host.asked.get()
        assert len(sound) == 30 * 32_000
        await brain.close()


def test_a_call_says_which_sound_its_model_speaks() -> None:
    narrow, wide = made(Host(), "ws://127.0.0.1:1"), made(Host(), "ws://127.0.0.1:1", "pcm16")
    assert (narrow.hears, narrow.speaks) == (PCMU_8K, PCMU_8K)
    assert (wide.hears, wide.speaks) == (PCM_16K, PCM_16K)
    assert set(factories({})["websocket"].formats) == {PCM_16K, PCMU_8K}


async def test_words_it_cannot_say_still_end_the_call() -> None:
    host = Host()
    brain = made(host, "ws://127.0.0.1:1")
    brain.say("goodbye")
    assert host.asked.empty()
    brain.say("goodbye", "timeout")
    assert host.asked.get_nowait() == ("hang up", "timeout")
    await brain.close()  # which was never started


async def test_a_model_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="Connect call failed"):
        await made(Host(), "ws://127.0.0.1:1").start()
