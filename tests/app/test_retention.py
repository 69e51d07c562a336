import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from callgate.app import retention
from callgate.app.retention import Retention
from callgate.calls.registry import Registry
from callgate.config.settings import DEFAULTS, Settings
from callgate.entities.call import Call
from callgate.entities.page import PageWanted
from callgate.media.recording import recording_path
from callgate.media.recording_folder import RecordingFolder
from callgate.runtime.ids import SystemIds
from callgate.store.call_filter import CallFilter
from callgate.store.decisions import DecisionFilter
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.store.facts import START, a_call, a_call_event, a_record, an_event

AUTO = {"retentionPolicy": "CALL_RETENTION_POLICY_AUTO_DELETE"}


@dataclass
class Kept:
    """A store, a folder of recordings, and what keeps both within their limits."""

    store: Store
    account_id: str
    folder: Path
    clock: ManualClock
    log: list[str]
    live: set[str]

    def retention(self, **settings: Any) -> Retention:
        def log(event: str, **fields: Any) -> None:
            self.log.append(fields["detail"])

        registry = Registry()
        registry.is_live = lambda call_id: call_id in self.live  # type: ignore[method-assign]
        chosen: Settings = replace(DEFAULTS, **settings)
        return Retention(self.store, chosen, RecordingFolder(self.folder), registry, log)

    async def over(self, *, recorded: bool = False, **more: Any) -> Call:
        call = a_call(self.account_id, **more)
        await self.store.call_started(call, None, an_event(call, "call.started"))
        call = replace(call, ended=call.created + timedelta(seconds=9), end_reason="hangup", outcome="caller-hangup")
        await self.store.call_ended(call, an_event(call, "call.ended"))
        if recorded:
            self.recording(call).write_bytes(b"sound")
        return call

    def recording(self, call: Call) -> Path:
        return recording_path(self.folder, call.call_id)

    async def calls(self) -> list[str]:
        found = await self.store.list_calls(self.account_id, PageWanted(100), CallFilter(), sort="created")
        return [call.call_id for call in found.items]


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    clock = ManualClock()
    store = await open_store(tmp_path / "callgate.db", clock=clock, ids=SystemIds())
    account, _ = await store.create_account("account", "Account")
    yield Kept(store, account.account_id, tmp_path, clock, [], set())
    await store.close()


async def test_a_call_that_deletes_itself_goes_with_its_recording(kept: Kept) -> None:
    usual, going = await kept.over(recorded=True), await kept.over(recorded=True, settings=AUTO)
    speaking = await kept.over(settings=AUTO)
    kept.live.add(speaking.call_id)
    keeper = kept.retention()
    assert await keeper.delete_calls(rows_max=0) == 1
    assert set(await kept.calls()) == {usual.call_id, speaking.call_id}
    assert (kept.recording(usual).exists(), kept.recording(going).exists()) == (True, False)
    assert await kept.store.get_deleted_call(kept.account_id, going.call_id) is not None
    kept.live.clear()
    assert await keeper.delete_calls(rows_max=0) == 1


async def test_everything_is_kept_within_its_days_and_rows(kept: Kept) -> None:
    calls = [await kept.over(recorded=True, created=START + timedelta(days=n)) for n in range(5)]
    for n in range(5):
        kept.store.call_event(replace(a_call_event(calls[4], "info", f"t{n}"), at=START + timedelta(days=n)))
        kept.store.decision(a_record(kept.account_id, at=START + timedelta(days=n)))
    await kept.store.written()
    kept.clock.advance(4.5 * 86_400)
    os.utime(kept.recording(calls[3]), (time.time() - 3 * 86_400,) * 2)
    await kept.retention(
        calls_days=3, calls_rows_max=2, events_days=3, events_rows_max=2, decisions_days=3, recordings_days=2
    ).remove_unwanted()
    assert await kept.calls() == [call.call_id for call in calls[3:]]
    assert [kept.recording(call).exists() for call in calls] == [False, False, False, False, True]
    events = await kept.store.list_events(calls[4].call_id, PageWanted(9), severities=("info",))
    assert [event.type for event in events.items] == ["t3", "t4"]
    assert (await kept.store.list_decisions(kept.account_id, PageWanted(9), DecisionFilter())).total == 3
    stones = await kept.store.list_deleted_calls(kept.account_id, PageWanted(9), CallFilter())
    assert {stone.call_id for stone in stones.items} == {call.call_id for call in calls[:3]}
    kept.clock.advance(86_401)
    await kept.retention(deleted_calls_days=1, deleted_calls_rows_max=2).remove_unwanted()
    assert (await kept.store.list_deleted_calls(kept.account_id, PageWanted(9), CallFilter())).total == 0


async def test_nothing_is_removed_by_the_defaults_from_what_is_young(kept: Kept) -> None:
    call = await kept.over(recorded=True)
    await kept.retention().remove_unwanted()
    assert await kept.calls() == [call.call_id]
    assert kept.recording(call).exists()


async def test_many_are_deleted_though_few_are_sought_at_a_time(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_CALLS_SOUGHT", 3)
    monkeypatch.setattr(retention, "_CALLS_AT_A_TIME", 2)
    for _ in range(8):
        await kept.over(settings=AUTO)
    assert await kept.retention().delete_calls(rows_max=0) == 8


async def test_a_store_that_cannot_be_written_is_told_of_and_tried_again(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []
    tried_again = asyncio.Event()

    async def fails(**limits: Any) -> int:
        tries.append(len(tries))
        if len(tries) == 3:
            tried_again.set()
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(kept.store, "prune", fails)
    monkeypatch.setattr(retention, "_CALLS_EVERY_S", 0.0)
    monkeypatch.setattr(retention, "_EVERYTHING_EVERY_S", 0.0)
    running = asyncio.create_task(kept.retention().run())
    await tried_again.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "disk full" in kept.log[0]
