import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from callgate.calls.ledger import Ledger
from callgate.calls.records import record_of
from callgate.core.admission.capacity import ROOM
from callgate.core.admission.decide import decide
from callgate.entities.call import Call, OutboxEvent
from callgate.runtime.tasks import TaskOwner
from tests.calls.stage import Stage, StageStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALL = Call("call", "account", None, None, "stage", NOW, {}, {}, {})
EVENT = OutboxEvent("event", "account", "call", "call.started", NOW, {})


class SlowStore(StageStore):
    """Commits when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def call_started(self, *facts: object) -> None:
        await self.go.wait()
        await super().call_started(*facts)  # type: ignore[arg-type]


async def test_facts_are_written_in_their_order_however_slow_the_first_is(stage: Stage) -> None:
    store, failed, then = SlowStore(), [], []
    tasks = TaskOwner(lambda name, error: failed.append((name, error)))
    ledger = Ledger(store, tasks, stage.clock, lambda event, fact, **more: failed.append(fact))
    attempt = stage.attempt()
    record = record_of(attempt, decide(attempt, stage._policies(), ROOM), decision_id="d", at=NOW)
    ledger.started(CALL, record, EVENT, lambda error: then.append(len(store.facts)))
    ledger.joined(CALL, EVENT)
    ledger.ended(CALL, EVENT)
    await asyncio.sleep(0)
    assert store.facts == []
    store.go.set()
    await tasks.finish()
    assert [fact for fact, _ in store.facts] == ["started", "joined", "ended"]
    assert then == [1]  # told before what came after was written
    assert failed == []


async def test_without_a_beginning_nothing_that_waits_behind_it_is_tried(stage: Stage) -> None:
    store, failed = StageStore(), []
    store.broken = True
    tasks = TaskOwner(lambda name, error: failed.append(name))
    ledger = Ledger(store, tasks, stage.clock, lambda event, fact, **more: failed.append(fact))
    attempt = stage.attempt()
    record = record_of(attempt, decide(attempt, stage._policies(), ROOM), decision_id="d", at=NOW)
    ledger.started(CALL, record, EVENT, lambda error: failed.append("then: " + type(error).__name__))
    ledger.ended(CALL, EVENT)
    await tasks.finish()
    assert failed == ["call.started", "then: OSError"]


async def test_an_end_is_tried_again_until_the_store_takes_it(stage: Stage) -> None:
    store, failed = StageStore(), []
    store.broken = True
    tasks = TaskOwner(lambda name, error: failed.append(name))
    ledger = Ledger(store, tasks, stage.clock, lambda event, fact, **more: failed.append(fact))
    ledger.ended(CALL, EVENT)
    for wait_s in (0, 1, 5, 30):
        stage.clock.advance(wait_s)
        await tasks.finish()
    assert failed == ["call.ended"] * 4
    store.broken = False
    stage.clock.advance(120)
    await tasks.finish()
    assert [fact for fact, _ in store.facts] == ["ended"]
    stage.clock.advance(10_000)
    assert len(tasks) == 0
    assert len(failed) == 4


async def test_what_is_to_be_told_of_a_join_that_could_not_be_written_is_written_with_the_end(stage: Stage) -> None:
    store = StageStore()
    tasks = TaskOwner(lambda name, error: None)
    ledger = Ledger(store, tasks, stage.clock, lambda event, **more: None)
    joined, ended = replace(EVENT, event="call.joined"), replace(EVENT, event="call.ended")
    store.broken = True
    ledger.joined(CALL, joined)
    await tasks.finish()
    store.broken = False
    ledger.ended(CALL, ended)
    await tasks.finish()
    assert store.outbox == [joined, ended]


async def test_an_end_is_not_tried_for_ever(stage: Stage) -> None:
    store, failed = StageStore(), []
    store.broken = True
    tasks = TaskOwner(lambda name, error: failed.append(name))
    ledger = Ledger(store, tasks, stage.clock, lambda event, fact, **more: failed.append(fact))
    ledger.ended(CALL, EVENT)
    for _ in range(20):
        await tasks.finish()
        stage.clock.advance(600)
    assert failed == ["call.ended"] * 6
