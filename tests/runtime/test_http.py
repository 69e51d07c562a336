"""The HTTP client: the guard stands before the socket itself, and nothing is followed or remembered."""

import socket
import threading

import aiohttp
import pytest

from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.http import AnswerBroken, forbidden_cause, http_session
from callgate.testing.handler import HandlerServer


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_a_forbidden_address_gets_no_connection_and_is_named(host: str) -> None:
    async with HandlerServer() as handler, http_session(AddressGuard()) as session:
        with pytest.raises(aiohttp.ClientError) as error:
            await session.get(f"http://{host}:{handler.port}/")
        assert "loopback" in (forbidden_cause(error.value) or "")
        assert handler.connections == 0


async def test_an_error_of_another_kind_names_no_forbidden_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with http_session(AddressGuard(allow_loopback=True)) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as error:
                await session.get(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert forbidden_cause(error.value) is None


async def test_closing_it_lets_the_resolver_go() -> None:
    async with http_session(AddressGuard(allow_loopback=True)) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("http://name.invalid/")
        assert any(thread.name.startswith("resolver") for thread in threading.enumerate())
    for thread in threading.enumerate():
        if thread.name.startswith("resolver"):
            thread.join(5)
    assert not any(thread.name.startswith("resolver") for thread in threading.enumerate())


async def test_cookies_are_not_kept() -> None:
    async with HandlerServer() as handler, http_session(AddressGuard(allow_loopback=True)) as session:
        handler.will_answer({}, headers=(("Set-Cookie", "a=b; Path=/"),))
        for _ in range(2):
            async with session.get(handler.url) as response:
                await response.read()
        assert all("cookie" not in request.headers for request in handler.requests)


async def test_an_answer_that_never_began_is_told_from_one_that_broke() -> None:
    async with HandlerServer() as handler, http_session(AddressGuard(allow_loopback=True)) as session:
        handler.will_drop()
        handler.will_send(b"HTTP/1.1 200 O")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(handler.url)
        with pytest.raises(AnswerBroken):
            await session.post(handler.url)
