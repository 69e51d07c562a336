"""Where a call goes that a peer asks for: found once, over the transport that fits, and never to ourselves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from callgate.core.sip.message import Request
from callgate.core.sip.uri import parse_uri
from callgate.ports import Callee, CannotDial
from callgate.runtime.address_guard import AddressGuard
from callgate.signaling.addresses import Advertised
from callgate.signaling.dialling import Dialling
from callgate.signaling.listeners import bind_both
from callgate.signaling.outgoing import OutgoingCall
from callgate.signaling.resolve import Resolver
from tests.signaling.conftest import House
from tests.signaling.names import Names
from tests.signaling.wire import OFFER, Ear, TcpWire


@dataclass
class Dials:
    """An endpoint that is asked to call."""

    house: House
    names: Names
    callees: list[Callee] = field(default_factory=list)
    ear: Ear = field(default_factory=Ear)

    refusal: Callable[[str], str | None] = lambda address: None
    from_uri: str = "sip:agent@example.org"

    async def dial(self, uri: str, spoken: str = "udp", sdp: bytes = OFFER) -> OutgoingCall:
        def offer(callee: Callee) -> bytes:
            self.callees.append(callee)
            return sdp

        return await Dialling(self.house.endpoint, self.refusal).dial(
            parse_uri(uri), spoken, from_uri=self.from_uri, headers=(), sdp=offer, listener=self.ear
        )


@pytest.fixture
async def dials() -> AsyncIterator[Dials]:
    names, house = await Names.open(), House()
    await house.open(resolver=Resolver(["127.0.0.1"], names.port), advertised=Advertised(("198.51.100.7",)))
    yield Dials(house, names)
    await house.close()
    names.close()
    assert house.warnings == []


@pytest.mark.rfc("3263", "4.2", "Determining Port and IP Address")
async def test_a_name_is_found_once_and_what_was_found_is_dialled(dials: Dials) -> None:
    wire = await dials.house.udp()
    dials.names.records["_sip._udp.pbx.example", "SRV"] = [f"10 5 {wire.port} localhost."]
    await dials.dial("sip:100@pbx.example")
    invite = await wire.receive()
    assert isinstance(invite, Request)
    assert (invite.uri, invite.headers.get("To")) == ("sip:100@pbx.example", "<sip:100@pbx.example>")
    assert (invite.headers.get("From") or "").startswith("<sip:agent@example.org>;tag=")
    assert dials.callees == [Callee("udp", "127.0.0.1", "198.51.100.7")]
    asked = len(dials.names.asked)
    dials.names.records.clear()
    dials.house.clock.advance(1)
    assert (await wire.receive()).call_id == invite.call_id  # the copy goes to the same place
    assert len(dials.names.asked) == asked


async def test_a_name_that_leads_nowhere(dials: Dials) -> None:
    with pytest.raises(CannotDial, match="leads nowhere") as refused:
        await dials.dial("sip:100@nowhere.invalid")
    assert refused.value.status == 503
    assert dials.callees == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "198.51.100.7"])
async def test_we_are_not_called(dials: Dials, host: str) -> None:
    """Neither by our address nor by a name or an advertised address that leads here."""
    with pytest.raises(CannotDial, match="this node itself") as refused:
        await dials.dial(f"sip:100@{host}:{dials.house.address[1]}")
    assert refused.value.status == 482


async def test_nor_where_we_listen_on_all_addresses() -> None:
    house = House()
    await house.open(host="0.0.0.0")
    try:
        for host in ("127.0.0.1", "127.0.0.77"):
            with pytest.raises(CannotDial, match="this node itself"):
                await Dials(house, Names()).dial(f"sip:100@{host}:{house.address[1]};transport=tcp")
        # Another machine at the same port is somebody else.
        assert not house.endpoint.transports.is_own("192.0.2.1", house.address[1])
    finally:
        await house.close()


@pytest.mark.parametrize("host", ["224.0.0.1", "[2001:db8::1]"])
async def test_what_cannot_be_sent_to_is_not(dials: Dials, host: str) -> None:
    with pytest.raises(CannotDial, match="leads nowhere"):
        await dials.dial(f"sip:100@{host}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "pbx.example;maddr=127.0.0.1"])
async def test_what_the_guard_refuses_is_not_dialled_by_whatever_name(dials: Dials, host: str) -> None:
    dials.refusal = AddressGuard().refusal
    with pytest.raises(CannotDial, match="a loopback address may not be reached") as refused:
        await dials.dial(f"sip:100@{host}")
    assert refused.value.status == 403
    assert dials.callees == []


async def test_who_calls_is_this_node_where_nobody_is_named(dials: Dials) -> None:
    wire = await dials.house.udp()
    dials.from_uri = ""
    await dials.dial(f"sip:100@127.0.0.1:{wire.port}")
    invite = await wire.receive()
    assert (invite.headers.get("From") or "").startswith("<sip:callgate@198.51.100.7>;tag=")


async def test_over_tcp_by_a_connection_of_its_own(dials: Dials) -> None:
    came: asyncio.Queue[TcpWire] = asyncio.Queue()
    server = await asyncio.start_server(lambda *streams: came.put_nowait(TcpWire(*streams)), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    call = await dials.dial(f"sip:100@127.0.0.1:{port};transport=tcp")
    wire = await came.get()
    invite = await wire.receive()
    assert isinstance(invite, Request)
    assert (invite.via.transport, invite.uri) == ("TCP", f"sip:100@127.0.0.1:{port};transport=tcp")
    assert "transport=tcp" in (invite.headers.get("Contact") or "")
    assert dials.callees[0].transport == "tcp"
    call.cancel()
    wire.close()
    server.close()


@pytest.mark.rfc("3261", "18.1.1", "Sending Requests")
async def test_what_is_too_long_for_a_datagram_goes_to_the_same_place_over_tcp(dials: Dials) -> None:
    came: asyncio.Queue[TcpWire] = asyncio.Queue()
    udp, tcp = bind_both("127.0.0.1", 0)
    server = await asyncio.start_server(lambda *streams: came.put_nowait(TcpWire(*streams)), sock=tcp)
    await dials.dial(f"sip:100@127.0.0.1:{tcp.getsockname()[1]}", sdp=OFFER + b"a=x:" + b"y" * 1_300 + b"\r\n")
    wire = await came.get()
    invite = await wire.receive()
    assert isinstance(invite, Request)
    assert invite.via.transport == "TCP"
    wire.close()
    server.close()
    udp.close()
