import asyncio

import pytest

from callgate.core.sip.message import Response
from callgate.signaling.connections import ConnectionLimits
from tests.signaling.conftest import House
from tests.signaling.test_leg import joined
from tests.signaling.wire import ANSWER, OFFER, Caller


@pytest.mark.rfc("3261", "18.3", "Framing")
async def test_messages_in_any_pieces(house: House) -> None:
    caller = await house.caller("tcp")
    data = caller.request("OPTIONS") + caller.request("OPTIONS") + caller.request("INVITE", body=OFFER)
    for start in range(0, len(data), 7):
        await caller.wire.send(data[start : start + 7])
        await asyncio.sleep(0)
    statuses = [(await caller.response()).status for _ in range(3)]
    assert statuses == [200, 200, 100]


@pytest.mark.rfc("5626", "4.4.1", "Keep-Alive with CRLF")
async def test_a_keep_alive_is_answered(house: House) -> None:
    wire = await house.tcp()
    await wire.send(b"\r\n\r\n")
    assert await wire.read(2) == b"\r\n"


async def test_what_is_no_sip_ends_the_connection(house: House) -> None:
    wire = await house.tcp()
    await wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await wire.ended()


@pytest.mark.rfc("3261", "18.3", "Framing")
async def test_a_message_that_cannot_be_framed_is_answered_and_ends_the_connection(house: House) -> None:
    caller = await house.caller("tcp")
    await caller.wire.send(caller.request("OPTIONS").replace(b"Content-Length: 0\r\n", b"Content-Length: -1\r\n"))
    assert (await caller.response()).status == 400
    assert await caller.wire.ended()


async def test_there_is_room_for_so_many_connections_and_no_more() -> None:
    house = House()
    await house.open(limits=ConnectionLimits(connections_max=2))
    first, second = await house.caller("tcp"), await house.caller("tcp")
    await first.send("OPTIONS")
    await second.send("OPTIONS")
    assert [(await first.response()).status, (await second.response()).status] == [200, 200]
    third = await house.tcp()
    assert await third.ended()
    first.wire.close()
    await asyncio.sleep(0.01)  # the kernel carries the goodbye
    fourth = await house.caller("tcp")
    await fourth.send("OPTIONS")
    assert (await fourth.response()).status == 200
    await house.close()


async def test_an_idle_connection_is_closed_but_not_under_a_call(house: House) -> None:
    idle, busy = await house.tcp(), await house.caller("tcp")
    leg, ear = await joined(house, busy)
    house.clock.advance(601)
    assert await idle.ended()
    leg.hang_up()
    bye = await busy.incoming()
    assert bye.method == "BYE"
    await busy.answer(bye)
    await busy.send("OPTIONS")
    await busy.response()
    house.clock.advance(700)
    assert await busy.wire.ended()
    assert ear.silent


async def test_a_bye_finds_a_caller_whose_connection_has_gone(house: House) -> None:
    """RFC 3261 section 18.2.2 (Sending Responses) and 12.2.1.1: a new connection to where the caller listens."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    caller = await house.caller("tcp")
    caller.contact_port = server.sockets[0].getsockname()[1]
    leg, _ = await joined(house, caller)
    caller.wire.close()
    await asyncio.sleep(0.01)  # the kernel carries the goodbye
    leg.hang_up()
    async with asyncio.timeout(5):
        assert (await arrived.get()).startswith(b"BYE ")
    server.close()
    await server.wait_closed()


async def test_a_caller_that_does_not_read_is_let_go(house: House) -> None:
    wire = await house.tcp()
    caller = Caller(wire, house.address)
    connection = None
    await caller.send("INVITE", body=OFFER)
    assert isinstance(await wire.receive(), Response)
    leg, ear = await house.calls.leg()
    leg.answer(ANSWER)
    (connection,) = house.endpoint.transports._connections._all
    for _ in range(100):
        connection.send(b"x" * 100_000)
        if connection.closed:
            break
    assert connection.closed
