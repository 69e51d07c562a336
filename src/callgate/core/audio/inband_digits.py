"""Keys heard as tones in the sound itself: for calls in which no telephone-event was negotiated.

Every 10 ms, the last 13 ms are measured at the eight frequencies of ITU-T Q.23. A key is certain when two measurements
in a row agree on it and the phase has moved on between them as those frequencies ask: so a tone of 40 ms (the
shortest that ITU-T Q.24 wants to be heard) is certain however it lies, and speech, whose harmonics glide, is not. The
sum is done by `audioop.findfactor`, which is the projection of one sound on another, in C: no numpy, and a frame
of silence costs next to nothing.
"""

import math
from array import array
from dataclasses import dataclass
from typing import Final

from callgate.core.audio.pcm import audioop
from callgate.core.audio.tones import HIGH_HZ, KEYS, LOW_HZ

RATE_HZ: Final = 8_000
TONE_MS_MIN: Final = 40
"""ITU-T Q.24 annex A: the shortest signal that must be heard. (From 30 ms on it is; up to 15 ms never.)"""

_HOP: Final = 80  # samples between measurements: 10 ms
_WINDOW: Final = (
    104  # samples measured: wide enough in frequency for tones 1.8 % off, long enough to part 697 and 770 Hz
)
_AMPLITUDE_MIN: Final = 360.0  # of each tone: -36 dBm0; Q.24 asks for -29 and quieter trunks exist
_TWIST_MAX: Final = 10 ** (6 / 10)  # the high tone's power over the low one's: Q.24 asks for 4 dB at least
_TWIST_MIN: Final = 10 ** (-10 / 10)  # and 8 dB the other way, as long lines dampen high tones
_DOMINANCE: Final = 10 ** (6 / 10)  # over the next strongest of its group
_SHARE_MIN: Final = 0.78  # of all power in the window, in the two tones: 15 dB over noise gives 0.95; voices far less
_OFF_MAX: Final = 0.025  # of its frequency: Q.24 wants 1.5 % (1.8 in some nations) heard and 3.5 % not
_GAP_HOPS: Final = (
    2  # measurements without the key before it can be pressed again: a drop-out of 10 ms is no second press
)

_REFERENCE: Final = 16_000.0


def _references(frequency_hz: float) -> tuple[bytes, bytes]:
    step = 2 * math.pi * frequency_hz / RATE_HZ
    cosine = array("h", [round(_REFERENCE * math.cos(step * index)) for index in range(_WINDOW)])
    sine = array("h", [round(_REFERENCE * math.sin(step * index)) for index in range(_WINDOW)])
    return cosine.tobytes(), sine.tobytes()


_LOW: Final = tuple(_references(frequency_hz) for frequency_hz in LOW_HZ)
_HIGH: Final = tuple(_references(frequency_hz) for frequency_hz in HIGH_HZ)


@dataclass(frozen=True, slots=True)
class _Tone:
    """What was measured at one frequency.

    Attributes:
        index: which of its group.
        frequency_hz: the nominal one.
        power: square of the amplitude, in units of int16.
        phase: at the window's beginning, radians.
    """

    index: int
    frequency_hz: float
    power: float
    phase: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What a window may hold.

    Attributes:
        digit: which key.
        low: its lower tone.
        high: its higher tone.
        total: power of the whole window in the same units.
    """

    digit: str
    low: _Tone
    high: _Tone
    total: float


class InbandDigits:
    """One call's incoming sound, listened to for keys."""

    __slots__ = ("_before", "_digit", "_kept", "_without")

    def __init__(self) -> None:
        self._kept = b""
        self._before: _Candidate | None = None
        self._digit = ""  # being pressed, and told
        self._without = 0  # hops since it was last heard

    def push(self, pcm: bytes) -> list[tuple[str, int]]:
        """The next sound.

        Args:
            pcm: int16 little-endian, mono, 8,000 Hz, any whole number of samples.

        Returns:
            The keys that became certain with it, each once however long it is held, with the ms they had sounded for
            by then (at least).
        """
        sound = self._kept + pcm
        found: list[tuple[str, int]] = []
        at = 0
        while len(sound) - at >= 2 * _WINDOW:
            digit = self._listen(sound[at : at + 2 * _WINDOW])
            if digit:
                found.append((digit, (_HOP + _WINDOW) * 1_000 // RATE_HZ))
            at += 2 * _HOP
        self._kept = sound[at:]
        return found

    def _listen(self, window: bytes) -> str:
        """One measurement; the key that has just become certain, or nothing."""
        before, now = self._before, _candidate(window)
        self._before = now
        if now is not None and now.digit == self._digit:
            self._without = 0
            return ""
        if now is not None and before is not None and now.digit == before.digit and _steady(before, now):
            self._digit, self._without = now.digit, 0
            return now.digit
        self._without += 1
        if self._without >= _GAP_HOPS:
            self._digit = ""
        return ""


def _candidate(window: bytes) -> _Candidate | None:
    rms = audioop.rms(window, 2)
    total = 2.0 * rms * rms  # a sine's amplitude squared is twice its power
    if total < 2 * _AMPLITUDE_MIN**2 * _SHARE_MIN:
        return None
    low = _strongest(window, _LOW, LOW_HZ)
    if low is None or low.power < total * _SHARE_MIN / (1 + _TWIST_MAX) / 2:
        return None  # half of what it must have at least: the exact test follows, this one spares the high group
    high = _strongest(window, _HIGH, HIGH_HZ)
    if high is None or not _TWIST_MIN <= high.power / low.power <= _TWIST_MAX:
        return None
    return _Candidate(KEYS[low.index][high.index], low, high, total)


def _strongest(
    window: bytes, references: tuple[tuple[bytes, bytes], ...], frequencies_hz: tuple[int, ...]
) -> _Tone | None:
    """The tone of a group that stands out; ``None`` when none does."""
    parts = [(audioop.findfactor(window, cosine), audioop.findfactor(window, sine)) for cosine, sine in references]
    powers = [real * real + imaginary * imaginary for real, imaginary in parts]
    most = max(powers)
    index = powers.index(most)
    power = most * _REFERENCE**2
    if power < _AMPLITUDE_MIN**2 or any(other * _DOMINANCE > most for at, other in enumerate(powers) if at != index):
        return None
    real, imaginary = parts[index]
    return _Tone(index, frequencies_hz[index], power, math.atan2(-imaginary, real))


def _steady(before: _Candidate, now: _Candidate) -> bool:
    """Whether two windows hold the same two tones, near their frequencies, and little else."""
    power_before = power_now = 0.0
    for earlier, later in ((before.low, now.low), (before.high, now.high)):
        frequency_hz = later.frequency_hz
        moved = later.phase - earlier.phase - 2 * math.pi * frequency_hz * _HOP / RATE_HZ
        off_hz = math.remainder(moved, 2 * math.pi) * RATE_HZ / (2 * math.pi * _HOP)
        if abs(off_hz) > _OFF_MAX * frequency_hz:
            return False
        # A tone beside its frequency is measured too faint, by a known factor: the window's own spectrum.
        turn = math.pi * off_hz * _WINDOW / RATE_HZ
        seen = (math.sin(turn) / turn) ** 2 if turn else 1.0
        power_before += earlier.power / seen
        power_now += later.power / seen
    return power_before >= _SHARE_MIN * before.total and power_now >= _SHARE_MIN * now.total
