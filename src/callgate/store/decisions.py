"""Decision records: of admitted sources each, of strangers one per source and minute, each kind under its own limit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, or_, select

from callgate.entities.decision import DecisionRecord, Step
from callgate.entities.page import PageFound, PageWanted, page_found
from callgate.store.base import PIECE_ROWS, StorePart
from callgate.store.pages import Order
from callgate.store.past import PastQuery
from callgate.store.rows import decision_of, decision_row
from callgate.store.tables import decisions

# Sources folded at a time. A flood from more addresses than this in one minute is counted, not recorded, for the rest.
_FOLDED_MAX: Final = 10_000
_STRANGERS: Final = (Step.NOISE, Step.WELL_FORMED, Step.ACCOUNT, Step.SOURCE, Step.CALLER_AUTH)

_NEWEST_FIRST: Final = Order(decisions.c.at, decisions.c.decision_id, descending=True)


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which records are wanted; whatever is ``None`` does not matter.

    Attributes:
        verdict: ``admit`` or ``refuse`` …
        outcome: slug of the catalogue.
        source: the source's address.
        agent_id: who got the call.
        call_id: the call that came of it.
        at_from: not before, UTC.
        at_until: before, UTC.
    """

    verdict: str | None = None
    outcome: str | None = None
    source: str | None = None
    agent_id: str | None = None
    call_id: str | None = None
    at_from: datetime | None = None
    at_until: datetime | None = None


class DecisionRecords(StorePart):
    """The verbs on decision records."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._folded: dict[tuple[str | None, str, str | None, int], DecisionRecord] = {}
        self._dirty: set[tuple[str | None, str, str | None, int]] = set()
        self._minute = 0  # the last one in which others were forgotten
        self.strangers_dropped = 0
        self._writer.before_queued = self._unfold

    def decision(self, record: DecisionRecord) -> None:
        """Queue the record of a refusal; strangers' are folded."""
        if not _is_strangers(record):
            self._writer.queue("decisions", decision_row(record, stranger=False))
            return
        key = (record.account_id, record.source_address, record.outcome, int(record.at.timestamp() // 60))
        known = self._folded.get(key)
        if known is not None:
            self._folded[key] = replace(known, count=known.count + record.count)
        elif len(self._folded) < _FOLDED_MAX:
            self._folded[key] = record
        else:
            self.strangers_dropped += record.count
            return
        self._dirty.add(key)
        self._writer.soon()

    async def list_decisions(
        self, account_id: str, wanted: PageWanted, filter: DecisionFilter
    ) -> PageFound[DecisionRecord]:
        """Records of an account, newest first; see `_owners` for strangers.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        query = select(decisions)
        for column, value in (
            (decisions.c.verdict, filter.verdict),
            (decisions.c.outcome, filter.outcome),
            (decisions.c.source_address, filter.source),
            (decisions.c.agent_id, filter.agent_id),
            (decisions.c.call_id, filter.call_id),
        ):
            if value is not None:
                query = query.where(column == value)
        if filter.at_from is not None:
            query = query.where(decisions.c.at >= filter.at_from)
        if filter.at_until is not None:
            query = query.where(decisions.c.at < filter.at_until)
        # Each owner's by itself: an index gives the order of one owner's records, not that of two.
        queries = [query.where(owner) for owner in self._owners(account_id)]
        rows = [row for one in queries for row in await self._stretch(one, _NEWEST_FIRST, wanted)]
        _NEWEST_FIRST.sort(rows, wanted)
        found = page_found(rows[: wanted.size + 1], _NEWEST_FIRST.key_of, wanted, await self._total(*queries))
        return found.each(decision_of)

    async def get_decision(self, account_id: str, decision_id: str) -> DecisionRecord | None:
        """One record."""
        row = await self._one(
            select(decisions).where(or_(*self._owners(account_id)), decisions.c.decision_id == decision_id)
        )
        return None if row is None else decision_of(row)

    def past_query(
        self, account_id: str, at_from: datetime | None, at_until: datetime | None, *, rows_max: int
    ) -> PastQuery:
        """What a process of its own needs to read an account's records for a replay; see `_owners` for strangers."""
        nobodys = len(self.snapshot.accounts) == 1
        return PastQuery(self._database.past_place(), account_id, nobodys, at_from, at_until, rows_max)

    async def prune(self, *, days: int, rows_max: int, strangers_rows_max: int) -> int:
        """Remove records that are too old, or too many of their kind; how many.

        A little at a time: calls that are being written wait no longer than for one such piece.
        """
        removed = await self._remove(decisions.c.at < self._clock.now() - timedelta(days=days), decisions.c.at)
        for stranger, most in ((0, rows_max), (1, strangers_rows_max)):
            kind = decisions.c.stranger == stranger
            newest = select(decisions.c.decision_id).where(kind).order_by(decisions.c.decision_id.desc())
            first_too_many = await self._one(newest.offset(most).limit(1))
            if first_too_many is not None:
                too_many = kind & (decisions.c.decision_id <= first_too_many["decision_id"])
                removed += await self._remove(too_many, decisions.c.decision_id)
        return removed

    async def _remove(self, unwanted: ColumnElement[bool], order: ColumnElement[Any]) -> int:
        piece = select(decisions.c.decision_id).where(unwanted).order_by(order).limit(PIECE_ROWS)
        return await self._in_pieces(delete(decisions).where(decisions.c.decision_id.in_(piece)))

    def _owners(self, account_id: str) -> list[ColumnElement[bool]]:
        """An account sees its own; records that belong to nobody are shown while there is just one account."""
        mine: ColumnElement[bool] = decisions.c.account_id == account_id
        return [mine, decisions.c.account_id.is_(None)] if len(self.snapshot.accounts) == 1 else [mine]

    def _unfold(self) -> None:
        """Queue what has been counted since the last time; forget minutes that are over."""
        minute = int(self._clock.now().timestamp() // 60)
        rows: Sequence[DecisionRecord] = [self._folded[key] for key in self._dirty]
        self._dirty.clear()
        for record in rows:
            self._writer.queue_last("decisions", decision_row(record, stranger=True))
        if minute != self._minute:
            self._minute = minute
            self._folded = {key: record for key, record in self._folded.items() if key[3] >= minute}


def _is_strangers(record: DecisionRecord) -> bool:
    """Whether an attempt got no further than the step "source", and no proof of its caller took its place."""
    if not record.trace or record.trace[-1].step not in _STRANGERS or record.trace[-1].result == "passed":
        return False
    return not any(entry.step is Step.SOURCE and entry.result == "passed" for entry in record.trace)
