"""One clock for the sound of all calls of a worker: each every 20 ms, spread over slots so that none bursts.

Times are absolute: slot n is due at ``begun + n * 2 ms``, however late the one before was. When the process was
stalled for longer than a frame, nobody is called twice to make up for it, since the carrier would get a burst: each
member is told instead how many frames' time has passed.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

FRAME_S: Final = 0.020
SLOTS: Final = 10
_SLOT_S: Final = FRAME_S / SLOTS
# Loops count in milliseconds and may wake us this much too soon; to go back to sleep for the rest would be a busy loop.
_EARLY_S: Final = 0.001

# Lateness is counted in steps of a quarter of a millisecond; the last one holds all that is later than 50 ms.
LATENESS_STEP_S: Final = 0.000_25
_LATENESS_STEPS: Final = 201

Tick = Callable[[int], None]
"""Called with the frames' time that has passed since it was called last: 1, or more after a stall."""


class Ticker:
    """Calls every member once per frame, at absolute times.

    Args:
        loop: rings the alarm.
        clock: seconds; the loop's own time stands still within a turn, so lateness is told by this one.

    Attributes:
        lateness: how often a member was done with within so many quarter milliseconds after its slot was due.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._slots: list[set[Tick]] = [set() for _ in range(SLOTS)]
        self._missed = [0] * SLOTS
        self._members = 0
        self._begun = 0.0
        self._next = 0  # number of the slot that is due next, counted from `_begun`
        self._handle: asyncio.TimerHandle | None = None
        self.lateness = [0] * _LATENESS_STEPS

    def join(self, tick: Tick) -> None:
        """Have `tick` called every 20 ms, in the emptiest slot; the first time within a frame and a slot."""
        if not self._members:
            self._begun, self._next = self._clock(), 0
            self._missed = [0] * SLOTS
        slot = min(range(SLOTS), key=lambda index: (len(self._slots[index]), (index - self._next) % SLOTS))
        self._slots[slot].add(tick)
        self._members += 1
        if self._members == 1:
            self._arm()

    def leave(self, tick: Tick) -> None:
        """No more."""
        for slot in self._slots:
            if tick in slot:
                slot.remove(tick)
                self._members -= 1
        if not self._members and self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        """Sleep until the next slot that has members."""
        while not self._slots[self._next % SLOTS]:
            self._next += 1
        wait_s = self._begun + self._next * _SLOT_S - self._clock()
        self._handle = self._loop.call_later(max(0.0, wait_s), self._run)

    def _run(self) -> None:
        due = int((self._clock() - self._begun + _EARLY_S) / _SLOT_S)
        if due - self._next >= SLOTS:
            stalled = (due - self._next) // SLOTS
            self._missed = [missed + stalled for missed in self._missed]
            self._next += stalled * SLOTS
        while self._next <= due:
            index = self._next % SLOTS
            frames, self._missed[index] = 1 + self._missed[index], 0
            self._call(index, frames)
            self._next += 1
        if self._members:
            self._arm()

    def _call(self, index: int, frames: int) -> None:
        clock, lateness = self._clock, self.lateness
        slot_due = self._begun + self._next * _SLOT_S
        members = tuple(self._slots[index])
        lateness[-1] += (frames - 1) * len(members)  # those that a stall swallowed
        for tick in members:
            tick(frames)
            late = int((clock() - slot_due) / LATENESS_STEP_S)
            lateness[late if 0 <= late < _LATENESS_STEPS else (-1 if late > 0 else 0)] += 1
