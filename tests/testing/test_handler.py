"""The handler that tests play with does what it was told, in order."""

import asyncio

import aiohttp
import pytest

from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.http import http_session
from callgate.testing.handler import HandlerServer


async def test_behaviours_are_used_up_in_order_and_the_last_one_stays() -> None:
    async with HandlerServer() as handler, http_session(AddressGuard(allow_loopback=True)) as session:
        answers = []
        handler.will_answer({"n": 1})
        handler.will_answer({"n": 2}, status=500)
        for _ in range(3):
            async with session.post(handler.url, json={"q": True}) as response:
                answers.append((response.status, await response.json()))
        assert answers == [(200, {"n": 1}), (500, {"n": 2}), (500, {"n": 2})]
        assert [request.json() for request in handler.requests] == [{"q": True}] * 3


async def test_untold_it_rejects() -> None:
    async with (
        HandlerServer() as handler,
        http_session(AddressGuard(allow_loopback=True)) as session,
        session.post(handler.url) as response,
    ):
        assert await response.json() == {"reject": {}}


async def test_it_notices_that_the_client_left() -> None:
    async with HandlerServer() as handler, http_session(AddressGuard(allow_loopback=True)) as session:
        handler.will_answer({}, after_s=60)
        asking = asyncio.create_task(session.post(handler.url))
        await handler.asked()
        assert not handler.abandoned.is_set()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await handler.abandoned.wait()


async def test_it_drops_connections() -> None:
    async with HandlerServer() as handler, http_session(AddressGuard(allow_loopback=True)) as session:
        handler.will_drop(reset=True)
        with pytest.raises(aiohttp.ClientError):
            await session.post(handler.url)
        assert handler.connections == 1
