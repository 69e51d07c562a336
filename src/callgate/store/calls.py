"""Calls, what was said in them and what happened to them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.call import Call, CallEvent, CallStage, Message, OutboxEvent
from callgate.entities.decision import DecisionRecord
from callgate.entities.outcomes import OUTCOMES
from callgate.schema.call import render_call
from callgate.store.groups import Rows, call_changes, restaged
from callgate.store.outbox import Outbox
from callgate.store.rows import (
    call_of,
    call_row,
    decision_row,
    event_of,
    event_row,
    message_of,
    message_row,
    stage_of,
    stage_row,
)
from callgate.store.tables import call_events, call_stages, calls, deleted_calls, messages, outbox

SORTS: Final = ("created", "joined", "ended", "duration_s")

# Calls ended in one transaction: a full node's are a handful of these.
_ORPHANS_AT_A_TIME: Final = 200


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; whatever is ``None`` or empty does not matter.

    Attributes:
        agent_ids: of one of these agents.
        created_from: not before, UTC.
        created_until: before, UTC.
        duration_s_min: from the join to the end.
        duration_s_max: likewise.
        metadata: values by key.
        search: part of the agent's name, or the whole call id.
    """

    agent_ids: Sequence[str] = ()
    created_from: datetime | None = None
    created_until: datetime | None = None
    duration_s_min: float | None = None
    duration_s_max: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    search: str | None = None


