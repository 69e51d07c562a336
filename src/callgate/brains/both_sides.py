"""What a caller hears and says, in step, as one stream of sound: caller left and agent right, or one over the other.

The agent's side is what the caller is really sent: a copy of what was queued, taken as it is played. Frames are played
and heard at the same pace but not at the same instant, so that the agent's side is given a frame's time in advance.
"""

from collections.abc import Iterable
from typing import Final

from callgate.core.audio.convert import Converter, converter
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.core.audio.pcm import audioop

_WIDTH: Final = 2
# Played and not taken yet: a burst of what the network held back is some 100 ms. More means that the two have parted.
_DUE_MS_MAX: Final = 1_000


def load_converters(formats: Iterable[SoundFormat], rate_hz: int) -> None:
    """Load and compute what conversions to this rate would wait for; takes up to 200 ms the first time."""
    target = SoundFormat("pcm16", rate_hz)
    for form in formats:
        converter(form, target)(form.silence)


class BothSides:
    """The two sides of one call.

    Args:
        rate_hz: of the stream: one of `RATES_HZ`.
        mixed: mono, the sum of both, clipped; else stereo, the caller left and the agent right.
    """

    def __init__(self, rate_hz: int, *, mixed: bool) -> None:
        self._target = SoundFormat("pcm16", rate_hz)
        self._mixed = mixed
        self._hears = self._speaks = PCM_8K
        self._caller: Converter | None = None
        self._agent: Converter | None = None
        self._queued = bytearray()
        self._due = bytearray()
        self._flows = False
        self._played_ms = 0.0

    def use(self, hears: SoundFormat, speaks: SoundFormat, played_ms: float) -> None:
        """How the brain's sound is written from now on; what was queued in another format is dropped."""
        if hears != self._hears:
            self._caller = None
        if speaks != self._speaks:
            self._queued.clear()
            self._due.clear()
            self._agent = None
        self._hears, self._speaks, self._played_ms = hears, speaks, played_ms

    def queued(self, sound: bytes) -> None:
        """The agent has queued sound."""
        self._queued += sound

    def cleared(self, played_ms: float) -> None:
        """What was queued will not be heard; `played_ms` of all of it was."""
        self._advance(played_ms)
        self._queued.clear()

    def skip(self, played_ms: float) -> None:
        """A frame's time passes that nobody listens to."""
        self._advance(played_ms)
        self._due.clear()

    def frame(self, caller: bytes, played_ms: float) -> bytes:
        """The next 20 ms.

        Args:
            caller: what it said, a frame in the format the brain hears.
            played_ms: how much queued sound of the agent has been sent so far.

        Returns:
            int16 little-endian, mono or two channels interleaved.
        """
        self._advance(played_ms)
        if self._caller is None:
            self._caller = converter(self._hears, self._target)
        if self._agent is None:
            self._agent = converter(self._speaks, self._target)
        left, right = self._caller(caller), self._agent(self._next())
        if self._mixed:
            return audioop.add(left, right, _WIDTH)
        return audioop.add(audioop.tostereo(left, _WIDTH, 1, 0), audioop.tostereo(right, _WIDTH, 0, 1), _WIDTH)

    def _next(self) -> bytes:
        """The agent's frame; silence where it says nothing."""
        due, size = self._due, self._speaks.frame_bytes
        if not due or not self._flows:
            self._flows = bool(due)
            return self._speaks.silence
        frame = bytes(due[:size])
        del due[:size]
        return frame + self._speaks.silence[len(frame) :]

    def _advance(self, played_ms: float) -> None:
        bytes_per_ms = self._speaks.bytes_per_ms
        wanted = round((played_ms - self._played_ms) * bytes_per_ms)
        self._played_ms = played_ms
        if wanted > 0:
            self._due += self._queued[:wanted]
            del self._queued[:wanted]
        excess = len(self._due) - _DUE_MS_MAX * bytes_per_ms
        if excess > 0:
            del self._due[:excess]
