import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from callgate.entities.call import Call
from callgate.entities.page import PageWanted
from callgate.entities.webhook import DeliveryState
from callgate.store import base, deleted_calls
from callgate.store.call_filter import CallFilter
from callgate.store.open import Store
from callgate.store.tables import call_events, messages, metadata
from callgate.testing.clock import ManualClock
from tests.store.facts import START, a_call, a_call_event, a_listener, a_message, a_record, an_event, kept_events

AUTO = {"retentionPolicy": "CALL_RETENTION_POLICY_AUTO_DELETE"}


async def over(store: Store, account_id: str = "account", **more: Any) -> Call:
    """A call that has ended."""
    call = a_call(account_id, **more)
    await store.call_started(call, None, an_event(call, "call.started"))
    call = replace(call, ended=call.created + timedelta(seconds=9), end_reason="hangup", outcome="caller-hangup")
    await store.call_ended(call, an_event(call, "call.ended"))
    return call


async def rows_of(store: Store, call_id: str) -> dict[str, int]:
    """How many rows each table has of a call, where it has any."""
    counts = {}
    for name, table in metadata.tables.items():
        if "call_id" in table.c and name != "decisions":
            count = select(func.count().label("n")).select_from(table).where(table.c.call_id == call_id)
            counts[name] = (await store._read(count))[0]["n"]
    return {name: n for name, n in counts.items() if n}


async def test_of_a_deleted_call_its_tombstone_is_all_that_is_left(store: Store) -> None:
    call = await over(store, settings={"voice": "Mark", "maxDuration": "60s"}, joined=START)
    store.message(a_message(call, 0, "hello"))
    store.call_event(a_call_event(call, "info", "x"))
    (stage,) = await store.stages(call)
    store.call_stage(stage)
    await store.written()
    assert not await store.delete_call("another account", call.call_id)
    assert await store.delete_call("account", call.call_id)
    assert not await store.delete_call("account", call.call_id)
    assert await rows_of(store, call.call_id) == {"deleted_calls": 1}
    stone = await store.get_deleted_call("account", call.call_id)
    assert stone is not None
    assert (stone.voice, stone.max_duration, stone.recording_enabled, stone.joined) == ("Mark", "60s", False, START)
    assert await store.get_deleted_call("another account", call.call_id) is None


async def test_a_long_call_is_deleted_a_little_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (base, deleted_calls):
        monkeypatch.setattr(module, "PIECE_ROWS", 3)
    call = await over(store)
    for n in range(8):
        store.message(a_message(call, n, "hello"))
        store.call_event(a_call_event(call, "info", "x"))
    await store.written()
    left: list[tuple[int, int]] = []
    run = store._writer.run

    async def noted(work: Any, *more: Any) -> Any:
        result = await run(work, *more)
        tables = (messages, call_events)
        counts = [(await store._read(select(func.count()).select_from(one)))[0]["count_1"] for one in tables]
        left.append((counts[0], counts[1]))
        return result

    monkeypatch.setattr(store._writer, "run", noted)
    assert await store.delete_call("account", call.call_id)
    assert left[:3] == [(5, 8), (2, 8), (0, 8)]
    assert max(before[1] - after[1] for before, after in zip(left, left[1:], strict=False)) == 3
    assert left[-1] == (0, 0)


async def test_calls_delete_themselves_once_everybody_has_heard_of_them(store: Store) -> None:
    await store.create_account("account", "Account")
    webhook = await a_listener(store)
    usual, going, told = await over(store), await over(store, settings=AUTO), await over(store, settings=AUTO)
    lasting = a_call(settings=AUTO)
    await store.call_started(lasting, None, an_event(lasting, "call.started"))

    async def asked() -> list[str]:
        return await store.calls_to_delete(days=0, rows_max=0, limit=10)

    assert await asked() == []
    for delivery in await store.waiting_deliveries(None, limit=20):
        if delivery.call_id == told.call_id:
            store.delivery_tried(replace(delivery, state=DeliveryState.DELIVERED))
    await store.written()
    assert await asked() == [told.call_id]
    for delivery in await store.waiting_deliveries(None, limit=20):
        store.delivery_tried(replace(delivery, state=DeliveryState.FAILED))
    await store.written()
    assert set(await asked()) == {going.call_id, told.call_id}
    assert await store.delete_calls(await asked()) == 2
    assert await asked() == []
    assert {event.call_id for event in await kept_events(store)} == {usual.call_id, lasting.call_id}
    assert await store.get_deleted_call("account", told.call_id) is not None
    assert webhook is not None


