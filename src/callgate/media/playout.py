"""What the brain pushed and the wire has not taken yet, in the brain's own format."""

from collections import deque
from collections.abc import Callable
from typing import Final

from callgate.core.audio.fade import fade_out
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.media.line import unheard
from callgate.ports.brain import Cleared

QUEUED_MS_MAX: Final = 600_000  # ten minutes: more is a brain gone wild, not speech


class Playout:
    """A queue of sound from which the ticker takes one frame a tick.

    Args:
        marked: called with the name of a mark when the sound queued before it has been taken.

    Attributes:
        clears: how often the queue was thrown away.
    """

    __slots__ = (
        "_fading",
        "_format",
        "_frame_bytes",
        "_marked",
        "_marks",
        "_queue",
        "_queued",
        "_sample_bytes",
        "_taken",
        "clears",
    )

    def __init__(self, marked: Callable[[str], None]) -> None:
        self._marked = marked
        self._queue = bytearray()
        self._marks: deque[tuple[int, str]] = deque()  # (bytes queued before it, since the start or last clear; name)
        self._fading = b""
        self._queued = 0
        self._taken = 0
        self.clears = 0
        self.format = PCM_8K

    def close(self) -> None:
        """Nobody is told of marks any more."""
        self._marked = unheard

    @property
    def format(self) -> SoundFormat:
        """Of what is queued; to be set while nothing is. What was played begins to count anew."""
        return self._format

    @format.setter
    def format(self, format: SoundFormat) -> None:
        if self._queue:
            raise ValueError(f"{len(self._queue)} bytes of sound are queued; expected none when the format is set")
        self._queued = self._taken = 0  # bytes of another format cannot be counted on
        self._fading = b""
        self._format = format
        self._frame_bytes = format.frame_bytes
        self._sample_bytes = 2 if format.encoding == "pcm16" else 1

    def play(self, sound: bytes) -> None:
        """Queue sound; `ValueError` for half a sample or when the queue would pass its limit."""
        if len(sound) % self._sample_bytes:
            raise ValueError(f"{len(sound)} bytes of sound; expected a multiple of {self._sample_bytes}")
        if (len(self._queue) + len(sound)) > QUEUED_MS_MAX * self._format.bytes_per_ms:
            raise ValueError(f"{len(sound)} bytes of sound more; expected at most {QUEUED_MS_MAX // 1000} s waiting")
        self._queue += sound
        self._queued += len(sound)

    def clear(self) -> Cleared:
        """Throw the queue and its marks away; what would have come next fades out within 5 ms."""
        dropped = len(self._queue)
        if dropped:
            self._fading = fade_out(bytes(self._queue[: self._frame_bytes]), self._format)
            self._queue.clear()
        self._marks.clear()
        self.clears += 1
        self._queued = self._taken
        return Cleared(self.played_ms, dropped / self._format.bytes_per_ms)

    def mark(self, name: str) -> None:
        """Have `marked` called when all that is queued so far has been taken, by the next `ring`."""
        self._marks.append((self._queued, name))

    @property
    def played_ms(self) -> float:
        """How much queued sound has been taken; neither silence that fills a frame up nor a fade counts."""
        return self._taken / self._format.bytes_per_ms

    @property
    def queued_bytes(self) -> int:
        """How much is waiting."""
        return len(self._queue)

    @property
    def queued_ms(self) -> float:
        """Likewise."""
        return len(self._queue) / self._format.bytes_per_ms

    def take(self) -> bytes | None:
        """The next frame, filled up with silence; ``None`` when nothing waits."""
        queue, size = self._queue, self._frame_bytes
        if self._fading:
            frame, self._fading = self._fading, b""
            return self._filled(frame)
        if not queue:
            return None
        frame = bytes(queue[:size])
        del queue[:size]
        self._taken += len(frame)
        return frame if len(frame) == size else self._filled(frame)

    def _filled(self, frame: bytes) -> bytes:
        return frame + self._format.silence[len(frame) :]

    def ahead(self, start: int, size: int) -> bytes:
        """What waits, from `start` bytes on, `size` bytes at most: for who sends it before its time."""
        return bytes(self._queue[start : start + size])

    def ring(self) -> None:
        """Report the marks that have been reached; to be called once the frame taken last has been sent."""
        while self._marks and self._marks[0][0] <= self._taken:
            self._marked(self._marks.popleft()[1])
