"""Sliding windows: so many of something in any stretch of time, exactly."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import NamedTuple


class Window(NamedTuple):
    """A rule.

    Attributes:
        most: how many there may be in any stretch of `seconds`.
        seconds: how long it is; what is exactly so long ago counts no more.
    """

    most: int
    seconds: float


def wait_s(past: Sequence[float], windows: Sequence[Window], now: float) -> float:
    """How long until one more is within every window; 0: it is.

    Args:
        past: when the others were, the oldest first; as many as the largest `most` are enough.
        windows: the rules.
        now: on the clock of `past`.
    """
    longest = 0.0
    for window in windows:
        if len(past) >= window.most:
            longest = max(longest, past[-window.most] + window.seconds - now)
    return longest


class WindowCounts:
    """Windows in memory, over what each of many names does.

    Args:
        names_max: names remembered; the one that did nothing for longest is forgotten first.
    """

    def __init__(self, names_max: int) -> None:
        self._names_max = names_max
        self._past: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, name: str, windows: Sequence[Window], now: float) -> float:
        """Count one more if it is within the windows; else say how many seconds until it would be."""
        if not windows:
            return 0.0
        past = self._past.get(name, deque())
        wait = wait_s(past, windows, now)
        if wait > 0:
            return wait
        past.append(now)
        while len(past) > max(window.most for window in windows):
            past.popleft()
        self._past[name] = past
        self._past.move_to_end(name)
        if len(self._past) > self._names_max:
            self._past.popitem(last=False)
        return 0.0
