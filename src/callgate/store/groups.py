"""Facts of calls written in groups: one transaction and one change of thread for a group, whatever is in it.

What SQLAlchemy is good at (statements, types) it does once, when a writer is made; a group then costs the database's
own work and little else. Within a group the order of statements is fixed, so that each takes one `executemany`.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sqlalchemy import Dialect, Table, bindparam, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert  # of both: SQLite's conflict clauses are written alike
from sqlalchemy.sql.dml import UpdateBase

from callgate.store.database import Database, GroupConnection
from callgate.store.tables import (
    api_keys,
    call_events,
    call_stages,
    calls,
    decisions,
    deliveries,
    messages,
    outbox,
    sip_logs,
    webhooks,
)
from callgate.store.text import words_of

Rows = dict[str, list[dict[str, Any]]]
"""Rows by the name of their statement."""

_Outcome = tuple[list[tuple[int, str]], list[str | None]]


class _Statement:
    """What is done with the rows of one name."""

    def __init__(self, statement: UpdateBase, table: Table) -> None:
        self._statement = statement
        self._table = table

    def compiled(self, dialect: Dialect) -> "_Compiled":
        return _Compiled(self._statement, self._table, dialect)


class _Compiled:
    """SQL with its parameters in order, and what turns a row into them."""

    def __init__(self, statement: UpdateBase, table: Table, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._columns: list[tuple[str, Callable[[Any], Any] | None]] = []
        for name in compiled.positiontup or ():
            type_ = table.c[name.removeprefix(_BOUND)].type
            self._columns.append((name, type_.dialect_impl(dialect).bind_processor(dialect)))

    def parameters(self, row: dict[str, Any]) -> list[Any]:
        return [row[name] if convert is None else convert(row[name]) for name, convert in self._columns]


# An update may not name its parameters like its columns.
_BOUND: Final = "b_"
_CALL_COLUMNS: Final = ("joined", "ended", "duration_s", "end_reason", "outcome", "outcome_detail", "sip")
_UPDATE_CALL: Final = (
    update(calls)
    .where(calls.c.call_id == bindparam(f"{_BOUND}call_id"))
    .values({name: bindparam(f"{_BOUND}{name}") for name in _CALL_COLUMNS})
)
_RESTAGE_CALL: Final = (
    update(calls)
    .where(calls.c.call_id == bindparam(f"{_BOUND}call_id"))
    .values({name: bindparam(f"{_BOUND}{name}") for name in ("stage_id", "settings")})
)
_USE_KEY: Final = (
    update(api_keys)
    .where(api_keys.c.digest == bindparam(f"{_BOUND}digest"))
    .values(last_used=bindparam(f"{_BOUND}last_used"))
)
_DELIVERY_KEY: Final = ("event_id", "endpoint")
_DELIVERY_COLUMNS: Final = ("due", "state", "tries", "tried", "failure")
_UPDATE_DELIVERY: Final = (
    update(deliveries)
    .where(*(deliveries.c[name] == bindparam(f"{_BOUND}{name}") for name in _DELIVERY_KEY))
    .values({name: bindparam(f"{_BOUND}{name}") for name in _DELIVERY_COLUMNS})
)
_HEALTH_COLUMNS: Final = ("unhealthy", "changed", "failed_in_row", "failures")
_UPDATE_HEALTH: Final = (
    update(webhooks)
    .where(webhooks.c.webhook_id == bindparam(f"{_BOUND}webhook_id"))
    .values({name: bindparam(f"{_BOUND}{name}") for name in _HEALTH_COLUMNS})
)
_INSERT_EVENT: Final = insert(call_events).values(
    {column.name: bindparam(column.name) for column in call_events.c if column.name != "event_number"}
)
_INSERT_SIP_LOG: Final = insert(sip_logs).from_select(
    [column.name for column in sip_logs.c],
    # It comes a little after the end of its call, which may have been deleted by then.
    select(*(bindparam(column.name, type_=column.type) for column in sip_logs.c)).where(
        exists().where(calls.c.call_id == bindparam(f"{_BOUND}call_id"))
    ),
)
_INSERT_DECISION: Final = insert(decisions)
_UPSERT_DECISION: Final = _INSERT_DECISION.on_conflict_do_update(
    index_elements=[decisions.c.decision_id], set_={"count": _INSERT_DECISION.excluded.count}
)
# What nobody knew to be kept is told again, and was told as lost before: see `GroupWriter`.
_INSERT_OUTBOX: Final = insert(outbox).on_conflict_do_nothing(index_elements=[outbox.c.event_id])
_INSERT_DELIVERY: Final = insert(deliveries).on_conflict_do_nothing(
    index_elements=[deliveries.c.event_id, deliveries.c.endpoint]
)
_UNDONE: Final = {f"undone {table.name}": table for table in (calls, decisions, outbox, deliveries)}
# In this order: what was said in a call is written before its end.
_STATEMENTS: Final = {
    **{
        name: _Statement(delete(table).where(table.c.call_id == bindparam(f"{_BOUND}call_id")), table)
        for name, table in _UNDONE.items()
    },
    "calls": _Statement(insert(calls), calls),
    "decisions": _Statement(_UPSERT_DECISION, decisions),
    "joined": _Statement(_UPDATE_CALL, calls),
    "stages": _Statement(insert(call_stages), call_stages),
    "restaged": _Statement(_RESTAGE_CALL, calls),
    "messages": _Statement(insert(messages), messages),
    "events": _Statement(_INSERT_EVENT, call_events),
    "ended": _Statement(_UPDATE_CALL, calls),
    "sip_logs": _Statement(_INSERT_SIP_LOG, sip_logs),
    "outbox": _Statement(_INSERT_OUTBOX, outbox),
    "deliveries": _Statement(_INSERT_DELIVERY, deliveries),
    "tried": _Statement(_UPDATE_DELIVERY, deliveries),
    "health": _Statement(_UPDATE_HEALTH, webhooks),
    "used": _Statement(_USE_KEY, api_keys),
}


def call_changes(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a call's row that change, named for the update."""
    return {f"{_BOUND}call_id": row["call_id"], **{f"{_BOUND}{name}": row[name] for name in _CALL_COLUMNS}}


