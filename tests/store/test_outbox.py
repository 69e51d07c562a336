from dataclasses import replace
from datetime import timedelta

import pytest

from callgate.entities.call import Call, OutboxEvent
from callgate.entities.page import PageWanted
from callgate.entities.webhook import CALLBACK, Delivery, DeliveryState
from callgate.store import outbox
from callgate.store.open import Store
from callgate.testing.clock import ManualClock
from tests.store.facts import START, a_call, a_listener, a_record, an_event, kept_events


async def begin(store: Store, call: Call | None = None) -> OutboxEvent:
    call = call or a_call()
    event = an_event(call, "call.started")
    await store.call_started(call, a_record(), event)
    return event


async def deliver(store: Store, delivery: Delivery, state: DeliveryState = DeliveryState.DELIVERED) -> None:
    store.delivery_tried(replace(delivery, state=state, tries=1, tried=START))
    await store.written()


async def test_an_event_that_nobody_wants_is_not_kept(store: Store) -> None:
    await a_listener(store, events=("call.billed",))
    await begin(store)
    assert await kept_events(store) == []


async def test_what_is_to_be_delivered_is_told_once_it_is_committed(store: Store) -> None:
    told: list[tuple[Delivery, OutboxEvent | None]] = []
    store.on_waiting = lambda delivery, event: told.append((delivery, event))
    one, other = await a_listener(store), await a_listener(store)
    call = a_call()
    event = await begin(store, call)
    ended = replace(an_event(call, "call.ended"), payload={"callbacks": {"ended": {"url": "https://b.example"}}})
    await store.call_ended(call, ended, an_event(call, "call.billed"))
    assert [(delivery.endpoint, delivery.event) for delivery, _ in told] == [
        (one.webhook_id, "call.started"),
        (other.webhook_id, "call.started"),
        (one.webhook_id, "call.ended"),
        (other.webhook_id, "call.ended"),
        (CALLBACK, "call.ended"),
        (one.webhook_id, "call.billed"),
        (other.webhook_id, "call.billed"),
    ]
    assert told[0][1] == event == await store.outbox_event(event.event_id)
    waiting = await store.waiting_deliveries(None, limit=100)
    assert sorted(waiting, key=str) == sorted((delivery for delivery, _ in told), key=str)


async def test_what_waits_is_read_a_page_at_a_time(store: Store) -> None:
    for _ in range(2):
        await a_listener(store)
    for _ in range(5):
        await begin(store)
    read: list[Delivery] = []
    while page := await store.waiting_deliveries(read[-1] if read else None, limit=3):
        assert len(page) <= 3
        read += page
        await deliver(store, page[0])  # what has been delivered since does not stand in the way
    assert len({(one.event_id, one.endpoint) for one in read}) == 10
    assert len(await store.waiting_deliveries(None, limit=100)) == 6


async def test_deliveries_are_listed_by_webhook_and_state_newest_first(store: Store) -> None:
    webhook, other = await a_listener(store), await a_listener(store)
    first, second = await begin(store), await begin(store)
    (waiting,) = [one for one in await store.waiting_deliveries(None, limit=9)
                  if (one.event_id, one.endpoint) == (first.event_id, webhook.webhook_id)]  # fmt: skip
    await deliver(store, waiting)

    async def ids(webhook_id: str, state: DeliveryState | None = None) -> list[str]:
        found = await store.list_deliveries(webhook_id, PageWanted(9), state=state)
        assert found.total == len(found.items)
        assert all(at == START for _, at in found.items)
        return [one.event_id for one, _ in found.items]

    assert await ids(webhook.webhook_id) == [second.event_id, first.event_id]
    assert await ids(webhook.webhook_id, DeliveryState.DELIVERED) == [first.event_id]
    assert await ids(webhook.webhook_id, DeliveryState.WAITING) == [second.event_id]
    assert await ids(other.webhook_id, DeliveryState.WAITING) == [second.event_id, first.event_id]
    assert await ids(other.webhook_id, DeliveryState.FAILED) == []


async def test_what_is_delivered_by_hand_begins_anew_and_what_waits_goes_on(store: Store, clock: ManualClock) -> None:
    webhook = await a_listener(store)
    event = await begin(store)
    told: list[Delivery] = []
    store.on_waiting = lambda delivery, event: told.append(delivery)
    (delivery,) = await store.waiting_deliveries(None, limit=9)
    store.delivery_tried(replace(delivery, tries=3, due=START + timedelta(hours=1), failure="answered 500"))
    clock.advance(60)
    hurried = await store.redeliver(webhook.webhook_id, event.event_id)
    assert hurried is not None
    assert (hurried[0].tries, hurried[0].due, hurried[1]) == (3, clock.now(), START)
    store.delivery_tried(replace(delivery, tries=10, state=DeliveryState.FAILED))
    again = await store.redeliver(webhook.webhook_id, event.event_id)
    assert again is not None
    assert (again[0].tries, again[0].state) == (0, DeliveryState.WAITING)
    assert told == [hurried[0], again[0]]
    assert await store.waiting_deliveries(None, limit=9) == [again[0]]
    assert await store.redeliver(webhook.webhook_id, "another") is None


async def test_with_a_call_goes_what_was_told_of_it_but_not_what_is_to_be_told(store: Store) -> None:
    await a_listener(store)
    call = a_call()
    told = await begin(store, call)
    await deliver(store, (await store.waiting_deliveries(None, limit=9))[0])
    waits = an_event(call, "call.ended")
    await store.call_ended(replace(call, ended=START), waits)
    kept = await begin(store)
    assert await store.delete_call("account", call.call_id)
    assert await kept_events(store) == [waits, kept]
    assert await store.outbox_event(told.event_id) is None
    assert {one.event_id for one in await store.waiting_deliveries(None, limit=9)} == {waits.event_id, kept.event_id}


async def test_old_events_go_but_for_those_that_somebody_is_still_to_hear_of(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PIECE_ROWS", 2)
    webhook = await a_listener(store)
    events = [await begin(store) for _ in range(5)]
    for delivery in await store.waiting_deliveries(None, limit=9):
        if delivery.event_id != events[1].event_id:
            await deliver(store, delivery)
    young = a_call()
    await store.call_started(young, a_record(), replace(an_event(young, "call.started"), at=START + timedelta(days=2)))
    clock.advance(7 * 86_400 + 1)
    assert await store.prune_outbox(days=7) == 5
    assert [event.event_id for event in await kept_events(store)][0] == events[1].event_id
    assert [event.call_id for event in await kept_events(store)] == [events[1].call_id, young.call_id]
    found = await store.list_deliveries(webhook.webhook_id, PageWanted(9), state=None)
    assert (len(found.items), found.total) == (2, 2)
