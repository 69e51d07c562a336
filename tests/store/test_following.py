"""Nodes that live, fall silent and die, and who takes over from them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from callgate.entities.webhook import DeliveryState
from callgate.store.errors import CallElsewhere
from callgate.store.postgres import LEASE_S
from tests.peers.databases import Databases
from tests.peers.postgres import cluster
from tests.store.facts import START, a_call, a_listener, a_record, an_event, kept_events
from tests.store.nodes import Node, Nodes

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


@pytest.fixture
async def nodes(databases: Databases, tmp_path: Path) -> AsyncIterator[Nodes]:
    some = Nodes(databases, tmp_path / "shared.db")
    yield some
    await some.close()


async def with_a_call(node: Node) -> str:
    """A call in progress, of which a webhook is to hear; its id."""
    if not node.store.snapshot.accounts:
        account, _ = await node.store.create_account("default", "Default")
        await a_listener(node.store, account.account_id)
    call = a_call(node.store.snapshot.accounts[0].account_id)
    await node.store.call_started(call, a_record(), an_event(call, "call.started"))
    return call.call_id


async def outcome(node: Node, call_id: str) -> str | None:
    call = await node.store.get_call(node.store.snapshot.accounts[0].account_id, call_id)
    assert call is not None
    return call.outcome


async def turns(node: Node, seconds: float) -> None:
    """Let a node's time pass, with a turn now and then."""
    await node.follower.step()
    for _ in range(10):
        node.clock.advance(seconds / 10)
        await node.follower.step()


async def test_a_node_that_starts_ends_nothing_of_those_that_live(nodes: Nodes) -> None:
    one = await nodes.start("a")
    call_id = await with_a_call(one)
    two = await nodes.start("b")
    assert await two.store.end_orphans() == 0
    await turns(two, 10 * LEASE_S)
    assert await outcome(two, call_id) is None
    assert two.waiting == []
    assert await two.store.waiting_deliveries(None, limit=9) == []
    assert len(await one.store.waiting_deliveries(None, limit=9)) == 1


async def test_what_a_dead_node_left_is_taken_over_after_its_lease_and_once(nodes: Nodes) -> None:
    one, two, three = [await nodes.start(name) for name in ("a", "b", "c")]
    call_id = await with_a_call(one)
    await one.die()
    for node in (two, three):
        await node.store.changes.follow()
        await turns(node, 2 * LEASE_S)
    assert await outcome(two, call_id) is None  # the database has heard of it a moment ago
    nodes.silent_for(one)
    for node in (two, three):
        node.clock.advance(LEASE_S)
    await asyncio.gather(two.follower.step(), three.follower.step())
    assert await outcome(two, call_id) == "node-lost"
    assert one.store.node_id not in nodes.living()
    taken = [delivery.event for delivery in (*two.waiting, *three.waiting)]
    assert sorted(taken) == ["call.billed", "call.ended", "call.started"]
    assert len(await kept_events(two.store)) == 3


async def test_after_an_outage_of_the_database_nobody_says_of_others_that_they_are_dead(nodes: Nodes) -> None:
    one, two = [await nodes.start(name) for name in ("a", "b")]
    call_id = await with_a_call(one)
    await two.store.changes.follow()
    await turns(two, 2 * LEASE_S)
    two.follower._in_touch_since_s = None  # as after an error; both have been silent for as long
    nodes.silent_for(one)
    await turns(two, LEASE_S * 0.9)
    assert await outcome(two, call_id) is None
    await turns(one, LEASE_S)  # the other gives a sign as soon as it can
    await turns(two, LEASE_S)
    assert await outcome(two, call_id) is None


async def test_who_was_taken_for_dead_counts_as_living_again_and_says_so(nodes: Nodes) -> None:
    one, two = [await nodes.start(name) for name in ("a", "b")]
    call_id = await with_a_call(one)
    await two.store.changes.follow()
    nodes.silent_for(one)
    await turns(two, LEASE_S)
    assert await outcome(two, call_id) == "node-lost"
    await turns(one, LEASE_S)
    assert nodes.living() == {one.store.node_id, two.store.node_id}
    assert [words for words in one.told if "took this one for dead" in words]
    another = await with_a_call(one)
    await turns(two, 2 * LEASE_S)
    assert await outcome(two, another) is None


