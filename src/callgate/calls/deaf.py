"""Who listens to a leg that has no call any more."""

from collections.abc import Callable

from callgate.core.sip.refer import Referral
from callgate.ports import ReferAnswer, ReofferAnswer


class Deaf:
    """Hears what happens on a leg that nobody needs any more. Implements `LegListener`."""

    def cancelled(self, cause: str) -> None:
        """So be it."""

    def confirmed(self, body: bytes) -> None:
        """So be it."""

    def unacknowledged(self) -> None:
        """So be it."""

    def hung_up(self, cause: str) -> None:
        """So be it."""

    def vanished(self, cause: str) -> None:
        """So be it."""

    def no_prack(self) -> None:
        """So be it."""

    def settled(self, sdp: bytes) -> None:
        """So be it."""

    def digit(self, digit: str, duration_ms: int) -> None:
        """So be it."""

    def offer(self) -> bytes:
        """There is no sound to offer."""
        return b""

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        """There is no call to change."""
        return ReofferAnswer(481)

    def referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        """There is no call to send on."""
        return ReferAnswer(603)
