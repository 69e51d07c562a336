import pytest

from callgate.signaling.transport import Peer
from tests.signaling.conftest import House
from tests.signaling.wire import ANSWER, OFFER, Caller


async def test_what_cannot_be_sent_is_lost_and_the_socket_lives_on(house: House) -> None:
    told: list[str] = []
    for address, port in (("::1", 5060), ("127.0.0.1", 0), ("255.255.255.255", 9)):
        house.endpoint.deliver(b"hello", Peer("udp", address, port), told.append)
    house.endpoint.deliver(b"x" * 70_000, Peer("udp", "127.0.0.1", 9), told.append)
    caller = Caller(await house.udp(), house.address)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    assert told == []


@pytest.mark.rfc("4291", "2.5.5.2", "IPv4-Mapped IPv6 Address")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_socket_for_both_families_serves_ipv4_peers(transport: str) -> None:
    house = House()
    await house.open(host="::ffff:127.0.0.1")
    caller = await house.caller(transport)
    await caller.send("INVITE", body=OFFER)
    leg, _ = await house.calls.leg()
    assert (leg.attempt.source_address, leg.media_address) == ("127.0.0.1", "127.0.0.1")
    leg.answer(ANSWER)
    answer = await caller.final()
    assert answer.contact is not None
    assert answer.contact.uri.startswith(f"sip:callgate@127.0.0.1:{house.address[1]}")
    await caller.acknowledge()
    leg.hang_up()
    assert (await caller.incoming()).method == "BYE"
    await house.close()


@pytest.mark.rfc("5626", "3.5.1", "CRLF Keep-Alive Technique")
async def test_keep_alives_are_swallowed(house: House) -> None:
    wire = await house.udp()
    for data in (b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b" "):
        await wire.send(data)
    caller = Caller(wire, house.address)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    assert house.calls.attempts == []