async def test_old_calls_and_too_many_are_found_of_each_account(store: Store, clock: ManualClock) -> None:
    first, _ = await store.create_account("first", "First")
    second, _ = await store.create_account("second", "Second")
    mine = [await over(store, first.account_id, created=START + timedelta(days=n)) for n in range(6)]
    theirs = [await over(store, second.account_id, created=START + timedelta(days=n)) for n in range(2)]
    living = a_call(first.account_id, created=START - timedelta(days=1))
    await store.call_started(living, None, an_event(living, "call.started"))
    clock.advance(4 * 86_400)

    async def found(**limits: int) -> list[str]:
        return await store.calls_to_delete(**{"days": 0, "rows_max": 0, "limit": 10, **limits})

    assert await found(days=3) == [mine[0].call_id, theirs[0].call_id]
    assert await found(rows_max=4) == [mine[0].call_id, mine[1].call_id, mine[2].call_id]  # the living one counts
    assert await found(rows_max=4, limit=2) == [mine[0].call_id, mine[1].call_id]
    assert await found(days=2, rows_max=6) == [
        mine[0].call_id, mine[1].call_id, theirs[0].call_id, theirs[1].call_id
    ]  # fmt: skip
    assert await found() == []


async def test_tombstones_go_when_they_are_old_or_too_many(store: Store, clock: ManualClock) -> None:
    account, _ = await store.create_account("account", "Account")
    gone = []
    for _ in range(5):
        call = await over(store, account.account_id)
        clock.advance(86_400)
        await store.delete_call(account.account_id, call.call_id)
        gone.append(call.call_id)

    async def left() -> list[str]:
        found = await store.list_deleted_calls(account.account_id, PageWanted(10), CallFilter())
        return [one.call_id for one in found.items]

    assert await store.prune_deleted_calls(days=0, rows_max=0) == 0
    assert await store.prune_deleted_calls(days=4, rows_max=5) == 0
    assert await store.prune_deleted_calls(days=3, rows_max=5) == 1
    assert await store.prune_deleted_calls(days=0, rows_max=2) == 2
    assert await left() == [gone[4], gone[3]]


async def test_events_go_when_they_are_old_or_too_many(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgate.store.calls.PIECE_ROWS", 2)
    call = await over(store)
    for n in range(7):
        store.call_event(replace(a_call_event(call, "info", f"t{n}"), at=START + timedelta(days=n)))
    await store.written()

    async def left() -> list[str]:
        found = await store.list_events(call.call_id, PageWanted(10), severities=("info",))
        return [event.type for event in found.items]

    assert await store.prune_call_events(days=0, rows_max=0) == 0
    assert await store.prune_call_events(days=0, rows_max=6) == 1
    clock.advance(5 * 86_400)
    assert await store.prune_call_events(days=2, rows_max=0) == 2
    assert await left() == ["t3", "t4", "t5", "t6"]


@pytest.mark.parametrize("purge", ["decisions", "calls"])
async def test_facts_of_calls_are_committed_between_the_pieces_of_a_purge(
    store: Store, monkeypatch: pytest.MonkeyPatch, purge: str
) -> None:
    """However much is removed, a fact that comes is written after the piece that is being removed, not after all."""
    await store.create_account("account", "Account")
    for module in ("decisions", "deleted_calls", "base"):
        monkeypatch.setattr(f"callgate.store.{module}.PIECE_ROWS", 100)
    call = await over(store)
    for n in range(2_000):
        if purge == "decisions":
            store.decision(a_record(at=START - timedelta(days=40)))
        else:
            store.message(a_message(call, n, "x"))
    await store.written()
    happened: list[str] = []
    done = asyncio.Event()
    run = store._writer.run

    async def noted(work: Any, *more: Any) -> Any:
        result = await run(work, *more)
        happened.append("piece")
        return result

    async def calls_go_on() -> None:
        while not done.is_set():
            await over(store)
            happened.append("call")

    monkeypatch.setattr(store._writer, "run", noted)
    going_on = asyncio.create_task(calls_go_on())
    if purge == "decisions":
        assert await store.prune(days=30, rows_max=1_000, strangers_rows_max=100) == 2_000
    else:
        assert await store.delete_call("account", call.call_id)
    done.set()
    await going_on
    pieces = [n for n, what in enumerate(happened) if what == "piece"]
    assert len(pieces) >= 20
    between = [last - first - 1 for first, last in zip(pieces, pieces[1:], strict=False)]
    # Each call is two facts. At the ends of a purge two pieces may follow each other at once.
    assert sum(count > 0 for count in between) >= len(between) - 3, between
