"""Changes of the configuration where several nodes make them.

Whoever changes anything locks one row first and then reads whatever others have changed meanwhile, so that every check
against the snapshot holds for all nodes. Changes are numbered; a number is seen when all before it are, since the lock
is kept until the commit. A node reads what has a number higher than it knows: when it is told (NOTIFY), and twice a
second in case it was not.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.store.changes import Changes
from callgate.store.loading import load_configuration
from callgate.store.snapshot import ConfigurationSnapshot
from callgate.store.tables import account_revisions as revisions

CHANNEL: Final = "callgate"
"""What nodes listen on. A payload ``<node> <event> <endpoint>`` is for one of them; an empty one for all."""

_ALL: Final = revisions.c.account_id == ""  # the row that is locked, and has the newest number


class SharedChanges(Changes):
    """Of one of several nodes."""

    _snapshot: ConfigurationSnapshot
    _seen = 0  # all changes up to this one are in memory
    _announced = 0  # by the transaction in progress

    async def open(self, failed: Callable[[str], None]) -> ConfigurationSnapshot:
        """Read all that is configured."""
        self._known: dict[str, int] = {}  # number of the last change that is in memory, by account
        async with self._engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
            self._know(await self._since(connection, -1))
            self._snapshot = ConfigurationSnapshot(await load_configuration(connection), failed)
        return self._snapshot

    async def begin(self, connection: AsyncConnection) -> None:
        """Let nobody else change anything until the transaction ends, and have in memory what is in force."""
        newest: int | None = await connection.scalar(select(revisions.c.revision).where(_ALL).with_for_update())
        assert newest is not None, "the migration made the row"
        if newest > self._seen:
            await self._load(connection)
        self._announced = newest + 1

    async def announce(self, connection: AsyncConnection, account_id: str) -> None:
        """Number the change, and tell whoever listens."""
        number = self._announced
        await connection.execute(update(revisions).where(_ALL).values(revision=number))
        row = insert(revisions).values(account_id=account_id, revision=number)
        await connection.execute(
            row.on_conflict_do_update(index_elements=["account_id"], set_={"revision": row.excluded.revision})
        )
        await connection.execute(text(f"NOTIFY {CHANNEL}"))

    def committed(self, account_id: str) -> None:
        """What was announced is about to be in memory."""
        self._know([("", self._announced), (account_id, self._announced)])

    async def follow(self) -> None:
        """Put in force here what others have changed."""
        try:
            await self._follow()
        except DBAPIError:
            await self._follow()  # as a rule the connection had been lost while nobody used it

    async def _follow(self) -> None:
        async with self._engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
            await self._load(connection)

    async def _load(self, connection: AsyncConnection) -> None:
        """Read accounts that others have changed, over a connection whose transaction sees one moment."""
        newer = await self._since(connection, self._seen)
        if not newer:
            return
        read = await load_configuration(connection, [account_id for account_id, _ in newer if account_id])
        # Meanwhile this node may have changed an account itself: what it has in memory is newer than what was read.
        fresh = [(account_id, number) for account_id, number in newer if number > self._known.get(account_id, -1)]
        self._know(fresh)
        accounts = [account_id for account_id, _ in fresh if account_id]
        configuration = self._snapshot.now.with_accounts(accounts, read)
        for account_id in accounts:
            self._snapshot.swap(configuration, account_id)

    async def _since(self, connection: AsyncConnection, seen: int) -> Sequence[tuple[str, int]]:
        found = await connection.execute(
            select(revisions.c.account_id, revisions.c.revision).where(revisions.c.revision > seen)
        )
        return [(account_id, number) for account_id, number in found]

    def _know(self, numbers: Sequence[tuple[str, int]]) -> None:
        self._known.update(numbers)
        self._seen = max([self._seen, *(number for _, number in numbers)])
