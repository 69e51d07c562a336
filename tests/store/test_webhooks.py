from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from callgate.entities.page import PageFound, PageWanted
from callgate.entities.webhook import DeliveryState, WebhookFailure, WebhookHealth
from callgate.runtime.ids import SystemIds
from callgate.store import webhooks
from callgate.store.errors import TooMany
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases
from tests.store.facts import START, a_call, a_listener, a_record, an_event

SICK = WebhookHealth(True, START, 7, (WebhookFailure(START + timedelta(seconds=1), "answered 500"),))


async def test_a_webhook_is_made_changed_and_deleted_in_memory_too(store: Store) -> None:
    webhook = await a_listener(store)
    assert store.snapshot.webhooks_of("account") == {webhook.webhook_id: webhook}
    store.webhook_fares(webhook.webhook_id, SICK)
    changed = await store.update_webhook("account", webhook.webhook_id, {"url": "https://b.example"})
    assert changed is not None
    assert (changed.url, changed.secrets) == ("https://b.example", webhook.secrets)
    assert store.snapshot.webhooks_of("account")[webhook.webhook_id] == changed
    assert await store.get_webhook("account", webhook.webhook_id) == (changed, SICK)  # a change is no cure
    assert await store.webhook_healths() == {webhook.webhook_id: SICK}
    assert await store.get_webhook("other", webhook.webhook_id) is None
    assert await store.update_webhook("other", webhook.webhook_id, {}) is None
    assert not await store.delete_webhook("other", webhook.webhook_id)
    assert await store.delete_webhook("account", webhook.webhook_id)
    assert store.snapshot.webhooks_of("account") == {}
    assert await store.get_webhook("account", webhook.webhook_id) is None


async def test_with_a_webhook_goes_all_that_it_was_to_hear(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PIECE_ROWS", 2)
    gone, kept = await a_listener(store), await a_listener(store)
    for _ in range(5):
        call = a_call()
        await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert await store.delete_webhook("account", gone.webhook_id)
    assert {one.endpoint for one in await store.waiting_deliveries(None, limit=99)} == {kept.webhook_id}
    assert (await store.list_deliveries(gone.webhook_id, PageWanted(9), state=None)).total == 0


async def test_an_account_has_as_many_as_it_may(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "WEBHOOKS_MAX", 2)
    first, _ = await a_listener(store), await a_listener(store)
    with pytest.raises(TooMany, match="2"):
        await a_listener(store)
    await a_listener(store, "another")
    await store.delete_webhook("account", first.webhook_id)
    await a_listener(store)


async def test_they_are_listed_newest_first_and_by_agent(store: Store, clock: ManualClock) -> None:
    made = []
    for agent_id in ("a", None, "a"):
        made.append((await a_listener(store, agent_id=agent_id)).webhook_id)
        clock.advance(1)
    found = await store.list_webhooks("account", PageWanted(2))
    assert ([one.webhook_id for one, _ in found.items], found.total) == ([made[2], made[1]], 3)
    found = await store.list_webhooks("account", PageWanted(9), agent_id="a")
    assert ([one.webhook_id for one, _ in found.items], found.total) == ([made[2], made[0]], 2)
    assert await store.list_webhooks("other", PageWanted(9)) == PageFound([], 0)


async def test_a_deleted_agents_webhooks_retire_and_are_forgotten_when_nothing_waits_for_them(
    store: Store, clock: ManualClock
) -> None:
    account, _ = await store.create_account("default", "Default")
    mine = account.account_id
    agent = await store.create_agent(mine, "demo", None)
    retired = await a_listener(store, mine, agent_id=agent.agent_id)
    everybodys = await a_listener(store, mine)
    await store.delete_agent(mine, agent.agent_id, "k")
    assert [one.webhook_id for one, _ in (await store.list_webhooks(mine, PageWanted(9))).items] == [
        everybodys.webhook_id
    ]
    assert await store.update_webhook(mine, retired.webhook_id, {"url": "https://b.example"}) is None
    call = a_call(mine, agent_id=agent.agent_id)
    event = an_event(call, "call.started")
    event.payload["agentId"] = agent.agent_id
    await store.call_started(call, a_record(), event)
    clock.advance(30 * 86_400)
    assert await store.prune_webhooks(days=7) == 0
    for delivery in await store.waiting_deliveries(None, limit=9):
        store.delivery_tried(replace(delivery, state=DeliveryState.DELIVERED))
    await store.written()
    assert await store.prune_webhooks(days=7) == 1
    assert list(store.snapshot.webhooks_of(mine)) == [everybodys.webhook_id]


async def test_webhooks_are_there_again_when_the_store_is_opened_again(databases: Databases, tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    store = await open_store(databases.at(path), clock=ManualClock(), ids=SystemIds())
    account, _ = await store.create_account("default", "Default")
    webhook = await a_listener(store, account.account_id)
    store.webhook_fares(webhook.webhook_id, SICK)
    await store.close()
    again = await open_store(databases.at(path), clock=ManualClock(), ids=SystemIds())
    assert again.snapshot.webhooks_of(account.account_id) == {webhook.webhook_id: webhook}
    assert await again.get_webhook(account.account_id, webhook.webhook_id) == (webhook, SICK)
    await again.close()
