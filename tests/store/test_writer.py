import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store
from tests.store.facts import a_call, a_record, an_event


async def refuse_inserts_into(store: Store, table: str) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(
            text(f"CREATE TRIGGER no_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )

    await store._writer.run(work)


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


@pytest.mark.parametrize("table", ["calls", "decisions", "outbox"])
async def test_whichever_write_fails_nothing_of_the_fact_is_kept_and_the_writer_lives_on(
    store: Store, table: str
) -> None:
    await refuse_inserts_into(store, table)
    call = a_call()
    with pytest.raises(StoreUnavailable, match="disk full"):
        await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert await store.get_call("account", call.call_id) is None
    assert await store.outbox_events() == []

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(f"DROP TRIGGER no_{table}"))

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
    await store._writer.open()
    store._writer._closing = False
