"""What every part of the store has: the reading side, the writer, the snapshot."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import func, literal, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Select
from sqlalchemy.sql.dml import Delete

from callgate.entities.page import PageFound, PageWanted, page_found
from callgate.ports import Clock, Ids
from callgate.store.changes import Changes
from callgate.store.database import Database
from callgate.store.errors import StoreUnavailable
from callgate.store.pages import TOTAL_MAX, Order
from callgate.store.snapshot import ConfigurationSnapshot
from callgate.store.text import words_of
from callgate.store.writer import Writer

PIECE_ROWS: Final = 500
"""Rows removed in one transaction: some 10 ms with their indexes."""

PIECES_APART_S: Final = 0.02
"""Between two of them: a purge takes a third of the writer's time at most, and a million rows are gone in a minute."""
Result = TypeVar("Result")


class StorePart:
    """One noun of the store.

    Attributes:
        snapshot: the configuration in memory.
        changes: of the configuration, agreed upon with other nodes.
        node_id: of the running node, another one after each start.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer,
        snapshot: ConfigurationSnapshot,
        changes: Changes,
        node_id: str,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._writer = writer
        self.changes = changes
        self.node_id = node_id
        self._clock = clock
        self._ids = ids
        self.snapshot = snapshot

    async def _read(self, query: Select[Any]) -> Sequence[RowMapping]:
        """All rows of a query, over a connection that never waits for the writer."""
        try:
            try:
                return await self._rows(query)
            except DBAPIError as error:
                if not self._database.may_repeat(error, committing=False):
                    raise
                return await self._rows(query)  # the connection had been lost while nobody used it
        except (SQLAlchemyError, OSError, UnicodeEncodeError, OverflowError) as error:
            if self._database.is_no_value(error):
                return []  # what cannot be written stands in no row
            raise StoreUnavailable(words_of(error)) from error

    async def _rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        async with self._database.reading.connect() as connection:
            rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
            return rows

    async def _one(self, query: Select[Any]) -> RowMapping | None:
        rows = await self._read(query)
        return rows[0] if rows else None

    async def _page(self, query: Select[Any], order: Order, wanted: PageWanted) -> PageFound[RowMapping]:
        """A page of a query's rows.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        rows = await self._stretch(query, order, wanted)
        return page_found(rows, order.key_of, wanted, await self._total(query))

    async def _stretch(self, query: Select[Any], order: Order, wanted: PageWanted) -> list[RowMapping]:
        """The rows of a page and, when there is one, one more, in the order of reading."""
        beyond = query.where(order.beyond(wanted)).order_by(*order.by(wanted)).limit(wanted.size + 1)
        return list(await self._read(beyond))

    async def _total(self, *queries: Select[Any]) -> int | None:
        """How many rows queries have together; ``None``: more than are counted."""
        total = 0
        for query in queries:
            total += await self._count(query, TOTAL_MAX + 1)
        return total if total <= TOTAL_MAX else None

    async def _count(self, query: Select[Any], most: int) -> int:
        """How many rows a query has; no more than `most` are counted."""
        some = query.with_only_columns(literal(1), maintain_column_froms=True).limit(most).subquery()
        row = await self._one(select(func.count()).select_from(some))
        return 0 if row is None else int(next(iter(row.values())))

    async def _in_pieces(self, piece: Delete) -> int:
        """Remove many rows, a little at a time; how many.

        Facts of calls are written in between: none of them waits longer than for one such piece.

        Args:
            piece: deletes `PIECE_ROWS` at most, each time others.
        """

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(piece)).rowcount

        removed = 0
        while count := await self._writer.run(work):
            removed += count
            await asyncio.sleep(PIECES_APART_S)
        return removed

    async def _change(
        self,
        account_id: str,
        work: Callable[[AsyncConnection], Awaitable[Result]],
        committed: Callable[[Result], None],
    ) -> Result:
        """Change the configuration of an account: as `Writer.run`, and alone among all nodes.

        Args:
            account_id: whose.
            work: what to do; the snapshot has then what is in force, whichever node put it there.
            committed: puts the change in force on this node; the others follow within a second.

        Raises:
            StoreUnavailable: the database refused.
        """

        async def alone(connection: AsyncConnection) -> Result:
            await self.changes.begin(connection)
            result = await work(connection)
            await self.changes.announce(connection, account_id)
            return result

        def in_force(result: Result) -> None:
            self.changes.committed(account_id)
            committed(result)

        return await self._writer.run(alone, in_force)
