"""The header fields of a message: an ordered map of names to any number of values."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from callgate.core.sip.errors import ParseError

_COMPACT: Final = {
    # RFC 3261 section 7.3.3 (Compact Form) and the IANA registry of SIP header fields.
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
# Names the core itself reads are respelt, so that a comparison with `==` is right; every other name stays as it came.
_READ_HERE: Final = (
    "Accept",
    "Accept-Encoding",
    "Allow",
    "Authorization",
    "Call-ID",
    "Contact",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Date",
    "Expires",
    "From",
    "Max-Forwards",
    "Min-Expires",
    "Min-SE",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "Reason",
    "Record-Route",
    "Refer-To",
    "Replaces",
    "Require",
    "Retry-After",
    "Route",
    "RSeq",
    "Session-Expires",
    "Supported",
    "Timestamp",
    "To",
    "Unsupported",
    "User-Agent",
    "Via",
    "Warning",
    "WWW-Authenticate",
)


# Common names of others, in their common spelling: known, so that no check of their letters is needed.
_COMMON: Final = (
    "Alert-Info",
    "Allow-Events",
    "Content-Language",
    "Diversion",
    "History-Info",
    "Identity",
    "In-Reply-To",
    "MIME-Version",
    "Organization",
    "P-Access-Network-Info",
    "P-Asserted-Identity",
    "P-Charging-Vector",
    "P-Early-Media",
    "P-Preferred-Identity",
    "P-Visited-Network-ID",
    "Path",
    "Privacy",
    "Remote-Party-ID",
    "Server",
    "Service-Route",
    "Subject",
    "User-to-User",
)


def _names() -> dict[str, str]:
    names = {name: name for name in _COMMON}
    for name in (*_COMPACT.values(), *_READ_HERE):
        names[name] = names[name.lower()] = names[name.upper()] = name
    for letter, name in _COMPACT.items():
        names[letter] = names[letter.upper()] = name
    return names


KNOWN_NAMES: Final[dict[str, str]] = _names()
"""Common spellings (as registered, lower case, upper case, compact) to the registered one."""

_KEYS: Final = {spelling: name.lower() for spelling, name in KNOWN_NAMES.items()}  # what the index of values goes by

_PIECE: Final = re.compile(r'(?:[^,"<]++|"(?:[^"\\]++|\\.)*"|<[^>]*+>)*', re.DOTALL)


def canonical(name: str) -> str:
    """The registered spelling of a name the core reads, compact form expanded; any other name as it is."""
    return KNOWN_NAMES.get(name) or KNOWN_NAMES.get(name.lower(), name)


def _key(name: str) -> str:
    return canonical(name).lower()


class Headers:
    """Header fields in the order they came.

    Names are compared without case and in either form; values are unfolded and stripped. Made cheaply: the index for
    look-ups is built at the first one.
    """

    __slots__ = ("_index", "_items")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str]] = [(canonical(name), value) for name, value in items]
        self._index: dict[str, list[str]] | None = None

    @classmethod
    def of_canonical(cls, items: list[tuple[str, str]]) -> "Headers":
        """Take over a list whose names are canonical already (the parser's)."""
        headers = cls.__new__(cls)
        headers._items = items
        headers._index = None
        return headers

    def get(self, name: str) -> str | None:
        """The first value of that name, whole; ``None`` when there is none."""
        values = (self._index or self._indexed()).get(_KEYS.get(name) or _key(name))
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """Every value of that name, in order; a comma-separated value is one (see `elements`)."""
        return list((self._index or self._indexed()).get(_KEYS.get(name) or _key(name), ()))

    def count(self, name: str) -> int:
        """How many lines of that name there are."""
        return len((self._index or self._indexed()).get(_KEYS.get(name) or _key(name), ()))

    def elements(self, name: str) -> list[str]:
        """Every element of a list header, over all its lines: RFC 3261 section 7.3.1 (Header Field Format).

        Raises:
            ParseError: unbalanced quotes or angle brackets.
        """
        return [element for value in self.all(name) for element in split_commas(value)]

    def add(self, name: str, value: str) -> None:
        """Append one line."""
        self._items.append((canonical(name), value))
        self._index = None

    def prepend(self, name: str, value: str) -> None:
        """Put one line before all others, as a Via or Route is added."""
        self._items.insert(0, (canonical(name), value))
        self._index = None

    def set(self, name: str, value: str) -> None:
        """Give the name this one value, in the place of its first line; append when it has none."""
        name = canonical(name)
        key = name.lower()
        items: list[tuple[str, str]] = []
        placed = False
        for item in self._items:
            if item[0].lower() != key:
                items.append(item)
            elif not placed:
                items.append((name, value))
                placed = True
        if not placed:
            items.append((name, value))
        self._items = items
        self._index = None

    def set_first(self, name: str, value: str) -> None:
        """Replace the first line of that name and leave its others alone, as the top Via is changed.

        Raises:
            KeyError: there is no such line.
        """
        key = _key(name)
        for position, item in enumerate(self._items):
            if item[0].lower() == key:
                self._items[position] = (item[0], value)
                if self._index is not None:
                    self._index[key][0] = value
                return
        raise KeyError(name)

    def remove(self, name: str) -> None:
        """Drop every line of that name."""
        key = _key(name)
        self._items = [item for item in self._items if item[0].lower() != key]
        self._index = None

    def copy(self) -> "Headers":
        """An independent copy."""
        return Headers.of_canonical(list(self._items))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._indexed()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"

    def _indexed(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = self._index = {}
            for name, value in self._items:
                key = _KEYS.get(name) or name.lower()
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
        return index


def split_commas(value: str) -> list[str]:
    """Split a list header's value at the commas outside quotes and angle brackets; elements are stripped.

    For headers that are lists (Via, Contact, Route, Record-Route, Require, Supported, …) only. Empty elements are kept:
    what they mean is for the reader of the header to say.

    Raises:
        ParseError: unbalanced quotes or angle brackets.
    """
    if "," not in value:
        return [value.strip(" \t")]
    if '"' not in value and "<" not in value:
        return [element.strip(" \t") for element in value.split(",")]
    elements: list[str] = []
    position = 0
    while True:
        piece = _PIECE.match(value, position)
        end = piece.end() if piece else position
        elements.append(value[position:end].strip(" \t"))
        if end == len(value):
            return elements
        if value[end] != ",":
            raise ParseError(f"unbalanced quote or angle bracket: {value!r}")
        position = end + 1
