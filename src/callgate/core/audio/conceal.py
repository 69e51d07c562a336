"""Sound in place of packets that never came: the last pitch period again and again, fading.

After the manner of ITU-T G.711 Appendix I, with one difference: nothing is delayed. The appendix holds speech back by
3.75 ms so that it can blend into a loss; here the step at the seam is spread over the first quarter period instead.

While packets come, a concealer only holds on to the last few: all work is done at a loss.
"""

from array import array
from collections import deque
from functools import cache
from typing import Final

from callgate.core.audio.codecs import PCMA, PCMU, Turn
from callgate.core.audio.format import SoundFormat
from callgate.core.audio.pcm import audioop

PITCH_MS_MIN: Final = 2.5  # 400 Hz: shorter periods are found as a multiple of themselves
PITCH_MS_MAX: Final = 15.0  # 66 Hz: the lowest voices
STEADY_MS: Final = 10  # G.711 Appendix I: the first 10 ms are not attenuated
FADED_MS: Final = 60  # likewise: from here on, silence; a held vowel would sound like a machine
REJOIN_MS: Final = 5  # overlap with the first packet after a gap: short enough to leave its first consonant alone
_WINDOW_MS: Final = 20  # of the last sound, compared with what was before it
_FRAMES_KEPT: Final = 4  # 35 ms are needed: enough with packets of 10 ms and more
_SEARCH_HZ: Final = 8_000  # coarse search: finer rates are thinned out to it


