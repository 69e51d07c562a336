"""One side of a recording: pieces of sound put where they belong in time, from which whole stretches are taken."""

from typing import Final

# Packets come unevenly: sound that is off its place by less goes on where the last piece ended.
_JITTER_MS: Final = 60
# What is off in the mean by more is put right: a clock of the caller's that is 50 ppm fast takes three minutes for it.
_OFF_MS: Final = 10
_MEAN_OVER_MS: Final = 1_000


class Timeline:
    """Sound of one side, PCM of 16 bits; where nothing was put, silence.

    Args:
        rate_hz: samples a second.
        over: whether pieces are put when they are over (what is heard) or when they begin (what is played).
    """

    __slots__ = ("_begin", "_cursor", "_jitter", "_mean", "_mean_over", "_off", "_over", "_per_ms", "_window")

    def __init__(self, rate_hz: int, *, over: bool) -> None:
        self._per_ms = rate_hz / 1_000
        self._jitter = _JITTER_MS * self._per_ms
        self._mean_over = _MEAN_OVER_MS * self._per_ms
        self._off = _OFF_MS * self._per_ms
        self._over = over
        self._mean = 0.0
        self._begin = 0  # of the window, in samples since the recording began; what is before has been taken
        self._cursor = 0  # where the last piece ended, likewise
        self._window = bytearray()

    @property
    def end(self) -> int:
        """Where the latest sound that is still here ends, in samples since the recording began."""
        return self._begin + len(self._window) // 2

    def put(self, at_ms: float, sound: bytes) -> None:
        """Place a piece.

        What came in one burst must be given as one piece: it was said before it came.

        Args:
            at_ms: now, in ms since the recording began; when it may not be quite even.
            sound: PCM of 16 bits.
        """
        samples = len(sound) // 2
        place = int(at_ms * self._per_ms) - (samples if self._over else 0)
        drift = place - self._cursor
        if -self._jitter <= drift <= self._jitter:
            self._mean += (drift - self._mean) * min(1.0, samples / self._mean_over)
            place = self._cursor
            if not -self._off <= self._mean <= self._off:
                place += int(self._mean)
                self._mean = 0.0
        else:
            self._mean = 0.0
        self._cursor = place + samples
        first = 2 * (place - self._begin)
        if first < 0:  # it is too late for its beginning
            sound, first = sound[-first:], 0
        missing = first - len(self._window)
        if missing > 0:
            self._window += bytes(missing)
        self._window[first : first + len(sound)] = sound

    def take(self, until: int) -> bytes:
        """What lies between the last `take` and `until`, in samples since the recording began."""
        size = 2 * max(0, until - self._begin)
        taken = bytes(self._window[:size])
        del self._window[:size]
        self._begin += size // 2
        return taken + bytes(size - len(taken))
