"""Which addresses a URL that an account sets may reach: the URL is the customer's, the request is ours.

Asked twice: of the URL when it is saved (`check_url`), so that a mistake is told at once; and of the very address of
every connection (`AddressGuard.refusal`), since a name may lead elsewhere by then.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

URL_CHARACTERS_MAX: Final = 2_000  # what browsers, proxies and logs handle without cutting

# Services of cloud providers that hand credentials to whoever asks from inside; no web server of an owner lives there.
# The last is Azure's, a public address that only its own machines reach.
_METADATA: Final = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "168.63.129.16")
)

_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1 (Well-Known Prefix): leads to an IPv4 address
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")  # RFC 8215: leads to whatever the local network likes
_IPV4_COMPATIBLE: Final = IPv6Network("::/96")  # RFC 4291 section 2.5.5.1 (IPv4-Compatible IPv6 Address)
_SHARED: Final = IPv4Network("100.64.0.0/10")  # RFC 6598: between a carrier and its customers

_LOCALHOST: Final = re.compile(r"(?:.*\.)?localhost\.?", re.IGNORECASE)
_NUMERIC: Final = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]+))*\.?")
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?\.?")
_NOT_IN_URL: Final = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """The deployment's word on what may be reached.

    Attributes:
        allow_private: private, shared and link-local addresses. Those that hand out a cloud's credentials never are.
        allow_loopback: this machine.
    """

    allow_private: bool = False
    allow_loopback: bool = False

    def refusal(self, address: str) -> str | None:
        """Why `address` may not be reached, in words; ``None`` when it may.

        Args:
            address: IP text; the scope of an IPv6 address is ignored.
        """
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return f"not an IP address: `{address}`"
        kind = self._refused_kind(parsed)
        return None if kind is None else f"{kind} may not be reached: `{address}`"

    def _refused_kind(self, address: IPv4Address | IPv6Address) -> str | None:
        if isinstance(address, IPv6Address):
            if address.is_loopback:
                return None if self.allow_loopback else "a loopback address"
            inner = _embedded(address)
            if inner is not None:
                return self._refused_kind(inner)
            if address in _NAT64_LOCAL or address in _IPV4_COMPATIBLE:
                return "a special address"
        if address in _METADATA:
            return "an address that hands out a cloud's credentials"
        if address.is_loopback:
            return None if self.allow_loopback else "a loopback address"
        if address.is_unspecified or address.is_multicast or address.is_reserved:
            return "a special address"
        if address.is_link_local or (isinstance(address, IPv6Address) and address.is_site_local):
            return None if self.allow_private else "a link-local address"
        if address.is_private or (isinstance(address, IPv4Address) and address in _SHARED):
            return None if self.allow_private else "a private address"
        return None if address.is_global else "a special address"


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def check_url(
    url: str,
    *,
    allow_http: bool = False,
    allow_private: bool = False,
    allow_loopback: bool = False,
    websocket: bool = False,
) -> str | None:
    """Why a URL that an account wants to set is refused, in words for its owner; ``None`` when it is fine.

    Args:
        url: as it was given.
        allow_http: plain ``http`` and ``ws`` for every host; loopback hosts may have it anyway.
        allow_private: see `AddressGuard`.
        allow_loopback: likewise.
        websocket: it leads to a WebSocket; else to a web server.
    """
    if len(url) > URL_CHARACTERS_MAX:
        return f"longer than {URL_CHARACTERS_MAX} characters: {len(url)}"
    if _NOT_IN_URL.search(url):
        return "holds a space, a control character or a backslash"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f"not a URL: {error}"
    safe, plain = ("wss", "ws") if websocket else ("https", "http")
    if parts.scheme not in (safe, plain):
        return f"the scheme must be {safe} or {plain}: `{parts.scheme or url}`"
    if parts.username is not None or parts.password is not None:
        return "a user or password has no place in the URL; requests are signed with the secrets instead"
    if not host:
        return "no host in the URL"
    if port == 0:
        return "port 0 cannot be reached"
    return _check_host(host, parts.scheme, allow_http, AddressGuard(allow_private, allow_loopback))


def _check_host(host: str, scheme: str, allow_http: bool, guard: AddressGuard) -> str | None:
    try:
        address: IPv4Address | IPv6Address | None = ip_address(host.partition("%")[0])
    except ValueError:
        address = None
    if address is None and _NUMERIC.fullmatch(host):
        return f"neither a name nor an IPv4 address in its usual form: `{host}`"
    if address is None and host.isascii() and not _HOST.fullmatch(host):
        return f"not a host name or IP address: `{host}`"
    if address is not None:
        refusal = guard.refusal(str(address))
        if refusal is not None:
            return refusal
        loopback = address.is_loopback
    else:
        loopback = _LOCALHOST.fullmatch(host) is not None
        if loopback and not guard.allow_loopback:
            return f"a loopback address may not be reached: `{host}`"
    if scheme in ("http", "ws") and not loopback and not allow_http:
        return f"plain {scheme} is accepted for loopback hosts only, expected {scheme}s"
    return None
