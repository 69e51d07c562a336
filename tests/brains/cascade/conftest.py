from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from callgate.brains.cascade.brain import CascadeFactory
from callgate.brains.cascade.servers import Cascade, Server
from callgate.brains.tools.client import ToolClient
from callgate.entities.json import JsonObject
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.cascade_servers import CascadeServers
from callgate.testing.tool_server import ToolServer
from tests.brains.cascade.talk import USER_FIRST, MakeCall
from tests.brains.modelled_call import ModelledCall


@pytest.fixture
async def servers() -> AsyncIterator[CascadeServers]:
    one = CascadeServers()
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def tool() -> AsyncIterator[ToolServer]:
    one = ToolServer()
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def call(servers: CascadeServers) -> AsyncIterator[MakeCall]:
    made: list[tuple[ModelledCall, CascadeFactory, ToolClient]] = []

    def make(settings: JsonObject | None = None, *, writes: bool = False, **configured: Any) -> ModelledCall:
        guard = AddressGuard(allow_loopback=True)
        cascade = Cascade(
            chat=Server("chat", servers.url, "m", "chat-key"),
            speech=Server("speech", servers.url, "tts", "speech-key"),
            transcription=Server("transcription", servers.url, "asr") if writes else None,
        )
        tools = ToolClient(guard)
        factory = CascadeFactory(replace(cascade, **configured), guard=guard, tools=tools)
        made.append((ModelledCall(factory, USER_FIRST if settings is None else settings), factory, tools))
        return made[-1][0]

    yield make
    for one, factory, tools in made:
        await one.brain.close()
        await factory.let_go()
        await tools.close()
