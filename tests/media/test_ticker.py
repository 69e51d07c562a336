from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from callgate.media.ticker import FRAME_S, SLOTS, Ticker


class Loop:
    """A loop of which only the time and one timer are used; the test moves it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timer: tuple[float, Callable[[], None]] | None = None

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> "Loop":
        self.timer = (when, callback)
        return self

    def cancel(self) -> None:
        self.timer = None

    def advance(self, seconds: float, late: float = 0.0) -> None:
        until = self.now + seconds
        while self.timer is not None and self.timer[0] <= until:
            when, callback = self.timer
            self.timer = None
            self.now = max(self.now, when + late + 1e-9)  # a loop never rings early, whatever floats make of it
            callback()
        self.now = max(self.now, until)


def a_ticker() -> tuple[Loop, Ticker]:
    loop = Loop()
    return loop, Ticker(cast("Any", loop))


def test_everybody_is_called_once_a_frame_and_nobody_together() -> None:
    loop, ticker = a_ticker()
    calls: list[tuple[float, int]] = []
    for number in range(SLOTS):
        ticker.join(lambda number=number: calls.append((loop.now, number)))  # type: ignore[misc]
    loop.advance(10 * FRAME_S)
    counts = Counter(number for _, number in calls)
    assert set(counts.values()) <= {10, 11}
    assert max(Counter(round(at, 4) for at, _ in calls).values()) == 1


def test_lateness_does_not_add_up() -> None:
    loop, ticker = a_ticker()
    calls: list[float] = []
    ticker.join(lambda: calls.append(loop.now))
    loop.advance(1.0, late=0.001)
    assert len(calls) in (50, 51)


def test_a_short_stall_is_made_up_for_and_a_long_one_is_not() -> None:
    loop, ticker = a_ticker()
    calls: list[float] = []
    ticker.join(lambda: calls.append(loop.now))
    loop.advance(0.5)
    before = len(calls)
    assert loop.timer is not None
    loop.now += 0.06
    loop.advance(0.001)
    assert len(calls) - before == 3
    before = len(calls)
    loop.now += 5
    loop.advance(0.001)
    assert len(calls) - before <= 1  # nobody wants five seconds of old sound at once


def test_without_members_it_rests() -> None:
    loop, ticker = a_ticker()

    def tick() -> None:
        ticker.leave(tick)

    ticker.join(tick)
    loop.advance(0.1)
    assert loop.timer is None
