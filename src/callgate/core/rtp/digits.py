"""Digits in RTP. RFC 4733 section 2.3 (Payload Format) and section 2.5 (Use of the events).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |     event     |E|R| volume    |          duration             |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

import struct
from typing import Final

_EVENT: Final = struct.Struct(">BBH")
_DIGITS: Final = "0123456789*#ABCD"
_SAMPLES_PER_MS: Final = 8
# The end is sent three times, RFC 4733 section 2.5.1.4; when all three are lost, a digit whose packets have stopped for
# this long is over all the same.
_SILENT_S: Final = 0.1
# -10 dBm0, what telephones send.
_VOLUME: Final = 10


class DigitReceiver:
    """Makes one digit of the many packets that speak of it."""

    __slots__ = ("_current", "_duration", "_last", "_seen")

    def __init__(self) -> None:
        self._current: tuple[int, int] | None = None  # timestamp and event in progress
        self._seen: tuple[int, int] | None = None  # the last one told
        self._duration = 0
        self._last = 0.0

    def push(self, timestamp: int, payload: bytes, now: float) -> list[tuple[str, int]]:
        """Take a packet; the digits that are complete, with their length in ms.

        Args:
            timestamp: of the packet: the same for all that speak of one digit.
            payload: four bytes, or several events of four bytes each, of which the first counts.
            now: seconds on a clock that never goes back.
        """
        if len(payload) < _EVENT.size:
            return []
        event, flags, duration = _EVENT.unpack_from(payload)
        if event >= len(_DIGITS):
            return []
        key = (timestamp, event)
        if key == self._seen:
            return []
        done = self._finish() if self._current not in (None, key) else []
        self._current = key
        self._duration = max(self._duration, duration)
        self._last = now
        if flags & 0x80:
            done += self._finish()
        return done

    def overdue(self, now: float) -> list[tuple[str, int]]:
        """The digit whose end never came; to be asked now and then."""
        return self._finish() if self._current is not None and now - self._last >= _SILENT_S else []

    def _finish(self) -> list[tuple[str, int]]:
        if self._current is None:
            return []
        self._seen, self._current = self._current, None
        duration, self._duration = self._duration, 0
        return [(_DIGITS[self._seen[1]], duration // _SAMPLES_PER_MS)]


def digit_payloads(digit: str, ms: int = 160, packet_ms: int = 20) -> list[bytes]:
    """The payloads of one digit, in order: one each packet, the end three times. All bear one timestamp.

    Raises:
        ValueError: no such digit.
    """
    if len(digit) != 1 or digit.upper() not in _DIGITS:
        raise ValueError(f"not a digit: {digit!r}; expected one of {_DIGITS}")
    event = _DIGITS.index(digit.upper())
    count = max(1, ms // packet_ms)
    steps = [_EVENT.pack(event, _VOLUME, step * packet_ms * _SAMPLES_PER_MS) for step in range(1, count)]
    end = _EVENT.pack(event, 0x80 | _VOLUME, count * packet_ms * _SAMPLES_PER_MS)
    return [*steps, end, end, end]
