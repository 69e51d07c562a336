"""Strangers who all seem to come from one gateway: a container's bridge or a router that hides where packets come from.

Behind such a gateway every peer of the world has the same source address. To admit that address admits them all, and to
refuse it refuses the trunk as well; neither is what its owner wants, and the log alone would not show it.
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

# A phone with a wrong address of its own is one; three who are elsewhere, at one inside address, are a gateway.
_PLACES_MIN: Final = 3
_GATEWAYS_MAX: Final = 100  # inside addresses watched; a network has few gateways


class GatewayWatch:
    """Compares where requests come from with where their senders say that they are.

    It looks at inside addresses (private, link-local) only, and has seen enough once one request has come from outside:
    then nothing stands between us and the world.
    """

    def __init__(self) -> None:
        self._places: dict[str, set[str]] = {}
        self._over = False

    def seen(self, source: str, sent_by: str, admitted: Callable[[str], bool]) -> str:
        """A request outside any dialog came; words for the operator, once for each gateway, else empty.

        Args:
            source: IP text of the packet or connection.
            sent_by: host of its top Via, as its sender wrote it.
            admitted: whether a source is admitted.
        """
        if self._over:
            return ""
        address = ip_address(source)
        if address.is_loopback:
            return ""
        if address.is_global:
            self._over = True
            self._places.clear()
            return ""
        try:
            said = ip_address(sent_by)
        except ValueError:
            return ""  # a name says nothing of where it is
        if said == address or said.is_loopback or said.is_unspecified:
            return ""
        places = self._places.get(source)
        if places is None:
            if len(self._places) >= _GATEWAYS_MAX:
                return ""
            places = self._places[source] = set()
        if len(places) >= _PLACES_MIN:
            return ""  # told already
        places.add(str(said))
        if len(places) < _PLACES_MIN:
            return ""
        danger = (
            "it is admitted, and the world with it"
            if admitted(source)
            else "to allow that address would admit the world"
        )
        return (
            f"{source} seems to be a gateway, a container's or a router's, that hides who calls: senders there say "
            f"they are {', '.join(sorted(places))}; {danger}. Let packets keep their source (a container with the "
            "host's network), or put a proxy before us that says it (sip.trusted_proxies)"
        )
