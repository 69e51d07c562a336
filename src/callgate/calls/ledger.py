"""The facts of one call on their way into the store, in the order in which they happened."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from callgate.entities.call import Call, CallEvent, CallStage, Message, OutboxEvent
from callgate.entities.decision import DecisionRecord
from callgate.ports import Alarms, CallStore
from callgate.runtime.tasks import TaskOwner

# A file locked by a backup is free again within seconds, a full disk perhaps when somebody has looked.
_RETRIES_S: Final = (1.0, 5.0, 30.0, 120.0, 600.0)


class Ledger:
    """Writes started, joined and ended of one call, each after the one before is committed.

    A call may end before its beginning is committed (a caller who hangs up at once), hence the queue. A write that
    fails is reported; what waits behind a beginning that failed is not tried. An end is tried again for some minutes:
    without it the call would seem to go on until the node's next start. A join that could not be written is written
    with the end, and so is what webhooks must hear of it.
    """

    def __init__(
        self, store: CallStore, tasks: TaskOwner, alarms: Alarms, failed: Callable[[str, Exception], None]
    ) -> None:
        """`failed` is told which fact could not be written, and why; each time that it was tried."""
        self._store = store
        self._tasks = tasks
        self._alarms = alarms
        self._retries = iter(_RETRIES_S)
        self._failed = failed
        self._waiting: list[tuple[str, Callable[[], Awaitable[None]], Callable[[], None]]] = []
        self._running = False
        self._unheard: tuple[OutboxEvent, ...] = ()  # of a join that could not be written

    def started(self, call: Call, record: DecisionRecord | None, event: OutboxEvent, then: Callable[[], None]) -> None:
        """Write the call's beginning; `then` is called once it is committed."""
        self._put("call.started", lambda: self._store.call_started(call, record, event), then)

    def joined(self, call: Call, event: OutboxEvent) -> None:
        """Write that the caller talks to the agent."""
        self._put("call.joined", lambda: self._joined(call, event), _nothing)

    def ended(self, call: Call, *events: OutboxEvent) -> None:
        """Write the call's end."""
        self._put("call.ended", lambda: self._store.call_ended(call, *self._unheard, *events), _nothing)

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

    def _put(self, fact: str, write: Callable[[], Awaitable[None]], then: Callable[[], None]) -> None:
        self._waiting.append((fact, write, then))
        if not self._running:
            self._running = True
            self._tasks.spawn(self._write(), name=f"ledger {fact}")

    async def _write(self) -> None:
        try:
            while self._waiting:
                fact, write, then = self._waiting.pop(0)
                try:
                    await write()
                except Exception as error:
                    if fact == "call.started":  # an end says all that a join would have said
                        self._waiting.clear()
                    elif fact == "call.ended" and (wait_s := next(self._retries, None)) is not None:
                        self._alarms.after(wait_s, partial(self._put, fact, write, then))
                    self._failed(fact, error)
                else:
                    then()
        finally:
            self._running = False


def _nothing() -> None:
    pass
