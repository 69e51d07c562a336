import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.runtime.ids import SystemIds
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store, open_store
from callgate.store.sqlite import SqliteGroups
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases
from tests.store.facts import START, a_call, a_listener, a_message, a_record, an_event, kept_events


async def refuse(store: Store, what: str, when: str, name: str = "no") -> None:
    async def work(connection: AsyncConnection) -> None:
        if connection.dialect.name == "sqlite":
            body = f"CREATE TRIGGER {name} {what} WHEN {when} BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        else:
            body = f"CREATE TRIGGER {name} {what} FOR EACH ROW EXECUTE FUNCTION {name}()"
            refusal = f"BEGIN IF {when} THEN RAISE 'disk full'; END IF; RETURN NEW; END"
            await connection.execute(
                text(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS '{quoted(refusal)}'")
            )
        await connection.execute(text(body))

    await store._writer.run(work)


def quoted(body: str) -> str:
    return body.replace("'", "''")


async def refuse_inserts_into(store: Store, table: str) -> None:
    await refuse(store, f"BEFORE INSERT ON {table}", "1 = 1", f"no_{table}")


async def test_one_spoilt_fact_fails_alone_among_many(store: Store) -> None:
    calls = [a_call() for _ in range(20)]
    calls[7] = a_call(call_id=calls[3].call_id)  # the same id twice
    results = await asyncio.gather(
        *(store.call_started(call, a_record(), an_event(call, "call.started")) for call in calls),
        return_exceptions=True,
    )
    failed = [index for index, result in enumerate(results) if result is not None]
    assert failed == [7]
    assert isinstance(results[7], StoreUnavailable)


@pytest.mark.parametrize("table", ["calls", "decisions", "outbox", "deliveries"])
async def test_whichever_write_fails_nothing_of_the_fact_is_kept_and_the_writer_lives_on(
    store: Store, table: str
) -> None:
    await a_listener(store)
    await refuse_inserts_into(store, table)
    call = a_call()
    with pytest.raises(StoreUnavailable, match="disk full"):
        await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert await store.get_call("account", call.call_id) is None
    assert await kept_events(store) == []
    assert await store.waiting_deliveries(None, limit=10) == []

    async def work(connection: AsyncConnection) -> None:
        where = "" if connection.dialect.name == "sqlite" else f" ON {table}"
        await connection.execute(text(f"DROP TRIGGER no_{table}{where}"))

    await store._writer.run(work)
    await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert await store.get_call("account", call.call_id) is not None


async def test_closing_writes_what_is_queued_and_refuses_what_comes_after(store: Store) -> None:
    store.decision(a_record())
    await store._writer.close()
    call = a_call()
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert (await store._read(text("select count(*) as n from decisions")))[0]["n"] == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spoilt", "record"),
    [({"agent_name": "lone \ud800 surrogate"}, {}), ({}, {"source_port": 2**70}), ({"sip": {"a": object()}}, {})],
    ids=["surrogate", "number", "json"],
)
async def test_what_the_driver_cannot_write_fails_alone(
    store: Store, spoilt: dict[str, Any], record: dict[str, Any]
) -> None:
    bad, good = a_call(**spoilt), a_call()
    results = await asyncio.gather(
        store.call_started(bad, a_record(**record), an_event(bad, "call.started")),
        store.call_started(good, a_record(), an_event(good, "call.started")),
        return_exceptions=True,
    )
    assert isinstance(results[0], StoreUnavailable)
    assert results[1] is None
    assert await store.get_call("account", good.call_id) == good


@pytest.fixture
async def told(databases: Databases, tmp_path: Path) -> AsyncIterator[tuple[Store, list[str]]]:
    words: list[str] = []
    store = await open_store(
        databases.at(tmp_path / "told.db"), clock=ManualClock(), ids=SystemIds(), failed=words.append
    )
    yield store, words
    await store.close()


