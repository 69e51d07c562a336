"""Opening the store: the database, the migrations, the snapshot, the writer."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.ports import Clock, Ids
from callgate.store.accounts import AccountStore
from callgate.store.administration import AccountAdministration
from callgate.store.agents import AgentStore
from callgate.store.calls import CallRecords
from callgate.store.database import Database
from callgate.store.decisions import DecisionRecords
from callgate.store.errors import StoreUnavailable
from callgate.store.groups import GroupWriter
from callgate.store.nodes import enter, leave
from callgate.store.shadows import ShadowStore
from callgate.store.sqlite import SqliteDatabase
from callgate.store.text import words_of
from callgate.store.throttles import ThrottleStore
from callgate.store.tools import ToolStore
from callgate.store.webhooks import WebhookStore
from callgate.store.writer import Writer


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

    serves = False
    stop_following: Callable[[], Awaitable[None]]

    async def close(self) -> None:
        """Write what is queued and let go of the database."""
        if self.serves:
            await self.stop_following()
        await self._writer.close()
        if self.serves:
            with suppress(*self._database.errors):
                async with self._database.engine.begin() as connection:
                    await leave(connection, self.node_id)
        await self._database.close()

    async def written(self) -> None:
        """Wait until what has been queued so far is in the store."""

        async def nothing(connection: AsyncConnection) -> None:
            return

        await self._writer.run(nothing)

    async def checkpoint(self) -> None:
        """Move what has been committed to where it belongs; to be called every few seconds."""
        await self._database.checkpoint()

    async def take_over(self) -> None:
        """Make the deliveries of dead nodes and end their calls: in this order, for an end is told last."""
        await self.adopt_deliveries()
        await self.end_orphans()

    @property
    def rows_dropped(self) -> int:
        """Rows nobody waited for that found the queue full."""
        return self._writer.dropped + self.strangers_dropped


async def open_store(
    place: Path | Database,
    *,
    clock: Clock,
    ids: Ids,
    failed: Callable[[str], None] = lambda words: None,
    serves: bool = True,
) -> Store:
    """Open the database, making or migrating it as needed.

    Args:
        place: the database, or the file of one of SQLite.
        clock: time.
        ids: names.
        failed: told in words what was lost that nobody waited for, or what went wrong after a commit.
        serves: whether calls are taken: a node among the others. Otherwise it is a command beside them, which takes
            nothing over from anybody.

    Raises:
        StoreUnavailable: it cannot be opened or is no database of ours.
    """
    database = SqliteDatabase(place) if isinstance(place, Path) else place
    node_id = ids.uuid()
    try:
        await database.prepare()
        async with database.engine.begin() as connection:
            await database.hold_migrations(connection)
            await connection.run_sync(_migrate)
        if serves:
            async with database.engine.begin() as connection:
                await enter(connection, node_id, database.node_name)
        changes = database.changes()
        snapshot = await changes.open(failed)
        writer = Writer(database, GroupWriter(database, node_id), failed)
        await writer.open()
    except StoreUnavailable as error:
        await database.close()
        raise StoreUnavailable(f"cannot open the database {database}: {error}") from error
    except CommandError as error:
        await database.close()
        raise StoreUnavailable(f"cannot open the database {database}: a newer Callgate has migrated it") from error
    except database.errors as error:
        await database.close()
        words = (getattr(error, "strerror", None) or words_of(error)).lower()
        raise StoreUnavailable(f"cannot open the database {database}: {words}") from error
    store = Store(database, writer, snapshot, changes, node_id, clock, ids)
    if not serves:
        return store
    store.serves = True
    store.stop_following = database.follow(store, clock, failed)
    try:
        await store.adopt_deliveries()
    except StoreUnavailable:
        await store.close()
        raise
    return store


def database_at(url: str, path: Path, *, node_name: str, synchronous: str, notify: bool) -> Database:
    """The database that settings name.

    Args:
        url: of PostgreSQL; empty: SQLite.
        path: of SQLite's file.
        node_name: names the node over its restarts.
        synchronous: for SQLite, ``NORMAL`` or ``FULL``.
        notify: for PostgreSQL, whether nodes tell each other of changes.

    Raises:
        StoreUnavailable: the URL is none, or its driver is not installed.
    """
    if not url:
        return SqliteDatabase(path, synchronous)
    try:
        from callgate.store.postgres import PostgresDatabase
    except ImportError:
        raise StoreUnavailable(
            "database.url needs the package psycopg, which is not installed; it comes with callgate[postgresql]"
        ) from None
    return PostgresDatabase(url, node_name, notify=notify)


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("callgate.store") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
