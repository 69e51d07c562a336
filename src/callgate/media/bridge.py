"""The sound of a session as its brain sees it."""

from collections.abc import Callable

from callgate.entities.quality import SoundQuality
from callgate.media.playout import Playout
from callgate.ports.brain import Cleared


class SessionBridge:
    """Implements `ports.Bridge`.

    Args:
        playout: the queue of sound.
        press: presses keys: which, ms of tone, ms of pause.
        quality: tells how the sound fares.
        sounded: is told when sound comes while none is waiting.
    """

    __slots__ = (
        "_playout",
        "_press",
        "_quality",
        "_sounded",
    )

    def __init__(
        self,
        playout: Playout,
        press: Callable[[str, int, int], None],
        quality: Callable[[], SoundQuality],
        sounded: Callable[[], None] = lambda: None,
    ) -> None:
        self._playout = playout
        self._press = press
        self._quality = quality
        self._sounded = sounded

    def play(self, sound: bytes) -> None:
        """Queue sound."""
        if not self._playout.queued_ms:
            self._sounded()
        self._playout.play(sound)

    def clear(self) -> Cleared:
        """Throw the queue away."""
        return self._playout.clear()

    def mark(self, name: str) -> None:
        """Be told when all that is queued so far has been sent."""
        self._playout.mark(name)

    @property
    def played_ms(self) -> float:
        """How much queued sound has been sent so far."""
        return self._playout.played_ms

    @property
    def queued_ms(self) -> float:
        """How much is waiting."""
        return self._playout.queued_ms

    def send_digits(self, digits: str, tone_ms: int = 200, gap_ms: int = 100) -> None:
        """Press keys."""
        self._press(digits, tone_ms, gap_ms)

    def quality(self) -> SoundQuality:
        """How the sound fares."""
        return self._quality()
