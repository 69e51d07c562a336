from callgate.signaling.transport import Peer
from tests.signaling.conftest import House
from tests.signaling.wire import Caller


async def test_what_cannot_be_sent_is_lost_and_the_socket_lives_on(house: House) -> None:
    told: list[str] = []
    for address, port in (("::1", 5060), ("127.0.0.1", 0), ("255.255.255.255", 9)):
        house.endpoint.deliver(b"hello", Peer("udp", address, port), told.append)
    house.endpoint.deliver(b"x" * 70_000, Peer("udp", "127.0.0.1", 9), told.append)
    caller = Caller(await house.udp(), house.address)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    assert told == []


async def test_keep_alives_are_swallowed(house: House) -> None:
    wire = await house.udp()
    for data in (b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b" "):
        await wire.send(data)
    caller = Caller(wire, house.address)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    assert house.calls.attempts == []
