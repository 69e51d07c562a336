"""Where a SIP URI leads: what is asked of DNS for it, and in which order answers are tried.

RFC 3263 (Locating SIP Servers) sections 4.1 (Selecting a Transport Protocol) and 4.2 (Determining Port and IP Address);
RFC 2782 (A DNS RR for specifying the location of services).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from callgate.core.sip.uri import SipUri

_USUAL = {"udp": 5060, "tcp": 5060, "tls": 5061}
_SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}


@dataclass(frozen=True, slots=True)
class Service:
    """One SRV record.

    Attributes:
        priority: lower ones are tried first.
        weight: among equals, the more the likelier.
        target: a name, without a dot at its end; empty: the service is decidedly not there.
        port: 1 to 65535.
    """

    priority: int
    weight: int
    target: str
    port: int


@dataclass(frozen=True, slots=True)
class Destination:
    """What is known of a URI before anybody is asked.

    Attributes:
        host: name or IP text that is to be resolved: of ``maddr``, else of the URI.
        address: `host` where that is an IP address.
        port: of the URI; ``None``: that of an SRV record, or the usual one.
        transports: those that may be used, best first; empty: none that we speak.
    """

    host: str
    address: IPv4Address | IPv6Address | None
    port: int | None
    transports: tuple[str, ...]

    @property
    def services(self) -> tuple[tuple[str, str], ...]:
        """Names of SRV records to ask for, each with its transport; none where the port is known."""
        if self.address is not None or self.port is not None:
            return ()
        return tuple((f"{_SERVICES[transport]}.{self.host}", transport) for transport in self.transports)

    def port_for(self, transport: str) -> int:
        """The port where no SRV record says another."""
        return self.port or _USUAL[transport]


def destination(uri: SipUri, spoken: str) -> Destination:
    """What a URI says of where it leads.

    Args:
        uri: of a route, a Contact, or dialled.
        spoken: the transport that the peer is known to speak; it goes before others where `uri` names none.
    """
    host = (uri.parameter("maddr") or uri.host).strip("[]").removesuffix(".")
    try:
        address = ip_address(host.replace(":::", "::"))
    except ValueError:
        address = None
    named = uri.transport
    if uri.scheme == "sips":
        # RFC 3261 section 26.2.2 (SIPS URI Scheme): TLS whatever else it says; `transport=tcp` is TLS over TCP.
        transports: tuple[str, ...] = ("tls",) if named in (None, "tls", "tcp") else ()
    elif named is not None:
        transports = (named,) if named in _USUAL else ()
    elif address is not None or uri.port is not None:
        # RFC 3263 has UDP here. The peer speaks what it has spoken, and what was encrypted does not go on in the clear.
        transports = (spoken,)
    else:
        # NAPTR would say which the owner likes best; we ask for the services themselves: see decision 0020.
        others = () if spoken == "tls" else tuple(other for other in ("udp", "tcp", "tls") if other != spoken)
        transports = (spoken, *others)
    return Destination(host, address, uri.port, transports)


def ordered(services: Sequence[Service], pick: Callable[[int], int]) -> list[Service]:
    """The order in which servers are tried, RFC 2782 (Usage rules).

    Args:
        services: of one name.
        pick: a number from 0 to its argument, by chance.

    Returns:
        Lower priorities first; within one, by chance in the proportion of the weights; none that is not there.
    """
    result: list[Service] = []
    for priority in sorted({service.priority for service in services}):
        # Those of weight 0 stand first, so that they have a small chance.
        left = sorted(
            (service for service in services if service.priority == priority and service.target),
            key=lambda service: service.weight,
        )
        while left:
            drawn = pick(sum(service.weight for service in left))
            chosen = left[-1]
            for service in left:
                drawn -= service.weight
                if drawn <= 0:
                    chosen = service
                    break
            left.remove(chosen)
            result.append(chosen)
    return result


def believable(address: IPv4Address | IPv6Address, source: IPv4Address | IPv6Address, *, routed: bool) -> bool:
    """Whether a request goes to an address that a peer named, or rather to where the peer is.

    Args:
        address: in its Contact or the first of its routes.
        source: where its INVITE came from.
        routed: whether it is a route.
    """
    if address == source:
        return True
    if not routed or address.version != source.version:
        # A Contact unlike the source is that of a phone behind NAT, or of a caller who would have us send to others.
        return False
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return False
    if address.is_loopback and not source.is_loopback:
        return False  # a peer has no business with what listens on this machine only
    return not (address.is_private and source.is_global)  # an inside address told from outside
