"""Decision records of the past in a file of SQLite."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from callgate.store.past import PastQuery, PastUnavailable

_BUSY_S: Final = 5.0
# Written as dates: the column would take digits alone for a number, and every text is greater than any number.
_BEFORE_ALL: Final = "0001-01-01"
_AFTER_ALL: Final = "9999-12-31"

# A plus keeps an index from being used: that of time alone gives the order, and with it pieces that cost the same.
_OWNERS: Final = "(+account_id = :account_id {nobodys})"
_COUNT: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM decisions WHERE at >= :at_from AND at < :last_at AND {owners} LIMIT :limit)"
)
_PIECE: Final = (
    "SELECT decision_id, at, source_address, transport, to_uri, request_uri, count, outcome, trace FROM decisions"
    " WHERE at >= :at_from AND at <= :last_at AND (at < :last_at OR decision_id < :last_id) AND {owners}"
    " ORDER BY at DESC, decision_id DESC LIMIT :limit"
)


class SqliteRows:
    """The rows of a query. Implements `past.PastRows`."""

    def __init__(self, query: PastQuery) -> None:
        self._rows_max = query.rows_max
        self._owners = _OWNERS.format(nobodys="OR +account_id IS NULL" if query.nobodys else "")
        self._account_id = query.account_id
        self._at_from = _BEFORE_ALL if query.at_from is None else _written(query.at_from)
        self._at_until = _AFTER_ALL if query.at_until is None else _written(query.at_until)
        try:
            file = f"file:{quote(query.place.path)}?mode=ro"
            self._connection = sqlite3.connect(file, uri=True, timeout=_BUSY_S)
        except sqlite3.Error as error:
            raise PastUnavailable(str(error)) from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def count(self) -> int:
        """How many there are."""
        return int(self._rows(_COUNT, self._at_until, "", self._rows_max)[0][0])

    def piece(self, before: tuple[Any, ...] | None, limit: int) -> list[tuple[Any, ...]]:
        """The newest of those before a row."""
        last_id, last_at = ("", self._at_until) if before is None else before[:2]
        return self._rows(_PIECE, last_at, last_id, limit)

    def _rows(self, sql: str, last_at: str, last_id: str, limit: int) -> list[tuple[Any, ...]]:
        parameters = {
            "account_id": self._account_id,
            "at_from": self._at_from,
            "last_at": last_at,
            "last_id": last_id,
            "limit": limit,
        }
        try:
            with closing(self._connection.execute(sql.format(owners=self._owners), parameters)) as found:
                return found.fetchall()
        except sqlite3.Error as error:
            raise PastUnavailable(str(error)) from error


def _written(at: datetime) -> str:
    """A time as it stands in the database."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
