"""How long a handler takes: percentiles of the last questions, exactly, and of all since the start, nearly."""

from collections import deque
from math import ceil, log
from typing import Final

from callgate.entities.handler import Latencies

LAST_MAX: Final = 1_000
"""Of the last questions; a minute's of a busy account, 8 kB."""

# Of all since the start only how many fell into which span is kept. Spans grow by a twentieth, so a percentile is told
# at most 5 % too high; from 0.1 ms to the longest timeout there are some 270.
_GROWTH: Final = 1.05
_FIRST_MS: Final = 0.1
_PERCENTS: Final = (50, 95, 99)


class LatencyRecord:
    """Latencies of one handler, in ms."""

    __slots__ = ("_count", "_last", "_max", "_spans")

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=LAST_MAX)
        self._spans: dict[int, int] = {}
        self._count = 0
        self._max = 0.0

    def take(self, ms: float) -> None:
        """One more."""
        self._last.append(ms)
        self._count += 1
        self._max = max(self._max, ms)
        span = 0 if ms <= _FIRST_MS else ceil(log(ms / _FIRST_MS, _GROWTH))
        self._spans[span] = self._spans.get(span, 0) + 1

    def last(self) -> Latencies:
        """Of the last `LAST_MAX`."""
        ordered = sorted(self._last)
        if not ordered:
            return Latencies(0)
        p50, p95, p99 = (ordered[_rank(len(ordered), percent) - 1] for percent in _PERCENTS)
        return Latencies(len(ordered), p50, p95, p99, ordered[-1])

    def since_start(self) -> Latencies:
        """Of all; the maximum is exact."""
        if not self._count:
            return Latencies(0)
        p50, p95, p99 = (self._at(percent) for percent in _PERCENTS)
        return Latencies(self._count, p50, p95, p99, self._max)

    def _at(self, percent: int) -> float:
        rank = _rank(self._count, percent)
        for span in sorted(self._spans):
            rank -= self._spans[span]
            if rank <= 0:
                return min(self._max, _FIRST_MS * _GROWTH**span)
        return self._max


def _rank(count: int, percent: int) -> int:
    """The nearest rank, counted from 1."""
    return max(1, ceil(count * percent / 100))
