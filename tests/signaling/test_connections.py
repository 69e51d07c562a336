"""How many connections there may be, whose, and for how long."""

import asyncio
from typing import Any

import pytest

from callgate.signaling.connections import ConnectionLimits
from callgate.signaling.tcp import PING_S, PONG_S
from tests.signaling.conftest import House
from tests.signaling.test_leg import joined
from tests.signaling.wire import Caller, TcpWire

STRANGER = "127.0.0.2"


class PlacedHouse(House):
    """Callers come from any address of the loopback network."""

    async def wire_from(self, address: str) -> TcpWire:
        wire = TcpWire(*await asyncio.open_connection(*self.address, local_addr=(address, 0)))
        self.wires.append(wire)
        return wire

    async def caller_from(self, address: str) -> Caller:
        return Caller(await self.wire_from(address), self.address)


async def a_house(**limits: Any) -> PlacedHouse:
    house = PlacedHouse()
    house.strangers.add(STRANGER)
    house.strangers.update(f"127.0.1.{number}" for number in range(10))
    await house.open(limits=ConnectionLimits(**limits))
    return house


async def is_served(caller: Caller) -> bool:
    await caller.send("OPTIONS", to_tag="")
    try:
        return (await caller.response()).status in (200, 403)
    except (EOFError, ConnectionError):
        return False


async def test_a_stranger_holds_few_and_those_who_are_admitted_many() -> None:
    house = await a_house(stranger_max=2, source_max=3)
    strangers = [await house.caller_from(STRANGER) for _ in range(3)]
    assert [await is_served(caller) for caller in strangers] == [True, True, False]
    admitted = [await house.caller_from("127.0.0.1") for _ in range(4)]
    assert [await is_served(caller) for caller in admitted] == [True, True, True, False]
    strangers[0].wire.close()
    await asyncio.sleep(0.01)  # the kernel carries the goodbye
    assert await is_served(await house.caller_from(STRANGER))
    await house.close()


async def test_strangers_together_leave_room_for_those_who_are_admitted() -> None:
    house = await a_house(connections_max=6, strangers_max=3)
    strangers = [await house.caller_from(f"127.0.1.{number}") for number in range(5)]
    assert [await is_served(caller) for caller in strangers] == [True, True, True, False, False]
    admitted = [await house.caller_from("127.0.0.1") for _ in range(4)]
    assert [await is_served(caller) for caller in admitted] == [True, True, True, False]
    await house.close()


async def test_a_strangers_time_is_short_whatever_it_sends() -> None:
    house = await a_house(stranger_s=30)
    slow, admitted = await house.wire_from(STRANGER), await house.caller_from("127.0.0.1")
    for _ in range(29):
        await slow.send(b"O")  # a byte now and then
        assert await is_served(admitted)  # it has come by now
        house.clock.advance(1)
    house.clock.advance(1)
    assert await slow.ended()
    assert await is_served(admitted)
    await house.close()


async def test_a_stranger_who_has_been_admitted_stays() -> None:
    house = await a_house(stranger_s=30, stranger_max=1)
    caller = await house.caller_from(STRANGER)
    assert await is_served(caller)
    house.strangers.clear()
    house.clock.advance(60)
    assert await is_served(caller)
    assert await is_served(await house.caller_from(STRANGER))  # it is not counted as a stranger's any more
    house.clock.advance(601)
    assert await caller.wire.ended()
    await house.close()


async def test_a_call_keeps_its_connection_whoever_is_a_stranger_since() -> None:
    house = await a_house(stranger_s=30)
    caller = await house.caller_from("127.0.0.3")
    leg, ear = await joined(house, caller)
    house.strangers.add("127.0.0.3")
    house.clock.advance(700)
    leg.hang_up()
    assert (await caller.incoming()).method == "BYE"
    assert ear.silent
    await house.close()


# --------------------------------------------------------------------------------------------------------- keep-alive


async def in_a_call(house: PlacedHouse) -> tuple[Caller, Any]:
    caller = await house.caller_from("127.0.0.1")
    _, ear = await joined(house, caller)
    return caller, ear


@pytest.mark.rfc("5626", "4.4.1", "Keep-Alive with CRLF")
async def test_a_quiet_call_is_kept_alive_and_a_peer_without_pongs_stays() -> None:
    house = await a_house()
    caller, _ = await in_a_call(house)
    for _ in range(3):
        house.clock.advance(PING_S)
        assert await caller.wire.read(4) == b"\r\n\r\n"
        house.clock.advance(PONG_S)
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    await house.close()


@pytest.mark.rfc("5626", "4.4.1", "Keep-Alive with CRLF")
async def test_a_peer_that_answers_pings_no_more_has_gone() -> None:
    house = await a_house()
    caller, _ = await in_a_call(house)
    house.clock.advance(PING_S)
    assert await caller.wire.read(4) == b"\r\n\r\n"
    await caller.wire.send(b"\r\n")
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    house.clock.advance(PING_S + 1)
    assert await caller.wire.read(4) == b"\r\n\r\n"
    house.clock.advance(PONG_S - 1)
    assert len(house.endpoint.transports._connections) == 1
    house.clock.advance(1)
    await asyncio.sleep(0)
    assert len(house.endpoint.transports._connections) == 0
    await house.close()


async def test_a_peer_that_says_something_else_is_there() -> None:
    house = await a_house()
    caller, _ = await in_a_call(house)
    house.clock.advance(PING_S)
    await caller.wire.send(b"\r\n")
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    house.clock.advance(PING_S + 1)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    house.clock.advance(PONG_S)
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    await house.close()


async def test_nobody_is_pinged_without_a_call() -> None:
    house = await a_house(idle_s=600)
    caller = await house.caller_from("127.0.0.1")
    assert await is_served(caller)
    house.clock.advance(599)
    await caller.wire.send(b"\r\n\r\n")
    assert await caller.wire.read(2) == b"\r\n"
    await house.close()
