"""Sound from one person to another, evened out: held back for as long as its packets scatter, and no longer.

Every packet has a moment to be played: its timestamp on the sender's clock, carried over to ours by the quickest packet
of late, plus a wait. The wait follows how much packets scatter. Who plays behind that moment by more than a frame
leaves one frame out, who plays ahead of it puts one in, never more often than every 100 ms, which nobody hears.
RFC 3550 section 6.4.1 measures jitter as a mean; here it is nearly the largest that counts, since what comes later than
the wait is lost.
"""

from bisect import insort
from collections import deque
from typing import Final

WAIT_MS_MIN: Final = 20.0
"""One frame: what comes in time by less than that is not in time for a clock that ticks every frame."""
WAIT_MS_MAX: Final = 60.0
"""Longer, and the two begin to speak over each other: with two such ends and the network, 200 ms are soon reached."""
HELD_MS_MAX: Final = 200.0
"""What a burst may pile up before it is cut off."""
_WAIT_MS_FIRST: Final = 40.0  # before anything is known
_ADJUST_S_MIN: Final = 0.100
_WINDOW: Final = 250  # packets, 5 s: long enough to see what is rare, short enough for a route that changed
_MEASURE_EVERY: Final = 25  # packets
_IN_TIME: Final = 0.98  # of the packets: one in fifty may be lost for the sake of all others
# How far off the right moment is let be. Ahead is the worse, since it eats up the wait; together more than a frame, or
# what is put in would be left out again.
_BEHIND_FRAMES_MAX: Final = 1.5
_AHEAD_FRAMES_MAX: Final = 0.5
_LATE_MAX: Final = 5  # in a row: the way has become longer, and waiting for the window to see it would lose seconds
_EMPTY_MAX: Final = 3  # frames made up in a row; after that, what is made up has faded to silence
_OUTDATED_S: Final = 0.120  # twice the longest wait
_JUMP_S_MAX: Final = 10.0  # a timestamp farther off is a new beginning

SILENCE: Final = b""
"""To be played as silence: the sender left it out, or nothing is to be played yet."""


