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

from callgate.core.admission.replay import DECISIVE, Past, past
from callgate.entities.decision import Step

# Some 2 MB of traces at a time; ten times as many would be no faster.
_PIECE_ROWS: Final = 1_000
_BUSY_S: Final = 5.0
# Written as dates: the column would take digits alone for a number, and every text is greater than any number.
_BEFORE_ALL: Final = "0001-01-01"
_AFTER_ALL: Final = "9999-12-31"

# Of a trace only one entry's facts are read.
_TRACE: Final = msgspec.json.Decoder(list[tuple[str, str, msgspec.Raw]])

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
        self._owners = _OWNERS.format(nobodys="OR +account_id IS NULL" if query.nobodys else "")
        self._account_id = query.account_id
        self._at_from = _BEFORE_ALL if query.at_from is None else _written(query.at_from)
        self._at_until = _AFTER_ALL if query.at_until is None else _written(query.at_until)
        self._connection = sqlite3.connect(f"file:{quote(query.path)}?mode=ro", uri=True, timeout=_BUSY_S)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def count(self) -> int:
        """How many there are, at this moment."""
        return int(self._rows(_COUNT, self._at_until, "", self._rows_max)[0][0])

    def pieces(self) -> Iterator[list[Past]]:
        """All of them; what is written meanwhile is newer than the first and is not read."""
        left, last_at, last_id = self._rows_max, self._at_until, ""
        while rows := self._rows(_PIECE, last_at, last_id, min(left, _PIECE_ROWS)):
            left -= len(rows)
            last_id, last_at = rows[-1][:2]
            yield [_past_of(row, self._account_id) for row in rows]

    def _rows(self, sql: str, last_at: str, last_id: str, limit: int) -> list[tuple[Any, ...]]:
        parameters = {
            "account_id": self._account_id,
            "at_from": self._at_from,
            "last_at": last_at,
            "last_id": last_id,
            "limit": limit,
        }
        with closing(self._connection.execute(sql.format(owners=self._owners), parameters)) as found:
            return found.fetchall()


def _past_of(row: tuple[Any, ...], account_id: str) -> Past:
    decision_id, at, source, transport, to_uri, request_uri, attempts, outcome, trace = row
    decisive, proved_to = None, None
    for step, result, facts in _TRACE.decode(trace):
        if step == Step.CALLER_AUTH and result == "passed":
            proved_to = account_id
        if result in DECISIVE:
            decisive = (step, result, msgspec.json.decode(facts))
            break
    moment = datetime.fromisoformat(f"{at}+00:00")
    return past(decision_id, moment, source, transport, to_uri, request_uri, attempts, outcome, decisive, proved_to)


def _written(at: datetime) -> str:
    """A time as it stands in the database."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
