"""One clock for the sound of all calls of a worker: each every 20 ms, spread over slots so that none bursts."""

import asyncio
from collections.abc import Callable
from typing import Final

FRAME_S: Final = 0.020
SLOTS: Final = 10
_SLOT_S: Final = FRAME_S / SLOTS
# After a stall of more than this, the frames that were missed are not made up for: nobody wants a burst of old sound.
_CATCH_UP_SLOTS_MAX: Final = 5 * SLOTS

# Loops count in milliseconds and may wake us this much too soon; to go back to sleep for the rest would be a busy loop.
_EARLY_S: Final = 0.001

Tick = Callable[[], None]


class Ticker:
    """Calls every member once per frame, at absolute times."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: list[set[Tick]] = [set() for _ in range(SLOTS)]
        self._members = 0
        self._begun = 0.0
        self._next = 0  # number of the slot that is due next, counted from `_begun`
        self._handle: asyncio.TimerHandle | None = None

    def join(self, tick: Tick) -> None:
        """Have `tick` called every 20 ms, in the emptiest slot; the first time within a frame and a slot."""
        if not self._members:
            self._begun, self._next = self._loop.time(), 0
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
        self._handle = self._loop.call_at(self._begun + self._next * _SLOT_S, self._run)

    def _run(self) -> None:
        due = int((self._loop.time() - self._begun + _EARLY_S) / _SLOT_S)
        if due - self._next > _CATCH_UP_SLOTS_MAX:
            self._next = due
        while self._next <= due:
            for tick in tuple(self._slots[self._next % SLOTS]):
                tick()
            self._next += 1
        if self._members:
            self._arm()
