"""Several nodes change one configuration."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callgate.entities.shadow import SipShadow
from callgate.entities.webhook import EVENTS
from callgate.store.errors import LastKey, NameTaken, VersionConflict
from callgate.store.open import Store
from callgate.store.snapshot import ConfigurationSnapshot
from tests.peers.databases import Databases
from tests.store.nodes import Nodes

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)

WITHIN_S = 1.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def nodes(databases: Databases, tmp_path: Path) -> AsyncIterator[Nodes]:
    some = Nodes(databases, tmp_path / "shared.db")
    yield some
    await some.close()


async def seen(snapshot: ConfigurationSnapshot, look: Callable[[], object]) -> float:
    """How long it takes until there is something to see, after a change: seconds."""
    begun_s = time.monotonic()
    changed = asyncio.Event()
    snapshot.on_change(lambda account_id: changed.set())
    while not look():
        changed.clear()
        await asyncio.wait_for(changed.wait(), 5)
    return time.monotonic() - begun_s


async def ranges(store: Store, account_id: str, *wanted: str) -> int:
    version = await store.change_sip_config(
        account_id, "test", lambda config: replace(config, allowed_cidr_ranges=wanted)
    )
    return version.number


@pytest.mark.parametrize("notify", [True, False], ids=["notified", "polling"])
async def test_every_kind_of_change_is_in_force_elsewhere_within_a_second(nodes: Nodes, notify: bool) -> None:
    one, two = [(await nodes.start(name, notify=notify)).store for name in ("a", "b")]
    there = two.snapshot
    account, key = await one.create_account("default", "Default")
    mine = account.account_id
    took = [await seen(there, lambda: there.accounts)]
    assert two.account_of_key(key) is not None

    agent = await one.create_agent(mine, "Ada", {"systemPrompt": "brief"})
    took.append(await seen(there, lambda: there.agent(agent.agent_id)))
    assert there.agent(agent.agent_id) == agent
    await one.update_agent(agent.agent_id, name="Eve")
    took.append(await seen(there, lambda: there.agents_of(mine)[agent.agent_id].name == "Eve"))
    await ranges(one, mine, "192.0.2.0/24")
    took.append(await seen(there, lambda: there.sip_config(mine).config.allowed_cidr_ranges == ("192.0.2.0/24",)))
    tool = await one.create_tool(mine, "one", {"a": 1})
    took.append(await seen(there, lambda: there.tools_of(mine) == {tool.tool_id: tool}))
    await one.delete_tool(mine, tool.tool_id)
    took.append(await seen(there, lambda: not there.tools_of(mine)))
    webhook = await one.create_webhook(mine, agent_id=None, url="https://a.example", secrets=("s",), events=EVENTS)
    took.append(await seen(there, lambda: there.webhooks_of(mine) == {webhook.webhook_id: webhook}))
    shadow = SipShadow("shadow", mine, NOW, "test", NOW, 1, {"allowAllAgents": True})
    await one.put_shadow(shadow)
    took.append(await seen(there, lambda: there.shadow(mine) == shadow))
    await one.drop_shadow(mine, "shadow")
    took.append(await seen(there, lambda: there.shadow(mine) is None))
    kept, second = await one.create_key(mine, "two", creator="x", expires=None, read_only=False)
    took.append(await seen(there, lambda: two.account_of_key(second)))
    await one.revoke_key(mine, kept.prefix)

    def spent() -> bool:
        found = two.account_of_key(second)
        return found is not None and found[1].revoked

    took.append(await seen(there, spent))
    await one.delete_agent(mine, agent.agent_id, "test")
    took.append(await seen(there, lambda: not there.agents_of(mine)))
    assert max(took) < WITHIN_S, took


async def test_changes_of_two_nodes_at_once_are_numbered_once_and_none_is_lost(nodes: Nodes) -> None:
    one, two = [(await nodes.start(name)).store for name in ("a", "b")]
    account, _ = await one.create_account("default", "Default")
    await two.changes.follow()

    async def add(store: Store, index: int) -> int:
        entry = f"10.0.{index}.0/24"
        version = await store.change_sip_config(
            account.account_id,
            "test",
            lambda config: replace(config, allowed_cidr_ranges=(*config.allowed_cidr_ranges, entry)),
        )
        return version.number

    numbers = await asyncio.gather(*(add(store, index) for index, store in enumerate([one, two] * 20)))
    assert sorted(numbers) == list(range(2, 42))
    for store in (one, two):
        await store.changes.follow()
        config = store.snapshot.sip_config(account.account_id)
        assert config.number == 41
        assert set(config.config.allowed_cidr_ranges) == {f"10.0.{index}.0/24" for index in range(40)}


async def test_a_change_for_a_version_meets_what_another_node_has_made_of_it(nodes: Nodes) -> None:
    one, two = [(await nodes.start(name, notify=False)).store for name in ("a", "b")]
    account, _ = await one.create_account("default", "Default")
    await two.changes.follow()
    number = await ranges(one, account.account_id, "192.0.2.0/24")
    with pytest.raises(VersionConflict) as conflict:
        await two.change_sip_config(account.account_id, "test", lambda config: config, expected_version=number - 1)
    assert conflict.value.current.number == number
    results = await asyncio.gather(
        *(
            store.change_sip_config(
                account.account_id, "test", lambda config: replace(config, allow_all_agents=True), number
            )
            for store in (one, two)
        ),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["SipConfigVersion", "VersionConflict"]


async def test_what_one_node_checks_holds_for_all(nodes: Nodes) -> None:
    one, two = [(await nodes.start(name, notify=False)).store for name in ("a", "b")]
    account, first = await one.create_account("default", "Default")
    mine = account.account_id
    with pytest.raises(NameTaken):
        await two.create_account("default", "Another")
    await one.create_tool(mine, "same", {})
    with pytest.raises(NameTaken):
        await two.create_tool(mine, "same", {})
    agent = await one.create_agent(mine, "Ada", {"a": 1})
    await two.changes.follow()
    results = await asyncio.gather(
        one.update_agent(agent.agent_id, merge_template={"b": 2}), two.update_agent(agent.agent_id, name="Eve")
    )
    assert None not in results
    for store in (one, two):
        await store.changes.follow()
        changed = store.snapshot.agent(agent.agent_id)
        assert changed is not None
        assert (changed.name, changed.call_template) == ("Eve", {"a": 1, "b": 2})
    assert await one.delete_agent(mine, agent.agent_id, "test")
    assert await two.update_agent(agent.agent_id, name="Zoe") is None
    second, _ = await one.create_key(mine, "two", creator="x", expires=None, read_only=False)
    await two.changes.follow()
    gone = await asyncio.gather(
        one.delete_key(mine, second.prefix), two.delete_key(mine, first[:8]), return_exceptions=True
    )
    assert [type(one) for one in sorted(gone, key=str)] in ([LastKey, bool], [bool, LastKey])


async def test_what_is_read_late_does_not_undo_what_was_changed_here_meanwhile(nodes: Nodes) -> None:
    one, two = [(await nodes.start(name, notify=False)).store for name in ("a", "b")]
    account, _ = await one.create_account("default", "Default")
    mine = account.account_id
    for index in range(20):
        await asyncio.gather(
            ranges(one, mine, f"10.0.{index}.0/24"), two.changes.follow(), ranges(two, mine, f"10.1.{index}.0/24")
        )
        await asyncio.gather(one.changes.follow(), two.changes.follow())
        assert one.snapshot.sip_config(mine) == two.snapshot.sip_config(mine)


async def test_an_account_that_is_no_more_goes_from_memory_with_all_that_it_had(
    nodes: Nodes, databases: Databases
) -> None:
    one = (await nodes.start("a", notify=False)).store
    account, _ = await one.create_account("default", "Default")
    await one.create_tool(account.account_id, "one", {})
    only = one.snapshot.now
    other, _ = await one.create_account("other", "Other")
    await one.create_tool(other.account_id, "two", {})
    assert one.snapshot.now.with_accounts([other.account_id], only) == only
