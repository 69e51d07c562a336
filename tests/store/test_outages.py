"""kill -9 of the database's server under load: what was acknowledged is kept, and what was refused is not."""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from callgate.entities.call import Call
from callgate.entities.page import PageWanted
from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store, open_store
from callgate.store.postgres import PostgresDatabase
from tests.peers.postgres import Cluster, programs
from tests.store.facts import a_call, a_listener, a_record, an_event, kept_events

_ROUNDS = 4
_SEED = 20_260_101


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """One to be killed."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (scripts/install_test_peers.sh)")
    one = Cluster()
    yield one
    one.stop()


async def opened(server: Cluster, failed: Callable[[str], None]) -> Store:
    database = PostgresDatabase(server.url(server.create()), "test")
    return await open_store(database, clock=SystemClock(), ids=SystemIds(), failed=failed)


async def works_again(store: Store) -> None:
    """Wait until the store can be written."""
    async with asyncio.timeout(10):
        while True:
            try:
                await store.written()
                return
            except StoreUnavailable:
                await asyncio.sleep(0.05)


async def test_nothing_that_was_acknowledged_is_lost_and_nothing_that_was_refused_is_kept(server: Cluster) -> None:
    chance = random.Random(_SEED)
    store = await opened(server, lambda words: None)
    account, _ = await store.create_account("default", "Default")
    await a_listener(store, account.account_id)
    kept: dict[str, Call] = {}
    refused: set[str] = set()
    versions: dict[int, tuple[str, ...]] = {}
    over, acknowledged = asyncio.Event(), asyncio.Semaphore(0)

    async def call() -> None:
        while not over.is_set():
            one = a_call(account.account_id)
            try:
                await store.call_started(one, a_record(account.account_id), an_event(one, "call.started"))
                kept[one.call_id] = one
                acknowledged.release()
            except StoreUnavailable:
                refused.add(one.call_id)
            await asyncio.sleep(0.002)

    async def change() -> None:
        while not over.is_set():
            ranges = (f"10.{chance.randrange(256)}.{chance.randrange(256)}.0/24",)
            edit = partial(replace, allowed_cidr_ranges=ranges)
            try:
                version = await store.change_sip_config(account.account_id, "test", edit)
                versions[version.number] = version.config.allowed_cidr_ranges
            except StoreUnavailable:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.005)

    tasks = [asyncio.create_task(work) for work in (call(), call(), call(), change())]
    for _ in range(_ROUNDS):
        acknowledged = asyncio.Semaphore(0)
        for _ in range(20):
            await asyncio.wait_for(acknowledged.acquire(), 20)
        await asyncio.sleep(chance.uniform(0, 0.1))  # the moment is chance: that is the test
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await works_again(store)
    over.set()
    await asyncio.gather(*tasks)
    await works_again(store)

    rows = {call_id for call_id in [*kept, *refused] if await store.get_call(account.account_id, call_id)}
    assert len(kept) >= 20 * _ROUNDS
    assert refused  # there was something to refuse
    assert kept.keys() <= rows
    assert not refused & rows
    assert {event.call_id for event in await kept_events(store)} == kept.keys()
    for number, ranges in versions.items():
        written = await store.sip_config_version(account.account_id, number)
        assert written is not None
        assert written.config.allowed_cidr_ranges == ranges
    page = await store.sip_config_versions(account.account_id, PageWanted(1))
    assert page.items[0].number == page.total  # each number once
    assert store.snapshot.sip_config(account.account_id) == page.items[0]
    await store.close()


async def test_while_the_server_is_gone_facts_fail_soon_and_what_is_in_memory_goes_on(server: Cluster) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    store = await opened(server, told.put_nowait)
    account, key = await store.create_account("default", "Default")
    server.kill()
    try:
        call = a_call(account.account_id)
        async with asyncio.timeout(8):
            with pytest.raises(StoreUnavailable):
                await store.call_started(call, a_record(account.account_id), an_event(call, "call.started"))
            with pytest.raises(StoreUnavailable):
                await store.create_agent(account.account_id, "Ada", None)
            with pytest.raises(StoreUnavailable):
                await store.get_call(account.account_id, call.call_id)
        assert (await asyncio.wait_for(told.get(), 5)).startswith("the database is out of reach: ")
        assert store.account_of_key(key) is not None
        assert store.snapshot.agents_of(account.account_id) == {}
    finally:
        await asyncio.to_thread(server.start)
    await works_again(store)
    await store.create_agent(account.account_id, "Ada", None)
    await store.close()