def restaged(row: dict[str, Any]) -> dict[str, Any]:
    """What of a stage's row its call takes over, named for the update."""
    return {f"{_BOUND}{name}": row[name] for name in ("call_id", "stage_id", "settings")}


def sip_log_insert(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a SIP log, with what its insert asks for."""
    return {**row, f"{_BOUND}call_id": row["call_id"]}


def delivery_changes(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a delivery's row that change, named for the update."""
    return {f"{_BOUND}{name}": row[name] for name in (*_DELIVERY_KEY, *_DELIVERY_COLUMNS)}


def health_changes(webhook_id: str, row: dict[str, Any]) -> dict[str, Any]:
    """How a webhook fares, named for the update."""
    return {f"{_BOUND}webhook_id": webhook_id, **{f"{_BOUND}{name}": row[name] for name in _HEALTH_COLUMNS}}


class GroupWriter:
    """Writes groups over a connection and a thread of its own.

    A connection may break between a commit and its acknowledgement. Where the database cannot be asked soon what became
    of the group, it is told as lost, and the calls that it began are taken away as soon as there is a connection again.

    Args:
        database: which has its tables already.
        node_id: of the node that writes.
    """

    def __init__(self, database: Database, node_id: str) -> None:
        self._database = database
        self._node_id = node_id
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._statements = {name: one.compiled(database.dialect) for name, one in _STATEMENTS.items()}
        self._connection: GroupConnection
        self._undone: list[dict[str, Any]] = []

    async def open(self) -> None:
        """Connect; raises what the database's driver does."""
        self._connection = await self._in_thread(self._database.connect, self._node_id)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._in_thread(self._connection.close)
        self._thread.shutdown()

    async def write(self, queued: Rows, groups: Sequence[Rows]) -> _Outcome:
        """Write all of it in one transaction, or else everything by itself, so that only what is spoilt fails.

        Args:
            queued: rows that nobody waits for; in the store before `groups` are.
            groups: each kept as a whole or not at all.

        Returns:
            What was lost of `queued`: how many rows, and why; and for each group ``None``, or why it was not kept.
        """
        outcome: _Outcome = await self._in_thread(self._write, queued, groups)
        return outcome

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _write(self, queued: Rows, groups: Sequence[Rows]) -> _Outcome:
        merged = {name: list(rows) for name, rows in queued.items()}
        for group in groups:
            for name, rows in group.items():
                merged.setdefault(name, []).extend(rows)
        error = self._attempt(merged)
        if error is None:
            return [], [None] * len(groups)
        if not self._connection.blames_rows(error):
            # Every further attempt would take as long.
            return [(len(rows), words_of(error)) for rows in queued.values()], [words_of(error)] * len(groups)
        lost: list[tuple[int, str]] = []
        for name in _STATEMENTS:
            if name in queued:
                self._halve(name, queued[name], lost)
        errors = [self._attempt(group) for group in groups]
        return lost, [None if error is None else words_of(error) for error in errors]

    def _halve(self, name: str, rows: list[dict[str, Any]], lost: list[tuple[int, str]]) -> None:
        """Write rows in their order, finding those that cannot be written."""
        error = self._attempt({name: rows})
        if error is None:
            return
        if len(rows) == 1 or not self._connection.blames_rows(error):
            lost.append((len(rows), words_of(error)))
            return
        middle = len(rows) // 2
        self._halve(name, rows[:middle], lost)
        self._halve(name, rows[middle:], lost)

    def _attempt(self, rows: Rows) -> Exception | None:
        """One transaction; why it failed, when it did, with nothing of it kept."""
        undone = self._undone
        try:
            self._connection.write(
                [
                    (statement.sql, [statement.parameters(row) for row in some])
                    for name, statement in self._statements.items()
                    if (some := undone if name in _UNDONE else rows.get(name))
                ]
            )
        except Exception as error:  # also what cannot be written as JSON, and whatever drivers make of odd values
            if self._connection.unsettled:
                self._undone = [*undone, *({f"{_BOUND}call_id": row["call_id"]} for row in rows.get("calls", ()))]
            return error
        self._undone = []
        return None
