"""PostgreSQL: one database for one node or several."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from callgate.ports import Clock
from callgate.store.database import Database, FollowingStore
from callgate.store.errors import StoreUnavailable
from callgate.store.following import Follower
from callgate.store.past import PastPlace
from callgate.store.postgres_groups import PostgresGroups
from callgate.store.shared_changes import CHANNEL, SharedChanges
from callgate.store.text import to_json_without_nul, without_nul, words_of

# The oldest that its makers still mend.
VERSION_MIN: Final = 14
LEASE_S: Final = 15.0
"""A node that has not been heard of for so long is dead: five signs of life have been missed."""

# A server that is gone is noticed within seconds: callers are ringing.
_CONNECT: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8_000,
    "application_name": "callgate",
    "client_encoding": "utf8",
}
# Whoever waits for another node's transaction gives up sooner than a caller does, and a node that stands still within
# one (a stopped process, a lost network) loses it. No query of ours takes a tenth of the last.
_SESSION: Final = (
    "-c lock_timeout=2000 -c idle_in_transaction_session_timeout=5000 -c statement_timeout=30000 -c timezone=UTC"
)
# Any number that others who lock on the same database will hardly have thought of.
_MIGRATION_LOCK: Final = 0x43616C6C67617465


# Of a host, a port or a database. A password whose own @ or / was not written as %40 or %2F ends up among them.
_PLAIN: Final = {"host": r"[\w.:/,-]*", "port": r"[\d,]*", "dbname": r"[\w.-]*"}


def _parsed(url: str) -> dict[str, Any]:
    """What a URL says; its words are never repeated, for the password may be anywhere in it."""
    try:
        given = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        given = {"host": "@"}
    if not all(re.fullmatch(shape, str(given.get(name, ""))) for name, shape in _PLAIN.items()):
        raise StoreUnavailable(
            "database.url is no URL of a database; expected postgresql://user:password@host:port/database, with odd "
            "characters of the password as %XX"
        ) from None
    return given


class _Text(StrDumperUnknown):
    """Text without the one character that PostgreSQL keeps in none."""

    def dump(self, obj: str) -> Any:
        return super().dump(without_nul(obj))


class PostgresDatabase(Database):
    """The database.

    Args:
        url: ``postgresql://user:password@host:port/database``, or whatever else libpq takes for one.
        node_name: names the node over its restarts.
        notify: whether nodes are told of changes at once, besides asking for them twice a second.
        lease_s: as `LEASE_S`.

    Raises:
        StoreUnavailable: that is no URL.
    """

    errors = (SQLAlchemyError, psycopg.Error, OSError)

    def __init__(self, url: str, node_name: str, *, notify: bool = True, lease_s: float = LEASE_S) -> None:
        self.node_name = node_name
        self._url = url
        self._notify = notify
        self._lease_s = lease_s
        given = _parsed(url)
        self._given = {**_CONNECT, **given, "options": f"{_SESSION} {given.get('options') or ''}".rstrip()}
        self._adapters = AdaptersMap(psycopg.adapters)
        self._adapters.register_dumper(str, _Text)
        set_json_dumps(to_json_without_nul, self._adapters)
        set_json_loads(msgspec.json.decode, self._adapters)
        self.dialect = PGDialect_psycopg(dbapi=psycopg, paramstyle="format")  # type: ignore[no-untyped-call]
        self.engine = create_async_engine("postgresql+psycopg://", async_creator=self._connect)
        self.reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def __str__(self) -> str:
        """Its URL without the password."""
        given = {name: value for name, value in self._given.items() if value}
        user = f"{given['user']}@" if "user" in given else ""
        port = f":{given['port']}" if "port" in given else ""
        return f"postgresql://{user}{given.get('host', '')}{port}/{given.get('dbname', '')}"

    async def prepare(self) -> None:
        """See whether it is there, new enough and keeps all of Unicode."""
        try:
            connection = await self._connect()
        except psycopg.Error as error:
            raise StoreUnavailable(words_of(error)) from None
        try:
            version = connection.info.server_version // 10_000
            encoding = connection.info.parameter_status("server_encoding")
        finally:
            await connection.close()
        if version < VERSION_MIN:
            raise StoreUnavailable(f"the server is PostgreSQL {version}; expected {VERSION_MIN} or newer")
        if encoding != "UTF8":
            raise StoreUnavailable(f"its encoding is {encoding}; expected UTF8")

    async def hold_migrations(self, connection: AsyncConnection) -> None:
        """Wait for other nodes that migrate, and have them wait; a migration takes as long as it takes."""
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("SET LOCAL lock_timeout = 0"))
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))

    def connect(self, node_id: str) -> PostgresGroups:
        """Connect for groups of facts."""
        groups = PostgresGroups(self._connect_groups, node_id)
        groups.open()
        return groups

    def changes(self) -> SharedChanges:
        """Agreed upon over a row that is locked."""
        return SharedChanges(self.engine)

    def is_no_value(self, error: Exception) -> bool:
        """The server's words, or the driver's, for a number out of its range or for text that is none."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        return isinstance(cause, psycopg.DataError | OverflowError | UnicodeEncodeError)

    def may_repeat(self, error: Exception, *, committing: bool) -> bool:
        """Whether two nodes were in each other's way, or the connection was lost before anything was committed."""
        if not isinstance(error, DBAPIError):
            return False
        if isinstance(error.orig, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
            return True
        ended = isinstance(error.orig, psycopg.errors.AdminShutdown | psycopg.errors.CrashShutdown)
        return (error.connection_invalidated or ended) and not committing

    def past_place(self) -> PastPlace:
        """The same database."""
        return PastPlace(url=self._url)

    async def tell(self, connection: AsyncConnection, node_id: str, event_id: str, endpoint: str) -> None:
        """Have another node know of a delivery that is wanted at once."""
        await connection.execute(
            text("SELECT pg_notify(:channel, :payload)"),
            {"channel": CHANNEL, "payload": f"{node_id} {event_id} {endpoint}"},
        )

    def follow(
        self, store: FollowingStore, clock: Clock, failed: Callable[[str], None]
    ) -> Callable[[], Awaitable[None]]:
        """Show that the node lives, follow what others change and take over what they leave."""
        listen = self._listen if self._notify else None
        follower = Follower(store, self.engine, listen, clock, failed, name=self.node_name, lease_s=self._lease_s)
        follower.start()
        return follower.close

    def _connect_groups(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self._given, context=self._adapters, autocommit=True)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(**self._given, context=self._adapters)

    async def _listen(self) -> psycopg.AsyncConnection[Any]:
        connection = await self._connect()
        await connection.set_autocommit(True)
        await connection.execute(f"LISTEN {CHANNEL}")
        return connection
