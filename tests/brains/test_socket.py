import asyncio
import re
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMsgType, web

from callgate.brains.socket import BrainSocket, BrainUnreachable
from callgate.runtime import websocket
from callgate.runtime.address_guard import AddressGuard

HERE = AddressGuard(allow_loopback=True)


class Server:
    """A WebSocket server that does as its path says."""

    def __init__(self) -> None:
        self.url = ""
        self.headers: dict[str, str] = {}
        self.closed = asyncio.Event()
        self.received: list[bytes | str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.headers = dict(request.headers)
        if request.path == "/refuse":
            return web.Response(status=401, text="bad\r\nkey")
        if request.path == "/slow":
            await asyncio.sleep(5)
        if request.path == "/elsewhere":
            return web.Response(status=302, headers={"Location": "/echo"})
        answer = web.WebSocketResponse(max_msg_size=0)
        await answer.prepare(request)
        writer = answer._writer
        assert writer is not None
        if request.path == "/pieces":
            for opcode, data, fin in ((1, b"one ", False), (0, b"mes", False), (0, b"sage", True)):
                head = bytes([opcode | (0x80 if fin else 0), len(data)])
                assert request.transport is not None
                request.transport.write(head + data)
        if request.path == "/long":
            await answer.send_bytes(bytes(5_000))
        if request.path == "/close":
            await answer.close(code=4_001, message=b"session\nexpired")
        if request.path == "/break":
            assert request.transport is not None
            request.transport.abort()
        if request.path == "/deaf":
            await asyncio.sleep(5)
        async for message in answer:
            self.received.append(message.data)
            if message.type == WSMsgType.TEXT:
                await answer.send_str(message.data.upper())
            else:
                await answer.send_bytes(message.data[::-1])
        self.closed.set()
        return answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    one = Server()
    app = web.Application()
    app.router.add_route("GET", "/{what}", one.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
    yield one
    await runner.cleanup()


class Ear:
    """What a socket is told."""

    def __init__(self) -> None:
        self.texts: asyncio.Queue[bytes] = asyncio.Queue()
        self.binaries: asyncio.Queue[bytes] = asyncio.Queue()
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    async def connect(self, url: str, guard: AddressGuard = HERE, **more: object) -> BrainSocket:
        return await BrainSocket.connect(
            url,
            on_text=self.texts.put_nowait,
            on_binary=self.binaries.put_nowait,
            on_closed=self.ended.put_nowait,
            guard=guard,
            **more,  # type: ignore[arg-type]
        )


async def test_messages_go_both_ways(server: Server) -> None:
    ear = Ear()
    link = await ear.connect(server.url + "/echo", headers={"Authorization": "Bearer k"})
    link.send_text("hello ü")
    link.send_binary(b"123")
    assert await ear.texts.get() == "HELLO Ü".encode()
    assert await ear.binaries.get() == b"321"
    assert server.headers["Authorization"] == "Bearer k"
    await link.close()
    await asyncio.wait_for(server.closed.wait(), 2)
    link.send_text("too late")
    assert ear.ended.empty()
    assert server.received == ["hello ü", b"123"]


async def test_a_message_in_pieces_is_one(server: Server) -> None:
    ear = Ear()
    link = await ear.connect(server.url + "/pieces")
    assert await ear.texts.get() == b"one message"
    await link.close()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/close", "the server closed the connection with 4001: session expired"),
        ("/break", "the connection broke"),
        ("/long", "a message of 5000 bytes came; expected at most 4000|the server broke the protocol"),
    ],
)
async def test_an_end_is_told_once_with_its_reason(server: Server, path: str, words: str) -> None:
    ear = Ear()
    link = await ear.connect(server.url + path, message_bytes_max=4_000)
    assert re.match(words, await asyncio.wait_for(ear.ended.get(), 2))
    await link.close()
    assert ear.ended.empty()
    assert [len(ear.binaries.get_nowait()) for _ in range(ear.binaries.qsize())] == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/refuse", "refused with HTTP 401"),
        ("/elsewhere", "refused with HTTP 302|redirect"),
        ("/slow", r"no connection within 0\.2 s"),
    ],
)
async def test_what_cannot_be_reached_is_said(server: Server, path: str, words: str) -> None:
    with pytest.raises(BrainUnreachable, match=words):
        await Ear().connect(server.url + path, open_s_max=0.2)


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BrainUnreachable, match=r"(?i)connect|refused"):
        await Ear().connect(f"ws://127.0.0.1:{port}/")


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws://", "nonsense"])
async def test_no_web_socket_url(url: str) -> None:
    with pytest.raises(BrainUnreachable):
        await Ear().connect(url)


async def test_forbidden_addresses_are_not_connected_to(server: Server) -> None:
    with pytest.raises(BrainUnreachable, match="a loopback address may not be reached"):
        await Ear().connect(server.url.replace("127.0.0.1", "localhost") + "/echo", guard=AddressGuard())
    assert server.headers == {}


async def test_a_server_that_does_not_read_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "BACKLOG_BYTES_MAX", 100_000)
    ear = Ear()
    link = await ear.connect(server.url + "/deaf")
    for _ in range(2_000):
        link.send_binary(bytes(10_000))
        if not ear.ended.empty():
            break
        await asyncio.sleep(0)
    assert await asyncio.wait_for(ear.ended.get(), 2) == "the server is more than 100000 bytes behind"
