"""The ``;name=value`` parameters behind header values and URIs."""

import re
from typing import Final, TypeAlias

from callgate.core.sip.errors import ParseError

Parameters: TypeAlias = tuple[tuple[str, str | None], ...]
"""In order; names in lower case; values as they came (quotes kept), ``None`` for a flag such as ``lr``."""

# RFC 3261 section 25.1 (Basic Rules): token.
TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")

# gen-value is a token, a host or a quoted string; unbracketed IPv6 is let through (RFC 5118 section 4.5 (IPv6 Reference
# Delimiters in Via Header) shows such a `received`), and so is anything else that cannot be mistaken for its end.
_VALUE: Final = re.compile(r'[^\x00-\x20\x7f;,<>"]+|"(?:[^"\\]|\\.)*"', re.DOTALL)
_PIECE: Final = re.compile(r'(?:[^;"]++|"(?:[^"\\]++|\\.)*")*', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def parse_parameters(text: str) -> Parameters:
    """Read the parameters of a header value.

    RFC 3261 section 7.3.1 (Header Field Format): names are case-insensitive and stand once.

    Args:
        text: what follows the first semicolon, e.g. ``tag=1928301774;x``.

    Raises:
        ParseError: an empty or repeated parameter, a name that is no token, an unbalanced quote.
    """
    found: list[tuple[str, str | None]] = []
    names: set[str] = set()
    for part in _split_semicolons(text) if '"' in text else text.split(";"):
        name, equals, value = part.partition("=")
        name = name.strip(" \t").lower()
        if not TOKEN.fullmatch(name):
            raise ParseError(f"parameter name is not a token: {name!r}" if name else "empty parameter: two semicolons")
        if name in names:
            raise ParseError(f"parameter stands twice: {name}")
        names.add(name)
        if not equals:
            found.append((name, None))
            continue
        value = value.strip(" \t")
        if not _VALUE.fullmatch(value):
            raise ParseError(f"value of parameter {name} is neither a token nor quoted: {value!r}")
        found.append((name, value))
    return tuple(found)


def write_parameters(parameters: Parameters) -> str:
    """The twin of `parse_parameters`, with the leading semicolon; empty for none."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters)


def parameter(parameters: Parameters, name: str) -> str | None:
    """The value of one parameter, unquoted; ``None`` when it is absent or has no value."""
    for candidate, value in parameters:
        if candidate == name:
            return unquote(value) if value is not None else None
    return None


def unquote(value: str) -> str:
    """Undo a quoted string (RFC 3261 section 25.1, Basic Rules); other text is returned as it is."""
    if len(value) >= 2 and value[0] == '"' and value[-1] == '"':
        return _ESCAPED.sub(r"\1", value[1:-1])
    return value


def quote(text: str) -> str:
    """Write a quoted string; the twin of `unquote`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _split_semicolons(text: str) -> list[str]:
    parts: list[str] = []
    position = 0
    while True:
        piece = _PIECE.match(text, position)
        end = piece.end() if piece else position
        parts.append(text[position:end])
        if end == len(text):
            return parts
        if text[end] != ";":
            raise ParseError(f"unbalanced quote in parameters: {text!r}")
        position = end + 1
