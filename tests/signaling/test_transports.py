"""Several listeners, of both families: each is told what is true of the one it came to."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from callgate.core.sip.parse import parse
from callgate.signaling.addresses import Advertised
from callgate.signaling.listeners import CannotListen
from callgate.signaling.tls import TlsFiles
from callgate.signaling.transport import Listener, Peer
from tests.peers.certificates import Authority
from tests.signaling.conftest import House
from tests.signaling.wire import ANSWER, OFFER, Caller, TcpWire


class WireTo:
    """UDP from one address of ours to one of theirs; knows where an answer came from."""

    name = "udp"

    def __init__(self, target: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((target[0] if ":" in target[0] else "127.0.0.1", 0))
        self._socket.setblocking(False)
        self._target = target
        self.port: int = self._socket.getsockname()[1]
        self.came_from: list[Any] = []

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendto(self._socket, data, self._target)

    async def receive(self) -> Any:
        async with asyncio.timeout(5):
            data, source = await asyncio.get_running_loop().sock_recvfrom(self._socket, 65_535)
        self.came_from.append(source[:2])
        return parse(data)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """UDP and TCP on one port, UDP on a second, UDP, TCP and TLS on IPv6."""
    own = Authority(tmp_path).signs("gate")
    house = House()
    await house.open(
        further=[
            Listener("udp", "127.0.0.1", 0),
            Listener("udp", "::1", 0),
            Listener("tcp", "::1", 0),
            Listener("tls", "::1", 0),
        ],
        tls=TlsFiles(str(own.certificate), str(own.key)),
    )
    yield house
    await house.close()
    assert house.warnings == []


async def wire_to(house: House, listener: Listener, folder: Path) -> Any:
    wire: Any
    if listener.transport == "udp":
        wire = WireTo((listener.address, listener.port))
    else:
        context = None
        if listener.transport == "tls":
            context = ssl.create_default_context(cafile=str(folder / "authority.pem"))
        name = "localhost" if context else None
        streams = await asyncio.open_connection(listener.address, listener.port, ssl=context, server_hostname=name)
        wire = TcpWire(*streams)
        wire.name = listener.transport
    house.wires.append(wire)
    return wire


@pytest.mark.parametrize("index", range(6))
async def test_each_listener_speaks_for_itself(house: House, tmp_path: Path, index: int) -> None:
    listener = house.endpoint.transports.listeners[index]
    wire = await wire_to(house, listener, tmp_path)
    host = f"[{listener.address}]" if ":" in listener.address else listener.address
    caller = Caller(wire, (host, listener.port))
    data = caller.request("INVITE", body=OFFER).replace(b"127.0.0.1:%d" % wire.port, f"{host}:{wire.port}".encode())
    await wire.send(data)
    leg, _ = await house.calls.leg()
    assert (leg.attempt.transport, leg.attempt.source_address) == (listener.transport, listener.address)
    leg.answer(ANSWER)
    answer = await caller.final()
    suffix = "" if listener.transport == "udp" else f";transport={listener.transport}"
    assert answer.contact is not None
    assert answer.contact.uri == f"sip:callgate@{host}:{listener.port}{suffix}"
    await caller.acknowledge()
    leg.hang_up()
    bye = await caller.incoming()
    assert (bye.via.transport, bye.via.host, bye.via.port) == (
        listener.transport.upper(),
        listener.address,
        listener.port,
    )
    if listener.transport == "udp":  # a NAT lets nothing else through
        assert set(wire.came_from) == {(listener.address, listener.port)}


async def test_sound_is_told_at_the_address_where_it_is_bound(tmp_path: Path) -> None:
    house = House()
    await house.open(further=[Listener("udp", "::1", 0)], media_bind="127.0.0.1")
    assert house.endpoint.media_address(Peer("udp", "::1", 5060)) == "127.0.0.1"
    await house.close()
    house = House()
    await house.open(further=[Listener("udp", "::1", 0)], media_bind="::")
    assert house.endpoint.media_address(Peer("udp", "::1", 5060)) == "::1"
    assert house.endpoint.media_address(Peer("udp", "127.0.0.1", 5060)) == "127.0.0.1"
    await house.close()


async def test_the_advertised_address_is_told_in_via_contact_and_sdp_to_those_outside(tmp_path: Path) -> None:
    house = House()
    await house.open(advertised=Advertised(("198.51.100.7",)), local_networks=("10.0.0.0/8",))
    endpoint, outside, inside = house.endpoint, Peer("udp", "203.0.113.5", 5060), Peer("udp", "10.0.0.5", 5060)
    assert "198.51.100.7" in endpoint.via(outside)
    assert endpoint.contact(outside) == f"<sip:callgate@198.51.100.7:{house.address[1]}>"
    assert endpoint.media_address(outside) == "198.51.100.7"
    assert [endpoint.media_address(inside), "198.51.100.7" in endpoint.via(inside)] == ["127.0.0.1", False]
    await house.close()


async def test_a_port_that_is_taken_is_told_and_nothing_is_kept(house: House) -> None:
    other = House()
    with pytest.raises(CannotListen, match="in use") as caught:
        await other.open(house.address[1])
    assert caught.value.wanted == Listener("udp", *house.address)
    taken = house.endpoint.transports.listeners[2]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(CannotListen) as caught:
        await other.open(port, further=[Listener("udp", "::1", 0), taken])
    assert caught.value.wanted == taken
    third = House()
    await third.open(port)
    await third.close()


async def test_whoever_pipelines_much_is_not_alone(house: House) -> None:
    flood, other = await house.caller("tcp"), await house.caller("tcp")
    many = [Caller(flood.wire, house.address) for _ in range(300)]
    flood.wire._writer.write(b"".join(caller.request("INVITE", body=OFFER) for caller in many))
    other.wire._writer.write(other.request("INVITE", body=OFFER))
    assert (await other.response()).status == 100
    for _ in many:
        await flood.response()
    order = [attempt.call_id for attempt in house.calls.attempts]
    assert len(order) == 301
    assert order.index(other.call_id) <= 48  # three turns
    assert [name for name in order if name != other.call_id] == [caller.call_id for caller in many]