class Concealer:
    """One call's incoming sound, and what stands in for its gaps.

    Args:
        rate_hz: samples a second.
        encoding: as in `SoundFormat`; with a law, sound is decoded only at a loss.

    Raises:
        ValueError: not a sound format.
    """

    __slots__ = ("_cycle", "_decode", "_encode", "_format", "_frames", "_made", "_rate_hz", "_seam")

    def __init__(self, rate_hz: int, encoding: str = "pcm16") -> None:
        self._format = SoundFormat(encoding, rate_hz)
        self._rate_hz = rate_hz
        law = {"pcmu": PCMU, "pcma": PCMA}.get(encoding)
        self._decode: Turn | None = law.new_decoder() if law else None
        self._encode: Turn | None = law.new_encoder() if law else None
        self._frames: deque[bytes] = deque(maxlen=_FRAMES_KEPT)
        self._cycle = b""  # what is repeated; int16
        self._seam = b""  # what is added to the beginning of it, so that it follows on from what was heard; int16
        self._made = 0  # samples made up in this gap

    def heard(self, pcm: bytes) -> None:
        """A packet came in order. Its bytes are kept as they are; they must not change afterwards."""
        self._frames.append(pcm)

    def missing(self, ms: float) -> bytes:
        """Sound for the next `ms` of a gap; called again, the gap goes on.

        Returns:
            In the format of the call: pitch periods fading to zero within 60 ms of the gap's start, then silence.
        """
        if not self._made:
            self._begin()
        count = round(self._rate_hz * ms / 1_000)
        sound = self._encoded(self._continued(count))
        self._made += count
        self._frames.append(sound)
        return sound

    def rejoin(self, pcm: bytes) -> bytes:
        """The first packet after a gap: blended with the end of what was made up, and heard.

        Without a gap before it, it is returned as it is.
        """
        if self._made:
            real = array("h", self._decode(pcm) if self._decode else pcm)
            count = min(len(real), self._rate_hz * REJOIN_MS // 1_000)
            for index, made in enumerate(array("h", self._continued(count))):
                share = (index + 1) / (count + 1)
                real[index] = int(real[index] * share + made * (1 - share))
            pcm = self._encoded(real.tobytes())
            self._made = 0
        self._frames.append(pcm)
        return pcm

    def reset(self) -> None:
        """Forget what was heard, as after a change of source."""
        self._frames.clear()
        self._made = 0

    def _encoded(self, pcm: bytes) -> bytes:
        return self._encode(pcm) if self._encode else pcm

    def _begin(self) -> None:
        """Find the cycle to repeat."""
        joined = b"".join(self._frames)
        past = array("h", self._decode(joined) if self._decode else joined)
        period = _period(past, self._rate_hz)
        if not period:
            self._cycle = bytes(2)
            self._seam = _ramp(past[-1] if past else 0, self._rate_hz * REJOIN_MS // 1_000)
            return
        cycle = past[-period:]
        quarter = period // 4
        # The end of the cycle turns into what came before its beginning, so that it can follow itself.
        before = past[-period - quarter : -period]
        at = period - quarter
        for index in range(quarter):
            share = (index + 1) / (quarter + 1)
            cycle[at + index] = int(cycle[at + index] * (1 - share) + before[index] * share)
        self._cycle = cycle.tobytes()
        self._seam = _ramp(past[-1] - past[-period - 1], quarter)

    def _continued(self, count: int) -> bytes:
        """The next `count` samples of the gap as int16, without moving on."""
        gains = _gains()
        block = self._rate_hz // 1_000  # the gain is the same for a millisecond: steps of 2 % are not heard
        begin, end = 2 * self._made, 2 * min(self._made + count, block * len(gains))
        if begin >= end:
            return bytes(2 * count)
        at = begin % len(self._cycle)
        turns = (end - begin) // len(self._cycle) + 2
        sound = (self._cycle * turns)[at : at + end - begin]
        if begin < len(self._seam):
            sound = audioop.add(sound, self._seam[begin:end].ljust(len(sound), b"\0"), 2)
        pieces = []
        while begin < end:
            millisecond = begin // (2 * block)
            size = min(end, 2 * block * (millisecond + 1)) - begin
            pieces.append(audioop.mul(sound[:size], 2, gains[millisecond]))
            sound = sound[size:]
            begin += size
        return b"".join(pieces).ljust(2 * count, b"\0")


def _period(past: "array[int]", rate_hz: int) -> int:
    """The pitch period of the end of a sound, in samples; 0 when there is too little of it.

    The best match of the last 20 ms with sound 2.5 to 15 ms earlier. `audioop.findfit` finds the offset of the least
    normalised residual, but takes a match upside down for as good as an upright one: lifted by half the range, only an
    upright one fits.
    """
    longest = min(int(rate_hz * PITCH_MS_MAX / 1_000), len(past) // 2 - 1)
    shortest = int(rate_hz * PITCH_MS_MIN / 1_000)
    window = min(rate_hz * _WINDOW_MS // 1_000, len(past) - longest - 1)
    if longest <= shortest:
        return 0
    lifted = array("h", audioop.bias(audioop.mul(past[-window - longest :].tobytes(), 2, 0.25), 2, 16_384))
    thin = rate_hz // _SEARCH_HZ
    lag = thin * _lag(lifted[::-thin][::-1], window // thin, shortest // thin, longest // thin)
    if thin > 1:
        lag = _lag(lifted, window, max(shortest, lag - thin), min(longest, lag + thin))
    return lag


def _lag(sound: "array[int]", window: int, shortest: int, longest: int) -> int:
    earlier = sound[len(sound) - window - longest : len(sound) - shortest]
    offset, _factor = audioop.findfit(earlier.tobytes(), sound[-window:].tobytes())
    return int(longest - offset)


def _ramp(height: int, count: int) -> bytes:
    """From nearly `height` down to nearly nothing in `count` samples; int16."""
    height = max(-32_768, min(32_767, height))
    return array("h", [int(height * (1 - (index + 1) / (count + 1))) for index in range(count)]).tobytes()


@cache
def _gains() -> tuple[float, ...]:
    """The gain of each millisecond from the start of a gap until nothing is left."""
    return tuple(min(1.0, (FADED_MS - index) / (FADED_MS - STEADY_MS)) for index in range(FADED_MS))
