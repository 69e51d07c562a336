from datetime import timedelta
from pathlib import Path
from typing import Any

from callgate.entities.decision import DecisionRecord, Step
from callgate.runtime.ids import SystemIds
from callgate.store.open import Store, open_store
from callgate.store.past import PastQuery, PastReader
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases
from tests.store.facts import START, a_record

MINUTE = timedelta(minutes=1)


def ids(query: PastQuery) -> list[str]:
    reader = PastReader(query)
    found = [past.decision_id for piece in reader.pieces() for past in piece]
    assert reader.count() == len(found)
    reader.close()
    return found


async def kept(store: Store, account_id: str | None, count: int, **more: Any) -> list[DecisionRecord]:
    records = [a_record(account_id, at=START + n * MINUTE, **more) for n in range(count)]
    for record in records:
        store.decision(record)
    await store.written()
    return records


async def test_all_of_them_newest_first_also_over_several_pieces(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    records = await kept(store, account.account_id, 2_500)
    found = ids(store.past_query(account.account_id, None, None, rows_max=10_000))
    assert found == [record.decision_id for record in reversed(records)]
    assert len(ids(store.past_query(account.account_id, None, None, rows_max=1_700))) == 1_700


async def test_many_of_one_moment_come_once_each(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    for _ in range(2_100):
        store.decision(a_record(account.account_id))
    await store.written()
    found = ids(store.past_query(account.account_id, None, None, rows_max=10_000))
    assert len(set(found)) == len(found) == 2_100


async def test_a_span_has_its_beginning_and_not_its_end(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    records = await kept(store, account.account_id, 10)
    query = store.past_query(account.account_id, START + 2 * MINUTE, START + 5 * MINUTE, rows_max=100)
    assert ids(query) == [records[n].decision_id for n in (4, 3, 2)]


async def test_whose_records_are_read(store: Store) -> None:
    first, _ = await store.create_account("first", "First")
    (mine,) = await kept(store, first.account_id, 1)
    (nobodys,) = await kept(store, None, 1, step=Step.SOURCE, outcome="no-account")
    assert set(ids(store.past_query(first.account_id, None, None, rows_max=9))) == {
        mine.decision_id,
        nobodys.decision_id,
    }
    second, _ = await store.create_account("second", "Second")
    assert ids(store.past_query(first.account_id, None, None, rows_max=9)) == [mine.decision_id]
    assert ids(store.past_query(second.account_id, None, None, rows_max=9)) == []


async def test_what_is_written_meanwhile_is_not_read_and_does_not_wait(
    databases: Databases, tmp_path: Path, clock: ManualClock
) -> None:
    store = await open_store(databases.at(tmp_path / "a %41? b.db"), clock=clock, ids=SystemIds())
    account, _ = await store.create_account("default", "Default")
    await kept(store, account.account_id, 1_500)
    reader = PastReader(store.past_query(account.account_id, None, None, rows_max=10_000))
    pieces = reader.pieces()
    first = next(pieces)
    store.decision(a_record(account.account_id, at=START + timedelta(days=1)))
    await store.written()
    await store.checkpoint()
    assert len(first) + sum(map(len, pieces)) == 1_500
    reader.close()
    await store.close()
