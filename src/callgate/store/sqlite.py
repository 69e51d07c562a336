"""SQLite: a file of this node's alone."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from callgate.store.changes import Changes
from callgate.store.database import Batch, Database
from callgate.store.errors import StoreUnavailable
from callgate.store.past import PastPlace
from callgate.store.text import to_json

# A reader may find the file locked for the moment of a checkpoint.
_BUSY_MS = 5_000


class SqliteDatabase(Database):
    """The file.

    Args:
        path: of it; made when missing.
        synchronous: ``NORMAL`` or ``FULL``.
    """

    errors = (SQLAlchemyError, sqlite3.Error, OSError)

    def __init__(self, path: Path, synchronous: str = "NORMAL") -> None:
        self._path = path
        self._synchronous = synchronous
        self.dialect = sqlite.dialect(paramstyle="qmark", json_serializer=to_json)
        self.engine = self.reading = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(path)),  # as text, a % or ? in the path would mean something
            json_serializer=to_json,
            json_deserializer=msgspec.json.decode,
        )
        event.listen(self.engine.sync_engine, "connect", lambda raw, record: self._set_up(raw))

    def __str__(self) -> str:
        """Its path."""
        return str(self._path)

    async def prepare(self) -> None:
        """Make or keep the file its owner's alone: secrets stand in it. SQLite gives -wal and -shm the same mode."""
        path = self._path
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                beside = path.with_name(name)
                if beside.exists():
                    beside.chmod(0o600)
        except OSError as error:
            raise StoreUnavailable((error.strerror or str(error)).lower()) from error

    async def hold_migrations(self, connection: AsyncConnection) -> None:
        """Nothing to do: the file has one node."""

    def connect(self, node_id: str) -> "SqliteGroups":
        """Open it for groups of facts."""
        connection = sqlite3.connect(self._path, check_same_thread=False)
        self._set_up(connection)
        return SqliteGroups(connection)

    def changes(self) -> Changes:
        """The node is alone."""
        return Changes(self.engine)

    def is_no_value(self, error: Exception) -> bool:
        """The driver's words for a number over 64 bits and for a lone surrogate."""
        return isinstance(error, OverflowError | UnicodeEncodeError)

    def may_repeat(self, error: Exception, *, committing: bool) -> bool:
        """What fails has failed: there is nobody to be in the way of."""
        return False

    def past_place(self) -> PastPlace:
        """The file."""
        return PastPlace(path=str(self._path))

    async def checkpoint(self) -> None:
        """Move what has been committed from the log into the database.

        SQLite would do it within whichever commit fills the log, and whoever waits for that commit would wait for the
        disk too: 50 to 100 ms in a caller's ear. Over a connection of its own it is in nobody's way.
        """
        async with self.engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def _set_up(self, raw: Any) -> None:
        cursor = raw.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={self._synchronous}",
            f"busy_timeout={_BUSY_MS}",
            "wal_autocheckpoint=0",  # see `checkpoint`
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


class SqliteGroups:
    """A connection for groups of facts. Implements `database.GroupConnection`."""

    unsettled = False

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw

    def write(self, batch: Batch) -> None:
        """Do all of it in one transaction; nothing is kept when it raises."""
        try:
            for sql, rows in batch:
                self.raw.executemany(sql, rows)
            self.raw.commit()
        except Exception:  # also what the driver makes of a lone surrogate or of a number over 64 bits
            self.raw.rollback()
            raise

    def blames_rows(self, error: Exception) -> bool:
        """Disk full, locked, read-only …: it is not the rows."""
        return not isinstance(error, sqlite3.OperationalError)

    def close(self) -> None:
        """Let go of the file."""
        self.raw.close()
