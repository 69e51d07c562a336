import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSCloseCode, WSMsgType, web

from callgate.brains.plain_websocket import PlainWebSocketFactory
from callgate.brains.socket import BrainUnreachable
from callgate.core.audio.format import PCM_8K
from callgate.entities.json import JsonObject
from callgate.runtime.address_guard import AddressGuard
from tests.brains.modelled_call import ModelledCall

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "echo_agent.py"
VOICE = b"\x10\x20" * 160
HERE = AddressGuard(allow_loopback=True)


class Agent:
    """A program that talks, by hand."""

    def __init__(self) -> None:
        self.url = ""
        self.headers: dict[str, str] = {}
        self.told: list[dict[str, Any]] = []
        self.sound = bytearray()
        self.socket = web.WebSocketResponse()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        self.headers = dict(request.headers)
        self.socket = web.WebSocketResponse()
        await self.socket.prepare(request)
        async for message in self.socket:
            if message.type == WSMsgType.BINARY:
                self.sound += message.data
            else:
                self.told.append(json.loads(message.data))
        return self.socket

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.told]

    async def says(self, **message: object) -> None:
        await self.socket.send_json(message)


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    one = Agent()
    app = web.Application()
    app.router.add_get("/", one.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    yield one
    await runner.cleanup()


@pytest.fixture
async def call(agent: Agent) -> AsyncIterator[ModelledCall]:
    settings: JsonObject = {"systemPrompt": "Be kind.", "selectedTools": [{"toolName": "secret"}]}
    one = ModelledCall(PlainWebSocketFactory(agent.url, guard=HERE, api_key="k", sound=PCM_8K), settings)
    await one.begins()
    await one.until(lambda: agent.kinds() == ["start", "begin"])
    yield one
    await one.brain.close()


async def test_it_is_told_of_the_call_and_hears_it(agent: Agent, call: ModelledCall) -> None:
    assert agent.headers["Authorization"] == "Bearer k"
    assert agent.told[0] == {
        "type": "start",
        "callId": "call",
        "encoding": "pcm16",
        "sampleRate": 8_000,
        "settings": {"systemPrompt": "Be kind."},
    }
    call.lasts(100, VOICE)
    call.brain.digit("5", 160)
    call.brain.held(True)
    await call.until(lambda: len(agent.sound) == 5 * len(VOICE) and len(agent.told) == 4)
    assert agent.told[2:] == [{"type": "digit", "digit": "5", "durationMs": 160}, {"type": "held", "on": True}]


async def test_it_speaks_marks_and_clears(agent: Agent, call: ModelledCall) -> None:
    await agent.socket.send_bytes(VOICE * 10)
    await agent.says(type="mark", name="ten")
    await agent.socket.send_bytes(VOICE * 10)
    await agent.says(type="mark", name="twenty")
    await call.until(lambda: call.bridge.queued_ms == 400)
    call.lasts(240)
    await call.until(lambda: "marked" in agent.kinds())
    await agent.says(type="clear")
    await call.until(lambda: "cleared" in agent.kinds())
    assert call.bridge.queued_ms == 0
    assert agent.told[2:] == [
        {"type": "marked", "name": "ten"},
        {"type": "cleared", "playedMs": 240, "droppedMs": 160},
    ]
    assert call.sent == [VOICE] * 12


async def test_it_hangs_up_when_all_has_been_heard(agent: Agent, call: ModelledCall) -> None:
    await agent.socket.send_bytes(VOICE * 10)
    await agent.says(type="message", role="agent", text="Goodbye.")
    await agent.says(type="hangUp")
    await call.until(lambda: call.messages)
    await asyncio.sleep(0)
    call.lasts(180)
    assert call.hung_up == []
    call.lasts(60)
    await call.lasts_until(lambda: call.hung_up)
    assert call.hung_up == ["agent-hangup"]
    assert call.messages == [("agent", "Goodbye.")]


async def test_its_last_word(agent: Agent, call: ModelledCall) -> None:
    call.brain.say("Our time is up.", "max-duration")
    await call.until(lambda: "say" in agent.kinds())
    assert agent.told[-1] == {"type": "say", "text": "Our time is up.", "last": True}
    call.lasts(9_000)
    assert call.hung_up == []
    await agent.says(type="hangUp")
    await call.lasts_until(lambda: call.hung_up)
    assert call.hung_up == ["max-duration"]


async def test_one_that_does_not_hang_up_is_hung_up_on(agent: Agent, call: ModelledCall) -> None:
    call.brain.say("Our time is up.", "max-duration")
    call.lasts(10_020)
    assert call.hung_up == ["max-duration"]


@pytest.mark.parametrize(
    "wrong",
    [{"type": "fly"}, {"type": "digits", "digits": "x"}, {"type": "message", "role": "root", "text": "x"}],
)
async def test_what_is_wrong_is_told_to_both_sides(agent: Agent, call: ModelledCall, wrong: dict[str, str]) -> None:
    await agent.says(**wrong)
    await call.until(lambda: "error" in agent.kinds())
    assert [type for type, _ in call.events] == ["brain_error"]
    assert agent.told[-1]["message"] == call.events[0][1]


async def test_half_a_sample_is_told(agent: Agent, call: ModelledCall) -> None:
    await agent.socket.send_bytes(b"123")
    await call.until(lambda: call.events)
    assert "expected a multiple of 2" in call.events[0][1]


async def test_a_normal_close_hangs_up(agent: Agent, call: ModelledCall) -> None:
    await agent.socket.close(code=WSCloseCode.OK)
    await call.lasts_until(lambda: call.hung_up)
    assert (call.hung_up, call.failures) == (["agent-hangup"], [])


async def test_another_end_is_a_failure(agent: Agent, call: ModelledCall) -> None:
    await agent.socket.close(code=WSCloseCode.INTERNAL_ERROR, message=b"bug")
    await call.until(lambda: call.failures)
    assert call.failures == ["the agent is gone: the server closed the connection with 1011: bug"]


async def its_call(factory: PlainWebSocketFactory) -> ModelledCall:
    """A call with an agent that is just being started."""
    async with asyncio.timeout(10):
        while True:
            one = ModelledCall(factory, {})
            try:
                await one.begins()
            except BrainUnreachable:
                await asyncio.sleep(0.05)
            else:
                return one


async def test_the_example_of_the_docs_is_an_agent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), str(port), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        one = await its_call(PlainWebSocketFactory(f"ws://127.0.0.1:{port}/", guard=HERE, api_key="", sound=PCM_8K))
        one.lasts(1_000, VOICE)
        await one.until(lambda: one.bridge.queued_ms == 500)
        one.brain.digit("9", 100)
        await one.lasts_until(lambda: one.hung_up)
        assert one.messages == [("agent", "Goodbye.")]
        assert set(one.sent) == {VOICE}
        await one.brain.close()
    finally:
        process.terminate()
        await process.wait()
