import pytest

from callgate.signaling.addresses import AddressBook, Advertised, Machine

LOCAL = ("10.0.0.0/8", "127.0.0.0/8")


def test_a_bound_address_is_told_to_everyone() -> None:
    assert AddressBook("127.0.0.1").towards("127.0.0.2") == "127.0.0.1"


def test_bound_to_all_the_address_of_the_route_is_told() -> None:
    assert AddressBook("0.0.0.0").towards("127.0.0.1") == "127.0.0.1"


def test_the_advertised_address_is_for_peers_outside() -> None:
    book = AddressBook("127.0.0.1", advertised=Advertised(("198.51.100.7",)), local_networks=LOCAL)
    assert book.towards("10.1.2.3") == "127.0.0.1"
    assert book.towards("203.0.113.5") == "198.51.100.7"


@pytest.mark.parametrize("peers", [["8.8.8.8", "9.9.9.9", "8.8.8.8"]])
def test_a_public_peer_that_would_be_told_a_private_address_is_warned_of_once(peers: list[str]) -> None:
    warnings: list[str] = []
    book = AddressBook("10.0.0.1", local_networks=LOCAL, warn=warnings.append)
    for peer in peers:
        assert book.towards(peer) == "10.0.0.1"
    assert len(warnings) == 1
    assert "--advertise" in warnings[0]
    assert "10.0.0.1" in warnings[0]


def test_many_peers_do_not_fill_the_memory() -> None:
    book = AddressBook("127.0.0.1")
    for number in range(10_050):
        book.towards(f"10.0.{number // 256}.{number % 256}")
    assert len(book._routes) <= 10_001


def test_an_advertised_address_is_for_its_own_family() -> None:
    both = Advertised(("198.51.100.7", "2001:DB8::7"))
    book = AddressBook("::", advertised=both, local_networks=LOCAL)
    assert book.towards("203.0.113.5") == "198.51.100.7"
    assert book.towards("2001:db8:1::5") == "2001:db8::7"
    assert AddressBook("::1", advertised=Advertised(("198.51.100.7",))).towards("2001:db8:1::5") == "::1"
    assert "2001:db8::7" in both


def test_what_is_bound_to_one_family_is_told_in_it() -> None:
    """Sound may be bound to IPv4 alone while SIP comes over IPv6."""
    assert AddressBook("127.0.0.1").towards("::1") == "127.0.0.1"
    book = AddressBook("0.0.0.0", advertised=Advertised(("198.51.100.7",)))
    assert book.towards("2001:db8::5") == "198.51.100.7"
    assert ":" not in AddressBook("0.0.0.0").towards("::1")


def test_what_this_machine_is_known_by() -> None:
    machine = Machine(Advertised(("198.51.100.7",)))
    assert machine.nature("198.51.100.7") == "own"
    assert machine.nature("127.0.0.1") == "own"
    assert machine.nature("::1") == "own"
    assert machine.nature("255.255.255.255") == "broadcast"
    assert machine.nature("127.255.255.255") == "broadcast"
    assert machine.nature("203.0.113.200") == ""
    assert machine.nature("2001:db8:5::1") == ""
