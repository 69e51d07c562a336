"""Decision records read for a replay: in pieces, over a connection of its own, without what makes queries elsewhere.

A replay runs in a process of its own that must start quickly, so this needs neither SQLAlchemy nor the store's other
parts. Each piece is a transaction of its own: a long one would keep what has been written since from being tidied up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from callgate.core.admission.replay import DECISIVE, Past, past
from callgate.entities.decision import Step

# Some 2 MB of traces at a time; ten times as many would be no faster.
_PIECE_ROWS: Final = 1_000

# Of a trace only one entry's facts are read.
_TRACE: Final = msgspec.json.Decoder(list[tuple[str, str, msgspec.Raw]])


class PastUnavailable(Exception):
    """The database cannot be read; words for an operator."""


@dataclass(frozen=True, slots=True)
class PastPlace:
    """Where records stand.

    Attributes:
        path: of SQLite's file; empty when it is not there.
        url: of PostgreSQL, with the password; empty likewise.
    """

    path: str = ""
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PastQuery:
    """Which records are wanted.

    Attributes:
        place: where they stand.
        account_id: whose.
        nobodys: whether records that belong to no account are wanted too.
        at_from: not before, UTC; ``None``: from the first.
        at_until: before, UTC; ``None``: to the last.
        rows_max: the newest so many.
    """

    place: PastPlace
    account_id: str
    nobodys: bool
    at_from: datetime | None
    at_until: datetime | None
    rows_max: int


class PastRows(Protocol):
    """The rows of a query; both raise `PastUnavailable`."""

    def count(self) -> int:
        """How many there are."""
        ...

    def piece(self, before: tuple[Any, ...] | None, limit: int) -> list[tuple[Any, ...]]:
        """The newest `limit` rows, of those before a row: with the columns that `_past_of` reads, in their order."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def _rows_of(query: PastQuery) -> PastRows:
    if query.place.url:
        from callgate.store.past_postgres import PostgresRows  # its driver need not be installed

        return PostgresRows(query)
    from callgate.store.past_sqlite import SqliteRows

    return SqliteRows(query)


class PastReader:
    """Reads what a query wants, newest first.

    Raises:
        PastUnavailable: the database cannot be read; also by each method.
    """

    def __init__(self, query: PastQuery) -> None:
        self._rows_max = query.rows_max
        self._account_id = query.account_id
        self._rows = _rows_of(query)

    def close(self) -> None:
        """Let go of the database."""
        self._rows.close()

    def count(self) -> int:
        """How many there are, at this moment."""
        return self._rows.count()

    def pieces(self) -> Iterator[list[Past]]:
        """All of them; what is written meanwhile is newer than the first and is not read."""
        left, last = self._rows_max, None
        while rows := self._rows.piece(last, min(left, _PIECE_ROWS)):
            left -= len(rows)
            last = rows[-1]
            yield [_past_of(row, self._account_id) for row in rows]


def _past_of(row: tuple[Any, ...], account_id: str) -> Past:
    decision_id, at, source, transport, to_uri, request_uri, attempts, outcome, trace = row
    decisive, proved_to = None, None
    for step, result, facts in _TRACE.decode(trace):
        if step == Step.CALLER_AUTH and result == "passed":
            proved_to = account_id
        if result in DECISIVE:
            decisive = (step, result, msgspec.json.decode(facts))
            break
    moment = datetime.fromisoformat(f"{at}+00:00") if isinstance(at, str) else at
    return past(decision_id, moment, source, transport, to_uri, request_uri, attempts, outcome, decisive, proved_to)
