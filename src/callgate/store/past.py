"""Decision records read for a replay: in pieces, over a connection of its own, without what makes queries elsewhere.

A replay runs in a process of its own that must start quickly, so this needs neither SQLAlchemy nor the store's other
parts. Each piece is a transaction of its own: a long one would keep the log from being moved into the database.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from callgate.core.admission.replay import Past, past

# Some 2 MB of traces at a time; ten times as many would be no faster.
_PIECE_ROWS: Final = 1_000
_BUSY_S: Final = 5.0
_BEFORE_ALL: Final = "0000"
_AFTER_ALL: Final = "9999"

_TRACE: Final = msgspec.json.Decoder(list[tuple[str, str, dict[str, Any]]])

_WANTED: Final = "FROM decisions WHERE at >= :at_from AND at < :at_until AND (account_id = :account_id {nobodys})"
_COUNT: Final = "SELECT count(*) FROM (SELECT 1 {wanted} LIMIT :rows_max)"
# The row value continues where the last piece ended; `decisions_by_time` makes it cheap.
_PIECE: Final = (
    "SELECT decision_id, at, source_address, transport, to_uri, request_uri, count, outcome, trace {wanted}"
    " AND (at, decision_id) < (:last_at, :last_id) ORDER BY at DESC, decision_id DESC LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class PastQuery:
    """Which records are wanted.

    Attributes:
        path: of the database.
        account_id: whose.
        nobodys: whether records that belong to no account are wanted too.
        at_from: not before, UTC; ``None``: from the first.
        at_until: before, UTC; ``None``: to the last.
        rows_max: the newest so many.
    """

    path: str
    account_id: str
    nobodys: bool
    at_from: datetime | None
    at_until: datetime | None
    rows_max: int


class PastReader:
    """Reads what a query wants, newest first.

    Raises:
        sqlite3.Error: the database cannot be read.
    """

    def __init__(self, query: PastQuery) -> None:
        self._rows_max = query.rows_max
        self._wanted = _WANTED.format(nobodys="OR account_id IS NULL" if query.nobodys else "")
        self._parameters: dict[str, Any] = {
            "account_id": query.account_id,
            "at_from": _BEFORE_ALL if query.at_from is None else _written(query.at_from),
            "at_until": _AFTER_ALL if query.at_until is None else _written(query.at_until),
            "rows_max": query.rows_max,
        }
        self._connection = sqlite3.connect(f"file:{quote(query.path)}?mode=ro", uri=True, timeout=_BUSY_S)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def count(self) -> int:
        """How many there are, at this moment."""
        with closing(self._connection.execute(_COUNT.format(wanted=self._wanted), self._parameters)) as rows:
            return int(rows.fetchone()[0])

    def pieces(self) -> Iterator[list[Past]]:
        """All of them; what is written meanwhile is newer than the first and is not read."""
        sql, left = _PIECE.format(wanted=self._wanted), self._rows_max
        last = (_AFTER_ALL, "")
        while left > 0:
            parameters = {"last_at": last[0], "last_id": last[1], "limit": min(left, _PIECE_ROWS)}
            with closing(self._connection.execute(sql, {**self._parameters, **parameters})) as found:
                rows = found.fetchall()
            if not rows:
                return
            left -= len(rows)
            last = (rows[-1][1], rows[-1][0])
            yield [_past_of(row) for row in rows]


def _past_of(row: tuple[Any, ...]) -> Past:
    decision_id, at, source, transport, to_uri, request_uri, count, outcome, trace = row
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return past(decision_id, moment, source, transport, to_uri, request_uri, count, outcome, _TRACE.decode(trace))


def _written(at: datetime) -> str:
    """A time as it stands in the database."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
