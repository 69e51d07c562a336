"""From one sample rate to another by a short FIR, a frame at a time.

How it works. Going from ``f`` to ``t`` Hz, with ``t/f = L/M`` in lowest terms, is: write ``L - 1`` zeros after every
sample, filter at ``f·L`` Hz, keep every M-th. The zeros and the samples not kept need no arithmetic, so each output is
the product of the last 2 ms of input with one of L sets of coefficients. A block of outputs is then a product of a
stretch of input with a banded (Toeplitz) matrix, and a frame is ten such stretches, overlapping by the 2 ms: the rows
of one small matrix product. Twenty short rows cost less than one long one (the band is narrow, the rest are zeros) and
far less than a convolution of 160 samples, whose call overhead alone is as long.

The filter is minimax (Lawson's iteration): the least length, and so the least delay, for what it must stop.
"""

from functools import cache
from math import gcd
from typing import Final

import numpy as np
import numpy.typing as npt

from callgate.core.audio.format import FRAME_MS, RATES_HZ

LENGTH_MS: Final = 2
"""Length of the filter: history kept from before the first sample of a push."""

DELAY_MS: Final = 1.0
"""Group delay of every pair of rates, exactly: half the length of a symmetric filter."""

TRANSITION_HZ: Final = 1_200
"""Between pass band and stop band, centred on half the lower of the two rates: 3.4 to 4.6 kHz next to 8 kHz."""

_STOP_WEIGHT: Final = 20.0  # an error in the stop band counts twenty-fold: 0.3 dB of ripple pays for 53 dB of rejection
_ROUNDS: Final = 12  # of Lawson's iteration; forty more gain 0.1 dB and a worker waits 5 ms per pair for them
_ROWS: Final = 10  # matrix rows per frame of 20 ms: 2 ms of new sound after 2 ms of history

_INT16: Final = np.dtype("<i2")
_FLOAT: Final = np.dtype("f4")
_LOWEST: Final = np.array(-32_768, _FLOAT)  # 0-d arrays: a ufunc takes them without the conversion a scalar needs
_HIGHEST: Final = np.array(32_767, _FLOAT)


