"""Token buckets: what may happen so often per second, and a second's worth of it at once."""

from collections import OrderedDict
from collections.abc import Iterable


class TokenBuckets:
    """A bucket for each name; it fills up by its rate and holds what one second brings.

    Args:
        names_max: buckets remembered; about 0.3 kB each. The one not asked for longest is forgotten first, and a bucket
            that nobody has asked for a second is full anyway.
    """

    def __init__(self, names_max: int) -> None:
        self._names_max = names_max
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is in it, and since when

    def take(self, wanted: Iterable[tuple[str, int]], now: float) -> tuple[str, float] | None:
        """Take one from each bucket, or else from none.

        Args:
            wanted: names with their rates per second; 0: no limit.
            now: seconds on a clock that never goes back.

        Returns:
            The name of the first bucket that is empty, and in how many seconds it will not be; ``None``: taken.
        """
        buckets = self._buckets
        left: list[tuple[str, float]] = []
        for name, per_s in wanted:
            if not per_s:
                continue
            held, since = buckets.get(name, (per_s, now))
            held = min(per_s, held + (now - since) * per_s)
            if held < 1:
                return name, (1 - held) / per_s
            left.append((name, held - 1))
        for name, held in left:
            buckets[name] = (held, now)
            buckets.move_to_end(name)
        while len(buckets) > self._names_max:
            buckets.popitem(last=False)
        return None
