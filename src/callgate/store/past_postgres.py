"""Decision records of the past in PostgreSQL."""

from typing import Any, Final

import psycopg

from callgate.store.past import PastQuery, PastUnavailable
from callgate.store.text import words_of

# Longer than the pieces of the slowest machine take, and shorter than anybody waits for a server that is gone.
_OPTIONS: Final = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "options": "-c statement_timeout=60000"}

# An empty text keeps an index from being used: that of time alone gives the order, and pieces that cost the same.
_OWNERS: Final = "(account_id || '' = %(account_id)s {nobodys})"
_SPAN: Final = "at >= coalesce(%(at_from)s::timestamptz, '-infinity') AND {last} AND {owners}"
_NO_LAST: Final = "at < coalesce(%(at_until)s::timestamptz, 'infinity')"
_LAST: Final = "at <= %(last_at)s AND (at < %(last_at)s OR decision_id < %(last_id)s)"
_COUNT: Final = "SELECT count(*) FROM (SELECT 1 FROM decisions WHERE {span} LIMIT %(limit)s) AS them"
_PIECE: Final = (
    "SELECT decision_id, at, source_address, transport, to_uri, request_uri, count, outcome, trace::text"
    " FROM decisions WHERE {span} ORDER BY at DESC, decision_id DESC LIMIT %(limit)s"
)


class PostgresRows:
    """The rows of a query. Implements `past.PastRows`."""

    def __init__(self, query: PastQuery) -> None:
        self._rows_max = query.rows_max
        self._owners = _OWNERS.format(nobodys="OR account_id IS NULL" if query.nobodys else "")
        self._parameters = {
            "account_id": query.account_id,
            "at_from": query.at_from,
            "at_until": query.at_until,
        }
        try:
            # Each query is a transaction of its own.
            self._connection = psycopg.connect(query.place.url, autocommit=True, **_OPTIONS)  # type: ignore[arg-type]
        except psycopg.Error as error:
            raise PastUnavailable(words_of(error)) from None  # what libpq makes of a URL may show it

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def count(self) -> int:
        """How many there are."""
        return int(self._rows(_COUNT, None, self._rows_max)[0][0])

    def piece(self, before: tuple[Any, ...] | None, limit: int) -> list[tuple[Any, ...]]:
        """The newest of those before a row."""
        return self._rows(_PIECE, before, limit)

    def _rows(self, sql: str, before: tuple[Any, ...] | None, limit: int) -> list[tuple[Any, ...]]:
        parameters = {**self._parameters, "limit": limit}
        if before is not None:
            parameters |= {"last_id": before[0], "last_at": before[1]}
        span = _SPAN.format(last=_NO_LAST if before is None else _LAST, owners=self._owners)
        try:
            return self._connection.execute(sql.format(span=span), parameters).fetchall()
        except psycopg.Error as error:
            raise PastUnavailable(words_of(error)) from error