class Resampler:
    """One direction of one call from one rate to another, as a stream. Mono int16 little-endian in and out.

    Group delay 1 ms. Pass band to 600 Hz below half the lower rate, flat within 0.3 dB; from 600 Hz above it, images
    and aliases are 53 dB down or more. (So 8 kHz telephony passes flat to 3.4 kHz and nothing from 4.6 kHz returns.)

    Args:
        from_hz: one of `RATES_HZ`.
        to_hz: another of them.

    Raises:
        ValueError: a rate that is none of these, or twice the same.
    """

    __slots__ = (
        "_filter",
        "_frame_bytes",
        "_kept",
        "_out",
        "_past_bytes",
        "_result",
        "_shape",
        "_step",
        "_strides",
        "_sum",
        "_up",
        "_windows",
        "from_hz",
        "to_hz",
    )

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz not in RATES_HZ or to_hz not in RATES_HZ or from_hz == to_hz:
            raise ValueError(f"resampling from {from_hz} to {to_hz} Hz, expected two of {RATES_HZ}")
        self.from_hz = from_hz
        self.to_hz = to_hz
        common = gcd(from_hz, to_hz)
        self._up, self._step = to_hz // common, from_hz // common
        self._filter = _banded(from_hz, to_hz)
        past = LENGTH_MS * from_hz // 1_000
        new = FRAME_MS * from_hz // 1_000 // _ROWS
        self._past_bytes = 2 * past
        self._frame_bytes = 2 * (past + new * _ROWS)
        self._shape = (_ROWS, past + new)
        self._strides = (2 * new, 2)
        self._windows = np.empty(self._shape, _FLOAT)
        self._sum = np.empty((_ROWS, FRAME_MS * to_hz // 1_000 // _ROWS), _FLOAT)
        self._result = np.empty(self._sum.shape, _INT16)
        self._kept = bytes(self._past_bytes)

    def push(self, pcm: bytes) -> bytes:
        """The next sound, at the other rate.

        Args:
            pcm: int16 little-endian, shape (n,), any n ≥ 0.

        Returns:
            int16 little-endian. After N samples in all, N·to/from samples have come out, rounded down to a whole
            group of ``to/gcd`` samples; a frame of 20 ms gives exactly a frame.

        Raises:
            ValueError: the length in bytes is odd.
        """
        data = self._kept + pcm
        if len(data) == self._frame_bytes:
            self._kept = data[-self._past_bytes :]
            return self._frame(data, 0)
        return self._pieces(data)

    def reset(self) -> None:
        """Forget what was heard: the next push begins after silence."""
        self._kept = bytes(self._past_bytes)

    def _frame(self, data: bytes, offset: int) -> bytes:
        # Every row is its own stretch of `data`: the overlapping view is only copied (and made float) once.
        self._windows[:] = np.ndarray(self._shape, _INT16, data, offset, self._strides)
        total = self._sum
        np.dot(self._windows, self._filter, total)
        np.rint(total, total)
        np.maximum(total, _LOWEST, total)  # together cheaper than `np.clip`, which is written in Python
        np.minimum(total, _HIGHEST, total)
        self._result[:] = total
        return self._result.tobytes()

    def _pieces(self, data: bytes) -> bytes:
        if len(data) & 1:
            raise ValueError(f"sound of {len(data) - self._past_bytes} bytes, expected whole samples of 2 bytes")
        piece = self._frame_bytes - self._past_bytes
        group = 2 * self._step
        usable = (len(data) - self._past_bytes) // group * group
        out = []
        offset = 0
        while usable - offset >= piece:
            out.append(self._frame(data, offset))
            offset += piece
        if rest := usable - offset:
            # Zeros after the end reach only outputs after the end: the filter looks back, never ahead.
            padded = data[offset : offset + self._past_bytes + rest].ljust(self._frame_bytes, b"\0")
            out.append(self._frame(padded, 0)[: rest // group * 2 * self._up])
        self._kept = data[usable:]
        return b"".join(out)


@cache  # twelve pairs at most
def _banded(from_hz: int, to_hz: int) -> npt.NDArray[np.float32]:
    """The matrix that turns one row of input (2 ms of history, then new sound) into the row's output."""
    common = gcd(from_hz, to_hz)
    up, step = to_hz // common, from_hz // common
    taps = _taps(from_hz * up, min(from_hz, to_hz)) * up
    past = LENGTH_MS * from_hz // 1_000
    new = FRAME_MS * from_hz // 1_000 // _ROWS
    made = FRAME_MS * to_hz // 1_000 // _ROWS
    index = np.arange(made) * step - (np.arange(past + new)[:, None] - past) * up
    inside = (index >= 0) & (index < len(taps))
    matrix = np.where(inside, taps[np.clip(index, 0, len(taps) - 1)], 0.0)
    return np.ascontiguousarray(matrix, _FLOAT)


def _taps(rate_hz: int, narrow_hz: int) -> npt.NDArray[np.float64]:
    """A symmetric low-pass of 2 ms at `rate_hz` that keeps what fits into `narrow_hz`; minimax."""
    half = LENGTH_MS * rate_hz // 1_000 // 2
    middle = narrow_hz / 2
    grid = np.arange(16 * half + 1) / (16 * half) * rate_hz / 2
    keep = grid <= middle - TRANSITION_HZ / 2
    stop = grid >= middle + TRANSITION_HZ / 2
    wanted = np.where(keep, 1.0, 0.0)[keep | stop]
    counts = np.where(stop, _STOP_WEIGHT, 1.0)[keep | stop]
    cosines = np.cos(2 * np.pi / rate_hz * np.outer(grid[keep | stop], np.arange(half + 1)))
    weights = np.full(len(wanted), 1.0 / len(wanted))
    for _ in range(_ROUNDS):
        weighted = cosines * (weights * counts**2)[:, None]
        solution = np.linalg.solve(cosines.T @ weighted, weighted.T @ wanted)
        weights *= np.abs(cosines @ solution - wanted) * counts + 1e-12
        weights /= weights.sum()
    sides = solution[1:] / 2
    return np.concatenate([sides[::-1], solution[:1], sides])
