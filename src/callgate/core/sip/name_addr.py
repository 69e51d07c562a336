"""Addresses in headers: From, To, Contact, Route, Record-Route, P-Asserted-Identity and their like."""

import re
from dataclasses import dataclass
from typing import Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.parameters import Parameters, parameter, parse_parameters, quote, unquote, write_parameters
from callgate.core.sip.uri import NOT_IN_URI, SCHEME

_QUOTED: Final = re.compile(r'"(?:[^"\\]++|\\.)*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class NameAddr:
    """An address with an optional name, RFC 3261 section 20.10 (Contact): ``name-addr`` or ``addr-spec``.

    Attributes:
        display_name: unquoted; ``None`` when absent or empty.
        uri: as it came, any scheme, without the angle brackets.
        parameters: those of the header, not of the URI.
    """

    display_name: str | None
    uri: str
    parameters: Parameters = ()

    @property
    def tag(self) -> str | None:
        """The ``tag`` parameter of From and To; ``None`` when absent."""
        return self.parameter("tag")

    def parameter(self, name: str) -> str | None:
        """The value of a header parameter, unquoted; ``None`` when absent or without a value."""
        return parameter(self.parameters, name)

    def with_parameter(self, name: str, value: str | None) -> "NameAddr":
        """The same address with one parameter added or replaced."""
        others = tuple(item for item in self.parameters if item[0] != name)
        return NameAddr(self.display_name, self.uri, (*others, (name, value)))

    def __str__(self) -> str:
        name = f"{quote(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{write_parameters(self.parameters)}"


def parse_name_addr(text: str) -> NameAddr:
    """Read one address.

    More lenient than the grammar in two places where the meaning is plain: blanks inside the angle brackets, and
    display names of other characters than tokens, unquoted. RFC 4475 sections 3.1.2.14 (Spaces within addr-spec) and
    3.1.2.15 (Non-token Characters in Display Name) allow either.

    Raises:
        ParseError: unbalanced quotes or brackets, no URI in it, or a bare URI that needs brackets.
    """
    text = text.strip(" \t")
    name: str | None
    if text.startswith('"'):
        quoted = _QUOTED.match(text)
        if quoted is None:
            raise ParseError(f"display name has no closing quote: {text!r}")
        name = unquote(quoted.group())
        behind = text[quoted.end() :].lstrip(" \t")
        if not behind.startswith("<"):
            raise ParseError(f"display name is not followed by <uri>: {text!r}")
        opening = len(text) - len(behind)
    else:
        opening = text.find("<")
        mark = text.find('"')
        if opening < 0 or 0 <= mark < opening:
            return _parse_bare(text)
        name = text[:opening].rstrip(" \t")
        if ">" in name:
            raise ParseError(f"angle brackets do not match: {text!r}")
    closing = text.find(">", opening)
    if closing < 0:
        raise ParseError(f"angle bracket is not closed: {text!r}")
    uri = text[opening + 1 : closing].strip(" \t")
    rest = text[closing + 1 :].lstrip(" \t")
    if rest and rest[0] != ";":
        raise ParseError(f"address is followed by something else than parameters: {rest!r}")
    return NameAddr(name or None, _checked(uri), parse_parameters(rest[1:]) if rest else ())


def _parse_bare(text: str) -> NameAddr:
    """RFC 3261 section 20 (Header Fields): a URI with a comma, question mark or semicolon must stand in brackets."""
    uri, semicolon, rest = text.partition(";")
    uri = uri.rstrip(" \t")
    if "," in uri or "?" in uri:
        raise ParseError(f"uri with a comma or question mark must stand in angle brackets: {uri!r}")
    return NameAddr(None, _checked(uri), parse_parameters(rest) if semicolon else ())


def _checked(uri: str) -> str:
    if not SCHEME.match(uri) or NOT_IN_URI.search(uri):
        raise ParseError(f"not a uri: {uri!r}")
    return uri
