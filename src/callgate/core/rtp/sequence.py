"""Packets put back into their order, without waiting longer than two of them for one that is missing."""

from typing import Final

# A gap is waited for while two later packets come, 40 ms: what swaps on the way is back by then; a speech model would
# rather guess than wait.
WAIT_PACKETS_MAX: Final = 2
# Farther than this from what is expected, the sender has begun anew (RFC 3550 appendix A.1: MAX_DROPOUT is 3,000 for
# video; a second of telephony is 50).
_JUMP_MAX: Final = 100


class Sequence:
    """The order of one source's packets.

    Attributes:
        lost: gaps never filled.
        dropped: duplicates, and packets that came after their gap had been given up.
    """

    __slots__ = ("_expected", "_waiting", "dropped", "lost")

    def __init__(self) -> None:
        self._expected: int | None = None
        self._waiting: dict[int, bytes] = {}
        self.lost = 0
        self.dropped = 0

    def push(self, sequence: int, payload: bytes) -> list[bytes | None]:
        """Take a packet; what can be heard now, in order, ``None`` for each that is lost.

        Args:
            sequence: 0 to 65,535.
            payload: its sound.
        """
        if self._expected is None:
            self._expected = sequence
        ahead = (sequence - self._expected) & 0xFFFF
        if ahead == 0 and not self._waiting:
            self._expected = (sequence + 1) & 0xFFFF
            return [payload]
        if _JUMP_MAX < ahead < 0x10000 - _JUMP_MAX:  # a new beginning
            heard: list[bytes | None] = [self._waiting[key] for key in self._in_order()]
            self._waiting.clear()
            self._expected = (sequence + 1) & 0xFFFF
            return [*heard, payload]
        if ahead >= 0x8000 or sequence in self._waiting:
            self.dropped += 1
            return []
        self._waiting[sequence] = payload
        return self._take()

    def _take(self) -> list[bytes | None]:
        assert self._expected is not None
        heard: list[bytes | None] = []
        while self._waiting:
            payload = self._waiting.pop(self._expected, None)
            if payload is None:
                if len(self._waiting) < WAIT_PACKETS_MAX:
                    break
                self.lost += 1
            heard.append(payload)
            self._expected = (self._expected + 1) & 0xFFFF
        return heard

    def _in_order(self) -> list[int]:
        expected = self._expected or 0
        return sorted(self._waiting, key=lambda sequence: (sequence - expected) & 0xFFFF)
