"""An INVITE as admission sees it."""

from ipaddress import AddressValueError, IPv6Address
from typing import Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request
from callgate.core.sip.name_addr import NameAddr
from callgate.core.sip.text import storable, storable_uri
from callgate.entities.attempt import Attempt, Defect

_MAPPED_PREFIX: Final = "::ffff:"


def attempt_of(
    request: Request, source_address: str, source_port: int, transport: str, defect: Defect | None
) -> Attempt:
    """Turn a request into an attempt; never fails, so that malformed ones leave a record too.

    Its text can be stored and sent anywhere: see `storable`. (Of what `storable_uri` escapes `uri.dialled_user` makes
    nothing, as of any bad user.)

    Args:
        request: as it came, even if `defect` says it cannot be served.
        source_address: of the packet or connection, IP text; IPv4-mapped IPv6 is undone here.
        source_port: likewise.
        transport: ``udp``, ``tcp`` or ``tls``.
        defect: what `validate.validate_request` found.
    """
    to = _address(request, "To")
    sender = _address(request, "From")
    try:
        content_type = request.content_type
    except ParseError:
        content_type = None
    name = sender.display_name if sender is not None else None
    return Attempt(
        source_address=unmapped(source_address),
        source_port=source_port,
        transport=transport,
        request_uri=storable_uri(request.uri),
        to_uri=storable_uri(to.uri) if to is not None else "",
        from_uri=storable_uri(sender.uri) if sender is not None else None,
        from_display_name=storable(name) if name else None,
        call_id=storable(request.headers.get("Call-ID") or ""),
        headers=tuple((name, storable(value)) for name, value in request.headers),
        content_type=storable(content_type) if content_type is not None else None,
        body=request.body,
        defect=defect if defect is None else Defect(defect.status, storable(defect.reason), defect.headers),
    )


def unmapped(address: str) -> str:
    """An IP address as text, an IPv4-mapped IPv6 one as its IPv4 address (RFC 4291 section 2.5.5.2)."""
    if address[:7].lower() != _MAPPED_PREFIX:
        return address
    try:
        mapped = IPv6Address(address).ipv4_mapped
    except AddressValueError:
        return address
    return str(mapped) if mapped is not None else address


def _address(request: Request, name: str) -> NameAddr | None:
    try:
        return request.to if name == "To" else request.from_
    except ParseError:
        return None
