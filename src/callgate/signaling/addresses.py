"""Which of our addresses a peer is told: in Contact, Via and SDP."""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from callgate.core.sip.attempt import unmapped

# Peers of the documentation's networks stand for "anybody outside" of a family: RFC 5737, RFC 3849.
_OUTSIDE = {4: "192.0.2.1", 6: "2001:db8::1"}


class Advertised:
    """The addresses that peers outside are told, one of a family at most; STUN may find others while we run.

    Args:
        addresses: IP text.
    """

    def __init__(self, addresses: tuple[str, ...] = ()) -> None:
        self._of: dict[int, str] = {ip_address(text).version: str(ip_address(text)) for text in addresses}
        self.changes = 0
        """How often they have changed: what was derived from them before is stale."""

    def of(self, version: int) -> str:
        """The address of a family, 4 or 6; empty when there is none."""
        return self._of.get(version, "")

    def found(self, address: str) -> bool:
        """Take an address in the place of the one of its family; whether it is another one."""
        version = ip_address(address).version
        if self._of.get(version) == address:
            return False
        self._of[version] = address
        self.changes += 1
        return True

    def __contains__(self, address: object) -> bool:
        return address in self._of.values()


class AddressBook:
    """Chooses per peer: the local address of the route to it, or the advertised one for peers outside our networks.

    Args:
        bound: the address something is bound to; ``0.0.0.0`` or ``::`` for all.
        advertised: for peers outside `local_networks`.
        local_networks: whose peers reach us at our own address.
        warn: called with words, once per address, when a public peer would be told a private address.
    """

    def __init__(
        self,
        bound: str,
        *,
        advertised: Advertised | None = None,
        local_networks: tuple[str, ...] = (),
        warn: Callable[[str], None] = lambda words: None,
    ) -> None:
        address = ip_address(unmapped(bound))
        self._bound = None if address.is_unspecified else str(address)
        self._ipv4_only = address.version == 4
        self._advertised = advertised or Advertised()
        self._networks = [ip_network(text, strict=False) for text in local_networks]
        self._warn = warn
        self._warned: set[str] = set()
        self._routes: dict[str, str] = {}
        self._changes = self._advertised.changes

    def towards(self, peer: str) -> str:
        """The address for `peer` (IP text); never an unspecified one."""
        known = self._routes.get(peer)
        if known is not None and self._changes == self._advertised.changes:
            return known
        address = self._choose(ip_address(peer))
        # A scanner with many addresses must not fill our memory.
        if len(self._routes) > 10_000 or self._changes != self._advertised.changes:
            self._routes.clear()
            self._changes = self._advertised.changes
        self._routes[peer] = address
        return address

    def _choose(self, peer: IPv4Address | IPv6Address) -> str:
        local = any(peer in network for network in self._networks if network.version == peer.version)
        version = ip_address(self._bound).version if self._bound else 4 if self._ipv4_only else peer.version
        outside = "" if local else self._advertised.of(version)
        if outside:
            return outside
        # What is bound to one family is told in that family, whatever the peer's own is.
        address = self._bound or _route_to(str(peer) if version == peer.version else _OUTSIDE[version])
        if peer.is_global and not ip_address(address).is_global and address not in self._warned:
            self._warned.add(address)
            self._warn(
                f"peers on the public internet such as {peer} are told {address}, which they cannot reach: their sound "
                "and their BYE will be lost; set --advertise to the public address, or --stun-server to have it found"
            )
        return address


class Machine:
    """What this machine is known to itself by.

    Args:
        advertised: ours as well, though nothing here is bound to them.
    """

    def __init__(self, advertised: Advertised) -> None:
        self._advertised = advertised

    def nature(self, address: str) -> str:
        """What an address is to us, as `core.sdp.reachable` asks: ``own``, ``broadcast``, or empty.

        The system knows: to reach an address of its own it would send from that address, and to a broadcast address
        nobody may send who has not asked. Nothing is sent.
        """
        if address in self._advertised:
            return "own"
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((address, 9))
            except PermissionError:
                return "broadcast"
            except OSError:
                return ""
            return "own" if probe.getsockname()[0] == address else ""


def _route_to(peer: str) -> str:
    """The local address of the route to `peer`: a connected UDP socket knows it, and sends nothing."""
    with socket.socket(socket.AF_INET6 if ":" in peer else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((peer, 9))
        except OSError:  # no route at all: whatever we say, the answer will not arrive either
            return "::1" if ":" in peer else "127.0.0.1"
        return str(probe.getsockname()[0])
