"""SIP and SIPS URIs, and what of them a call is routed by."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import unquote_to_bytes

from callgate.core.sip.errors import ParseError
from callgate.core.sip.limits import HOST_CHARS_MAX, URI_CHARS_MAX
from callgate.core.sip.parameters import Parameters, parameter, write_parameters

SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*(?=:)")
"""RFC 3986 section 3.1 (Scheme), up to its colon."""

NOT_IN_URI: Final = re.compile(r'[\x00-\x20\x7f<>"]')
"""What stands in no URI unescaped. Bytes over 127 are let through: callers do send them, and they end nothing."""

_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?\.?")  # underscores occur inside networks
_PORT: Final = re.compile(r"[0-9]{1,5}")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class SipUri:
    """A SIP or SIPS URI, RFC 3261 section 19.1.1 (SIP and SIPS URI Components).

    Attributes:
        scheme: ``sip`` or ``sips``.
        user: raw: escapes and user parameters as they came; ``None`` without an ``@``.
        password: raw; ``None`` when absent.
        host: name or address as it came; an IPv6 address without its brackets.
        port: 1 to 65535; ``None`` when absent.
        parameters: names in lower case, values raw.
        headers: what follows ``?``, raw; empty when absent.
    """

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None = None
    parameters: Parameters = ()
    headers: str = ""

    def parameter(self, name: str) -> str | None:
        """The value of a URI parameter; ``None`` when absent or without a value."""
        return parameter(self.parameters, name)

    @property
    def transport(self) -> str | None:
        """The ``transport`` parameter in lower case, ``None`` when absent."""
        value = self.parameter("transport")
        return value.lower() if value is not None else None

    @property
    def loose(self) -> bool:
        """Whether it has ``lr``: RFC 3261 section 19.1.1: the element routes loosely."""
        return any(name == "lr" for name, _ in self.parameters)

    def __str__(self) -> str:
        userinfo = ""
        if self.user is not None:
            userinfo = f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{userinfo}{write_host(self.host)}{port}{write_parameters(self.parameters)}{headers}"


def parse_uri(text: str) -> SipUri:
    """Read a SIP or SIPS URI.

    Lenient in the user part, since what was dialled decides nothing here; strict about where the URI ends, the host
    and the port.

    Raises:
        ParseError: status 416 for another scheme, 414 for one that is too long, 400 for what is no such URI.
    """
    if len(text) > URI_CHARS_MAX:
        raise ParseError(f"uri over {URI_CHARS_MAX} characters: {len(text)}", 414)
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("sip", "sips"):
        if SCHEME.match(text):
            raise ParseError(f"uri scheme is neither sip nor sips: {scheme}", 416)
        raise ParseError(f"not a uri: {text!r}")
    if NOT_IN_URI.search(rest):
        raise ParseError(f"uri holds a space, a control character, a quote or an angle bracket: {text!r}")
    user: str | None = None
    password: str | None = None
    # `@` stands unescaped in no user, parameter or header, so it can only end the user part.
    userinfo, at, behind = rest.partition("@")
    if at:
        if "@" in behind:
            raise ParseError(f"uri has a second @, expected %40: {text!r}")
        user, colon, secret = userinfo.partition(":")
        password = secret if colon else None
        rest = behind
    rest, _, headers = rest.partition("?")
    hostport, semicolon, behind = rest.partition(";")
    host, port = parse_hostport(hostport)
    return SipUri(scheme, user, password, host, port, _uri_parameters(behind) if semicolon else (), headers)


def parse_hostport(text: str) -> tuple[str, int | None]:
    """Read ``host``, ``host:port``, ``[ipv6]`` or ``[ipv6]:port``.

    Returns:
        The host as it came (IPv6 without brackets) and the port, ``None`` when absent.

    Raises:
        ParseError: it is none of them.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and rest[0] != ":"):
            raise ParseError(f"ipv6 reference is not [address] or [address]:port: {text!r}")
        try:
            # RFC 5118 section 4.10 (IPv6 Reference Bug in RFC 3261 ABNF): peers built from the faulty grammar write
            # three colons where they mean two; that can mean nothing else.
            IPv6Address(host.replace(":::", "::"))
        except AddressValueError:
            raise ParseError(f"not an ipv6 address: {host!r}") from None
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        if not _HOST.fullmatch(host) or len(host) > HOST_CHARS_MAX:
            raise ParseError(f"not a host name or address: {host!r}")
    if not colon:
        return host, None
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise ParseError(f"port is not 1 to 65535: {port!r}")
    return host, int(port)


def write_host(host: str) -> str:
    """A host as it stands in a URI or Via: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def uri_host(text: str) -> str | None:
    """The host of a SIP or SIPS URI for comparison: lower case, no trailing dot, no brackets.

    Returns:
        ``None`` for every other scheme and for what is no URI.
    """
    try:
        return parse_uri(text).host.lower().removesuffix(".")
    except ParseError:
        return None


def dialled_user(uri_text: str) -> str | None:
    """The user a URI asks for, as the rules of an account see it.

    Of ``sip:`` and ``sips:`` the user part without user parameters (``;npdi;rn=…``) and password, of ``tel:`` the
    number without parameters; percent-encoding is undone once. Nothing else is normalised: visual separators, ``+``
    and case stay.

    Returns:
        ``None``, which no rule matches, when there is no user or an empty one, for every other scheme, and for bad
        percent-encoding, a NUL or what is no UTF-8 once decoded.
    """
    return host_and_user(uri_text)[1]


def host_and_user(text: str) -> tuple[str | None, str | None]:
    """`uri_host` and `dialled_user` of one URI, which is read once."""
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme == "tel":
        return None, None if NOT_IN_URI.search(rest) else _decoded(rest)
    if scheme not in ("sip", "sips"):
        return None, None
    try:
        uri = parse_uri(text)
    except ParseError:
        return None, None
    return uri.host.lower().removesuffix("."), _decoded(uri.user)


def _decoded(raw: str | None) -> str | None:
    """A raw user part as rules see it; ``None`` when there is nothing that they could."""
    if not raw:
        return None
    raw = raw.partition(";")[0]
    if _BAD_ESCAPE.search(raw):
        return None
    try:
        user = unquote_to_bytes(raw.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError:
        return None
    return user if user and "\x00" not in user else None


def _uri_parameters(text: str) -> Parameters:
    """RFC 3261 section 19.1.1: like header parameters, but never quoted, and with brackets, ``&`` and ``:`` in them."""
    found: list[tuple[str, str | None]] = []
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not name:
            raise ParseError(f"empty uri parameter: {text!r}")
        found.append((name.lower(), value if equals else None))
    return tuple(found)
