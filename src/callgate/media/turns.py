"""How long each answer of the agent took, and which part of it was ours.

The caller stops · the brain notices · its first sound comes · the first packet of it leaves. The last step is ours.
"""

from collections.abc import Callable
from typing import Final

from callgate.entities.json import Json
from callgate.media.line import unheard

_LOUD: Final = 330  # of 32,768: one percent, above the noise of lines and below any speech
_TURN_S_MAX: Final = 60.0  # what comes later answers nothing that was said


class Turns:
    """Those of one call.

    Args:
        clock: seconds that never go back.
        told: is given each answer: ms from the caller's last sound to when the brain noticed (``None``: it did not
            say), to its first sound, to the first packet; and our share.
    """

    __slots__ = ("_clock", "_noticed_s", "_sounded_s", "_spoke_s", "_told")

    def __init__(self, clock: Callable[[], float], told: Callable[[dict[str, Json]], None]) -> None:
        self._clock = clock
        self._told = told
        self._spoke_s: float | None = None  # since the last answer
        self._noticed_s: float | None = None
        self._sounded_s: float | None = None

    def close(self) -> None:
        """Nobody is told any more."""
        self._told = unheard

    def heard(self, level: int) -> None:
        """A frame of the caller's came, of this level."""
        if level > _LOUD:
            self._spoke_s = self._clock()
            self._noticed_s = None

    def noticed(self) -> None:
        """The brain has noticed that the caller has finished."""
        self._noticed_s = self._clock()

    def sounded(self) -> None:
        """Sound of the brain came while none was waiting."""
        if self._spoke_s is not None and self._sounded_s is None:
            self._sounded_s = self._clock()

    def sent(self) -> None:
        """A packet of the brain's sound left."""
        spoke_s, sounded_s = self._spoke_s, self._sounded_s
        if spoke_s is None or sounded_s is None:
            return
        noticed_s = self._noticed_s
        self._spoke_s = self._noticed_s = self._sounded_s = None
        if sounded_s < spoke_s or sounded_s - spoke_s > _TURN_S_MAX:
            return  # it began while the caller spoke, or is no answer any more
        now_s = self._clock()
        self._told(
            {
                "noticedMs": None if noticed_s is None else _ms(noticed_s - spoke_s),
                "firstSoundMs": _ms(sounded_s - spoke_s),
                "firstPacketMs": _ms(now_s - spoke_s),
                "gatewayMs": _ms(now_s - sounded_s),
            }
        )


def _ms(seconds: float) -> float:
    return round(1_000 * seconds, 1)
