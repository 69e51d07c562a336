"""The only one of a node who writes: facts of calls in groups, everything else between them.

SQLite has one writer at a time, so there is one task that owns the writing; PostgreSQL is given the same order. What is
waited for is committed with whatever else has come in the meantime; what is only queued (messages, events, refusals)
rides along or leaves after 200 ms at the latest.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.store.database import Database
from callgate.store.errors import StoreUnavailable
from callgate.store.groups import GroupWriter, Rows
from callgate.store.text import words_of

Result = TypeVar("Result")

# Refusals may be lost by a kill for this long and no longer (the contract's figure).
_QUEUED_S_MAX: Final = 0.2
# A group has its fixed price, so under load they are this far apart and share it; the first after a pause leaves at
# once. Nobody hears it while it rings.
_APART_S: Final = 0.008
# Rows that nobody waits for: some seconds of the heaviest load, about 50 MB. Beyond, new ones are dropped and counted.
QUEUED_ROWS_MAX: Final = 50_000

# Two nodes in each other's way, or a connection that was lost while nobody used it.
_TRIES_MAX: Final = 3

_Group = tuple[Rows, "asyncio.Future[None]"]
_Exclusive = tuple[Callable[[AsyncConnection], Awaitable[Any]], Callable[[Any], None], "asyncio.Future[Any]"]


class Writer:
    """Owns the writing connections.

    Args:
        database: for work that is done alone.
        groups: for facts of calls.
        failed: told in words what was lost that nobody waited for, or what went wrong after a commit.
    """

    def __init__(self, database: Database, groups: GroupWriter, failed: Callable[[str], None]) -> None:
        self._database = database
        self._groups = groups
        self._failed = failed
        self._waiting: list[_Group] = []
        self._queued: Rows = {}
        self._queued_rows = 0
        self._exclusive: list[_Exclusive] = []
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._refused = ""  # why nothing more is taken
        self._next_at = 0.0  # when the next group may leave, on the loop's clock
        self._task: asyncio.Task[None] | None = None
        self.before_queued: Callable[[], None] = lambda: None
        """Called before queued rows are written: a chance to queue what was being folded."""
        self.dropped = 0
        """Rows that found the queue full, ever."""

    async def open(self) -> None:
        """Begin; raises what the database's driver does when there is no connection to be had."""
        await self._groups.open()
        self._connection = await self._database.engine.connect()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="store writer")

    async def close(self) -> None:
        """Write what is left and stop."""
        self._refused = self._refused or "the store is closed"
        self._wanted.set()
        task, self._task = self._task, None
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
            await self._connection.close()
            await self._groups.close()

    async def commit(self, rows: Rows) -> None:
        """Write a group of facts and wait until it is committed.

        Args:
            rows: by statement: ``calls``, ``decisions``, ``joined``, ``ended``, ``outbox``.

        Raises:
            StoreUnavailable: it could not be written; nothing of it was.
        """
        if self._refused:
            raise StoreUnavailable(self._refused)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        self._wanted.set()
        await future

    def queue(self, statement: str, row: dict[str, Any]) -> bool:
        """Write a row soon; ``False`` when there is no room."""
        if self._queued_rows >= QUEUED_ROWS_MAX or self._refused:
            self.dropped += 1
            return False
        self._put(statement, row)
        self.soon()
        return True

    def queue_last(self, statement: str, row: dict[str, Any]) -> None:
        """As `queue`, for `before_queued` alone: whatever was folded has its own limit, and closing waits for it."""
        self._put(statement, row)

    def soon(self) -> None:
        """Have queued rows written within their time."""
        if self._timer is None and not self._refused:
            self._timer = asyncio.get_running_loop().call_later(_QUEUED_S_MAX / 2, self._wanted.set)

    async def run(
        self,
        work: Callable[[AsyncConnection], Awaitable[Result]],
        committed: Callable[[Result], None] = lambda result: None,
    ) -> Result:
        """Do `work` in a transaction of its own, alone; committed when this returns.

        Args:
            work: what to do.
            committed: called with its result right after the commit, before anybody else's work begins. What it raises
                is reported, for the change stands.

        Raises:
            StoreUnavailable: the database refused.
        """
        if self._refused:
            raise StoreUnavailable(self._refused)
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._exclusive.append((work, committed, future))
        self._wanted.set()
        return await future

    def _put(self, statement: str, row: dict[str, Any]) -> None:
        self._queued.setdefault(statement, []).append(row)
        self._queued_rows += 1

    async def _run(self) -> None:
        futures: list[asyncio.Future[Any]] = []
        try:
            while True:
                await self._turn(futures)
                if self._refused and self._idle:
                    return
        except BaseException as error:
            self._refused = f"the store's writer has stopped: {words_of(error) or type(error).__name__}"
            self._failed(self._refused)
            raise
        finally:
            # Nobody may be left waiting for a writer that is no more.
            self._refused = self._refused or "the store is closed"
            futures += [future for _, future in self._waiting] + [future for *_, future in self._exclusive]
            for future in futures:
                _settle(future, StoreUnavailable(self._refused))

    @property
    def _idle(self) -> bool:
        return not (self._waiting or self._queued or self._exclusive)

    async def _turn(self, futures: list["asyncio.Future[Any]"]) -> None:
        """Wait for something to do and do it; `futures` names, while that lasts, whoever waits for it."""
        loop = asyncio.get_running_loop()
        await self._wanted.wait()
        if not self._refused:
            await asyncio.sleep(self._next_at - loop.time())
        self._next_at = loop.time() + _APART_S
        self._wanted.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self.before_queued()
        except Exception as error:  # what was being folded is not worth more than everybody's calls
            self._failed(f"queued rows could not be prepared: {words_of(error)}")
        groups, self._waiting = self._waiting, []
        queued, self._queued, self._queued_rows = self._queued, {}, 0
        exclusive, self._exclusive = self._exclusive, []
        futures[:] = [future for _, future in groups] + [future for *_, future in exclusive]
        if groups or queued:
            lost, errors = await self._groups.write(queued, [rows for rows, _ in groups])
            for (_, future), why in zip(groups, errors, strict=True):
                _settle(future, None if why is None else StoreUnavailable(why))
            for count, why in lost:
                self._failed(f"{count} queued row{'s were' if count > 1 else ' was'} lost: {why}")
        for work, committed, future in exclusive:
            await self._do(work, committed, future)
        futures.clear()

    async def _do(
        self,
        work: Callable[[AsyncConnection], Awaitable[Any]],
        committed: Callable[[Any], None],
        future: "asyncio.Future[Any]",
    ) -> None:
        for tries_left in reversed(range(_TRIES_MAX)):
            committing = False
            try:
                result = await work(self._connection)
                committing = True
                await self._connection.commit()
                break
            except Exception as error:
                await self._roll_back()
                if not (tries_left and self._database.may_repeat(error, committing=committing)):
                    _settle(future, StoreUnavailable(words_of(error)) if isinstance(error, _UNAVAILABLE) else error)
                    return
        try:
            committed(result)
        except Exception as error:
            self._failed(f"a change is committed, but what follows from it failed: {error!r}")
        if not future.done():
            future.set_result(result)

    async def _roll_back(self) -> None:
        try:
            await self._connection.rollback()
        except Exception:  # the connection is broken; the next use makes another one
            await self._connection.invalidate()


# The last two are the driver's word for a lone surrogate and for a number over 64 bits.
_UNAVAILABLE: Final = (SQLAlchemyError, OSError, UnicodeEncodeError, OverflowError)


def _settle(future: "asyncio.Future[Any]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
