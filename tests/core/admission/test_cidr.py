"""Ranges of addresses: what is accepted, what is said otherwise, and who lies in which."""

import contextlib
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.admission.cidr import CidrTable, ipv4_number, parse_cidr

NETWORKS = st.builds(
    lambda number, bits: IPv4Network((number, bits), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)
)
CLOSE_NETWORKS = st.builds(
    lambda low, bits: IPv4Network((0xCB007100 + low, bits), strict=False), st.integers(0, 255), st.integers(24, 32)
)
ADDRESSES = st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 300).map(
    lambda low: IPv4Address(0xCB007100 - 20 + low)
)
TABLES = st.lists(NETWORKS | CLOSE_NETWORKS, max_size=12)


@pytest.mark.parametrize("text", ["203.0.113.0/24", "0.0.0.0/0", "10.1.2.3/32"])
def test_a_range_is_read(text: str) -> None:
    assert str(parse_cidr(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.1/8", "the network meant is `10.0.0.0/8`"),
        ("203.0.113.7", "write `203.0.113.7/32`"),
        ("10.0.0.0/33", "from 0 to 32"),
        ("10.0.0.0/", "from 0 to 32"),
        ("10.0.0.0/-1", "from 0 to 32"),
        ("10.0.0.0/08", "from 0 to 32"),
        ("10.0.0.0/255.0.0.0", "from 0 to 32"),
        ("10.0.0.0/٨", "from 0 to 32"),
        ("2001:db8::/32", "IPv6"),
        ("10.0.0/8", "not an IPv4 range"),
        ("010.0.0.0/8", "not an IPv4 range"),
        (" 10.0.0.0/8", "not an IPv4 range"),
        ("", "not an IPv4 range"),
        ("x" * 500, "…"),
    ],
)
def test_what_is_no_range_is_told_with_what_was_meant(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=".") as error:
        parse_cidr(text)
    assert words in str(error.value)
    assert len(str(error.value)) < 200


@given(st.text(max_size=24))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert str(parse_cidr(text)) == text


@given(TABLES, ADDRESSES)
def test_a_table_finds_what_asking_every_range_finds(networks: list[IPv4Network], address: IPv4Address) -> None:
    table = CidrTable(str(network) for network in networks)
    holding = [network for network in networks if address in network]
    assert table.contains(str(address)) == bool(holding)
    assert table.contains(f"::ffff:{address}") == bool(holding)
    found = table.find(str(address))
    if holding:
        assert found == str(min(holding, key=lambda network: network.prefixlen))
    else:
        assert found is None


@given(TABLES.filter(bool), ADDRESSES)
def test_the_nearest_range_is_at_the_least_distance(networks: list[IPv4Network], address: IPv4Address) -> None:
    def distance(network: IPv4Network) -> int:
        number = int(address)
        return max(int(network.network_address) - number, number - int(network.broadcast_address), 0)

    nearest = CidrTable(map(str, networks)).nearest(str(address))
    assert nearest is not None
    assert distance(IPv4Network(nearest)) == min(map(distance, networks))


def test_an_empty_table_and_odd_addresses_find_nothing() -> None:
    assert not CidrTable(()).contains("10.0.0.1")
    assert CidrTable(()).nearest("10.0.0.1") is None
    everyone = CidrTable(("0.0.0.0/0",))
    assert not any(everyone.contains(text) for text in ("2001:db8::1", "", "x", "1", "::", "1.2.3.4 "))
    assert everyone.nearest("2001:db8::1") is None
    assert ipv4_number("::ffff:0.0.0.1") == 1
