"""Which of our addresses a peer is told: in Contact, Via and SDP."""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


class AddressBook:
    """Chooses per peer: the local address of the route to it, or the advertised one for peers outside our networks.

    Args:
        bound: the address SIP is bound to; ``0.0.0.0`` or ``::`` for all.
        port: the port of SIP.
        advertise: IP address for peers outside `local_networks`; empty: there is none.
        local_networks: whose peers reach us at our own address.
        warn: called with words, once per address and peer's kind, when a public peer would be told a private address.
    """

    def __init__(
        self,
        bound: str,
        port: int,
        *,
        advertise: str = "",
        local_networks: tuple[str, ...] = (),
        warn: Callable[[str], None] = lambda words: None,
    ) -> None:
        self.port = port
        self._bound = None if ip_address(bound).is_unspecified else bound
        self._advertise = advertise
        self._networks = [ip_network(text, strict=False) for text in local_networks]
        self._warn = warn
        self._warned: set[str] = set()
        self._routes: dict[str, str] = {}

    def towards(self, peer: str) -> str:
        """The address for `peer` (IP text); never an unspecified one."""
        known = self._routes.get(peer)
        if known is not None:
            return known
        address = self._choose(ip_address(peer))
        if len(self._routes) > 10_000:  # a scanner with many addresses must not fill our memory
            self._routes.clear()
        self._routes[peer] = address
        return address

    def _choose(self, peer: IPv4Address | IPv6Address) -> str:
        local = any(peer in network for network in self._networks if network.version == peer.version)
        if self._advertise and not local:
            return self._advertise
        address = self._bound or _route_to(str(peer))
        if peer.is_global and not ip_address(address).is_global and address not in self._warned:
            self._warned.add(address)
            self._warn(
                f"peers on the public internet such as {peer} are told {address}, which they cannot reach: their sound "
                "and their BYE will be lost; set --advertise to the public address"
            )
        return address


def _route_to(peer: str) -> str:
    """The local address of the route to `peer`: a connected UDP socket knows it, and sends nothing."""
    with socket.socket(socket.AF_INET6 if ":" in peer else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((peer, 9))
        except OSError:  # no route at all: whatever we say, the answer will not arrive either
            return "::1" if ":" in peer else "127.0.0.1"
        return str(probe.getsockname()[0])
