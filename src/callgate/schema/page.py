"""One page of a list, and the mark that says where the next begins."""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from callgate.entities.json import Json, JsonObject
from callgate.schema.errors import invalid, shown

PAGE_SIZE_DEFAULT: Final = 10  # that of the one public list whose default is documented
PAGE_SIZE_MAX: Final = 100


def page(results: Sequence[Json], total: int, following: str | None, preceding: str | None) -> JsonObject:
    """A page; `following` and `preceding` are URLs."""
    return {"next": following, "previous": preceding, "results": list(results), "total": total}


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


def write_cursor(offset: int) -> str:
    """A mark for `offset`; opaque, so that it may come to mean more."""
    return base64.urlsafe_b64encode(f"o={offset}".encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> int:
    """The offset of a mark.

    Raises:
        Invalid: not one of ours.
    """
    if text is None:
        return 0
    try:
        kind, _, digits = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("=")
        if kind == "o" and digits.isascii() and digits.isdigit() and len(digits) <= 12:
            return int(digits)
    except (ValueError, binascii.Error):
        pass
    raise invalid("cursor", f"not a cursor of this list; take it from `next`: {shown(text)}")
