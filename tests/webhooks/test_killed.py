"""kill -9 at any moment, many times over: a child process makes calls and delivers, until it is killed, and again."""

import asyncio
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from sqlalchemy import text

from callgate.entities.webhook import EVENTS
from tests.peers.databases import BOTH, Databases
from tests.peers.receiver import Received, Receiver

_ROUNDS = 8
_SEED = 20_260_101

# Makes calls one after another, each from its start to its bill, for two webhooks; ends when all has been delivered.
_CHILD = """
import asyncio, random, sys
from dataclasses import replace
from callgate.entities.call import OutboxEvent
from callgate.entities.webhook import EVENTS
from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.alarms import LoopAlarms
from callgate.runtime.clock import SystemClock
from callgate.runtime.http import http_session
from callgate.runtime.ids import SystemIds
from callgate.schema.call import render_call
from callgate.store.open import open_store
from callgate.webhooks.deliver import Deliverer
from tests.peers.databases import database_in
from tests.store.facts import a_call, a_record

async def main(path, url, calls):
    clock, ids = SystemClock(), SystemIds()
    store = await open_store(database_in(path), clock=clock, ids=ids)
    await store.end_orphans()
    if not store.snapshot.accounts:
        account, _ = await store.create_account("default", "Default")
        for name in ("one", "two"):
            await store.create_webhook(
                account.account_id, agent_id=None, url=f"{url}/{name}", secrets=("s",), events=EVENTS
            )
    account_id = store.snapshot.accounts[0].account_id
    session = http_session(AddressGuard(allow_loopback=True))
    deliverer = Deliverer(
        store=store, webhooks=store.snapshot, session=session, clock=clock,
        alarms=LoopAlarms(asyncio.get_running_loop()), chance=random.random, log=lambda event, **fields: None,
        timeout_s=2.0, requests_max=4, waiting_max=100_000, first_pause_s=0.1,
    )
    store.on_waiting = deliverer.waits
    deliverer.start()
    print("ready", flush=True)

    async def one():
        call = a_call(account_id, created=clock.now())
        def event(name):
            return OutboxEvent(ids.sortable(), account_id, call.call_id, name, clock.now(), render_call(call))
        await store.call_started(call, a_record(account_id), event("call.started"))
        call = replace(call, joined=clock.now())
        await store.call_joined(call, event("call.joined"))
        call = replace(call, ended=clock.now(), end_reason="hangup", outcome="caller-hangup")
        await store.call_ended(call, event("call.ended"), event("call.billed"))

    for _ in range(calls):
        await asyncio.gather(one(), one())
    while await store.waiting_deliveries(None, limit=1):
        await asyncio.sleep(0.05)
    await deliverer.close()
    await session.close()
    await store.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def child(place: str, url: str, calls: int) -> asyncio.subprocess.Process:
    """One, delivering."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, place, url, str(calls), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("databases", BOTH, indirect=True)
async def test_killed_at_any_moment_every_event_is_told_to_everybody_at_least_once_and_in_order(
    databases: Databases, tmp_path: Path
) -> None:
    path, chance = tmp_path / "callgate.db", random.Random(_SEED)
    place = databases.place(path)

    def answer(received: Received) -> int:
        return 500 if chance.random() < 0.05 else 204

    with Receiver() as receiver:
        receiver.answer = answer
        for _ in range(_ROUNDS):
            process = await child(place, receiver.url, 100_000)
            await asyncio.sleep(chance.uniform(0.02, 0.6))  # the moment is chance: that is the test
            process.kill()
            await process.wait()
        before = len(receiver.received)
        process = await child(place, receiver.url, 1)
        assert await asyncio.wait_for(process.wait(), 50) == 0
        came = list(receiver.received)

    engine = databases.engine(path)
    with engine.connect() as raw:
        written = raw.execute(text("SELECT event_id, call_id, event FROM outbox")).fetchall()
        calls = {row[0] for row in raw.execute(text("SELECT call_id FROM calls WHERE ended IS NOT NULL"))}
        waiting = raw.scalar(text("SELECT count(*) FROM deliveries WHERE state <> 'delivered'"))
    engine.dispose()
    assert waiting == 0
    assert before > 50  # there was something to lose
    for name in ("/one", "/two"):
        told = [one for one in came if one.path == name]
        assert {one.event_id for one in told} == {event_id for event_id, _, _ in written}
        order: dict[str, list[str]] = defaultdict(list)
        for one in told:
            if one.event not in order[one.call["callId"]]:
                order[one.call["callId"]].append(one.event)
        assert order.keys() == calls
        for events in order.values():
            assert events == sorted(events, key=EVENTS.index)
            assert {"call.started", "call.ended", "call.billed"} <= set(events)
