"""Whom a caller may have us call by REFER: the entries of a list that an operator writes.

An entry is compared with the URI alone, so that no name is asked of DNS that the operator has not written down, and
an address that some name leads to counts for nothing. Where the URI leads is found once, and that is what is dialled.
"""

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from callgate.core.sip.locate import Destination, destination
from callgate.core.sip.uri import SipUri, dialled_user, uri_host

_ANY: Final = 0
_ENTRY: Final = re.compile(
    r"(?:(?P<user>[^@*]+\*?)@)?(?P<host>\[[^\[\]]+\]|[^@:\[\]]+)(?::(?P<port>\*|[1-9][0-9]{0,4}))?", re.ASCII
)
_LETTER: Final = re.compile(r"[a-z]")
_EXPECTED: Final = (
    "expected a host name, an address or a network (of IPv6 in brackets), behind it `:PORT` or `:*` if it is not the "
    "usual port, before it `USER@` or how users begin, as in `2*@`"
)


@dataclass(frozen=True, slots=True)
class AllowedDestination:
    """One entry.

    Attributes:
        user: the user, or with a ``*`` behind it how users begin; empty: any, also none.
        name: in lower case; empty where a network stands.
        network: of one address or more.
        port: ``None``: the usual one of the transport; 0: any.
    """

    user: str
    name: str
    network: IPv4Network | IPv6Network | None
    port: int | None

    def allows(self, uri: SipUri, spoken: str) -> bool:
        """Whether `uri` may be called; see `destination` for `spoken`."""
        wanted = destination(uri, spoken)
        if not wanted.transports or uri.parameter("maddr") is not None:
            return False  # what it says that it is, and where it leads, would be two things
        return self._has_host(wanted) and self._has_port(wanted) and self._has_user(uri)

    def _has_host(self, wanted: Destination) -> bool:
        if wanted.address is None:
            return bool(self.name) and wanted.host.lower() == self.name
        if wanted.address.is_multicast or wanted.address.is_unspecified:
            return False
        return self.network is not None and wanted.address in self.network

    def _has_port(self, wanted: Destination) -> bool:
        transport = wanted.transports[0]
        return self.port == _ANY or wanted.port_for(transport) == replace(wanted, port=self.port).port_for(transport)

    def _has_user(self, uri: SipUri) -> bool:
        if not self.user:
            return True
        if uri.user is None or ";" in uri.user:
            return False  # parameters of a user can name somebody else, e.g. by `phone-context`
        user = dialled_user(str(uri)) or ""
        return user.startswith(self.user[:-1]) if self.user.endswith("*") else user == self.user


def parse_allowed(text: str) -> AllowedDestination:
    """Read an entry.

    Raises:
        ValueError: it is none; says what was expected.
    """
    found = _ENTRY.fullmatch(text.strip())
    if found is not None:
        user, host, behind = found["user"] or "", found["host"].strip("[]"), found["port"]
        port = None if behind is None else _ANY if behind == "*" else int(behind)
        if port is None or port <= 65_535:
            try:
                return AllowedDestination(user, "", ip_network(host, strict=False), port)
            except ValueError:
                name = uri_host(f"sip:{host}")
                if name is not None and _LETTER.search(name):  # `10.1` is neither a name nor an address
                    return AllowedDestination(user, name, None, port)
    raise ValueError(f"{text!r}; {_EXPECTED}")
