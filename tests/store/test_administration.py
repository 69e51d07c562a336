"""Accounts changed from beside a running node: two stores over one file."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from callgate.entities.account import NO_LIMITS, AccountLimits
from callgate.entities.sip_config import SipConfig
from callgate.entities.throttle import ThrottleRule
from callgate.runtime.ids import SystemIds
from callgate.store import administration
from callgate.store.errors import NameTaken
from callgate.store.open import Store, open_store
from callgate.store.tables import account_revisions, metadata
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases
from tests.store.facts import a_call, a_listener, a_message, a_record, an_event
from tests.store.test_open import migrate


@pytest.fixture
async def beside(databases: Databases, tmp_path: Path, clock: ManualClock, store: Store) -> AsyncIterator[Store]:
    """The same database, opened by a command."""
    beside = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds(), serves=False)
    yield beside
    await beside.close()


async def test_an_account_made_beside_a_node_is_in_force_once_it_has_looked(store: Store, beside: Store) -> None:
    told: list[str] = []
    store.snapshot.on_change(told.append)
    assert await store.follow() == ()
    account, key = await beside.create_account("b", "B", None, AccountLimits(calls_max=3))
    assert set(await store.follow()) <= {account.account_id}  # of PostgreSQL it may have heard before
    assert set(told) == {account.account_id}
    found = store.account_of_key(key)
    assert found is not None
    assert found[0] == account
    assert found[0].limits.calls_max == 3
    assert await store.follow() == ()


async def test_what_the_node_itself_has_changed_stays(store: Store, beside: Store) -> None:
    first, _ = await store.create_account("a", "A")
    agent = await store.create_agent(first.account_id, "Ada", None)
    rules = SipConfig(allowed_cidr_ranges=("192.0.2.0/24",))
    await store.change_sip_config(first.account_id, "key", lambda config: rules)
    second, _ = await beside.create_account("b", "B")
    assert set(await store.follow()) <= {second.account_id}  # the first is as it was
    assert store.snapshot.account(second.account_id) == second
    assert store.snapshot.sip_config(first.account_id).config == rules
    assert store.snapshot.agents_of(first.account_id) == {agent.agent_id: agent}


async def test_name_and_limits_change_one_by_one(store: Store, beside: Store) -> None:
    account, _ = await store.create_account("a", "A")
    await store.follow()
    await beside.follow()
    changed = await beside.change_account(account.account_id, limits={"calls_max": 5, "requests_per_s": 0})
    assert changed == replace(account, limits=AccountLimits(calls_max=5, requests_per_s=0))
    assert set(await store.follow()) <= {account.account_id}  # of PostgreSQL it may have heard before
    assert store.snapshot.account(account.account_id) == changed
    again = await beside.change_account(account.account_id, name="Ah", limits={"calls_max": None})
    assert again == replace(account, name="Ah", limits=AccountLimits(requests_per_s=0))
    assert beside.snapshot.account(account.account_id) == again
    assert await beside.change_account("nobody", name="x") is None


def test_limits_stand_over_those_of_the_settings() -> None:
    settings = AccountLimits(1, 2, 3, 4, 5, 6)
    assert NO_LIMITS.over(settings) == settings
    assert AccountLimits(calls_max=0, calls_per_s=9).over(settings) == AccountLimits(0, 2, 3, 4, 9, 6)


async def test_a_slug_is_one_accounts(store: Store, beside: Store) -> None:
    await store.create_account("a", "A")
    with pytest.raises(NameTaken):
        await beside.create_account("a", "Another")


async def fill(store: Store, slug: str) -> tuple[str, str]:
    """An account that has some of everything; its id and its key."""
    account, key = await store.create_account(slug, slug.upper())
    await store.create_agent(account.account_id, "Ada", None)
    await store.create_tool(account.account_id, "look", {})
    await a_listener(store, account.account_id)
    throttle = await store.create_throttle(account.account_id, "slow", (ThrottleRule(1, 60),))
    await store.use_throttle(throttle)
    for _ in range(3):
        call = a_call(account.account_id)
        await store.call_started(call, a_record(account.account_id), an_event(call, "call.started"))
        store.message(a_message(call, 0, "hello"))
        await store.call_ended(replace(call, ended=call.created), an_event(call, "call.ended"))
    await store.written()
    return account.account_id, key


async def rows(store: Store) -> dict[str, int]:
    counted = {}
    for table in metadata.sorted_tables:
        if table is account_revisions:
            continue  # that an account is gone must be told to nodes which look later
        counted[table.name] = await store._count(select(table), 1_000)
    return counted


async def test_nothing_of_a_deleted_account_is_left_and_nothing_of_others_goes(
    store: Store, beside: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administration, "_REMOVED_AT_A_TIME", 2)
    kept, kept_key = await fill(store, "a")
    before = await rows(store)
    gone, key = await fill(store, "b")
    assert (await rows(store))["calls"] == 6

    calls: list[str] = []
    assert not await beside.remove_some(gone, calls.extend)  # it lives
    assert await beside.delete_account(gone)
    assert set(await store.follow()) <= {gone}  # of PostgreSQL it may have heard before
    assert store.account_of_key(key) is None
    assert store.account_of_key(kept_key) is not None
    assert [(known.account.slug, known.deleting) for known in await store.known_accounts()] == [
        ("a", False),
        ("b", True),
    ]
    with pytest.raises(NameTaken):
        await beside.create_account("b", "Too early")
    while await beside.remove_some(gone, calls.extend):
        pass
    assert len(set(calls)) == len(calls) == 3
    assert await rows(store) == before
    assert [known.account.account_id for known in await store.known_accounts()] == [kept]
    await beside.create_account("b", "Again")


async def test_what_there_is_of_each_account_is_counted(store: Store) -> None:
    account_id, _ = await fill(store, "a")
    call = a_call(account_id)
    await store.call_started(call, a_record(account_id), an_event(call, "call.started"))
    (known,) = await store.known_accounts()
    assert (known.calls, known.calls_open, known.keys, known.deleting) == (4, 1, 1, False)


async def test_an_account_that_is_being_deleted_is_not_loaded(
    databases: Databases, store: Store, tmp_path: Path, clock: ManualClock
) -> None:
    account, key = await store.create_account("a", "A")
    assert await store.delete_account(account.account_id)
    assert store.account_of_key(key) is None
    assert not await store.delete_account("nobody")
    again = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds())
    assert again.snapshot.accounts == ()
    assert again.account_of_key(key) is None
    await again.close()


async def test_what_is_being_deleted_does_not_come_to_life_in_an_older_version(
    databases: Databases, store: Store, tmp_path: Path, clock: ManualClock
) -> None:
    kept, kept_key = await store.create_account("a", "A", None, AccountLimits(calls_max=3))
    gone, key = await store.create_account("b", "B")
    await store.delete_account(gone.account_id)
    await store.close()
    engine = databases.engine(tmp_path / "callgate.db")
    migrate(engine, "0006", back=True)
    engine.dispose()
    again = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds())
    assert again.snapshot.accounts == (replace(kept, limits=NO_LIMITS),)
    assert again.account_of_key(kept_key) is not None
    assert again.account_of_key(key) is None
    assert [known.account.slug for known in await again.known_accounts()] == ["a"]
    await again.close()
