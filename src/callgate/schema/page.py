"""One page of a list, and the cursors that lead to its neighbours."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from callgate.entities.json import Json, JsonObject
from callgate.entities.page import Mark
from callgate.schema.errors import Invalid, invalid, shown

PAGE_SIZE_DEFAULT: Final = 10  # that of the one public list whose default is documented
PAGE_SIZE_MAX: Final = 100

# The longest value that a list is ordered by is a name of a tool or an agent, under 300 bytes.
_CURSOR_CHARACTERS_MAX: Final = 2_000
_KEY_VALUES_MAX: Final = 4
_NAME_BYTES: Final = 6  # of a digest that need not withstand anybody: enough that no two lists are taken for one


class _Cursor(msgspec.Struct, array_like=True):
    """What a cursor says. Whoever makes one up gets another page of the list, and nothing else.

    Attributes:
        name: of the list.
        way: one of `_WAYS`.
        key: of the row that it lies at.
    """

    name: str
    way: str
    key: list[str | int | float | None]


_WAYS: Final = {(False, False): "n", (False, True): "N", (True, False): "p", (True, True): "P"}
_MEANT: Final = {way: meant for meant, way in _WAYS.items()}


def page(results: Sequence[Json], total: int | None, following: str | None, preceding: str | None) -> JsonObject:
    """A page; `following` and `preceding` are URLs. A total that is not known is left out: it is not nullable."""
    shown_page: JsonObject = {"next": following, "previous": preceding, "results": list(results)}
    return shown_page if total is None else {**shown_page, "total": total}


def page_size(text: str | None) -> int:
    """The page size that a query asks for.

    Raises:
        Invalid: not a number from 1 to `PAGE_SIZE_MAX`.
    """
    if text is None:
        return PAGE_SIZE_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= PAGE_SIZE_MAX):
        raise invalid("pageSize", f"expected a whole number from 1 to {PAGE_SIZE_MAX}: {shown(text)}")
    return int(text)


def list_name(path: str, filters: Iterable[tuple[str, str]]) -> str:
    """A short name for a list: its path, its filters and its order, however they are arranged."""
    told: Any = [path, *sorted(filters)]
    digest = hashlib.sha256(msgspec.json.encode(told)).digest()[:_NAME_BYTES]
    return base64.urlsafe_b64encode(digest).decode()


def write_cursor(mark: Mark, name: str) -> str:
    """A mark of the list of this name, as opaque text."""
    told = _Cursor(name, _WAYS[mark.backwards, mark.inclusive], list(mark.key))
    return base64.urlsafe_b64encode(msgspec.json.encode(told)).decode().rstrip("=")


def read_cursor(text: str, name: str) -> Mark:
    """What a cursor of the list of this name says.

    Raises:
        Invalid: not one of ours, or one of another list.
    """
    try:
        if len(text) > _CURSOR_CHARACTERS_MAX:
            raise unfit_cursor()
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        told = msgspec.json.decode(decoded, type=_Cursor)
        backwards, inclusive = _MEANT[told.way]
        if len(told.key) > _KEY_VALUES_MAX:
            raise unfit_cursor()
    except (ValueError, KeyError, binascii.Error, msgspec.MsgspecError):
        raise unfit_cursor() from None
    if told.name != name:
        words = "a cursor of another list: filters and order must be those of the page that it was taken from"
        raise invalid("cursor", words)
    return Mark(tuple(told.key), backwards, inclusive)


def unfit_cursor() -> Invalid:
    """The refusal of what is no cursor of a list."""
    return invalid("cursor", "not a cursor of this list; take it from `next` or `previous`")
