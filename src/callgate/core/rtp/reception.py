"""The packets of one source, put back into order, and what is known of those that did not come.

In order means at once. A gap is waited for until two later packets have come, and for 40 ms at the very most: what
swaps on the way is back by then, and a speech model would rather guess than wait. What the sender left out on purpose
(silence suppression: the timestamp runs on, the sequence does not) is told apart from what was lost.

A new SSRC, or a jump of the sequence that no loss explains, is a new beginning and counts as no loss.
RFC 3550 section 5.1 (RTP Fixed Header Fields) and appendix A.1 (RTP Data Header Validity Checks).
"""

from collections import deque
from typing import Final, NamedTuple

WAIT_PACKETS_MAX: Final = 2
WAIT_S_MAX: Final = 0.040
_ASKED_EVERY_S: Final = 0.020  # `due`: what would wait for longer than the most by the next time is given up this time
# Farther than this from what is expected, the sender has begun anew (RFC 3550 appendix A.1: MAX_DROPOUT is 3,000 for
# video; two seconds of telephony are 100).
_JUMP_MAX: Final = 100
# A timestamp that runs farther ahead is a new beginning too: no pause of a caller is filled for longer than that.
_SILENCE_S_MAX: Final = 10.0
_REMEMBERED_MAX: Final = 64  # numbers given up as lost, to tell a late packet from a copy


class Lost(NamedTuple):
    """A gap that was given up."""

    packets: int


class Silent(NamedTuple):
    """The sender left out silence on purpose."""

    ms: float


Heard = bytes | Lost | Silent
_NOTHING: Final[tuple[Heard, ...]] = ()


