"""Where a session's sound comes from and goes to: the RTP of a telephone, or the WebSocket of a client."""

from collections.abc import Callable
from typing import Protocol

from callgate.core.audio.format import SoundFormat
from callgate.core.rtp.watch import Verdict
from callgate.entities.quality import SoundQuality
from callgate.ports import SoundPath
from callgate.ports.brain import ClientLink


def unheard(*told: object) -> None:
    """Takes the place of who was told, once a session is over.

    The parts of a session are told of each other. Left so, each would wait for a full collection, and those hardly ever
    come (decision 0006).
    """


class LineListener(Protocol):
    """Who is told what comes over a line."""

    def heard(self, frame: bytes) -> None:
        """20 ms of the caller, in the format that `Line.use` was told."""
        ...

    def key(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key."""
        ...

    def judged(self, verdict: Verdict) -> None:
        """Something is wrong with the sound."""
        ...

    def measured(self, quality: SoundQuality) -> None:
        """How the sound fares, every few seconds."""
        ...


class Nobody:
    """Implements `LineListener` for a line that is closed."""

    heard = key = judged = measured = staticmethod(unheard)


class Line(Protocol):
    """One call's way to its caller. What is sent is taken from the session's playout.

    Attributes:
        codec: what comes, as in SDP; empty before it was agreed.
        rate_hz: of what comes.
        client: data messages beside the sound; ``None`` where there are none.
        tap: given each frame of the brain as the caller is sent it; ``None``: nobody listens.
    """

    tap: Callable[[bytes], None] | None

    @property
    def codec(self) -> str:
        """See above."""
        ...

    @property
    def rate_hz(self) -> int:
        """See above."""
        ...

    @property
    def client(self) -> ClientLink | None:
        """See above."""
        ...

    def open(self) -> None:
        """Begin to read."""
        ...

    def redirect(self, path: SoundPath, now_s: float) -> None:
        """Sound flows elsewhere, or is held, from now on."""
        ...

    def use(self, hears: SoundFormat, speaks: SoundFormat) -> None:
        """What the brain takes and gives, from now on."""
        ...

    def begin(self, now_s: float) -> None:
        """The call is joined."""
        ...

    def tick(self, frames: int, now_s: float) -> None:
        """Send the frame that is due; so many frames' time has passed since the last."""
        ...

    def press(self, digits: str, tone_ms: int, gap_ms: int) -> None:
        """Press keys; `ValueError` for what is no key, or too many."""
        ...

    def digit_by_signaling(self, digit: str, duration_ms: int) -> None:
        """The caller's phone told a key by SIP."""
        ...

    def quality(self) -> SoundQuality:
        """How the sound fares."""
        ...

    def end(self) -> None:
        """Say goodbye: a joined call is over."""
        ...

    def close(self) -> None:
        """Neither read nor send any more."""
        ...
