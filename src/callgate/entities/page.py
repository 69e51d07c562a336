"""A page of a list: which one is wanted, and what was found.

A page begins or ends at a row, not at a count of rows, so that what is inserted or deleted meanwhile moves nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Other = TypeVar("Other")

Key = tuple[str | int | float | None, ...]
"""A row's place in its list: the values that the list is ordered by, the last of them the row's alone."""


class MarkUnfit(ValueError):
    """A mark that cannot be of the list that it is used for."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page begins, or, on the way back, where it ends.

    Attributes:
        key: of a row that need not be there any more.
        backwards: whether the rows before it are wanted.
        inclusive: whether the row itself is wanted too.
    """

    key: Key
    backwards: bool = False
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class PageWanted:
    """Which page is wanted.

    Attributes:
        size: rows at most.
        mark: where it lies; ``None``: at the beginning of the list.
    """

    size: int
    mark: Mark | None = None

    @property
    def backwards(self) -> bool:
        """Whether rows are to be read from the mark towards the beginning."""
        return self.mark is not None and self.mark.backwards


@dataclass(frozen=True, slots=True)
class PageFound(Generic[Item]):
    """A page.

    Attributes:
        items: what is on it, in the order of the list.
        total: how many there are on all pages; ``None``: too many to count.
        following: of the next page; ``None``: this is the last.
        preceding: of the page before; ``None``: this is the first.
    """

    items: Sequence[Item]
    total: int | None
    following: Mark | None = None
    preceding: Mark | None = None

    def each(self, make: Callable[[Item], Other]) -> "PageFound[Other]":
        """The same page with something made of each item."""
        return self.of([make(item) for item in self.items])

    def of(self, items: Sequence[Other]) -> "PageFound[Other]":
        """The same page with other items in place of these."""
        return PageFound(items, self.total, self.following, self.preceding)


def page_found(
    read: Sequence[Item], key_of: Callable[[Item], Key], wanted: PageWanted, total: int | None
) -> PageFound[Item]:
    """The page that was wanted.

    Args:
        read: its items and, when there is one, one more, in the order of reading: from the mark on.
        key_of: an item's place in the list.
        wanted: what was asked for.
        total: how many there are on all pages.
    """
    mark, goes_on = wanted.mark, len(read) > wanted.size
    items = list(read[: wanted.size])
    if wanted.backwards:
        items.reverse()
    if mark is None:
        return PageFound(items, total, Mark(key_of(items[-1])) if goes_on else None)
    # What lies on the other side of the mark was seen a page ago. When this page is empty, the mark is all there is.
    if mark.backwards:
        following = Mark(key_of(items[-1])) if items else Mark(mark.key, inclusive=not mark.inclusive)
        return PageFound(items, total, following, Mark(key_of(items[0]), backwards=True) if goes_on else None)
    before = Mark(key_of(items[0]), backwards=True) if items else Mark(mark.key, True, inclusive=not mark.inclusive)
    return PageFound(items, total, Mark(key_of(items[-1])) if goes_on else None, before)


def page_of(
    items: Iterable[Item], key_of: Callable[[Item], Key], wanted: PageWanted, *, descending: bool = False
) -> PageFound[Item]:
    """A page of a list that is in memory.

    Args:
        items: all of them, in any order.
        key_of: an item's place in the list; values that are compared with each other are of one type.
        wanted: which page.
        descending: whether the list begins with the greatest key.

    Raises:
        MarkUnfit: the mark is of another list.
    """
    everything = sorted(items, key=key_of, reverse=descending)
    read, mark = everything, wanted.mark
    if mark is not None:
        ahead = mark.backwards == descending  # whether greater keys are wanted
        read = [one for one in everything if _lies(key_of(one), mark, greater=ahead)]
    if wanted.backwards:
        read.reverse()
    return page_found(read[: wanted.size + 1], key_of, wanted, len(everything))


def _lies(key: Key, mark: Mark, *, greater: bool) -> bool:
    if len(key) != len(mark.key):
        raise MarkUnfit
    if key == mark.key:
        return mark.inclusive
    try:
        return (key > mark.key) is greater
    except TypeError:
        raise MarkUnfit from None
