"""A node among others on one database: it shows that it lives, follows what others change, takes over from the dead.

Whoever has not shown for a lease that it lives is dead. But after an outage of the database everybody has been silent:
so only who was in touch itself for as long may say so of others. A node that comes back after it was given up counts as
living again; the calls that others have ended in their records go on, and end once more.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import psycopg
from sqlalchemy import delete, func, insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from callgate.ports import Clock
from callgate.store.database import FollowingStore
from callgate.store.errors import StoreUnavailable
from callgate.store.tables import nodes
from callgate.store.text import words_of

# Half of the second in which a change must be in force everywhere.
POLL_S: Final = 0.5
_SIGNS_PER_LEASE: Final = 5
# A server that answers no longer is as good as none.
_ANSWER_S_MAX: Final = 10.0
_LISTEN_AGAIN_S: Final = 1.0
# Whoever counts a node among the dead takes over from it; but that one may die in between.
_TAKE_OVER_EVERY_S: Final = 60.0

Listen = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]


class Follower:
    """Follows, over connections of its own.

    Args:
        store: whom it tells.
        engine: of the database.
        listen: makes a connection that listens; ``None``: nobody is told, everybody asks.
        clock: time.
        failed: told in words that the database is out of reach, or that others took the node for dead.
        name: of the node, over its restarts.
        lease_s: a node that is silent for so long is dead.
    """

    def __init__(
        self,
        store: FollowingStore,
        engine: AsyncEngine,
        listen: Listen | None,
        clock: Clock,
        failed: Callable[[str], None],
        *,
        name: str,
        lease_s: float,
    ) -> None:
        self._store = store
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._listen = listen
        self._clock = clock
        self._failed = failed
        self._name = name
        self._lease_s = lease_s
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._listening: asyncio.Task[None] | None = None
        self._closing = False
        self._in_touch_since_s: float | None = None
        self._sign_at_s = clock.monotonic()
        self._look_at_s = clock.monotonic()
        self._took_over_at_s = clock.monotonic()

    def start(self) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self._run(), name="follow"))
        if self._listen is not None:
            self._listening = loop.create_task(self._hear(self._listen), name="listen")
            self._tasks.append(self._listening)

    async def close(self) -> None:
        """Stop. A turn that has begun is ended: a connection given up while it is made would stay half open."""
        self._closing = True
        self._woken.set()
        if self._listening is not None:
            self._listening.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def step(self) -> None:
        """One turn: what others have changed, a sign of life when it is time for one, and those who gave none.

        Raises:
            StoreUnavailable: the database is out of reach.
        """
        try:
            async with asyncio.timeout(_ANSWER_S_MAX):
                await self._store.changes.follow()
                if self._clock.monotonic() >= self._sign_at_s:
                    await self._show()
            await self._look()
        except (SQLAlchemyError, psycopg.Error, OSError, TimeoutError, StoreUnavailable) as error:
            self._in_touch_since_s = None
            raise StoreUnavailable(words_of(error) or type(error).__name__) from error

    async def _show(self) -> None:
        """Give a sign of life."""
        mine = nodes.c.node_id == self._store.node_id
        async with self._engine.connect() as connection:
            seen = update(nodes).where(mine).values(seen=func.now(), name=self._name)
            if not (await connection.execute(seen)).rowcount:
                row = {"node_id": self._store.node_id, "name": self._name, "written": 0}
                await connection.execute(insert(nodes).values(seen=func.now(), **row))
                self._failed("other nodes took this one for dead and its calls for ended; it was silent for too long")
        now_s = self._clock.monotonic()
        self._sign_at_s = now_s + self._lease_s / _SIGNS_PER_LEASE
        if self._in_touch_since_s is None:
            self._in_touch_since_s = now_s

    async def _look(self) -> None:
        """Take over from whoever gave no sign for a lease, if this node was in touch for as long."""
        now_s = self._clock.monotonic()
        touch_s = 0.0 if self._in_touch_since_s is None else now_s - self._in_touch_since_s
        if touch_s < self._lease_s or now_s < self._look_at_s:
            return
        self._look_at_s = now_s + self._lease_s / _SIGNS_PER_LEASE
        silent = nodes.c.seen < func.now() - timedelta(seconds=self._lease_s)
        async with self._engine.connect() as connection:
            found = await connection.execute(delete(nodes).where(silent, nodes.c.node_id != self._store.node_id))
        if found.rowcount or now_s >= self._took_over_at_s + _TAKE_OVER_EVERY_S:
            await self._store.take_over()
            self._took_over_at_s = now_s

    async def _run(self) -> None:
        reachable = True
        while not self._closing:
            try:
                await self.step()
                reachable = True
            except StoreUnavailable as error:
                if reachable and not self._closing:
                    self._failed(f"the database is out of reach: {error}")
                reachable = False
            except Exception as error:
                self._failed(f"what other nodes changed was not followed: {error!r}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()
            self._woken.clear()

    async def _hear(self, listen: Listen) -> None:
        """Listen, again and again."""
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                connection = await _whole(listen())
                try:
                    self._woken.set()  # who knows what was told before
                    async for notice in connection.notifies():
                        await self._told(notice.payload)
                finally:
                    await connection.close()
            await asyncio.sleep(_LISTEN_AGAIN_S)

    async def _told(self, payload: str) -> None:
        if not payload:
            self._woken.set()
            return
        node_id, _, delivery = payload.partition(" ")
        event_id, _, endpoint = delivery.partition(" ")
        if node_id == self._store.node_id:
            with contextlib.suppress(StoreUnavailable):  # it will be made when it is due
                await self._store.delivery_wanted(event_id, endpoint)


async def _whole(connecting: Awaitable[psycopg.AsyncConnection[Any]]) -> psycopg.AsyncConnection[Any]:
    """A connection that is made to its end, also when nobody wants it any more."""
    task = asyncio.ensure_future(connecting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(psycopg.Error, OSError):
            await (await task).close()
        raise
