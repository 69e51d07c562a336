"""One try over real sockets: what is sent, what counts as taken, and what is said of everything else."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from callgate.core.webhook.signature import verify
from callgate.entities.call import OutboxEvent
from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.http import http_session
from callgate.testing.handler import HandlerServer
from callgate.webhooks.post import body_of, post

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
EVENT = OutboxEvent("0190", "account", "call", "call.ended", NOW, {"callId": "call", "systemPrompt": "grüß Gott"})


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with http_session(AddressGuard(allow_loopback=True)) as session:
        yield session


@pytest.fixture
async def server() -> AsyncIterator[HandlerServer]:
    async with HandlerServer() as server:
        yield server


async def tell(
    session: aiohttp.ClientSession, url: str, secrets: tuple[str, ...] = ("s",), timeout_s: float = 5
) -> str:
    return await post(session, EVENT, url, secrets, now=NOW, timeout_s=timeout_s)


async def test_what_is_sent(session: aiohttp.ClientSession, server: HandlerServer) -> None:
    server.will_answer(b"", status=204)
    assert await tell(session, server.url, ("one", "two")) == ""
    (request,) = server.requests
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    assert json.loads(request.body) == {"event": "call.ended", "call": EVENT.payload}
    assert request.headers["x-callgate-event-id"] == "0190"
    timestamp = request.headers["x-ultravox-webhook-timestamp"]
    assert datetime.fromisoformat(timestamp) == NOW
    signature = request.headers["x-ultravox-webhook-signature"]
    assert len(signature.split(",")) == 2
    for secret in ("one", "two"):
        assert verify(request.body, timestamp, signature, (secret,))
    assert not verify(request.body, timestamp, signature, ("three",))
    assert request.body == body_of(EVENT)


async def test_without_secrets_there_is_no_signature(session: aiohttp.ClientSession, server: HandlerServer) -> None:
    server.will_answer({})
    assert await tell(session, server.url, ()) == ""
    assert "x-ultravox-webhook-signature" not in server.requests[0].headers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_a_yes_whatever_else_is_said(
    session: aiohttp.ClientSession, server: HandlerServer, status: int
) -> None:
    server.will_answer(b"" if status == 204 else b"not JSON at all", status=status)
    assert await tell(session, server.url) == ""


async def test_a_yes_whose_body_never_comes_is_a_yes(session: aiohttp.ClientSession, server: HandlerServer) -> None:
    server.will_send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123", then_hang=True)
    server.will_send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")
    server.will_send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n123", then_hang=True)
    server.will_send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1_000_000)
    for _ in range(4):
        assert await tell(session, server.url) == ""


async def test_what_is_no_yes_is_said_in_words(session: aiohttp.ClientSession, server: HandlerServer) -> None:
    server.will_answer({}, status=500)
    server.will_redirect("http://127.0.0.1:1/elsewhere")
    server.will_hang()
    server.will_drop()
    server.will_send(b"SSH-2.0-OpenSSH\r\n")
    server.will_send(b"HTTP/1.1 200 OK\r\nConte")
    said = [await tell(session, server.url, timeout_s=0.3) for _ in range(6)]
    assert said[:3] == ["answered 500", "answered 307", "no answer within 0.3 s"]
    assert said[3] == "the connection was closed without an answer"
    assert said[4:] == ["the answer broke off, or is no HTTP"] * 2
    assert len(server.requests) == 6  # nothing is followed, nothing repeated


async def test_what_cannot_be_reached_is_said_in_words(session: aiohttp.ClientSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert await tell(session, f"http://127.0.0.1:{port}") == "no connection: connection refused"
    assert (await tell(session, "http://no-such-host.invalid")).startswith("the name of the host is not known: ")
    assert await tell(session, "http://[broken") == "the url cannot be used"


async def test_a_server_without_tls_is_not_trusted(session: aiohttp.ClientSession) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1_000)
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        said = await tell(session, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert said.startswith("no trusted connection: ")


async def test_the_address_is_guarded_when_it_is_connected_to(server: HandlerServer) -> None:
    async with http_session(AddressGuard(allow_loopback=False)) as session:
        assert await tell(session, server.url) == "a loopback address may not be reached: `127.0.0.1`"
        named = server.url.replace("127.0.0.1", "localhost")
        assert "may not be reached" in await tell(session, named)
    assert server.requests == []
