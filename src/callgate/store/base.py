"""What every part of the store has: the reading side, the writer, the snapshot."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql import Select

from callgate.ports import Clock, Ids
from callgate.store.errors import StoreUnavailable
from callgate.store.groups import words_of
from callgate.store.snapshot import ConfigurationSnapshot
from callgate.store.writer import Writer


class StorePart:
    """One noun of the store.

    Attributes:
        snapshot: the configuration in memory.
    """

    def __init__(
        self, engine: AsyncEngine, writer: Writer, snapshot: ConfigurationSnapshot, clock: Clock, ids: Ids
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._clock = clock
        self._ids = ids
        self.snapshot = snapshot

    async def _read(self, query: Select[Any]) -> Sequence[RowMapping]:
        """All rows of a query, over a connection that never waits for the writer."""
        try:
            async with self._engine.connect() as connection:
                rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
                return rows
        except (OverflowError, UnicodeEncodeError):
            return []  # a number over 64 bits, a lone surrogate: what cannot be written stands in no row
        except (SQLAlchemyError, OSError) as error:
            raise StoreUnavailable(words_of(error)) from error

    async def _one(self, query: Select[Any]) -> RowMapping | None:
        rows = await self._read(query)
        return rows[0] if rows else None

    async def _count(self, query: Select[Any]) -> int:
        row = await self._one(query)
        return 0 if row is None else int(next(iter(row.values())))
