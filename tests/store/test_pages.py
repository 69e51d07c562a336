"""Whatever is inserted and deleted between two pages: nothing that stays is missed, and nothing comes twice."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.entities.call import Call
from callgate.entities.decision import Step
from callgate.entities.page import Mark, MarkUnfit, PageFound, PageWanted, page_of
from callgate.runtime.ids import SystemIds
from callgate.store import pages
from callgate.store.call_filter import CallFilter
from callgate.store.calls import SORTS
from callgate.store.decisions import DecisionFilter
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.store.facts import START, a_call, a_record, an_event

# Few different moments, so that many rows are alike in what they are sorted by; some are not joined, or not over.
MOMENT = st.integers(0, 3)
ROW = st.tuples(MOMENT, st.none() | MOMENT, st.booleans())
STEP = st.sampled_from(["insert", "delete", "deleted mark"])


@dataclass
class Kept:
    """What is in the store, and what was there all the time."""

    store: Store
    calls: dict[str, Call]
    touched: set[str]

    async def insert(self, row: tuple[int, int | None, bool]) -> None:
        created, joined, over = row
        call = a_call(
            created=START + timedelta(seconds=created),
            joined=None if joined is None else START + timedelta(seconds=joined),
            ended=START + timedelta(seconds=9) if over else None,
        )
        await self.store.call_started(call, None, an_event(call, "call.started"))
        self.calls[call.call_id] = call
        self.touched.add(call.call_id)

    async def delete(self, call_id: str) -> None:
        assert await self.store.delete_call("account", call_id)
        del self.calls[call_id]
        self.touched.add(call_id)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(ROW, max_size=14),
    between=st.lists(st.tuples(STEP, ROW, st.integers(0, 99)), max_size=8),
    size=st.integers(1, 5),
    sort=st.sampled_from([sign + name for name in SORTS for sign in ("", "-")]),
    turns=st.lists(st.booleans(), max_size=4),
)
def test_what_stays_is_seen_once_whatever_comes_and_goes(
    rows: list[tuple[int, int | None, bool]],
    between: list[tuple[str, tuple[int, int | None, bool], int]],
    size: int,
    sort: str,
    turns: list[bool],
) -> None:
    asyncio.run(_walk(rows, between, size, sort, turns))


async def _walk(
    rows: list[tuple[int, int | None, bool]],
    between: list[tuple[str, tuple[int, int | None, bool], int]],
    size: int,
    sort: str,
    turns: list[bool],
) -> None:
    with TemporaryDirectory() as folder:
        store = await open_store(Path(folder) / "callgate.db", clock=ManualClock(), ids=SystemIds())
        try:
            kept = Kept(store, {}, set())
            for row in rows:
                await kept.insert(row)
            kept.touched.clear()
            before = set(kept.calls)
            seen = await _seen(kept, between, size, sort, turns)
            assert len(seen) == len(set(seen))
            assert before - kept.touched <= set(seen) <= before | kept.touched
            whole = await store.list_calls("account", PageWanted(100), CallFilter(), sort=sort)
            order = [call.call_id for call in whole.items]
            assert set(order) == set(kept.calls)
            assert [one for one in seen if one in kept.calls] == [one for one in order if one in set(seen)]
        finally:
            await store.close()


async def _seen(
    kept: Kept,
    between: list[tuple[str, tuple[int, int | None, bool], int]],
    size: int,
    sort: str,
    turns: list[bool],
) -> list[str]:
    """All pages from the first to the last; at some of them a look back at the one before, which is not counted."""
    seen: list[str] = []
    mark: Mark | None = None
    changes, looks = iter(between), iter(turns)
    while True:
        found = await kept.store.list_calls("account", PageWanted(size, mark), CallFilter(), sort=sort)
        assert len(found.items) <= size
        seen += [call.call_id for call in found.items]
        if found.preceding is not None and found.items and next(looks, False):
            back = await kept.store.list_calls("account", PageWanted(size, found.preceding), CallFilter(), sort=sort)
            whole = (await kept.store.list_calls("account", PageWanted(100), CallFilter(), sort=sort)).items
            here = whole.index(found.items[0])
            assert list(back.items) == list(whole[max(0, here - size) : here])
        if found.following is None:
            return seen
        mark = found.following
        step, row, number = next(changes, ("", (0, None, False), 0))
        if step == "insert":
            await kept.insert(row)
        elif step == "delete" and kept.calls:
            await kept.delete(sorted(kept.calls)[number % len(kept.calls)])
        elif step == "deleted mark" and str(mark.key[-1]) in kept.calls:
            await kept.delete(str(mark.key[-1]))


@pytest.fixture
async def filled(store: Store) -> Store:
    """Seven records of an account, of which three are strangers' and belong to nobody."""
    await store.create_account("account", "Account")
    account_id = store.snapshot.accounts[0].account_id
    for n in range(7):
        whose = None if n % 2 else account_id
        at = START + timedelta(minutes=n // 2)
        store.decision(replace(a_record(whose, step=Step.SOURCE if n % 2 else Step.REFUSAL), at=at, outcome=f"o{n}"))
    await store.written()
    return store


async def test_records_of_two_owners_are_one_list(filled: Store) -> None:
    account_id = filled.snapshot.accounts[0].account_id

    async def page(mark: Mark | None) -> PageFound[str | None]:
        found = await filled.list_decisions(account_id, PageWanted(3, mark), DecisionFilter())
        return found.each(lambda record: record.outcome)

    first = await page(None)
    second = await page(first.following)
    third = await page(second.following)
    pages_seen = [list(first.items), list(second.items), list(third.items)]
    assert sum(pages_seen, []) == ["o6", "o5", "o4", "o3", "o2", "o1", "o0"]
    assert (first.preceding, third.following, third.total) == (None, None, 7)
    assert list((await page(third.preceding)).items) == pages_seen[1]
    assert list((await page(second.preceding)).items) == pages_seen[0]
    assert (await page((await page(second.preceding)).following)) == second


async def test_from_an_empty_page_there_is_a_way_back(store: Store) -> None:
    calls = [a_call(created=START + timedelta(seconds=n)) for n in range(3)]
    for call in calls:
        await store.call_started(call, None, an_event(call, "call.started"))

    async def page(mark: Mark | None) -> PageFound[str]:
        found = await store.list_calls("account", PageWanted(2, mark), CallFilter(), sort="created")
        return found.each(lambda call: call.call_id)

    first = await page(None)
    await store.delete_call("account", calls[2].call_id)
    empty = await page(first.following)
    assert (list(empty.items), empty.following) == ([], None)
    assert list((await page(empty.preceding)).items) == list(first.items)
    second = await page((await page(empty.preceding)).following)
    assert list(second.items) == []


@pytest.mark.parametrize(
    "key",
    [(), ("x",), ("x", "id"), (7, "id"), ("2026-01-01T00:00:00+00:00", 7), (None, "id"), ("2026-01-01", "id", "more"),
     ("0001-01-01T00:00:00+14:00", "id"), (True, "id")],
)  # fmt: skip
async def test_a_mark_of_another_list_is_unfit(store: Store, key: tuple[str | int | None, ...]) -> None:
    with pytest.raises(MarkUnfit):
        await store.list_calls("account", PageWanted(2, Mark(key)), CallFilter())


async def test_what_is_longer_than_is_counted_has_no_total(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TOTAL_MAX", 2)
    monkeypatch.setattr("callgate.store.base.TOTAL_MAX", 2)
    for total in (1, 2, None):
        call = a_call()
        await store.call_started(call, None, an_event(call, "call.started"))
        assert (await store.list_calls("account", PageWanted(1), CallFilter())).total == total


NAMES = st.lists(st.text("abc", min_size=1, max_size=3), unique=True, max_size=9)


@given(names=NAMES, gone=NAMES, size=st.integers(1, 4), descending=st.booleans())
def test_a_list_in_memory_is_walked_there_and_back(
    names: list[str], gone: list[str], size: int, descending: bool
) -> None:
    def page(mark: Mark | None, of: list[str]) -> PageFound[str]:
        return page_of(of, lambda name: (name,), PageWanted(size, mark), descending=descending)

    left = [name for name in names if name not in gone]
    first = page(None, names)
    seen, found = list(first.items), first
    while found.following is not None:
        found = page(found.following, left)
        seen += found.items
    assert seen == sorted(set(first.items) | set(left), reverse=descending)
    back = list(found.items)
    while found.preceding is not None:
        found = page(found.preceding, left)
        back = [*found.items, *back]
    assert back == (sorted(left, reverse=descending) if found is not first else list(first.items))


@pytest.mark.parametrize("key", [(7,), ("a", "b"), (None,)])
def test_a_mark_of_another_list_in_memory_is_unfit(key: tuple[str | int | None, ...]) -> None:
    name_of: Callable[[str], tuple[str]] = lambda name: (name,)  # noqa: E731
    with pytest.raises(MarkUnfit):
        page_of(["a", "b"], name_of, PageWanted(2, Mark(key)))
