"""The leg of a call that we placed: whom we called has answered, and waits for the agent."""

from collections.abc import Sequence

from callgate.calls.talk import Talk
from callgate.ports import Alarms, DialledLeg, LegListener


class DialledOut:
    """Implements `ports.Leg`.

    Args:
        leg: answered, and acknowledged.
        talk: its sound.
        alarms: wake-ups.
    """

    def __init__(self, leg: DialledLeg, talk: Talk, alarms: Alarms) -> None:
        self._leg = leg
        self._talk = talk
        self._alarms = alarms
        self._listener: LegListener | None = None

    def listen(self, listener: LegListener) -> None:
        """Say who is told."""
        self._listener = listener
        self._leg.listen(listener)

    def ring(self) -> None:
        """It rang over there, and does no more."""

    def answer(self, sdp: bytes) -> None:
        """Our ACK has gone already, and the answer has proved the address: what an ACK says of a caller."""
        self._alarms.after(0, self._confirm)

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = (), cause: str = "") -> None:
        """The agent does not come: whoever has answered is sent BYE."""
        self.hang_up(cause)

    def hang_up(self, cause: str = "") -> None:
        """Send BYE."""
        self._listener = None
        self._leg.hang_up(cause)

    def _confirm(self) -> None:
        # While the peer owes an answer to a re-INVITE's offer, its ACK will bring that, and confirm as well.
        if self._listener is not None and not self._talk.awaits_answer:
            self._listener.confirmed(b"")
