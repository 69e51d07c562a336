"""A client for handlers, and handlers."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.http import http_session
from callgate.testing.handler import HandlerServer
from callgate.webhooks.ask import FallbackHandlerHook
from tests.webhooks.asking import make_hook


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with http_session(AddressGuard(allow_loopback=True)) as session:
        yield session


@pytest.fixture
async def handler() -> AsyncIterator[HandlerServer]:
    async with HandlerServer() as handler:
        yield handler


@pytest.fixture
def hook(session: aiohttp.ClientSession) -> FallbackHandlerHook:
    return make_hook(session)


@pytest.fixture
async def second() -> AsyncIterator[HandlerServer]:
    async with HandlerServer() as handler:
        yield handler