async def test_a_node_that_starts_again_ends_its_own_calls_at_once_and_makes_its_deliveries(nodes: Nodes) -> None:
    one, other = [await nodes.start(name) for name in ("a", "b")]
    mine, theirs = await with_a_call(one), ""
    await other.store.changes.follow()
    theirs = await with_a_call(other)
    await one.die()
    again = await nodes.start("a")
    assert [delivery.call_id for delivery in await again.store.waiting_deliveries(None, limit=9)] == [mine]
    assert await again.store.end_orphans() == 1
    assert await outcome(again, mine) == "node-lost"
    assert await outcome(again, theirs) is None
    assert nodes.living() == {again.store.node_id, other.store.node_id}


async def test_who_ends_in_order_leaves_its_deliveries_to_the_others_at_once(nodes: Nodes) -> None:
    one, two = [await nodes.start(name) for name in ("a", "b")]
    call_id = await with_a_call(one)
    await turns(two, 2 * LEASE_S)
    await one.store.close()
    two.clock.advance(LEASE_S / 5)
    await two.follower.step()
    assert "call.started" in [delivery.event for delivery in two.waiting if delivery.call_id == call_id]


async def test_a_call_that_cannot_be_ended_yet_is_ended_later(nodes: Nodes, databases: Databases) -> None:
    one, two = [await nodes.start(name) for name in ("a", "b")]
    call_id = await with_a_call(one)
    await one.die()
    nodes.silent_for(one)
    (name,) = databases._names.values()
    cluster().say("ALTER TABLE outbox RENAME TO away", name)
    await two.store.changes.follow()
    with pytest.raises(Exception, match="does not exist"):
        await turns(two, LEASE_S)
    cluster().say("ALTER TABLE away RENAME TO outbox", name)
    assert await two.store.end_orphans() == 1
    assert await outcome(two, call_id) == "node-lost"


async def test_a_call_in_progress_at_a_living_node_is_not_deleted_at_another(nodes: Nodes) -> None:
    one, two = [await nodes.start(name) for name in ("a", "b")]
    call_id = await with_a_call(one)
    account_id = one.store.snapshot.accounts[0].account_id
    with pytest.raises(CallElsewhere):
        await two.store.delete_call(account_id, call_id)
    assert await one.store.delete_call(account_id, call_id)


async def test_a_delivery_that_another_node_has_is_asked_of_that_node(nodes: Nodes) -> None:
    one, two = [await nodes.start(name) for name in ("a", "b")]
    await with_a_call(one)
    (webhook,) = one.store.snapshot.webhooks_of(one.store.snapshot.accounts[0].account_id).values()
    (delivery,) = one.waiting
    one.waiting.clear()
    told = asyncio.Event()
    one.store.on_waiting = lambda delivery, event: (one.waiting.append(delivery), told.set())  # type: ignore[func-returns-value,assignment]
    found = await two.store.redeliver(webhook.webhook_id, delivery.event_id)
    assert found is not None
    await asyncio.wait_for(told.wait(), 5)
    assert [one.event_id for one in one.waiting] == [delivery.event_id]
    assert two.waiting == []

    one.store.delivery_tried(replace(delivery, state=DeliveryState.DELIVERED, tries=1, tried=START))
    await one.store.written()
    await two.store.redeliver(webhook.webhook_id, delivery.event_id)
    assert [one.event_id for one in two.waiting] == [delivery.event_id]  # nobody else has it in a queue


async def test_who_is_no_longer_told_asks_and_is_told_again_later(nodes: Nodes, databases: Databases) -> None:
    one, two = [await nodes.start(name) for name in ("a", "b")]
    (name,) = databases._names.values()
    changed = asyncio.Event()
    two.store.snapshot.on_change(lambda account_id: changed.set())
    for slug in ("first", "second"):
        cluster().say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        await one.store.create_account(slug, slug)
        await asyncio.wait_for(changed.wait(), 1)
        changed.clear()
    assert {account.slug for account in two.store.snapshot.accounts} == {"first", "second"}
