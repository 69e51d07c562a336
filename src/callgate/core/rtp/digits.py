"""Digits in RTP. RFC 4733 section 2.3 (Payload Format) and section 2.5 (Use of the events).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |     event     |E|R| volume    |          duration             |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

All packets of one digit bear the timestamp of its beginning, and its end is sent three times. A digit counts when its
first packet comes, whichever of them that is: a caller who holds a key down need not be waited for, and a lost
beginning or end loses nothing.
"""

import struct
from collections import deque
from typing import Final, NamedTuple

_EVENT: Final = struct.Struct(">BBH")
DIGITS: Final = "0123456789*#ABCD"
_END: Final = 0x80
_ENDS: Final = 3  # RFC 4733 section 2.5.1.4 (Retransmission of Final Packet)
_DURATION_MAX: Final = 0xFFFF
_VOLUME: Final = 10  # -10 dBm0, what telephones send
_REMEMBERED_MAX: Final = 8  # digits whose packets may still come late
_QUEUED_MAX: Final = 64  # more keys at a time are no telephone number, account or code
_FRAME_MS: Final = 20


class DigitReceiver:
    """Makes one digit of the many packets that speak of it.

    Args:
        clock_hz: of timestamps and durations.
    """

    __slots__ = ("_clock_hz", "_recent", "_told")

    def __init__(self, clock_hz: int = 8_000) -> None:
        self._clock_hz = clock_hz
        self._told: tuple[int, int] = (-1, -1)  # timestamp and event of the last one
        self._recent: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED_MAX)

    def push(self, timestamp: int, payload: bytes) -> tuple[str, int] | None:
        """Take a packet; the digit it begins, with the ms it had lasted by then, or ``None``.

        Args:
            timestamp: of the packet.
            payload: four bytes, or several events of four bytes each, of which the first counts.
        """
        key = (timestamp, payload[0] if payload else -1)
        if key == self._told or len(payload) < _EVENT.size or key in self._recent:
            return None
        event, _, duration = _EVENT.unpack_from(payload)
        if event >= len(DIGITS):
            return None
        before, self._told = self._told, key
        self._recent.append(key)
        # RFC 4733 section 2.5.1.3 (Long-Duration Events): one too long for the field goes on at a timestamp later.
        if event == before[1] and timestamp == (before[0] + _DURATION_MAX) & 0xFFFF_FFFF:
            return None
        return DIGITS[event], 1_000 * duration // self._clock_hz


class Press(NamedTuple):
    """What one tick sends while keys are pressed.

    Attributes:
        payload: of the event; empty in the pause between two keys.
        digit: the key.
        tone_ms: how long it is pressed.
        frame: 0, 1, 2 … while it is; the first one is marked and sets the timestamp of all. -1 afterwards, when the
            end is told again.
    """

    payload: bytes
    digit: str
    tone_ms: int
    frame: int

    @property
    def begins(self) -> bool:
        """Whether it is the first of its digit."""
        return self.frame == 0


class DigitSender:
    """Presses keys, one packet every 20 ms. RFC 4733 section 2.5.1 (Sender Procedures)."""

    __slots__ = ("_left", "_queue")

    def __init__(self) -> None:
        self._queue: deque[tuple[str, int, int]] = deque()
        self._left: deque[Press] = deque()

    @property
    def busy(self) -> bool:
        """Whether a key is being pressed, or is yet to be: sound is muted."""
        return bool(self._left or self._queue)

    def press(self, digits: str, tone_ms: int, gap_ms: int) -> None:
        """Press so many keys, each `tone_ms` long, with at least `gap_ms` after each.

        Raises:
            ValueError: what is no key, a time out of all reason, or more keys than are taken at a time.
        """
        check_digits(digits)
        if not 40 <= tone_ms <= 5_000 or not 0 <= gap_ms <= 5_000:
            raise ValueError(f"keys of {tone_ms} ms with pauses of {gap_ms} ms; expected 40 to 5000 and 0 to 5000")
        if len(self._queue) + len(digits) > _QUEUED_MAX:
            raise ValueError(f"{len(digits)} keys more; expected at most {_QUEUED_MAX} waiting")
        self._queue.extend((digit.upper(), tone_ms, gap_ms) for digit in digits)

    def next(self, clock_hz: int) -> Press | None:
        """What this tick sends; ``None`` when no key is pressed.

        Args:
            clock_hz: of the durations.
        """
        if not self._left:
            if not self._queue:
                return None
            digit, tone_ms, gap_ms = self._queue.popleft()
            payloads = digit_payloads(digit, tone_ms, clock_hz)
            pressed = len(payloads) - (_ENDS - 1)
            self._left.extend(
                Press(payload, digit, tone_ms, index if index < pressed else -1)
                for index, payload in enumerate(payloads)
            )
            # The copies of the end are sent in the pause.
            self._left.extend([Press(b"", digit, tone_ms, -1)] * max(0, gap_ms // _FRAME_MS - (_ENDS - 1)))
        return self._left.popleft()


def check_digits(digits: str) -> None:
    """Raise `ValueError` unless all are keys of a telephone."""
    for digit in digits:
        if digit.upper() not in DIGITS:
            raise ValueError(f"not a digit: {digit!r}; expected one of {DIGITS}")


def digit_payloads(digit: str, ms: int = 160, clock_hz: int = 8_000) -> list[bytes]:
    """The payloads of one digit, in order: one each 20 ms, the end three times. All bear one timestamp.

    Raises:
        ValueError: no such digit.
    """
    check_digits(digit)
    event = DIGITS.index(digit.upper())
    count = max(1, ms // _FRAME_MS)
    step = _FRAME_MS * clock_hz // 1_000
    steps = [_EVENT.pack(event, _VOLUME, min(_DURATION_MAX, index * step)) for index in range(1, count)]
    end = _EVENT.pack(event, _END | _VOLUME, min(_DURATION_MAX, count * step))
    return [*steps, *[end] * _ENDS]
