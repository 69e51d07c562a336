"""Addresses in SDP that no sound may be sent to."""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from callgate.core.sdp.description import SdpError

_EVERYBODY: Final = IPv4Address("255.255.255.255")


def nothing_known(address: str) -> str:
    """The nature of every address where nobody has looked."""
    return ""


def check_address(address: str, source: str, nature: Callable[[str], str]) -> None:
    """Refuse the address of a ``c=`` line that no sound may be sent to.

    What is refused would have us flood a network, or ourselves with what we say: a call's sound in another's ear.

    Args:
        address: IP text; ``0.0.0.0`` and ``::`` name no address, but hold.
        source: IP text of where the peer's SIP comes from; empty: nobody asks.
        nature: what an address is to this machine: ``own``, ``broadcast``, or empty.

    Raises:
        SdpError: nothing is to be sent there.
    """
    if not source:
        return
    told, peer = _plain(address), _plain(source)
    if told.is_unspecified or told == peer:
        return
    if told.is_multicast:
        raise SdpError(f"the connection address is multicast: {told}; expected that of one receiver", 330)
    what = "broadcast" if told == _EVERYBODY else nature(str(told))
    if what == "broadcast":
        raise SdpError(f"the connection address is broadcast: {told}; expected that of one receiver")
    if peer.is_loopback:
        return  # whoever calls from this machine may well be called there
    if told.is_loopback or what == "own":
        whose = "loopback" if told.is_loopback else "our own"
        raise SdpError(f"the connection address is {whose}: {told}; expected one that reaches the sender, {peer}")


@lru_cache(maxsize=1_024)  # peers call again
def _plain(address: str) -> IPv4Address | IPv6Address:
    parsed = ip_address(address)
    return getattr(parsed, "ipv4_mapped", None) or parsed
