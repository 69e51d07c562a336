"""Where requests within a dialog go: first as decided, then over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from callgate.core.sip.dialog import Dialog
from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request
from callgate.core.sip.parse import parse
from callgate.ports import SipLeg
from callgate.signaling.hops import next_hop
from callgate.signaling.leg import IncomingLeg
from callgate.signaling.listeners import bind_both
from callgate.signaling.resolve import Resolver
from callgate.signaling.transport import Hop, Listener, Peer
from tests.signaling.conftest import House
from tests.signaling.names import Names
from tests.signaling.wire import ANSWER, OFFER, Caller, Ear

SOURCE = "203.0.113.9"
HERE = Listener("udp", "203.0.113.1", 5060)


@dataclass
class FakeConnection:
    closed: bool = False

    def send(self, data: bytes) -> None: ...


UDP = Peer("udp", SOURCE, 40_000, None, HERE)
TCP = Peer("tcp", SOURCE, 40_000, FakeConnection(), replace(HERE, transport="tcp"))
GONE = replace(TCP, connection=FakeConnection(closed=True))


def decided(last: Peer, contact: str = "", *routes: str) -> str:
    """What is decided: ``last``, ``?name`` for what has to be found, or transport, address and port."""
    hop = next_hop(Dialog("c", "l", "r", "<sip:l>", "<sip:r>", contact, routes), last)
    if isinstance(hop, Hop):
        assert hop.last == last
        if hop.guess.name or hop.guess.address == last.address and hop.uri.host != last.address:
            return f"?{hop.uri.host}"
        hop = hop.guess
    return "last" if hop == last else f"{hop.transport} {hop.address} {hop.port}"


@pytest.mark.rfc("3261", "12.2.1.1", "Generating the Request")
@pytest.mark.parametrize(
    ("last", "contact", "routes", "expected"),
    [
        (UDP, "", (), "last"),
        (UDP, f"sip:a@{SOURCE}:5080", (), f"udp {SOURCE} 5080"),
        (UDP, f"sip:a@{SOURCE}", (), f"udp {SOURCE} 5060"),
        (UDP, f"sip:a@{SOURCE};transport=tcp", (), f"tcp {SOURCE} 5060"),
        (UDP, f"sips:a@{SOURCE}", (), f"tls {SOURCE} 5061"),
        (UDP, "sip:a@192.168.1.5:5060", (), "last"),  # a phone behind NAT
        (UDP, "sip:a@198.51.100.77", (), "last"),  # unlike the source
        (UDP, "sip:a@127.0.0.1", (), "last"),
        (UDP, "sip:a@[2001:db8::5]", (), "last"),
        (UDP, f"sip:a@{SOURCE};transport=sctp", (), "last"),
        (UDP, "sip:a@phone.example", (), "?phone.example"),
        (UDP, "sip:a@10.0.0.1", (f"<sip:{SOURCE}:5070;lr>", "<sip:10.0.0.9;lr>"), f"udp {SOURCE} 5070"),
        (UDP, "sip:a@10.0.0.1", ("<sip:198.51.100.8;lr>",), "udp 198.51.100.8 5060"),
        (UDP, "sip:a@10.0.0.1", ("<sip:198.51.100.8;transport=tcp;lr>",), "tcp 198.51.100.8 5060"),
        (UDP, "sip:a@10.0.0.1", ("<sip:127.0.0.1:8080;transport=tcp;lr>",), "last"),
        (UDP, f"sip:a@{SOURCE}", ("<sip:proxy.example;lr>",), "?proxy.example"),
        (TCP, f"sip:a@{SOURCE}:5080;transport=udp", (), "last"),  # over its connection, while that lives
        (TCP, "sip:a@phone.example", (), "last"),
        (TCP, "", (f"<sip:{SOURCE};lr>",), "last"),
        (TCP, "", ("<sip:198.51.100.8;lr>",), "tcp 198.51.100.8 5060"),
        (TCP, "", ("<sip:proxy.example;lr>",), "?proxy.example"),
        (GONE, f"sip:a@{SOURCE}:5080", (), f"tcp {SOURCE} 5080"),
        (GONE, f"sip:a@{SOURCE}:5080;transport=udp", (), f"udp {SOURCE} 5080"),
        (GONE, "sip:a@192.168.1.5", (), "last"),
    ],
)
def test_where_a_request_goes(last: Peer, contact: str, routes: tuple[str, ...], expected: str) -> None:
    assert decided(last, contact, *routes) == expected


def test_a_contact_that_is_no_uri_is_told() -> None:
    with pytest.raises(ParseError):
        decided(UDP, "tel:+15550100")


# -------------------------------------------------------------------------------------------------------- on the wire


class Site:
    """A peer that listens on UDP and TCP, on one port; or on UDP alone."""

    def __init__(self) -> None:
        self._udp, self._tcp = bind_both("127.0.0.1", 0)
        self.port = int(self._udp.getsockname()[1])
        self.got: asyncio.Queue[tuple[str, Request]] = asyncio.Queue()
        self._server: asyncio.Server | None = None

    async def open(self, *, tcp: bool) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._udp.fileno(), self._read)
        if tcp:
            self._server = await asyncio.start_server(self._take, sock=self._tcp)
        else:
            self._tcp.close()

    def _read(self) -> None:
        self._put("udp", self._udp.recv(65_535))

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        self._put("tcp", head + await reader.readexactly(length))
        writer.close()

    def _put(self, transport: str, data: bytes) -> None:
        message = parse(data)
        assert isinstance(message, Request)
        self.got.put_nowait((transport, message))

    async def next(self) -> tuple[str, Request]:
        async with asyncio.timeout(5):
            return await self.got.get()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._udp.fileno())
        self._udp.close()
        if self._server is not None:
            self._server.close()
        self._tcp.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.open(tcp=True)
    yield site
    site.close()


@pytest.fixture
async def udp_site() -> AsyncIterator[Site]:
    site = Site()
    await site.open(tcp=False)
    yield site
    site.close()


async def call_from(house: House, contact: str, *routes: str) -> tuple[IncomingLeg, Ear, Caller]:
    """A call whose Contact and routes are these."""
    caller = await house.caller()
    data = caller.request("INVITE", body=OFFER, headers=[("Record-Route", route) for route in routes])
    told = f"Contact: <sip:caller@127.0.0.1:{caller.wire.port};transport=udp>"
    await caller.wire.send(data.replace(told.encode(), f"Contact: <{contact}>".encode()))
    leg, ear = await house.calls.leg()
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    await caller.acknowledge()
    assert (await ear.heard())[0] == "confirmed"
    assert isinstance(leg, IncomingLeg)
    return leg, ear, caller


def long_request(leg: SipLeg) -> None:
    assert isinstance(leg, IncomingLeg)
    leg.request("INFO", (("Content-Type", "text/plain"),), b"x" * 1_300)


@pytest.mark.rfc("3261", "18.1.1", "Sending Requests")
async def test_a_long_request_goes_over_tcp_and_says_so(house: House, site: Site) -> None:
    leg, _, _ = await call_from(house, f"sip:caller@127.0.0.1:{site.port}")
    long_request(leg)
    transport, request = await site.next()
    assert (transport, request.method, len(request.body)) == ("tcp", "INFO", 1_300)
    assert (request.via.transport, request.via.port) == ("TCP", house.address[1])
    leg.request("INFO")
    transport, request = await site.next()
    assert (transport, request.via.transport) == ("udp", "UDP")


@pytest.mark.rfc("3261", "18.1.1", "Sending Requests")
async def test_a_peer_without_tcp_gets_a_long_request_over_udp_again_and_again(house: House, udp_site: Site) -> None:
    leg, _, _ = await call_from(house, f"sip:caller@127.0.0.1:{udp_site.port}")
    for _ in range(2):  # the second time nobody tries
        long_request(leg)
        transport, request = await udp_site.next()
        assert (transport, request.via.transport, len(request.body)) == ("udp", "UDP", 1_300)
    house.clock.advance(0.5)  # and it is repeated, as over UDP it must be
    assert (await udp_site.next())[0] == "udp"
    assert (await udp_site.next())[0] == "udp"


async def test_who_asks_for_udp_gets_udp(house: House, site: Site) -> None:
    leg, _, _ = await call_from(house, f"sip:caller@127.0.0.1:{site.port};transport=udp")
    long_request(leg)
    assert (await site.next())[0] == "udp"


async def test_a_phone_behind_nat_is_reached_where_it_came_from(house: House) -> None:
    leg, ear, caller = await call_from(house, "sip:caller@192.168.1.5:5060")
    leg.hang_up()
    bye = await caller.incoming()
    assert (bye.method, bye.uri) == ("BYE", "sip:caller@192.168.1.5:5060")
    assert ear.silent


async def test_a_call_from_behind_a_proxy_goes_back_through_it(house: House, site: Site) -> None:
    route = f"<sip:127.0.0.1:{site.port};lr>"
    leg, _, _ = await call_from(house, "sip:caller@192.168.1.5:5060", route)
    leg.hang_up()
    _, bye = await site.next()
    assert (bye.method, bye.uri, bye.headers.all("Route")) == ("BYE", "sip:caller@192.168.1.5:5060", [route])


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    names = await Names.open()
    yield names
    names.close()


async def house_with(names: Names) -> House:
    house = House()
    await house.open(resolver=Resolver(["127.0.0.1"], names.port))
    return house


@pytest.mark.rfc("3263", "4", "Client Usage")
async def test_a_proxy_known_by_name(names: Names, site: Site) -> None:
    names.records["_sip._udp.proxy.example", "SRV"] = [f"0 0 {site.port} localhost."]
    house = await house_with(names)
    leg, _, _ = await call_from(house, "sip:caller@192.168.1.5", "<sip:proxy.example;lr>")
    leg.hang_up()
    transport, bye = await site.next()
    assert (transport, bye.method) == ("udp", "BYE")
    await house.close()


async def test_the_next_server_of_a_name_is_tried_when_one_is_down(names: Names, site: Site) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        down = nobody.getsockname()[1]
        names.records["_sip._tcp.proxy.example", "SRV"] = [f"0 0 {down} localhost.", f"1 0 {site.port} localhost."]
        house = await house_with(names)
        leg, _, _ = await call_from(house, "sip:caller@192.168.1.5", "<sip:proxy.example;transport=tcp;lr>")
        leg.hang_up()
        transport, bye = await site.next()
        assert (transport, bye.via.transport) == ("tcp", "TCP")
    await house.close()


async def test_a_contact_by_name_that_leads_to_the_source(names: Names, site: Site) -> None:
    house = await house_with(names)
    leg, _, _ = await call_from(house, f"sip:caller@localhost:{site.port}")
    leg.hang_up()
    assert (await site.next())[1].method == "BYE"
    await house.close()


async def test_a_name_that_leads_nowhere_is_no_obstacle(names: Names) -> None:
    house = await house_with(names)
    for contact, routes in (("sip:caller@nowhere.invalid", ()), ("sip:a@b", ("<sip:nowhere.invalid;lr>",))):
        leg, _, caller = await call_from(house, contact, *routes)
        leg.hang_up()
        assert (await caller.incoming()).method == "BYE"
    await house.close()


async def test_names_hold_up_nobody_else(names: Names) -> None:
    names.silent = True
    house = await house_with(names)
    leg, _, caller = await call_from(house, "sip:caller@127.0.0.1", "<sip:slow.invalid;lr>")
    leg.hang_up()
    other = await house.caller()
    await other.send("OPTIONS")
    assert (await other.response()).status == 200
    assert (await caller.incoming()).method == "BYE"
    await house.close()