class Reception:
    """The order of one source's packets.

    Args:
        clock_hz: of the timestamps.

    Attributes:
        received: packets taken, copies and late ones not counted.
        lost: gaps given up, in packets.
        late: came after their gap had been given up.
        duplicate: came twice.
        reordered: came after a later one, in time to be heard in order.
        jitter_ticks: interarrival jitter in ticks of the clock, RFC 3550 appendix A.8 (Estimating the Interarrival
            Jitter).
        ssrc: of the source; ``None`` before the first packet.
        highest: the highest sequence number with its wraps above, RFC 3550 appendix A.1; -1 before the first packet.
        first: the first one, likewise.
        before: how many had been received when this source began.
    """

    __slots__ = (
        "_clock_hz",
        "_expected",
        "_given_up",
        "_paused_at",
        "_step",
        "_ticks_max",
        "_timestamp",
        "_transit",
        "_waiting",
        "_waiting_since_s",
        "before",
        "duplicate",
        "first",
        "highest",
        "jitter_ticks",
        "late",
        "lost",
        "received",
        "reordered",
        "ssrc",
    )

    def __init__(self, clock_hz: int = 8_000) -> None:
        self._clock_hz = clock_hz
        self._expected = -1
        self._given_up: deque[int] = deque(maxlen=_REMEMBERED_MAX)
        self._paused_at = (0, 0)  # the last pause: the timestamp after it, and its ticks
        self._step = 0  # ticks from one packet to the next, as learnt
        self._ticks_max = _SILENCE_S_MAX * clock_hz
        self._timestamp = 0
        self._transit: float | None = None
        self._waiting: dict[int, tuple[int | None, bytes]] = {}
        self._waiting_since_s = 0.0
        self.received = self.lost = self.late = self.duplicate = self.reordered = 0
        self.jitter_ticks = 0.0
        self.ssrc: int | None = None
        self.highest = self.first = -1
        self.before = 0

    def succeeded(self, clock_hz: int) -> "Reception":
        """Another one that goes on counting, for a stream whose codec has changed."""
        other = Reception(clock_hz)
        for name in ("received", "lost", "late", "duplicate", "reordered"):
            setattr(other, name, getattr(self, name))
        return other

    def push(self, sequence: int, timestamp: int, ssrc: int, payload: bytes, now_s: float) -> tuple[Heard, ...]:
        """Take a packet of sound; what can be heard now, in order.

        Args:
            sequence: 0 to 65,535.
            timestamp: 32 bits.
            ssrc: 32 bits.
            payload: its sound.
            now_s: seconds on a clock that never goes back.
        """
        if ssrc != self.ssrc:
            self._begin(sequence, ssrc)
        transit = now_s * self._clock_hz - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < self._ticks_max:  # else the timestamp has wrapped, or the sender's clock begun anew
                self.jitter_ticks += (difference - self.jitter_ticks) / 16
        self._transit = transit
        if sequence == self._expected and not self._waiting:
            self._expected = sequence + 1 & 0xFFFF
            self.highest += 1
            self.received += 1
            if timestamp - self._timestamp == self._step:
                self._timestamp = timestamp
                return (payload,)
            return (*self._paused(timestamp), payload)
        return self._out_of_order(sequence, timestamp, payload, now_s)

    def note(self, sequence: int, ssrc: int, now_s: float) -> tuple[Heard, ...]:
        """Take a packet that shares the numbering of sound but is none: a digit, comfort noise."""
        if ssrc != self.ssrc:
            self._begin(sequence, ssrc)
        if sequence == self._expected and not self._waiting:
            self._expected = sequence + 1 & 0xFFFF
            self.highest += 1
            self.received += 1
            return _NOTHING
        return self._out_of_order(sequence, None, b"", now_s)

    def due(self, now_s: float) -> tuple[Heard, ...]:
        """What can be heard because it has been waited for long enough; to be asked every frame."""
        if not self._waiting or now_s - self._waiting_since_s <= WAIT_S_MAX - _ASKED_EVERY_S:
            return _NOTHING
        return self._give_up(now_s)

    def _begin(self, sequence: int, ssrc: int) -> None:
        self.ssrc = ssrc
        self._waiting.clear()
        self._given_up.clear()
        self._transit = None
        self._step = 0
        self.highest = sequence - 1
        self.first = sequence
        self.before = self.received
        self._expected = sequence

    def _paused(self, timestamp: int) -> tuple[Heard, ...]:
        """The timestamp is not the next one: the sender paused, changed its packets' length, or has just begun."""
        ahead = timestamp - self._timestamp & 0xFFFF_FFFF
        self._timestamp = timestamp
        step = self._step
        if not 0 < ahead <= self._ticks_max:
            return _NOTHING
        # Two pauses alike, with one packet between them, are no pauses: packets have become that much longer.
        before, self._paused_at = self._paused_at, (timestamp, ahead)
        if not step or ahead < 2 * step or before == (timestamp - ahead & 0xFFFF_FFFF, ahead):
            self._step = ahead
            return _NOTHING
        return (Silent((ahead - step) * 1_000 / self._clock_hz),)

    def _out_of_order(self, sequence: int, timestamp: int | None, payload: bytes, now_s: float) -> tuple[Heard, ...]:
        ahead = sequence - self._expected & 0xFFFF
        behind = ahead >= 0x1_0000 - _JUMP_MAX
        # What is late or a copy is older than what was heard last: a lower number on newer sound is a new beginning.
        newer = timestamp is not None and 0 < (timestamp - self._timestamp & 0xFFFF_FFFF) <= self._ticks_max
        if behind and not newer:
            if sequence in self._given_up:
                self._given_up.remove(sequence)
                self.late += 1
            else:
                self.duplicate += 1
            return _NOTHING
        if behind or ahead > _JUMP_MAX:  # a new beginning
            heard = self._all_waiting()
            self._begin(sequence, self.ssrc or 0)
            self._expected = sequence + 1 & 0xFFFF
            self.highest += 1
            self.received += 1
            if timestamp is not None:
                self._timestamp = timestamp
            return (*heard, payload) if payload else heard
        if sequence in self._waiting:
            self.duplicate += 1
            return _NOTHING
        if self._waiting and ahead < max(other - self._expected & 0xFFFF for other in self._waiting):
            self.reordered += 1
        if not self._waiting:
            self._waiting_since_s = now_s
        self._waiting[sequence] = (timestamp, payload)
        self.received += 1
        if ahead == 0:
            return self._next_ones()
        return self._give_up(now_s) if len(self._waiting) >= WAIT_PACKETS_MAX else _NOTHING

    def _next_ones(self) -> tuple[Heard, ...]:
        """Those that wait and whose turn it is."""
        heard: list[Heard] = []
        while (found := self._waiting.pop(self._expected, None)) is not None:
            timestamp, payload = found
            self._expected = self._expected + 1 & 0xFFFF
            self.highest += 1
            if timestamp is not None:
                self._timestamp = timestamp
            if payload:
                heard.append(payload)
        return tuple(heard)

    def _give_up(self, now_s: float) -> tuple[Heard, ...]:
        """Do without what is missing before the first one that waits."""
        nearest = min(sequence - self._expected & 0xFFFF for sequence in self._waiting)
        self.lost += nearest
        self.highest += nearest
        self._given_up.extend(self._expected + index & 0xFFFF for index in range(nearest))
        self._expected = self._expected + nearest & 0xFFFF
        heard = self._next_ones()
        self._waiting_since_s = now_s  # of those beyond the next gap, if any
        return (Lost(nearest), *heard)

    def _all_waiting(self) -> tuple[Heard, ...]:
        heard: tuple[Heard, ...] = ()
        while self._waiting:
            heard += self._give_up(0.0)
        return heard
