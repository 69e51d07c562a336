"""Pages of what is stored: each is read from a row on, so that the last of many costs what the first costs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Float, Integer, and_, or_, true
from sqlalchemy.engine import RowMapping

from callgate.entities.page import Key, Mark, MarkUnfit, PageWanted
from callgate.store.tables import UtcDateTime

TOTAL_MAX: Final = 10_000
"""A list is counted up to this: a millisecond of an index. What is longer has no total, for nobody pages to its end and
counting ten million rows takes a second."""


class Order:
    """The order of a list: all columns one way, the last of them different in every row.

    Args:
        columns: the first may be null; a null stands before everything else, as in SQLite.
        descending: whether the list begins with what is greatest.
    """

    def __init__(self, *columns: Column[Any], descending: bool) -> None:
        self._columns = columns
        self._descending = descending

    def by(self, wanted: PageWanted) -> Sequence[ColumnElement[Any]]:
        """What to order by so that the wanted page comes first, from its mark on."""
        if self._greater(wanted.backwards):
            return [one.asc().nulls_first() if one.nullable else one.asc() for one in self._columns]
        return [one.desc().nulls_last() if one.nullable else one.desc() for one in self._columns]

    def beyond(self, wanted: PageWanted) -> ColumnElement[bool]:
        """Which rows lie on the wanted side of the mark.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        if wanted.mark is None:
            return true()
        return _beyond(self._columns, self._values(wanted.mark), self._greater(wanted.backwards), wanted.mark.inclusive)

    def key_of(self, row: RowMapping) -> Key:
        """A row's place in the list."""
        values = (row[column.name] for column in self._columns)
        return tuple(value.isoformat() if isinstance(value, datetime) else value for value in values)

    def sort(self, rows: list[RowMapping], wanted: PageWanted) -> None:
        """Put rows of several sources into the order of reading; their columns hold no nulls."""
        rows.sort(key=self.key_of, reverse=not self._greater(wanted.backwards))

    def _greater(self, backwards: bool) -> bool:
        return backwards == self._descending

    def _values(self, mark: Mark) -> list[Any]:
        if len(mark.key) != len(self._columns):
            raise MarkUnfit
        return [_value(column, value) for column, value in zip(self._columns, mark.key, strict=True)]


def _beyond(
    columns: Sequence[Column[Any]], values: Sequence[Any], greater: bool, inclusive: bool
) -> ColumnElement[bool]:
    """Rows whose columns are greater than values, or less.

    Written as "not less, and (greater or else the next column decides)": the first half is a range of an index.
    """
    column: ColumnElement[Any] = columns[0]
    value = values[0]
    if len(columns) == 1:
        last: ColumnElement[bool] = column > value if greater else column < value
        return or_(last, column == value) if inclusive else last
    rest = _beyond(columns[1:], values[1:], greater, inclusive)
    if value is None:
        return or_(column.is_not(None), rest) if greater else and_(column.is_(None), rest)
    if greater:
        return and_(column >= value, or_(column > value, rest))
    less = and_(column <= value, or_(column < value, rest))
    return or_(less, column.is_(None)) if columns[0].nullable else less


def _value(column: Column[Any], value: str | int | float | None) -> Any:
    """A value of a mark as one of a column.

    Raises:
        MarkUnfit: it cannot be one.
    """
    if value is None and column.nullable:
        return None
    if isinstance(column.type, UtcDateTime):
        try:
            return datetime.fromisoformat(str(value)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise MarkUnfit from None
    kinds: tuple[type, ...] = (str,)
    if isinstance(column.type, Integer):
        kinds = (int,)
    elif isinstance(column.type, Float):
        kinds = (int, float)
    if not isinstance(value, kinds):
        raise MarkUnfit
    return value
