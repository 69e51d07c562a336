"""IPv4 ranges: reading one as its owner wrote it, and finding the one of many that an address lies in.

Two ranges are either disjoint or one lies in the other, so the outermost ones, sorted by their first address, answer
every question with one bisection.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address
from typing import Final

_MASK: Final = re.compile(r"(?:0|[1-9]|[12][0-9]|3[0-2])", re.ASCII)

# A range is at most 18 characters; more of a value than this in an error message helps nobody.
_SHOWN_CHARACTERS_MAX: Final = 60

# Trunks call from a handful of addresses; 4,096 of them cost about 0.5 MB.
_ADDRESSES_REMEMBERED: Final = 4_096


@lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def ipv4_number(address: str) -> int | None:
    """The number of an IPv4 address, written as such or IPv4-mapped in IPv6; ``None`` for anything else."""
    try:
        if ":" not in address:
            return int(IPv4Address(address))
        mapped = IPv6Address(address).ipv4_mapped
    except AddressValueError:
        return None
    return None if mapped is None else int(mapped)


def parse_cidr(text: str) -> IPv4Network:
    """Read one range.

    Args:
        text: an IPv4 network such as ``203.0.113.0/24``; nothing around it.

    Raises:
        ValueError: in words for the owner of the rules: what is wrong and, where it can be told, what was meant.
    """
    shown = text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "…"
    address_text, slash, mask_text = text.partition("/")
    if ":" in address_text:
        raise ValueError(f"an IPv4 range is expected, IPv6 is not offered here: `{shown}`")
    try:
        address = IPv4Address(address_text)
    except AddressValueError:
        raise ValueError(f"not an IPv4 range such as `203.0.113.0/24`: `{shown}`") from None
    if not slash:
        raise ValueError(f"no mask: `{shown}`; for this one address write `{address}/32`")
    if _MASK.fullmatch(mask_text) is None:
        raise ValueError(f"the mask must be a number from 0 to 32: `{shown}`")
    network = IPv4Network((int(address), int(mask_text)), strict=False)
    if network.network_address != address:
        raise ValueError(
            f"the address has bits outside its mask: `{shown}`; the network meant is `{network}`, "
            f"and the one address is `{address}/32`"
        )
    return network


class CidrTable:
    """Many ranges, asked about single addresses.

    Args:
        ranges: each one that `parse_cidr` accepts; any order, doubles and nesting allowed.

    Raises:
        ValueError: a range is none.
    """

    __slots__ = ("_ends", "_firsts", "_spellings", "count")

    def __init__(self, ranges: Iterable[str]) -> None:
        networks = {text: parse_cidr(text) for text in ranges}
        self.count = len(networks)
        self._firsts: list[int] = []
        self._ends: list[int] = []
        self._spellings: list[str] = []
        in_order = sorted(networks.items(), key=lambda item: (int(item[1].network_address), item[1].prefixlen))
        for text, network in in_order:
            first, end = int(network.network_address), int(network.broadcast_address)
            if self._ends and end <= self._ends[-1]:
                continue  # inside the one before
            self._firsts.append(first)
            self._ends.append(end)
            self._spellings.append(text)

    def find(self, address: str) -> str | None:
        """The outermost range that `address` lies in, as its owner spelt it; ``None`` when there is none."""
        number = ipv4_number(address)
        if number is None:
            return None
        index = bisect_right(self._firsts, number) - 1
        return self._spellings[index] if index >= 0 and number <= self._ends[index] else None

    def contains(self, address: str) -> bool:
        """Whether `address`, IPv4 or IPv4-mapped, lies in any range. IPv6 never does."""
        return self.find(address) is not None

    def nearest(self, address: str) -> str | None:
        """The range with the fewest addresses between it and `address`; of two equally near ones the lower.

        ``None`` when there are no ranges or the address is no IPv4 address.
        """
        number = ipv4_number(address)
        if number is None or not self._firsts:
            return None
        above = bisect_right(self._firsts, number)
        if above == 0:
            return self._spellings[0]
        below = above - 1
        if above == len(self._firsts) or number - self._ends[below] <= self._firsts[above] - number:
            return self._spellings[below]
        return self._spellings[above]
