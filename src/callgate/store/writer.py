"""The only one who writes: facts of calls in groups, everything else between them.

SQLite has one writer at a time, so there is one connection for it and one task that owns it. What is waited for is
committed with whatever else has come in the meantime; what is only queued (messages, events, refusals) rides along or
leaves after 200 ms at the latest. Within a group the order of tables is fixed, so that each table takes one statement
however many calls are in it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy import bindparam, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql import Executable

from callgate.store.errors import StoreUnavailable
from callgate.store.tables import call_events, calls, decisions, messages, outbox

Result = TypeVar("Result")

# Refusals may be lost by a kill for this long and no longer (the contract's figure).
_QUEUED_S_MAX: Final = 0.2
# Waiting this long for company halves the commits at a hundred calls per second, and nobody hears it while it rings.
_GATHER_S: Final = 0.002
# Rows that nobody waits for: some seconds of the heaviest load, about 50 MB. Beyond, new ones are dropped and counted.
QUEUED_ROWS_MAX: Final = 50_000

_CALL_COLUMNS: Final = ("joined", "ended", "duration_s", "end_reason", "outcome", "outcome_detail", "sip")
_UPDATE_CALL: Final = (
    update(calls)
    .where(calls.c.call_id == bindparam("b_call_id"))
    .values({name: bindparam(f"b_{name}") for name in _CALL_COLUMNS})
)
_UPSERT_DECISION: Final = upsert(decisions)
_STATEMENTS: Final[dict[str, Executable]] = {
    "calls": insert(calls),
    "decisions": _UPSERT_DECISION.on_conflict_do_update(
        index_elements=[decisions.c.decision_id], set_={"count": _UPSERT_DECISION.excluded.count}
    ),
    "joined": _UPDATE_CALL,
    "messages": insert(messages),
    "events": insert(call_events),
    "ended": _UPDATE_CALL,
    "outbox": insert(outbox),
}


def call_changes(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a call's row that change, named for the update."""
    return {"b_call_id": row["call_id"], **{f"b_{name}": row[name] for name in _CALL_COLUMNS}}


@dataclass(slots=True)
class _Group:
    """Facts that are committed together.

    Attributes:
        rows: by statement.
        committed: who waits.
    """

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    committed: asyncio.Future[None] | None = None


_Exclusive = tuple[Callable[[AsyncConnection], Awaitable[Any]], Callable[[Any], None], asyncio.Future[Any]]


class Writer:
    """Owns the writing connection.

    Args:
        engine: of the store.
        failed: told in words what was lost that nobody waited for.
    """

    def __init__(self, engine: AsyncEngine, failed: Callable[[str], None]) -> None:
        self._engine = engine
        self._failed = failed
        self._waiting: list[_Group] = []
        self._queued: dict[str, list[dict[str, Any]]] = {}
        self._queued_rows = 0
        self._exclusive: list[_Exclusive] = []
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.before_queued: Callable[[], None] = lambda: None
        """Called before queued rows are written: a chance to queue what was being folded."""
        self.dropped = 0
        """Rows that found the queue full, ever."""

    async def open(self) -> None:
        """Begin."""
        self._connection = await self._engine.connect()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="store writer")

    async def close(self) -> None:
        """Write what is left and stop."""
        self._closing = True
        self._wanted.set()
        if self._task is not None:
            await self._task
            await self._connection.close()

    async def commit(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Write a group of facts and wait until it is committed.

        Args:
            rows: by statement: ``calls``, ``decisions``, ``joined``, ``ended``, ``outbox``.

        Raises:
            StoreUnavailable: it could not be written; nothing of it was.
        """
        if self._closing:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Group(rows, future))
        self._wanted.set()
        await future

    def queue(self, statement: str, row: dict[str, Any]) -> bool:
        """Write a row soon; ``False`` when there is no room."""
        if self._queued_rows >= QUEUED_ROWS_MAX or self._closing:
            self.dropped += 1
            return False
        self._queued.setdefault(statement, []).append(row)
        self._queued_rows += 1
        self.soon()
        return True

    def soon(self) -> None:
        """Have queued rows written within their time."""
        if self._timer is None and not self._closing:
            self._timer = asyncio.get_running_loop().call_later(_QUEUED_S_MAX / 2, self._wanted.set)

    async def run(
        self,
        work: Callable[[AsyncConnection], Awaitable[Result]],
        committed: Callable[[Result], None] = lambda result: None,
    ) -> Result:
        """Do `work` in a transaction of its own, alone; committed when this returns.

        Args:
            work: what to do.
            committed: called with its result right after the commit, before anybody else's work begins.

        Raises:
            StoreUnavailable: the database refused.
        """
        if self._closing:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._exclusive.append((work, committed, future))
        self._wanted.set()
        return await future

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            if self._waiting and not self._closing:
                await asyncio.sleep(_GATHER_S)
            self._wanted.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self.before_queued()
            groups, self._waiting = self._waiting, []
            queued, self._queued, self._queued_rows = self._queued, {}, 0
            exclusive, self._exclusive = self._exclusive, []
            if groups or queued:
                await self._write_all(groups, queued)
            for work, committed, future in exclusive:
                await self._do(work, committed, future)
            if self._closing and not (self._waiting or self._queued or self._exclusive):
                return

    async def _write_all(self, groups: list[_Group], queued: dict[str, list[dict[str, Any]]]) -> None:
        merged = {name: list(rows) for name, rows in queued.items()}
        for group in groups:
            for name, rows in group.rows.items():
                merged.setdefault(name, []).extend(rows)
        error = await self._write(merged)
        if error is None:
            for group in groups:
                _settle(group.committed, None)
            return
        # One row may have spoilt it for all: each group by itself, so that only the spoilt one fails.
        for group in groups:
            _settle(group.committed, await self._write(group.rows))
        for name, rows in queued.items():
            for row in rows:
                lost = await self._write({name: [row]})
                if lost is not None:
                    self._failed(f"a row of {name} was lost: {lost}")

    async def _write(self, rows: dict[str, list[dict[str, Any]]]) -> StoreUnavailable | None:
        try:
            for name, statement in _STATEMENTS.items():
                if rows.get(name):
                    await self._connection.execute(statement, rows[name])
            await self._connection.commit()
        except (SQLAlchemyError, OSError) as error:
            await self._connection.rollback()
            return StoreUnavailable(_words(error))
        return None

    async def _do(
        self,
        work: Callable[[AsyncConnection], Awaitable[Any]],
        committed: Callable[[Any], None],
        future: asyncio.Future[Any],
    ) -> None:
        try:
            result = await work(self._connection)
            await self._connection.commit()
            committed(result)
        except BaseException as error:
            await self._connection.rollback()
            wrapped = StoreUnavailable(_words(error)) if isinstance(error, SQLAlchemyError | OSError) else error
            if not future.done():
                future.set_exception(wrapped)
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        if not future.done():
            future.set_result(result)


def _settle(future: asyncio.Future[None] | None, error: StoreUnavailable | None) -> None:
    if future is None or future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _words(error: BaseException) -> str:
    """What the database says, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).lower()