class CallRecords(Outbox):
    """The verbs on calls. Implements `ports.CallStore` but for `decision`."""

    async def call_started(self, call: Call, record: DecisionRecord | None, event: OutboxEvent) -> None:
        """Write a new call, its decision, if there was one, and its event, in one transaction."""
        decision = [] if record is None else [decision_row(record, stranger=False)]
        await self._commit({"calls": [call_row(call)], "decisions": decision}, [event])

    async def call_joined(self, call: Call, event: OutboxEvent) -> None:
        """Write that the caller talks to the agent."""
        await self._commit({"joined": [call_changes(call_row(call))]}, [event])

    async def call_ended(self, call: Call, *events: OutboxEvent) -> None:
        """Write the end of a call."""
        await self._commit({"ended": [call_changes(call_row(call))]}, events)

    def message(self, message: Message) -> None:
        """Queue a message."""
        self._writer.queue("messages", message_row(message))

    def call_event(self, event: CallEvent) -> None:
        """Queue an event."""
        self._writer.queue("events", event_row(event))

    def call_stage(self, stage: CallStage) -> None:
        """Queue a stage; from the second on, the call is in it."""
        row = stage_row(stage)
        self._writer.queue("stages", row)
        if stage.position:
            self._writer.queue("restaged", restaged(row))

    async def get_call(self, account_id: str, call_id: str) -> Call | None:
        """One call."""
        row = await self._one(select(calls).where(calls.c.call_id == call_id, calls.c.account_id == account_id))
        return None if row is None else call_of(row)

    async def list_calls(
        self, account_id: str, filter: CallFilter, *, sort: str = "-created", offset: int, limit: int
    ) -> tuple[list[Call], int]:
        """Calls of an account, and how many there are.

        Args:
            account_id: whose.
            filter: which.
            sort: one of `SORTS`, with ``-`` before it: descending.
            offset: skipped.
            limit: at most.
        """
        wanted = _wanted(account_id, filter)
        column = calls.c[sort.removeprefix("-")]
        order = column.desc() if sort.startswith("-") else column.asc()
        rows = await self._read(
            select(calls).where(wanted).order_by(order, calls.c.call_id).offset(offset).limit(limit)
        )
        return [call_of(row) for row in rows], await self._count(select(func.count()).select_from(calls).where(wanted))

    async def delete_call(self, account_id: str, call_id: str) -> bool:
        """Delete a call with its messages, events and stages; a tombstone stays. ``False`` when there is none.

        Of what webhooks hear of it, only what has not been delivered yet stays.
        """

        async def work(connection: AsyncConnection) -> bool:
            mine = (calls.c.call_id == call_id) & (calls.c.account_id == account_id)
            if not (await connection.execute(delete(calls).where(mine))).rowcount:
                return False
            for table in (messages, call_events, call_stages):
                await connection.execute(delete(table).where(table.c.call_id == call_id))
            await self._forget(connection, outbox.c.call_id == call_id)
            await connection.execute(
                insert(deleted_calls),
                [{"call_id": call_id, "account_id": account_id, "deleted": self._clock.now()}],
            )
            return True

        return await self._writer.run(work)

    async def messages(self, call_id: str, stage_id: str | None = None) -> list[Message]:
        """What was said, in order; `stage_id`: in this stage alone."""
        wanted = messages.c.call_id == call_id
        if stage_id is not None:
            wanted &= messages.c.stage_id == stage_id
        rows = await self._read(select(messages).where(wanted).order_by(messages.c.position))
        return [message_of(row) for row in rows]

    async def stages(self, call: Call) -> list[CallStage]:
        """The stages of a call, in order; there is at least one."""
        rows = await self._read(
            select(call_stages).where(call_stages.c.call_id == call.call_id).order_by(call_stages.c.position)
        )
        only = CallStage(call.stage_id, call.call_id, 0, call.created, call.settings)
        return [stage_of(row) for row in rows] or [only]

    async def stage_errors(self, call_id: str) -> Mapping[str, int]:
        """How many uses of tools have failed, and how many errors happened, by stage; without those that had none."""
        failed = (messages.c.call_id == call_id) & messages.c.tool_error.is_not(None)
        errors = (call_events.c.call_id == call_id) & (call_events.c.severity == "error")
        found: Counter[str] = Counter()
        for table, wanted in ((messages, failed), (call_events, errors)):
            query = select(table.c.stage_id, func.count().label("count")).where(wanted).group_by(table.c.stage_id)
            for row in await self._read(query):
                found[row["stage_id"]] += row["count"]
        return found

    async def tool_history(
        self, account_id: str, tool_id: str, *, offset: int, limit: int
    ) -> tuple[list[tuple[Call, int]], int]:
        """Calls in which a tool was used and how many of its uses failed in each, newest first; and how many calls."""
        used = (
            select(messages.c.call_id, func.count(messages.c.tool_error).label("errors"))
            .where(messages.c.tool_id == tool_id)
            .group_by(messages.c.call_id)
            .subquery()
        )
        mine = calls.c.account_id == account_id
        both = calls.join(used, used.c.call_id == calls.c.call_id)
        rows = await self._read(
            select(calls, used.c.errors)
            .select_from(both)
            .where(mine)
            .order_by(calls.c.created.desc(), calls.c.call_id)
            .offset(offset)
            .limit(limit)
        )
        total = await self._count(select(func.count()).select_from(both).where(mine))
        return [(call_of(row), row["errors"]) for row in rows], total

    async def events(self, call_id: str, *, severities: Sequence[str], type: str | None = None) -> list[CallEvent]:
        """What happened, in order."""
        wanted = (call_events.c.call_id == call_id) & call_events.c.severity.in_(severities)
        if type is not None:
            wanted &= call_events.c.type == type
        rows = await self._read(select(call_events).where(wanted).order_by(call_events.c.event_number))
        return [event_of(row) for row in rows]

    async def end_orphans(self) -> int:
        """End the calls that an earlier run of the node left without an end; how many.

        Each ends when it was last heard of, for how long it went on after that nobody knows.

        Raises:
            StoreUnavailable: it could not be written; those that were ended stay so.
        """
        ended = 0
        while rows := await self._read(select(calls).where(calls.c.ended.is_(None)).limit(_ORPHANS_AT_A_TIME)):
            orphans = [call_of(row) for row in rows]
            heard = await self._last_heard_of([call.call_id for call in orphans])
            facts: Rows = {"ended": []}
            events: list[OutboxEvent] = []
            for call in orphans:
                over = _over(call, max(call.joined or call.created, heard.get(call.call_id, call.created)))
                facts["ended"].append(call_changes(call_row(over)))
                shown, now = render_call(over), self._clock.now()
                events += (
                    OutboxEvent(self._ids.sortable(), call.account_id, call.call_id, name, now, shown)
                    for name in ("call.ended", "call.billed")
                )
            await self._commit(facts, events)
            ended += len(orphans)
        return ended

    async def _last_heard_of(self, call_ids: Sequence[str]) -> dict[str, datetime]:
        """When something was last said or happened, by call."""
        heard: dict[str, datetime] = {}
        for table in (messages, call_events):
            query = (
                select(table.c.call_id, func.max(table.c.at).label("at"))
                .where(table.c.call_id.in_(call_ids))
                .group_by(table.c.call_id)
            )
            for row in await self._read(query):
                heard[row["call_id"]] = max(row["at"], heard.get(row["call_id"], row["at"]))
        return heard


def _over(call: Call, at: datetime) -> Call:
    outcome = OUTCOMES["node-lost"]
    return replace(call, ended=at, end_reason=outcome.end_reason, outcome=outcome.slug)


def _wanted(account_id: str, filter: CallFilter) -> ColumnElement[bool]:
    wanted: ColumnElement[Any] = calls.c.account_id == account_id
    if filter.agent_ids:
        wanted &= calls.c.agent_id.in_(filter.agent_ids)
    if filter.created_from is not None:
        wanted &= calls.c.created >= filter.created_from
    if filter.created_until is not None:
        wanted &= calls.c.created < filter.created_until
    if filter.duration_s_min is not None:
        wanted &= calls.c.duration_s >= filter.duration_s_min
    if filter.duration_s_max is not None:
        wanted &= calls.c.duration_s <= filter.duration_s_max
    for key, value in filter.metadata.items():
        wanted &= calls.c.metadata[key].as_string() == value
    if filter.search:
        wanted &= or_(calls.c.agent_name.icontains(filter.search, autoescape=True), calls.c.call_id == filter.search)
    return wanted