async def test_one_spoilt_row_that_nobody_waits_for_is_told_and_the_others_are_kept(
    told: tuple[Store, list[str]],
) -> None:
    store, words = told
    call = a_call()
    for index in range(20):
        store.message(a_message(call, index if index != 7 else 3, "hello"))  # one position twice
    await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert [message.index for message in await store.messages(call.call_id)] == [*range(7), *range(8, 20)]
    assert len(words) == 1
    assert words[0].startswith("1 queued row was lost: ")
    assert "unique constraint" in words[0]


async def test_what_was_said_is_written_before_the_end_of_its_call_also_when_others_fail(store: Store) -> None:
    call, twice = a_call(), a_call()
    await store.call_started(call, a_record(), an_event(call, "call.started"))
    await store.call_started(twice, a_record(), an_event(twice, "call.started"))
    await refuse(store, "BEFORE INSERT ON messages", f"EXISTS (SELECT 1 FROM calls WHERE call_id = '{call.call_id}'"
                 " AND ended IS NOT NULL)")  # fmt: skip
    store.message(a_message(call, 0, "hello"))
    ended = replace(call, ended=START, end_reason="hangup", outcome="caller-hangup")
    results = await asyncio.gather(
        store.call_ended(ended, an_event(call, "call.ended")),
        store.call_started(twice, a_record(), an_event(twice, "call.started")),
        return_exceptions=True,
    )
    assert results[0] is None
    assert isinstance(results[1], StoreUnavailable)
    assert [message.text for message in await store.messages(call.call_id)] == ["hello"]


async def test_a_failure_before_queued_rows_is_told_and_spoils_nothing(told: tuple[Store, list[str]]) -> None:
    store, words = told

    def fail() -> None:
        raise RuntimeError("no")

    store._writer.before_queued = fail
    call = a_call()
    await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert await store.get_call("account", call.call_id) == call
    assert words == ["queued rows could not be prepared: no"]


async def test_nobody_waits_for_a_writer_that_has_died(told: tuple[Store, list[str]]) -> None:
    store, words = told
    call = a_call()

    async def ended_by_force(connection: AsyncConnection) -> None:
        task = store._writer._task
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    results = await asyncio.gather(
        store._writer.run(ended_by_force),
        store.call_started(call, a_record(), an_event(call, "call.started")),
        store._writer.run(ended_by_force),
        return_exceptions=True,
    )
    assert isinstance(results[0], StoreUnavailable)
    assert isinstance(results[2], StoreUnavailable)
    with pytest.raises(StoreUnavailable, match="writer has stopped"):
        await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert words == ["the store's writer has stopped: CancelledError"]
    store.decision(a_record())
    assert store.rows_dropped == 1


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_full_disk_fails_everybody_at_once_and_room_makes_all_well_again(
    told: tuple[Store, list[str]],
) -> None:
    store, words = told
    assert isinstance(store._writer._groups._connection, SqliteGroups)
    raw = store._writer._groups._connection.raw
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count = {pages}")
    calls = [a_call(settings={"systemPrompt": "x" * 100_000}) for _ in range(3)]
    for index in range(50):
        store.message(a_message(calls[0], index, "y" * 10_000))
    results = await asyncio.gather(
        *(store.call_started(call, a_record(), an_event(call, "call.started")) for call in calls),
        return_exceptions=True,
    )
    assert [str(result) for result in results] == ["database or disk is full"] * 3
    assert words == ["50 queued rows were lost: database or disk is full"]
    raw.execute("PRAGMA max_page_count = 1000000")
    for call in calls:
        await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert await store.get_call("account", calls[2].call_id) == calls[2]


async def test_the_queue_has_a_limit_and_counts_what_it_drops(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.store.writer.QUEUED_ROWS_MAX", 3)
    call = a_call()
    for index in range(5):
        store.message(a_message(call, index, "hello"))
    await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert len(await store.messages(call.call_id)) == 3
    assert store.rows_dropped == 2
