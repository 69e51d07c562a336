"""From one sample rate to another by a short FIR, a frame at a time.

How it works. Going from ``f`` to ``t`` Hz, with ``t/f = L/M`` in lowest terms, is: write ``L - 1`` zeros after every
sample, filter at ``f·L`` Hz, keep every M-th. The zeros and the samples not kept need no arithmetic, so each output is
the product of the last 2 ms of input with one of L sets of coefficients. A block of outputs is then a product of a
stretch of input with a banded (Toeplitz) matrix, and a frame is twenty such stretches of 1 ms, each with the 2 ms
before it: the rows of one small matrix product. Short rows cost less than one long one, whose band is mostly zeros, and
less than a convolution for each set.

The filter is minimax (Lawson's iteration): the least length, and so the least delay, for what it must stop.
"""

from functools import cache
from math import gcd
from typing import Final

import numpy as np
import numpy.typing as npt

from callgate.core.audio.format import FRAME_MS, RATES_HZ
from callgate.core.audio.pcm import audioop

LENGTH_MS: Final = 2
"""Length of the filter: history kept from before the first sample of a push."""

DELAY_MS: Final = 1.0
"""Group delay of every pair of rates, exactly: half the length of a symmetric filter."""

TRANSITION_HZ: Final = 1_200
"""Between pass band and stop band, centred on half the lower of the two rates: 3.4 to 4.6 kHz next to 8 kHz."""

_STOP_WEIGHT: Final = 20.0  # an error in the stop band counts twenty-fold: 0.3 dB of ripple pays for 53 dB of rejection
_ROUNDS: Final = 12  # of Lawson's iteration; forty more gain 0.1 dB and a worker waits 5 ms per pair for them

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
        "_frame_bytes",
        "_group_bytes",
        "_left",
        "_loud",
        "_made_bytes",
        "_matrix",
        "_new",
        "_past",
        "_past_bytes",
        "_rows",
        "_sound",
        "_sum",
        "_windows",
    )

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz not in RATES_HZ or to_hz not in RATES_HZ or from_hz == to_hz:
            raise ValueError(f"resampling from {from_hz} to {to_hz} Hz, expected two of {RATES_HZ}")
        common = gcd(from_hz, to_hz)
        self._group_bytes, self._made_bytes = 2 * from_hz // common, 2 * to_hz // common
        self._matrix, self._loud = _banded(from_hz, to_hz)
        past, new = LENGTH_MS * from_hz // 1_000, from_hz // 1_000
        self._past_bytes = 2 * past
        self._frame_bytes = 2 * new * FRAME_MS
        # The last 2 ms, then a frame; `_rows` sees it as overlapping rows, a millisecond further each, without a copy.
        self._sound = bytearray(self._past_bytes + self._frame_bytes)
        self._past = memoryview(self._sound)[: self._past_bytes]
        self._new = memoryview(self._sound)[self._past_bytes :]
        self._rows: npt.NDArray[np.int16] = np.ndarray(
            (FRAME_MS, past + new), _INT16, self._sound, strides=(2 * new, 2)
        )
        self._windows = np.empty(self._rows.shape, _FLOAT)
        self._sum = np.empty((FRAME_MS, to_hz // 1_000), _FLOAT)
        self._left = b""

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
        if len(pcm) != self._frame_bytes or self._left:
            return self._pieces(pcm)
        made = self._frame(pcm)
        self._past[:] = pcm[-self._past_bytes :]
        return made

    def reset(self) -> None:
        """Forget what was heard: the next push begins after silence."""
        self._past[:] = bytes(self._past_bytes)
        self._left = b""

    def _frame(self, pcm: bytes) -> bytes:
        self._new[:] = pcm
        self._windows[:] = self._rows
        total = self._windows.dot(self._matrix, self._sum)
        np.rint(total, total)
        if audioop.max(self._sound, 2) > self._loud:  # else no sum can leave int16, and clipping is dear
            np.clip(total, _LOWEST, _HIGHEST, out=total)
        return total.astype(_INT16).tobytes()

    def _pieces(self, pcm: bytes) -> bytes:
        if len(pcm) & 1:
            raise ValueError(f"sound of {len(pcm)} bytes, expected whole samples of 2 bytes")
        data = self._left + pcm
        usable = len(data) // self._group_bytes * self._group_bytes
        self._left = data[usable:]
        out = []
        for offset in range(0, usable, self._frame_bytes):
            piece = data[offset : min(offset + self._frame_bytes, usable)]
            # Zeros after the end reach only outputs after the end: the filter looks back, never ahead.
            made = self._frame(piece.ljust(self._frame_bytes, b"\0"))
            out.append(made[: len(piece) // self._group_bytes * self._made_bytes])
            self._past[:] = self._sound[len(piece) : len(piece) + self._past_bytes]
        return b"".join(out)


@cache  # twelve pairs at most
def _banded(from_hz: int, to_hz: int) -> tuple[npt.NDArray[np.float32], int]:
    """What turns one row of input into one of output.

    Returns:
        The matrix, of shape (2 ms of history and 1 ms of new sound, 1 ms of output); and the loudest input, in units
        of int16, of which no output can overflow.
    """
    common = gcd(from_hz, to_hz)
    up, step = to_hz // common, from_hz // common
    taps = _taps(from_hz * up, min(from_hz, to_hz)) * up
    past, new, made = LENGTH_MS * from_hz // 1_000, from_hz // 1_000, to_hz // 1_000
    index = np.arange(made) * step - (np.arange(past + new)[:, None] - past) * up
    inside = (index >= 0) & (index < len(taps))
    matrix = np.where(inside, taps[np.clip(index, 0, len(taps) - 1)], 0.0)
    gain = np.abs(matrix).sum(axis=0).max()
    return np.ascontiguousarray(matrix, _FLOAT), int(32_766 / gain)


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
