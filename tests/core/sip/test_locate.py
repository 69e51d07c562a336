from collections import Counter
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.locate import Service, believable, destination, ordered
from callgate.core.sip.uri import parse_uri


@pytest.mark.rfc("3263", "4.1", "Selecting a Transport Protocol")
@pytest.mark.rfc("3263", "4.2", "Determining Port and IP Address")
@pytest.mark.parametrize(
    ("uri", "spoken", "transports", "port", "services"),
    [
        ("sip:a@192.0.2.1", "udp", ("udp",), 5060, ()),
        ("sip:a@192.0.2.1;transport=TCP", "udp", ("tcp",), 5060, ()),
        ("sip:a@192.0.2.1:5080", "tcp", ("tcp",), 5080, ()),
        ("sip:a@[2001:db8::1];transport=tls", "udp", ("tls",), 5061, ()),
        ("sip:a@192.0.2.1", "tls", ("tls",), 5061, ()),  # what was encrypted stays so
        ("sips:a@192.0.2.1", "udp", ("tls",), 5061, ()),
        ("sips:a@192.0.2.1;transport=tcp", "udp", ("tls",), 5061, ()),
        ("sips:a@192.0.2.1;transport=udp", "udp", (), None, ()),
        ("sip:a@192.0.2.1;transport=sctp", "udp", (), None, ()),
        ("sip:a@example.org:5070", "udp", ("udp",), 5070, ()),
        ("sip:a@example.org;transport=tcp", "udp", ("tcp",), 5060, ("_sip._tcp.example.org",)),
        ("sips:a@example.org", "udp", ("tls",), 5061, ("_sips._tcp.example.org",)),
        (
            "sip:a@example.org.",
            "tcp",
            ("tcp", "udp", "tls"),
            5060,
            ("_sip._tcp.example.org", "_sip._udp.example.org", "_sips._tcp.example.org"),
        ),
        ("sip:a@example.org", "tls", ("tls",), 5061, ("_sips._tcp.example.org",)),
        ("sip:a@example.org;maddr=192.0.2.9", "udp", ("udp",), 5060, ()),
    ],
)
def test_what_a_uri_says_of_where_it_leads(
    uri: str, spoken: str, transports: tuple[str, ...], port: int | None, services: tuple[str, ...]
) -> None:
    found = destination(parse_uri(uri), spoken)
    assert found.transports == transports
    if transports:
        assert found.port_for(transports[0]) == port
    assert tuple(name for name, _ in found.services) == services


def test_maddr_is_where_it_leads() -> None:
    assert destination(parse_uri("sip:a@example.org;maddr=192.0.2.9"), "udp").address == ip_address("192.0.2.9")


SERVICES = st.builds(Service, st.integers(0, 3), st.integers(0, 65_535), st.sampled_from(["", "a", "b"]), st.just(5060))


@pytest.mark.rfc("2782", "Usage rules", "SRV")
@given(st.lists(SERVICES, max_size=12), st.data())
def test_every_server_is_tried_once_in_the_order_of_priorities(services: list[Service], data: st.DataObject) -> None:
    tried = ordered(services, lambda most: data.draw(st.integers(0, most)))
    assert Counter(tried) == Counter(service for service in services if service.target)
    assert [service.priority for service in tried] == sorted(service.priority for service in tried)


def test_weights_are_proportions() -> None:
    light, heavy = Service(0, 1, "light", 1), Service(0, 3, "heavy", 1)
    first = Counter(ordered([light, heavy], lambda most: drawn)[0].target for drawn in range(5))  # noqa: B023
    assert first == {"light": 2, "heavy": 3}  # drawn 0 and 1 are the light one's: RFC 2782 counts from 0


@pytest.mark.parametrize(
    ("address", "source", "contact", "route"),
    [
        ("203.0.113.9", "203.0.113.9", True, True),
        ("8.8.4.4", "8.8.8.8", False, True),
        ("10.0.0.9", "8.8.8.8", False, False),  # an inside address, told from outside
        ("10.0.0.9", "10.0.0.8", False, True),
        ("127.0.0.1", "10.0.0.8", False, False),
        ("127.0.0.2", "127.0.0.1", False, True),
        ("224.0.0.1", "10.0.0.8", False, False),
        ("255.255.255.255", "10.0.0.8", False, False),
        ("0.0.0.0", "10.0.0.8", False, False),
        ("2606:4700::1", "8.8.8.8", False, False),
        ("2606:4700::1", "2606:4700::2", False, True),
        ("::1", "2606:4700::2", False, False),
    ],
)
def test_what_a_peer_may_name(address: str, source: str, contact: bool, route: bool) -> None:
    there, here = ip_address(address), ip_address(source)
    assert believable(there, here, routed=False) is contact
    assert believable(there, here, routed=True) is route
