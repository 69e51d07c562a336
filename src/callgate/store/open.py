"""Opening the store: the file, the migrations, the snapshot, the writer."""

import os
import sqlite3
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from callgate.ports import Clock, Ids
from callgate.store.accounts import AccountStore
from callgate.store.administration import AccountAdministration
from callgate.store.agents import AgentStore
from callgate.store.calls import CallRecords
from callgate.store.decisions import DecisionRecords
from callgate.store.errors import StoreUnavailable
from callgate.store.groups import GroupWriter, to_json, words_of
from callgate.store.loading import load_configuration
from callgate.store.shadows import ShadowStore
from callgate.store.snapshot import ConfigurationSnapshot
from callgate.store.throttles import ThrottleStore
from callgate.store.tools import ToolStore
from callgate.store.webhooks import WebhookStore
from callgate.store.writer import Writer

# A reader may find the file locked for the moment of a checkpoint.
_BUSY_MS = 5_000


class Store(
    AccountStore,
    AccountAdministration,
    AgentStore,
    ToolStore,
    WebhookStore,
    CallRecords,
    DecisionRecords,
    ShadowStore,
    ThrottleStore,
):
    """Everything that is kept, one file per noun."""

    async def close(self) -> None:
        """Write what is queued and let go of the file."""
        await self._writer.close()
        await self._engine.dispose()

    async def written(self) -> None:
        """Wait until what has been queued so far is in the store."""

        async def nothing(connection: AsyncConnection) -> None:
            return

        await self._writer.run(nothing)

    async def checkpoint(self) -> None:
        """Move what has been committed from the log into the database; to be called every few seconds.

        SQLite would do it within whichever commit fills the log, and whoever waits for that commit would wait for the
        disk too: 50 to 100 ms in a caller's ear. Over a connection of its own it is in nobody's way.
        """
        async with self._engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    @property
    def rows_dropped(self) -> int:
        """Rows nobody waited for that found the queue full."""
        return self._writer.dropped + self.strangers_dropped


async def open_store(
    path: Path,
    *,
    clock: Clock,
    ids: Ids,
    synchronous: str = "NORMAL",
    failed: Callable[[str], None] = lambda words: None,
) -> Store:
    """Open the database, making or migrating it as needed.

    Args:
        path: of the SQLite file.
        clock: time.
        ids: names.
        synchronous: ``NORMAL`` or ``FULL``.
        failed: told in words what was lost that nobody waited for, or what went wrong after a commit.

    Raises:
        StoreUnavailable: it cannot be opened or is no database of ours.
    """
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),  # as text, a % or ? in the path would mean something
        json_serializer=to_json,
        json_deserializer=msgspec.json.decode,
    )
    event.listen(engine.sync_engine, "connect", lambda raw, record: _set_up(raw, synchronous=synchronous))
    try:
        _make_private(path)
        async with engine.begin() as connection:
            await connection.run_sync(_migrate)
        async with engine.connect() as connection:
            snapshot = ConfigurationSnapshot(await load_configuration(connection), failed)
        writer = Writer(engine, GroupWriter(path, partial(_set_up, synchronous=synchronous)), failed)
        await writer.open()
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        await engine.dispose()
        words = (getattr(error, "strerror", None) or words_of(error)).lower()
        raise StoreUnavailable(f"cannot open the database {path}: {words}") from error
    return Store(engine, writer, snapshot, clock, ids)


def _make_private(path: Path) -> None:
    """Make or keep the file its owner's alone: secrets stand in it. SQLite gives -wal and -shm the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        beside = path.with_name(name)
        if beside.exists():
            beside.chmod(0o600)


def _set_up(raw: Any, *, synchronous: str) -> None:
    cursor = raw.cursor()
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        f"busy_timeout={_BUSY_MS}",
        "wal_autocheckpoint=0",  # see `Store.checkpoint`
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("callgate.store") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
