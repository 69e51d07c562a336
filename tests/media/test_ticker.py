from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from callgate.media.ticker import FRAME_S, LATENESS_STEP_S, SLOTS, Ticker


class Loop:
    """A loop of which only one timer is used, and the clock it goes by; the test moves it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timer: tuple[float, Callable[[], None]] | None = None

    def call_later(self, delay: float, callback: Callable[[], None]) -> "Loop":
        self.timer = (self.now + delay, callback)
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
    return loop, Ticker(cast("Any", loop), lambda: loop.now)


def test_everybody_is_called_once_a_frame_and_nobody_together() -> None:
    loop, ticker = a_ticker()
    calls: list[tuple[float, int]] = []
    for number in range(SLOTS):
        ticker.join(lambda frames, number=number: calls.append((loop.now, number)))  # type: ignore[misc]
    loop.advance(10 * FRAME_S)
    counts = Counter(number for _, number in calls)
    assert set(counts.values()) <= {10, 11}
    assert max(Counter(round(at, 4) for at, _ in calls).values()) == 1


def test_lateness_does_not_add_up() -> None:
    loop, ticker = a_ticker()
    calls: list[float] = []
    ticker.join(lambda frames: calls.append(loop.now))
    loop.advance(1.0, late=0.001)
    assert len(calls) in (50, 51)


def test_after_a_stall_nobody_is_called_twice_but_told_how_many_frames_have_passed() -> None:
    loop, ticker = a_ticker()
    calls: list[tuple[float, int]] = []
    ticker.join(lambda frames: calls.append((loop.now, frames)))
    loop.advance(0.5)
    assert {frames for _, frames in calls} == {1}
    calls.clear()
    loop.now += 0.07
    loop.advance(0.001)
    loop.advance(0.1)
    assert [frames for _, frames in calls][0] in (3, 4)
    assert sum(frames for _, frames in calls) in (8, 9)  # 170 ms
    assert all(b - a > 0.005 for (a, _), (b, _) in zip(calls, calls[1:], strict=False))


def test_after_hours_of_standstill_it_goes_on_at_once() -> None:
    loop, ticker = a_ticker()
    calls: list[int] = []
    ticker.join(calls.append)
    loop.advance(0.1)
    calls.clear()
    loop.now += 7_200.0
    loop.advance(0.03)
    assert sum(calls) in (360_000, 360_001, 360_002)
    assert len(calls) <= 3


def test_lateness_is_counted_against_each_ones_own_slot() -> None:
    loop, ticker = a_ticker()
    ticker.join(lambda frames: None)
    loop.advance(1.0, late=0.003)
    assert sum(ticker.lateness) in (50, 51)
    late = [step * LATENESS_STEP_S for step, count in enumerate(ticker.lateness) if count]
    assert all(0.0019 <= seconds <= 0.0031 for seconds in late[1:])
    loop.now += 1.0
    loop.advance(0.001)
    assert ticker.lateness[-1] in (49, 50)  # a stall of a second


def test_without_members_it_rests() -> None:
    loop, ticker = a_ticker()

    def tick(frames: int) -> None:
        ticker.leave(tick)

    ticker.join(tick)
    loop.advance(0.1)
    assert loop.timer is None
