"""What differs between SQLite and PostgreSQL, as the rest of the store sees it."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from sqlalchemy import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from callgate.ports import Clock
from callgate.store.changes import Changes
from callgate.store.past import PastPlace

Batch = Sequence[tuple[str, list[list[Any]]]]
"""SQL, each with the parameters of its rows, in the order in which it is to be done."""


class GroupConnection(Protocol):
    """A connection that groups of facts are written over, from a thread of its own."""

    @property
    def unsettled(self) -> bool:
        """Whether nobody knows if the last batch was kept: the connection broke, and there is no other one yet."""
        ...

    def write(self, batch: Batch) -> None:
        """Do all of it in one transaction, committed when this returns; when it raises, nothing of it was kept."""
        ...

    def blames_rows(self, error: Exception) -> bool:
        """Whether it was a row that could not be written; otherwise every further attempt would end alike."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class FollowingStore(Protocol):
    """What is told of other nodes: a store, opened."""

    @property
    def node_id(self) -> str:
        """Its own name among the nodes."""
        ...

    @property
    def changes(self) -> Changes:
        """What it knows of changes of the configuration."""
        ...

    async def take_over(self) -> None:
        """Take over what dead nodes have left."""
        ...

    async def delivery_wanted(self, event_id: str, endpoint: str) -> None:
        """Another node was asked for a delivery that is this one's to make."""
        ...


class Database(ABC):
    """A database; nothing is connected before it is used.

    Attributes:
        engine: for work in transactions.
        reading: for queries, over connections that never wait for the writer.
        dialect: in which SQL for a `GroupConnection` is written, its parameters by position.
        errors: what its drivers raise.
        node_name: names the node over its restarts: whoever bore the name before is dead.
    """

    engine: AsyncEngine
    reading: AsyncEngine
    dialect: Dialect
    errors: tuple[type[Exception], ...] = (SQLAlchemyError, OSError)
    node_name: str = ""

    @abstractmethod
    def __str__(self) -> str:
        """As an operator may read it: without a password."""

    @abstractmethod
    async def prepare(self) -> None:
        """See to it that the database can be used at all.

        Raises:
            StoreUnavailable: it cannot, in words.
        """

    @abstractmethod
    async def hold_migrations(self, connection: AsyncConnection) -> None:
        """Keep other nodes from migrating until the transaction of `connection` ends."""

    @abstractmethod
    def connect(self, node_id: str) -> GroupConnection:
        """Connect for groups of facts; blocks."""

    @abstractmethod
    def changes(self) -> Changes:
        """How nodes on the database agree on changes of the configuration."""

    @abstractmethod
    def is_no_value(self, error: Exception) -> bool:
        """Whether a query failed for a value that no row can have: a number over 64 bits, text that is none."""

    @abstractmethod
    def may_repeat(self, error: Exception, *, committing: bool) -> bool:
        """Whether work that failed was not kept, for no fault of its own, and may be done again at once."""

    @abstractmethod
    def past_place(self) -> PastPlace:
        """Where a process of its own reads records of the past."""

    async def tell(self, connection: AsyncConnection, node_id: str, event_id: str, endpoint: str) -> None:
        """Have another node know, with the commit, that somebody asks for a delivery of its own."""
        return

    async def checkpoint(self) -> None:
        """Move what has been committed to where it belongs, where that is ours to do."""
        return

    def follow(
        self, store: FollowingStore, clock: Clock, failed: Callable[[str], None]
    ) -> Callable[[], Awaitable[None]]:
        """Begin to follow other nodes, where there may be any; what ends it is returned."""
        return _nothing

    async def close(self) -> None:
        """Let go of the engine's connections."""
        await self.engine.dispose()


async def _nothing() -> None:
    return
