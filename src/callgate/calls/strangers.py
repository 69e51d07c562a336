"""What comes from outside everybody's ranges: counted, answered less, and told of once per source and minute."""

from collections.abc import Callable
from typing import Final

from callgate.core.admission.noise import NoiseTable
from callgate.entities.decision import DecisionRecord, Step, TraceEntry, Verdict
from callgate.ports import Alarms, CallStore, Clock, Ids
from callgate.telemetry import events

# A line per source would let a flood from many addresses fill the disk; what is beyond is told of as one sum.
_LINES_MAX: Final = 100
_TOLD_EVERY_S: Final = 60.0
_IGNORED: Final = (TraceEntry(Step.NOISE, "refused"),)


class Strangers:
    """The table of noise, with its time, its log and its records. Implements `ports.Strangers`.

    Args:
        table: who is noisy.
        clock: time.
        alarms: for the report of each minute.
        store: takes a record of what was not looked at, per source and minute.
        ids: names of records.
        log: takes an event name and fields.
    """

    def __init__(
        self,
        table: NoiseTable,
        *,
        clock: Clock,
        alarms: Alarms,
        store: CallStore,
        ids: Ids,
        log: Callable[..., None],
    ) -> None:
        self._table = table
        self._clock = clock
        self._alarms = alarms
        self._store = store
        self._ids = ids
        self._log = log
        self._armed = False

    def noisy(self, address: str) -> bool:
        """Whether what comes from `address` (IP text) now is not to be looked at."""
        return self._table.noisy(address, self._clock.monotonic())

    def ignored(self, address: str) -> None:
        """What came was not looked at."""
        self._table.ignored(address, self._clock.monotonic())
        self._arm()

    def refused(self, address: str) -> None:
        """What came was refused, or was nothing that could be answered."""
        self._table.refused(address, self._clock.monotonic())
        self._arm()

    def admitted(self, address: str) -> None:
        """Who is behind the address has proved to be a caller of an account."""
        self._table.forget(address)

    def release(self, admitted: Callable[[str], bool]) -> None:
        """The rules have changed: those that they admit are strangers no more."""
        self._table.release(admitted)

    def _arm(self) -> None:
        if not self._armed:
            self._armed = True
            self._alarms.after(_TOLD_EVERY_S, self._tell)

    def _tell(self) -> None:
        self._armed = False
        tallies = self._table.report()
        refused, ignored = 0, 0
        for number, tally in enumerate(tallies):
            if tally.address and tally.ignored:
                self._store.decision(self._record(tally.address, tally.ignored))
            if tally.address and number < _LINES_MAX:
                self._log(events.STRANGER_REFUSED, source=tally.address, refused=tally.refused, ignored=tally.ignored)
            else:
                refused += tally.refused
                ignored += tally.ignored
        if refused or ignored:
            self._log(events.STRANGERS_REFUSED, refused=refused, ignored=ignored)

    def _record(self, address: str, count: int) -> DecisionRecord:
        return DecisionRecord(
            decision_id=self._ids.sortable(),
            account_id=None,
            at=self._clock.now(),
            source_address=address,
            source_port=0,
            transport="",
            to_uri="",
            request_uri="",
            from_uri=None,
            sip_call_id="",
            verdict=Verdict.IGNORE,
            outcome="noise",
            status=None,
            agent_id=None,
            call_id=None,
            config_version=None,
            matched=None,
            trace=_IGNORED,
            count=count,
        )
