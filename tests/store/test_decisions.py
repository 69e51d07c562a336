import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from callgate.entities.decision import Step, TraceEntry
from callgate.entities.page import PageWanted
from callgate.runtime.ids import SystemIds
from callgate.store.decisions import DecisionFilter
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases
from tests.store.facts import START, a_call, a_record, an_event


async def test_a_record_comes_back_as_it_went(store: Store) -> None:
    await store.create_account("default", "Default")
    record = a_record(attempt={"headers": [["X-A", "1"]]})
    store.decision(record)
    await store.written()
    assert await store.get_decision("account", record.decision_id) == record


async def test_strangers_are_folded_by_source_and_minute(store: Store, clock: ManualClock) -> None:
    account, _ = await store.create_account("default", "Default")
    for _ in range(50):
        store.decision(a_record(None, step=Step.SOURCE, at=clock.now()))
    await store.written()
    store.decision(a_record(None, step=Step.SOURCE, at=clock.now()))
    clock.advance(60)
    store.decision(a_record(None, step=Step.SOURCE, at=clock.now()))
    store.decision(a_record(None, step=Step.SOURCE, at=clock.now(), source_address="192.0.2.2"))
    await store.written()
    found = await store.list_decisions(account.account_id, PageWanted(10), DecisionFilter())
    assert found.total == 3
    assert sorted((record.source_address, record.count) for record in found.items) == [
        ("192.0.2.1", 1),
        ("192.0.2.1", 51),
        ("192.0.2.2", 1),
    ]


async def test_with_several_accounts_nobody_sees_what_belongs_to_nobody(store: Store) -> None:
    first, _ = await store.create_account("first", "First")
    await store.create_account("second", "Second")
    store.decision(a_record(None, step=Step.SOURCE))
    await store.written()
    assert (await store.list_decisions(first.account_id, PageWanted(10), DecisionFilter())).total == 0


async def test_each_kind_is_pruned_under_its_own_limit(store: Store, clock: ManualClock) -> None:
    account, _ = await store.create_account("default", "Default")
    store.decision(a_record(account.account_id, at=START - timedelta(days=40), outcome="old"))
    for i in range(5):
        store.decision(a_record(account.account_id, at=START, outcome=f"kept-{i}"))
        store.decision(a_record(None, step=Step.SOURCE, at=START, source_address=f"192.0.2.{i}"))
    await store.written()
    assert await store.prune(days=30, rows_max=3, strangers_rows_max=2) == 1 + 2 + 3
    found = await store.list_decisions(account.account_id, PageWanted(20), DecisionFilter())
    assert [record.outcome for record in found.items if record.account_id] == ["kept-4", "kept-3", "kept-2"]
    assert sum(record.account_id is None for record in found.items) == 2


async def test_pruning_many_takes_several_turns_so_that_calls_come_between(store: Store, clock: ManualClock) -> None:
    for _ in range(2_500):
        store.decision(a_record(at=START - timedelta(days=40)))
    await store.written()
    call, order = a_call(), []

    async def prune() -> None:
        assert await store.prune(days=30, rows_max=3, strangers_rows_max=2) == 2_500
        order.append("pruned")

    async def begin() -> None:
        await store.call_started(call, a_record(), an_event(call, "call.started"))
        order.append("begun")

    await asyncio.gather(prune(), begin())
    assert order == ["begun", "pruned"]


async def test_what_is_folded_is_written_at_the_close(databases: Databases, tmp_path: Path, clock: ManualClock) -> None:
    for _ in range(2):  # the second time it is found
        store = await open_store(databases.at(tmp_path / "other.db"), clock=clock, ids=SystemIds())
        found = await store.list_decisions("account", PageWanted(10), DecisionFilter())
        store.decision(a_record("account", step=Step.SOURCE))
        await store.close()
    assert [record.count for record in found.items] == [1]


async def test_queued_records_leave_by_themselves(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    unfold, unfolded = store._writer.before_queued, asyncio.Event()

    def noted() -> None:
        unfold()
        unfolded.set()

    store._writer.before_queued = noted
    store.decision(a_record(account.account_id))
    await unfolded.wait()  # the writer's own timer; the test's time limit bounds it
    await store.written()
    assert (await store.list_decisions(account.account_id, PageWanted(1), DecisionFilter())).total == 1


@pytest.mark.parametrize(
    ("source", "proof", "records"),
    [("passed", "refused", 2), ("missed", "refused", 1), ("missed", "passed", 2)],
)
async def test_whoever_lies_in_no_range_is_a_stranger_until_it_has_proved_itself(
    store: Store, clock: ManualClock, source: str, proof: str, records: int
) -> None:
    account, _ = await store.create_account("default", "Default")
    trace = (TraceEntry(Step.SOURCE, source), TraceEntry(Step.CALLER_AUTH, proof))
    for _ in range(2):
        store.decision(a_record(account.account_id, trace=trace))
    await store.written()
    found = await store.list_decisions(account.account_id, PageWanted(10), DecisionFilter())
    assert [record.count for record in found.items] == [2 // records] * records