class JitterBuffer:
    """Packets go in when they come, frames come out every `frame_ms`. One source; another one needs another buffer.

    Args:
        clock_hz: of the timestamps.
        frame_ms: of a packet, and between two calls of `pull`.

    Attributes:
        wait_ms: how long the quickest packet is held back.
        late: packets that came after their moment.
        duplicate: packets that came twice.
        dropped: frames left out, to play sooner or because too many had piled up.
        inserted: frames put in, to play later.
        concealed: frames to be made up for those that had not come, those put in not counted.
    """

    __slots__ = (
        "_adjusted_s",
        "_base_s",
        "_clock_hz",
        "_empty",
        "_frame_s",
        "_last",
        "_late_row",
        "_measured",
        "_newest",
        "_position",
        "_resting",
        "_step",
        "_transits",
        "_waiting",
        "concealed",
        "dropped",
        "duplicate",
        "inserted",
        "late",
        "wait_ms",
    )

    def __init__(self, clock_hz: int = 8_000, frame_ms: int = 20) -> None:
        self._clock_hz = clock_hz
        self._frame_s = frame_ms / 1_000
        self._step = clock_hz * frame_ms // 1_000
        self.late = self.duplicate = self.dropped = self.inserted = self.concealed = 0
        self._adjusted_s = 0.0
        self._newest: int | None = None  # timestamp, with its wraps
        self._forget()

    def _forget(self) -> None:
        self._waiting: list[tuple[int, int, bytes]] = []  # timestamp, sequence and sound, in order
        self._transits: deque[float] = deque(maxlen=_WINDOW)
        self._base_s = 0.0
        self._measured = 0
        self._position = 0  # the timestamp that is next
        self._last = -1  # the sequence number played last
        self._empty = 0
        self._late_row = 0
        self._resting = True  # nothing is played until the moment of the first one that waits
        self.wait_ms = _WAIT_MS_FIRST

    def push(self, sequence: int, timestamp: int, payload: bytes, now_s: float) -> None:
        """Take a packet.

        Args:
            sequence: 0 to 65,535.
            timestamp: 32 bits.
            payload: one frame of sound, not empty.
            now_s: seconds on a clock that never goes back.
        """
        if self._newest is None:
            self._newest = ticks = timestamp
        else:
            ahead = (timestamp - self._newest + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
            ticks = self._newest + ahead
            if abs(ahead) > _JUMP_S_MAX * self._clock_hz:
                self._forget()
                self._newest = ticks
            elif ahead > 0:
                self._newest = ticks
        self._measure(now_s - ticks / self._clock_hz)
        if not self._resting and ticks <= self._position - self._step:
            if sequence == self._last:
                self.duplicate += 1
                return
            self.late += 1
            self._late_row += 1
            if self._late_row < _LATE_MAX:
                return
            self._forget()
            self._measure(now_s - ticks / self._clock_hz)
        self._late_row = 0
        if self._resting and now_s - ticks / self._clock_hz - self._base_s > _OUTDATED_S:
            # After nothing came, what comes is long past its moment. Were it a burst only, its end would show.
            self._transits.clear()
            self._measure(now_s - ticks / self._clock_hz)
        for other, _, _ in self._waiting:
            if other == ticks:
                self.duplicate += 1
                return
        insort(self._waiting, (ticks, sequence, payload))
        if len(self._waiting) * self._frame_s * 1_000 > HELD_MS_MAX:
            self._waiting.pop(0)
            self.dropped += 1

    def _measure(self, transit_s: float) -> None:
        """Learn from how long a packet was on its way, on the scale of two clocks that were never set to each other."""
        transits = self._transits
        transits.append(transit_s)
        self._measured += 1
        if len(transits) == 1 or transit_s < self._base_s:
            self._base_s = transit_s
        if self._measured % _MEASURE_EVERY == 0:
            ordered = sorted(transits)
            self._base_s = ordered[0]
            scatter_s = ordered[int(_IN_TIME * (len(ordered) - 1))] - ordered[0]
            self.wait_ms = min(WAIT_MS_MAX, max(WAIT_MS_MIN, 1_000 * (scatter_s + self._frame_s / 2)))

    def pull(self, now_s: float) -> bytes | None:
        """The frame to be played now: sound, `SILENCE`, or ``None`` for one to be made up from those before.

        Args:
            now_s: on the same clock; to be called every frame.
        """
        waiting, step = self._waiting, self._step
        due = (now_s - self._base_s - self.wait_ms / 1_000) * self._clock_hz
        if self._resting:
            if not waiting or waiting[0][0] > due:
                return SILENCE
            self._resting = False
            self._position = waiting[0][0]
        elif now_s - self._adjusted_s >= _ADJUST_S_MIN and waiting:
            behind = due - self._position
            if behind > _BEHIND_FRAMES_MAX * step:
                if len(waiting) > 1:  # else nothing would be left to be played: it is the way that has become longer
                    self._adjusted_s = now_s
                    if waiting[0][0] < self._position + step:
                        self._last = waiting.pop(0)[1]
                        self.dropped += 1
                    self._position += step
            elif behind < -_AHEAD_FRAMES_MAX * step:
                self._adjusted_s = now_s
                self.inserted += 1
                return None
        if waiting and waiting[0][0] < self._position + step:
            ticks, self._last, payload = waiting.pop(0)
            self._position = ticks + step
            self._empty = 0
            return payload
        self._position += step
        if waiting and waiting[0][1] == self._last + 1 & 0xFFFF:
            return SILENCE  # left out on purpose: its successor in number is there, and later in time
        self._empty += 1
        if self._empty > _EMPTY_MAX:
            self._resting = not waiting
            return SILENCE
        self.concealed += 1
        return None
