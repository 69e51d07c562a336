"""How many new calls per second an admitted source brings, in the mean of ten seconds."""

from collections import OrderedDict
from typing import Final

_SPAN_S: Final = 10

# A /21 of sources that all call at once; each costs about 0.5 kB.
_SOURCES_MAX: Final = 2_048


class SourceRates:
    """New calls per source in the last ten seconds, counted in ten buckets of a second.

    Args:
        calls_per_s: the mean that a source may reach; 0: no limit, and nothing is counted.
    """

    def __init__(self, calls_per_s: float) -> None:
        self._calls_in_span = calls_per_s * _SPAN_S
        self._sources: OrderedDict[str, dict[int, int]] = OrderedDict()

    def over(self, address: str, now: float) -> bool:
        """Whether one more call at `now` would be over the limit.

        Args:
            address: the source, as the step "source" saw it.
            now: seconds on a clock that never goes back.
        """
        if not self._calls_in_span:
            return False
        buckets = self._sources.get(address)
        if buckets is None:
            return self._calls_in_span < 1
        first = int(now) - _SPAN_S + 1
        return sum(count for second, count in buckets.items() if second >= first) + 1 > self._calls_in_span

    def called(self, address: str, now: float) -> None:
        """Count a call that was admitted, or for which the handler is asked."""
        if not self._calls_in_span:
            return
        second = int(now)
        buckets = self._sources.setdefault(address, {})
        buckets[second] = buckets.get(second, 0) + 1
        for old in [known for known in buckets if known <= second - _SPAN_S]:
            del buckets[old]
        self._sources.move_to_end(address)
        if len(self._sources) > _SOURCES_MAX:
            self._sources.popitem(last=False)
