"""Names found by a DNS server of the test's own; addresses by the system's hosts file, which knows `localhost`."""

import random
from collections.abc import AsyncIterator

import pytest

from callgate.core.sip.locate import destination
from callgate.core.sip.uri import parse_uri
from callgate.signaling.resolve import Place, Resolver
from tests.signaling.names import Names


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    names = await Names.open()
    yield names
    names.close()


async def places(names: Names, uri: str, spoken: str = "udp") -> list[Place]:
    resolver = Resolver(["127.0.0.1"], names.port, random.Random(1))
    try:
        found = await resolver.places(destination(parse_uri(uri), spoken))
    finally:
        resolver.close()
    return [place for place in found if ":" not in place[1]]  # some systems have ::1 for localhost too


@pytest.mark.rfc("3263", "4.2", "Determining Port and IP Address")
async def test_services_in_the_order_of_their_priority(names: Names) -> None:
    names.records["_sip._udp.example.org", "SRV"] = ["20 0 5082 localhost.", "10 0 5081 localhost."]
    assert await places(names, "sip:a@example.org;transport=udp") == [
        ("udp", "127.0.0.1", 5081),
        ("udp", "127.0.0.1", 5082),
    ]
    assert names.asked == [("_sip._udp.example.org", "SRV")]


async def test_the_transport_that_the_peer_speaks_comes_first(names: Names) -> None:
    names.records["_sip._udp.example.org", "SRV"] = ["10 0 5081 localhost."]
    names.records["_sips._tcp.example.org", "SRV"] = ["10 0 5083 localhost."]
    names.records["_sip._tcp.example.org", "SRV"] = ["10 0 5082 localhost."]
    found = await places(names, "sip:a@example.org", "tcp")
    assert [(transport, port) for transport, _, port in found] == [("tcp", 5082), ("udp", 5081), ("tls", 5083)]


async def test_without_services_the_name_itself(names: Names) -> None:
    assert await places(names, "sip:a@localhost") == [("udp", "127.0.0.1", 5060)]
    assert await places(names, "sips:a@localhost") == [("tls", "127.0.0.1", 5061)]


async def test_with_a_port_nobody_is_asked_for_services(names: Names) -> None:
    assert await places(names, "sip:a@localhost:5099;transport=tcp") == [("tcp", "127.0.0.1", 5099)]
    assert names.asked == []


async def test_a_service_that_is_decidedly_not_there(names: Names) -> None:
    names.records["_sip._tcp.localhost", "SRV"] = ["0 0 0 ."]
    assert await places(names, "sip:a@localhost;transport=tcp") == []


async def test_what_cannot_be_found(names: Names) -> None:
    assert await places(names, "sip:a@nothing.invalid") == []
    assert await places(names, f"sip:a@{'x' * 70}.example") == []  # a label of DNS has 63 at most
    assert await places(names, "sip:a@192.0.2.1;transport=sctp") == []


async def test_a_server_that_does_not_answer_is_not_waited_for_long(names: Names) -> None:
    names.silent = True
    assert await places(names, "sip:a@localhost;transport=tcp") == [("tcp", "127.0.0.1", 5060)]


async def test_answers_are_remembered(names: Names) -> None:
    names.records["_sip._udp.example.org", "SRV"] = ["10 0 5081 localhost."]
    resolver = Resolver(["127.0.0.1"], names.port)
    for _ in range(3):
        assert await resolver.places(destination(parse_uri("sip:a@example.org;transport=udp"), "udp"))
    assert len(names.asked) == 1
    resolver.close()


async def test_servers_beyond_a_number_are_not_tried(names: Names) -> None:
    names.records["_sip._udp.example.org", "SRV"] = [f"{number} 0 {5_100 + number} localhost." for number in range(20)]
    assert 4 <= len(await places(names, "sip:a@example.org;transport=udp")) <= 8
