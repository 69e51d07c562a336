"""The facts of one call on their way into the store, in the order in which they happened."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from callgate.entities.call import Call, CallEvent, CallStage, Message, OutboxEvent
from callgate.entities.decision import DecisionRecord
from callgate.ports import Alarms, CallStore
from callgate.runtime.tasks import TaskOwner
from callgate.telemetry import events

# A file locked by a backup is free again within seconds, a full disk perhaps when somebody has looked.
_RETRIES_S: Final = (1.0, 5.0, 30.0, 120.0, 600.0)

Then = Callable[[Exception | None], None]
"""What follows a write: with ``None`` once it is committed, else with what kept the store from it."""


@dataclass(frozen=True, slots=True)
class _Fact:
    name: str
    call: Call
    write: Callable[[], Awaitable[None]]
    then: Then


class Ledger:
    """Writes started, joined and ended of one call, each after the one before is committed.

    A call may end before its beginning is committed (a caller who hangs up at once), hence the queue. A write that
    fails is reported; what waits behind a beginning that failed is not tried. An end is tried again for some minutes:
    without it the call would seem to go on until the node's next start. A join that could not be written is written
    with the end, and so is what webhooks must hear of it.

    Whoever runs the call is known here only as long as its beginning waits, so that the two are no reference circle.
    """

    def __init__(self, store: CallStore, tasks: TaskOwner, alarms: Alarms, log: Callable[..., None]) -> None:
        """`log` is told which fact could not be written, and why; each time that it was tried."""
        self._store = store
        self._tasks = tasks
        self._alarms = alarms
        self._retries = iter(_RETRIES_S)
        self._log = log
        self._waiting: list[_Fact] = []
        self._running = False
        self._unheard: tuple[OutboxEvent, ...] = ()  # of a join that could not be written

    def started(self, call: Call, record: DecisionRecord | None, event: OutboxEvent, then: Then) -> None:
        """Write the call's beginning; `then` is called once it is committed, or with what kept the store from it."""
        self._put(_Fact("call.started", call, lambda: self._store.call_started(call, record, event), then))

    def joined(self, call: Call, event: OutboxEvent) -> None:
        """Write that the caller talks to the agent."""
        self._put(_Fact("call.joined", call, lambda: self._joined(call, event), _nothing))

    def ended(self, call: Call, *told: OutboxEvent) -> None:
        """Write the call's end."""
        self._put(_Fact("call.ended", call, lambda: self._store.call_ended(call, *self._unheard, *told), _nothing))

    def message(self, message: Message) -> None:
        """Queue something said."""
        self._store.message(message)

    def event(self, event: CallEvent) -> None:
        """Queue something noteworthy."""
        self._store.call_event(event)

    def stage(self, stage: CallStage) -> None:
        """Queue a stage."""
        self._store.call_stage(stage)

    def refusal(self, record: DecisionRecord) -> None:
        """Queue the decision of an attempt that no call came of."""
        self._store.decision(record)

    async def _joined(self, call: Call, event: OutboxEvent) -> None:
        self._unheard = (event,)
        await self._store.call_joined(call, event)
        self._unheard = ()

    def _put(self, fact: _Fact) -> None:
        self._waiting.append(fact)
        if not self._running:
            self._running = True
            self._tasks.spawn(self._write(), name=f"ledger {fact.name}")

    async def _write(self) -> None:
        try:
            while self._waiting:
                fact = self._waiting.pop(0)
                try:
                    await fact.write()
                except Exception as error:
                    self._log(events.STORE_FAILED, call=fact.call.call_id, fact=fact.name, error=repr(error))
                    if fact.name == "call.started":  # an end says all that a join would have said
                        self._waiting.clear()
                    elif fact.name == "call.ended" and (wait_s := next(self._retries, None)) is not None:
                        self._alarms.after(wait_s, partial(self._put, fact))
                    fact.then(error)
                else:
                    fact.then(None)
        finally:
            self._running = False


def _nothing(error: Exception | None) -> None:
    pass
