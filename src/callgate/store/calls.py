"""Calls, what was said in them and what happened to them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.call import Call, CallEvent, CallStage, Message, OutboxEvent
from callgate.entities.decision import DecisionRecord
from callgate.entities.outcomes import OUTCOMES
from callgate.entities.page import PageFound, PageWanted
from callgate.entities.sip_log import SipLog
from callgate.schema.call import render_call
from callgate.store.base import PIECE_ROWS
from callgate.store.call_filter import CallFilter, wanted_of
from callgate.store.deleted_calls import DeletedCalls
from callgate.store.groups import Rows, call_changes, restaged, sip_log_insert
from callgate.store.nodes import of_the_dead
from callgate.store.pages import Order
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
from callgate.store.tables import call_events, call_stages, calls, messages, sip_logs

SORTS: Final = ("created", "joined", "ended", "duration_s")

# Calls ended in one transaction: a full node's are a handful of these.
_ORPHANS_AT_A_TIME: Final = 200


class CallRecords(DeletedCalls):
    """The verbs on calls. Implements `ports.CallStore` but for `decision`."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._orphans: list[Call] = []

    async def call_started(self, call: Call, record: DecisionRecord | None, event: OutboxEvent) -> None:
        """Write a new call, its decision, if there was one, and its event, in one transaction."""
        decision = [] if record is None else [decision_row(record, stranger=False)]
        row = {**call_row(call), "node_id": self.node_id}
        await self._commit({"calls": [row], "decisions": decision}, [event])

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

    def sip_log(self, log: SipLog) -> None:
        """Queue the messages of a dialog; of a call that has been deleted meanwhile nothing is kept."""
        row = {"call_id": log.call_id, "begun": log.begun, "text": log.text}
        self._writer.queue("sip_logs", sip_log_insert(row))

    async def sip_logs(self, call_id: str) -> list[SipLog]:
        """The messages of the dialogs of a call, the first dialog first."""
        rows = await self._read(select(sip_logs).where(sip_logs.c.call_id == call_id).order_by(sip_logs.c.begun))
        return [SipLog(row["call_id"], row["begun"], row["text"]) for row in rows]

    async def get_call(self, account_id: str, call_id: str) -> Call | None:
        """One call."""
        row = await self._one(select(calls).where(calls.c.call_id == call_id, calls.c.account_id == account_id))
        return None if row is None else call_of(row)

    async def list_calls(
        self, account_id: str, wanted: PageWanted, filter: CallFilter, *, sort: str = "-created"
    ) -> PageFound[Call]:
        """Calls of an account.

        Args:
            account_id: whose.
            wanted: which page.
            filter: which calls.
            sort: one of `SORTS`, with ``-`` before it: descending.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        order = Order(calls.c[sort.removeprefix("-")], calls.c.call_id, descending=sort.startswith("-"))
        found = await self._page(select(calls).where(wanted_of(calls, account_id, filter)), order, wanted)
        return found.each(call_of)

    async def messages(self, call_id: str, stage_id: str | None = None) -> list[Message]:
        """What was said, in order; `stage_id`: in this stage alone."""
        rows = await self._read(_said(call_id, stage_id).order_by(messages.c.position))
        return [message_of(row) for row in rows]

    async def list_messages(self, call_id: str, wanted: PageWanted) -> PageFound[Message]:
        """What was said in all stages, in order.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        in_order = Order(messages.c.position, descending=False)
        return (await self._page(_said(call_id), in_order, wanted)).each(message_of)

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

    async def tool_history(self, account_id: str, tool_id: str, wanted: PageWanted) -> PageFound[tuple[Call, int]]:
        """Calls in which a tool was used and how many of its uses failed in each, newest first.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        used = (
            select(messages.c.call_id, func.count(messages.c.tool_error).label("errors"))
            .where(messages.c.tool_id == tool_id)
            .group_by(messages.c.call_id)
            .subquery()
        )
        both = select(calls, used.c.errors).join_from(calls, used, used.c.call_id == calls.c.call_id)
        newest_first = Order(calls.c.created, calls.c.call_id, descending=True)
        found = await self._page(both.where(calls.c.account_id == account_id), newest_first, wanted)
        return found.each(lambda row: (call_of(row), row["errors"]))

    async def list_events(
        self, call_id: str, wanted: PageWanted, *, severities: Sequence[str], type: str | None = None
    ) -> PageFound[CallEvent]:
        """What happened, in order.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        its = (call_events.c.call_id == call_id) & call_events.c.severity.in_(severities)
        if type is not None:
            its &= call_events.c.type == type
        found = await self._page(
            select(call_events).where(its), Order(call_events.c.event_number, descending=False), wanted
        )
        return found.each(event_of)

    async def prune_call_events(self, *, days: int, rows_max: int) -> int:
        """Remove events older than `days`, or beyond the newest `rows_max`, of calls that stay; how many.

        A little at a time: calls that are being written wait no longer than for one such piece.

        Args:
            days: 0: as long as their calls.
            rows_max: 0: as many as there are.
        """
        number, first_too_many = call_events.c.event_number, 0
        if rows_max:
            row = await self._one(select(number).order_by(number.desc()).offset(rows_max).limit(1))
            first_too_many = 0 if row is None else row["event_number"]
        removed = await self._in_pieces(
            delete(call_events).where(
                number.in_(select(number).where(number <= first_too_many).order_by(number).limit(PIECE_ROWS))
            )
        )
        before = self._clock.now() - timedelta(days=days)
        while days:
            # The oldest: time has no index of its own, for events are written in its order.
            rows = await self._read(select(number, call_events.c.at).order_by(number).limit(PIECE_ROWS))
            old = [row["event_number"] for row in rows if row["at"] < before]
            if not old:
                break
            removed += await self._in_pieces(delete(call_events).where(number.in_(old)))
        return removed

    async def end_orphans(self) -> int:
        """End the calls that a dead node, or an earlier run of this one, left without an end; how many.

        They are taken over first, so that no other node ends them too. Each ends when it was last heard of, for how
        long it went on after that nobody knows.

        Raises:
            StoreUnavailable: it could not be written; those that were ended stay so.
        """
        ended = 0
        while orphans := self._orphans or await self._writer.run(self._adopt):
            self._orphans = orphans  # ours from now on, also when they cannot be ended yet
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
            self._orphans = []
            ended += len(orphans)
        return ended

    async def _adopt(self, connection: AsyncConnection) -> list[Call]:
        theirs = select(calls).where(calls.c.ended.is_(None), of_the_dead(calls.c.node_id, self.node_id))
        free = theirs.limit(_ORPHANS_AT_A_TIME).with_for_update(skip_locked=True)
        orphans = [call_of(row) for row in (await connection.execute(free)).mappings()]
        adopted = calls.c.call_id.in_([call.call_id for call in orphans])
        await connection.execute(update(calls).where(adopted).values(node_id=self.node_id))
        return orphans

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


def _said(call_id: str, stage_id: str | None = None) -> Select[Any]:
    said = select(messages).where(messages.c.call_id == call_id)
    return said if stage_id is None else said.where(messages.c.stage_id == stage_id)
