"""The connection breaks at each step of a commit: what was told as kept is kept, and what was told as lost is not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from callgate.entities.call import Call
from callgate.runtime.ids import SystemIds
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store, open_store
from callgate.store.postgres import PostgresDatabase
from callgate.testing.clock import ManualClock
from tests.peers.cutting_proxy import CuttingProxy
from tests.peers.databases import Databases
from tests.peers.postgres import cluster
from tests.store.facts import a_call, a_listener, a_message, a_record, an_event, kept_events

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


@pytest.fixture
async def proxy(databases: Databases) -> AsyncIterator[CuttingProxy]:
    async with CuttingProxy(cluster().port) as one:
        yield one


@pytest.fixture
async def store(databases: Databases, tmp_path: Path, proxy: CuttingProxy) -> AsyncIterator[Store]:
    url = databases.url(tmp_path).replace(f":{cluster().port}/", f":{proxy.port}/")
    store = await open_store(PostgresDatabase(url, "test", notify=False), clock=ManualClock(), ids=SystemIds())
    await a_listener(store)
    yield store
    await store.close()


async def started(store: Store, call: Call) -> None:
    await store.call_started(call, a_record(call_id=call.call_id), an_event(call, "call.started"))


class Once:
    """Says yes to the first that has these bytes in it."""

    def __init__(self, words: bytes) -> None:
        self._words = words
        self.said = False

    def __call__(self, data: bytes) -> bool:
        if self.said or self._words not in data:
            return False
        self.said = True
        return True


async def test_what_was_committed_and_not_acknowledged_counts_as_kept(store: Store, proxy: CuttingProxy) -> None:
    proxy.cut_after = cut = Once(b"COMMIT")
    call = a_call()
    await started(store, call)
    assert cut.said
    assert await store.get_call("account", call.call_id) == call
    again = a_call()
    await started(store, again)
    assert len(await kept_events(store)) == 2


async def test_what_never_reached_the_server_is_sent_again(store: Store, proxy: CuttingProxy) -> None:
    proxy.cut_before = cut = Once(b"COMMIT")
    call = a_call()
    await started(store, call)
    assert cut.said
    assert await store.get_call("account", call.call_id) == call


async def test_what_never_reaches_the_server_is_told_as_lost(store: Store, proxy: CuttingProxy) -> None:
    proxy.cut_before = lambda data: b"COMMIT" in data
    call = a_call()
    with pytest.raises(StoreUnavailable):
        await started(store, call)
    proxy.cut_before = lambda data: False
    assert await store.get_call("account", call.call_id) is None
    await started(store, call)
    assert await store.get_call("account", call.call_id) == call


async def test_what_was_told_as_lost_and_had_been_kept_is_taken_away(
    store: Store, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgate.store.postgres_groups._SETTLED_S_MAX", 0.1)

    class ThenNoMore(Once):
        def __call__(self, data: bytes) -> bool:
            found = super().__call__(data)
            if found:
                proxy.accepts = False
            return found

    proxy.cut_after = ThenNoMore(b"COMMIT")
    call, later = a_call(), a_call()
    with pytest.raises(StoreUnavailable):
        await started(store, call)
    with pytest.raises(StoreUnavailable):
        await started(store, later)
    proxy.accepts = True
    assert await store.get_call("account", call.call_id) == call  # the server had it all the time
    await started(store, later)
    assert await store.get_call("account", call.call_id) is None
    assert await store.get_call("account", later.call_id) == later
    assert [event.call_id for event in await kept_events(store)] == [later.call_id]
    assert [one.call_id for one in await store.waiting_deliveries(None, limit=9)] == [later.call_id]


async def test_an_end_that_was_kept_and_told_as_lost_can_be_told_again(
    store: Store, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgate.store.postgres_groups._SETTLED_S_MAX", 0.0)
    call = a_call()
    await started(store, call)
    end = an_event(call, "call.ended")
    proxy.cut_after, proxy.accepts = Once(b"COMMIT"), False
    with pytest.raises(StoreUnavailable):
        await store.call_ended(call, end)
    proxy.accepts = True
    await store.call_ended(call, end)
    assert [event.event for event in await kept_events(store)] == ["call.started", "call.ended"]


async def test_a_connection_that_was_closed_while_nobody_used_it_costs_nobody_anything(
    store: Store, databases: Databases
) -> None:
    await started(store, a_call())
    (name,) = databases._names.values()
    cluster().say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    call = a_call()
    await started(store, call)
    assert await store.get_call("account", call.call_id) == call
    account, _ = await store.create_account("default", "Default")
    assert store.snapshot.accounts == (account,)


async def test_two_in_each_others_way_are_sorted_out(store: Store, databases: Databases) -> None:
    (path,) = databases._names
    one, two = a_call(), a_call()
    for call in (one, two):
        await started(store, call)
    with psycopg.connect(databases.url(path)) as other:
        other.execute("SET deadlock_timeout = '10s'")  # so that it is the store's turn to give way
        other.execute("UPDATE calls SET outcome_detail = 'x' WHERE call_id = %s", (two.call_id,))
        writing = asyncio.gather(
            store.call_joined(one, an_event(one, "call.joined")), store.call_joined(two, an_event(two, "call.joined"))
        )
        await asyncio.sleep(0.1)  # it has locked the first and waits for the second

        def cross() -> None:
            other.execute("UPDATE calls SET outcome_detail = 'x' WHERE call_id = %s", (one.call_id,))
            other.commit()

        await asyncio.gather(asyncio.to_thread(cross), writing)
    assert len([event for event in await kept_events(store) if event.event == "call.joined"]) == 2


async def test_a_null_character_is_replaced_wherever_it_stands(store: Store) -> None:
    call = a_call(agent_name="a\0b", metadata={"k\0": "v\0", "plain": "x"})
    await started(store, call)
    store.message(a_message(call, 0, "hel\0lo"))
    await store.written()
    kept = await store.get_call("account", call.call_id)
    assert kept is not None
    assert kept.agent_name == "a\ufffdb"
    assert kept.metadata == {"k\ufffd": "v\ufffd", "plain": "x"}
    assert [one.text for one in await store.messages(call.call_id)] == ["hel\ufffdlo"]
