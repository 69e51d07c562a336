"""A clock that stands still until it is moved, with the alarms that ring on the way."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualAlarm:
    """One wake-up of a `ManualClock`."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring: Callable[[], None] | None = ring

    def cancel(self) -> None:
        """Never mind."""
        self._ring = None

    def fire(self) -> None:
        """Ring, unless cancelled; once."""
        ring, self._ring = self._ring, None
        if ring is not None:
            ring()


class ManualClock:
    """`ports.Clock` and `ports.Alarms` for tests: hours pass in a line, twice the same.

    Args:
        start: wall clock at the beginning, aware; the monotonic clock begins at 1,000 s.
    """

    def __init__(self, start: datetime = _START) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._alarms: list[tuple[float, int, ManualAlarm]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        return 1_000.0 + self._elapsed_s

    def now(self) -> datetime:
        """Wall clock, UTC, aware."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def after(self, delay_s: float, ring: Callable[[], None]) -> ManualAlarm:
        """Call `ring` when the clock is moved past `delay_s` from now."""
        alarm = ManualAlarm(ring)
        heapq.heappush(self._alarms, (self._elapsed_s + delay_s, next(self._order), alarm))
        return alarm

    def advance(self, seconds: float) -> None:
        """Let time pass; alarms ring in their order, each at its own time, those set on the way included."""
        until = self._elapsed_s + seconds
        while self._alarms and self._alarms[0][0] <= until:
            at, _, alarm = heapq.heappop(self._alarms)
            self._elapsed_s = max(self._elapsed_s, at)
            alarm.fire()
        self._elapsed_s = until
