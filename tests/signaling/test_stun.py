import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from callgate.core.stun.message import BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, StunMessage, pack, unpack
from callgate.runtime.ids import SystemIds
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.addresses import AddressBook, Advertised
from callgate.signaling.stun import AddressFinder, NoAnswer, ask
from callgate.testing.clock import ManualClock

OUTSIDE = "203.0.113.77"


class StunServer(asyncio.DatagramProtocol):
    """Says what the test has it say."""

    def __init__(self) -> None:
        self.address = OUTSIDE
        self.requests: list[StunMessage] = []
        self.deaf = 0  # so many requests are lost
        self.says: list[Any] = []  # before the answer
        self.error = 0
        self.came = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        request = unpack(data)
        self.requests.append(request)
        self.came.set()
        if self.deaf:
            self.deaf -= 1
            return
        for made in self.says:
            self._transport.sendto(made(request), addr)
        if self.error:
            answer = StunMessage(BINDING_ERROR, request.transaction, error=self.error, reason="Try Elsewhere")
        else:
            answer = StunMessage(BINDING_SUCCESS, request.transaction, self.address, 4_000)
        self._transport.sendto(pack(answer), addr)

    async def heard(self) -> None:
        async with asyncio.timeout(5):
            await self.came.wait()
        self.came.clear()

    def close(self) -> None:
        self._transport.close()


@pytest.fixture
async def server() -> AsyncIterator[StunServer]:
    _, server = await asyncio.get_running_loop().create_datagram_endpoint(StunServer, local_addr=("127.0.0.1", 0))
    yield server
    server.close()


async def asked(server: StunServer, clock: ManualClock | None = None) -> str:
    async with asyncio.timeout(5):
        return await ask("127.0.0.1", server.port, alarms=clock or ManualClock(), ids=SystemIds())


async def test_the_server_says_our_address(server: StunServer) -> None:
    assert await asked(server) == OUTSIDE
    assert [request.type for request in server.requests] == [BINDING_REQUEST]


@pytest.mark.rfc("8489", "6.2.1", "Sending over UDP or DTLS-over-UDP")
async def test_a_lost_question_is_asked_again(server: StunServer) -> None:
    server.deaf = 3
    clock = ManualClock()
    asking = asyncio.ensure_future(asked(server, clock))
    for wait_s in (0.5, 1.0, 2.0):
        await server.heard()
        clock.advance(wait_s)
    assert await asking == OUTSIDE
    assert len({request.transaction for request in server.requests}) == 1


async def test_nobody_answers(server: StunServer) -> None:
    server.deaf = 100
    clock = ManualClock()
    asking = asyncio.ensure_future(asked(server, clock))
    await server.heard()
    clock.advance(5)
    with pytest.raises(NoAnswer, match="no answer in time"):
        await asking


async def test_nobody_is_there() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(NoAnswer, match="refused"):
        await ask("127.0.0.1", port, alarms=ManualClock(), ids=SystemIds())
    with pytest.raises(NoAnswer):
        await ask("nowhere.invalid", port, alarms=ManualClock(), ids=SystemIds())


async def test_what_is_no_answer_to_us_changes_nothing(server: StunServer) -> None:
    server.says = [
        lambda request: b"rubbish",
        lambda request: pack(StunMessage(BINDING_SUCCESS, b"somebody els", "198.51.100.1", 1)),
        lambda request: pack(StunMessage(BINDING_REQUEST, request.transaction)),
    ]
    assert await asked(server) == OUTSIDE


async def test_answers_that_cannot_be_used(server: StunServer) -> None:
    server.error = 300
    with pytest.raises(NoAnswer, match="300 Try Elsewhere"):
        await asked(server)
    server.error = 0
    for address in ("", "127.0.0.1", "0.0.0.0", "239.1.1.1", "::1"):
        server.address = address
        with pytest.raises(NoAnswer, match="without a usable address"):
            await asked(server)
    server.says = [lambda request: pack(StunMessage(BINDING_SUCCESS, request.transaction, OUTSIDE, 1))[:-1] + b"x"]
    with pytest.raises(NoAnswer, match="cannot be used"):
        await asked(server)


async def test_the_advertised_address_follows_what_the_server_says(server: StunServer) -> None:
    clock, told, advertised = ManualClock(), list[str](), Advertised()
    book = AddressBook("10.0.0.1", advertised=advertised, local_networks=("10.0.0.0/8",))
    tasks = TaskOwner(lambda name, error: told.append(repr(error)))
    finder = AddressFinder(
        "127.0.0.1",
        server.port,
        every_s=300,
        bind="127.0.0.1",
        advertised=advertised,
        alarms=clock,
        ids=SystemIds(),
        tasks=tasks,
        told=told.append,
    )
    assert book.towards("198.51.100.9") == "10.0.0.1"
    await finder.find()
    assert book.towards("198.51.100.9") == OUTSIDE
    assert book.towards("10.0.0.9") == "10.0.0.1"
    server.address = "203.0.113.88"
    clock.advance(299)
    assert len(server.requests) == 1
    clock.advance(1)
    await tasks.finish()
    assert book.towards("198.51.100.9") == "203.0.113.88"
    server.error = 500
    for _ in range(3):
        clock.advance(300)
        await tasks.finish()
    assert book.towards("198.51.100.9") == "203.0.113.88"  # what was found is kept
    assert [words.partition(" (")[0] for words in told] == [
        f"peers outside are told {OUTSIDE}, as 127.0.0.1",
        "peers outside are told 203.0.113.88, as 127.0.0.1",
        f"127.0.0.1:{server.port}",
    ]
    asked_s = len(server.requests)
    server.error = 0
    clock.advance(30)  # after a failure it is asked again soon
    await tasks.finish()
    assert len(server.requests) == asked_s + 1
    finder.close()
    clock.advance(10_000)
    await tasks.finish()
    assert len(server.requests) == asked_s + 1
