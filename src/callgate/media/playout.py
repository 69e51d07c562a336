"""What the brain pushed and the wire has not taken yet: the `Bridge` of one call."""

from collections import deque
from collections.abc import Callable
from typing import Final

from callgate.ports import Cleared

FRAME_BYTES: Final = 320  # 20 ms of int16 at 8,000 Hz
_BYTES_PER_MS: Final = 16.0
QUEUED_BYTES_MAX: Final = 16 * 600_000  # ten minutes: more is a brain gone wild, not speech


class Playout:
    """A queue of sound from which the ticker takes one frame a tick.

    Args:
        marked: called with the name of a mark when the sound queued before it has been taken.
    """

    __slots__ = ("_marked", "_marks", "_queue", "_queued", "_taken")

    def __init__(self, marked: Callable[[str], None]) -> None:
        self._marked = marked
        self._queue = bytearray()
        self._marks: deque[tuple[int, str]] = deque()  # (bytes queued before it, since the start or last clear; name)
        self._queued = 0
        self._taken = 0

    def play(self, pcm: bytes) -> None:
        """Queue whole int16 samples; `ValueError` for half a sample or when the queue would pass its limit."""
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes of sound; expected an even number")
        if len(self._queue) + len(pcm) > QUEUED_BYTES_MAX:
            raise ValueError(f"{len(pcm)} bytes of sound more; expected at most {QUEUED_BYTES_MAX} waiting")
        self._queue += pcm
        self._queued += len(pcm)

    def clear(self) -> Cleared:
        """Throw the queue and its marks away."""
        dropped = len(self._queue)
        self._queue.clear()
        self._marks.clear()
        self._queued = self._taken
        return Cleared(self.played_ms, dropped / _BYTES_PER_MS)

    def mark(self, name: str) -> None:
        """Have `marked` called when all that is queued so far has been taken, by the next `ring`."""
        self._marks.append((self._queued, name))

    @property
    def played_ms(self) -> float:
        """How much queued sound has been taken; the silence that fills a frame up does not count."""
        return self._taken / _BYTES_PER_MS

    @property
    def queued_ms(self) -> float:
        """How much is waiting."""
        return len(self._queue) / _BYTES_PER_MS

    def take(self) -> bytes | None:
        """The next frame, filled up with silence; ``None`` when nothing waits."""
        frame = bytes(self._queue[:FRAME_BYTES])
        del self._queue[:FRAME_BYTES]
        self._taken += len(frame)
        return frame.ljust(FRAME_BYTES, b"\0") if frame else None

    def ring(self) -> None:
        """Report the marks that have been reached; to be called once the frame taken last has been sent."""
        while self._marks and self._marks[0][0] <= self._taken:
            self._marked(self._marks.popleft()[1])
