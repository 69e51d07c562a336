"""The leg of a client that joined over a WebSocket: it rings nowhere, answers at once, and hangs up by closing."""

from collections.abc import Sequence
from typing import Final

from callgate.ports import Alarms, ClientSession, LegListener

_NORMAL: Final = 1000  # RFC 6455 section 7.4.1 (Defined Status Codes)
_PRIVATE: Final = 4000  # RFC 6455 section 7.4.2 (Reserved Status Code Ranges): plus the status, as the public service


class ClientLeg:
    """Implements `ports.Leg`.

    Args:
        session: the client's.
        alarms: wake-ups.
    """

    def __init__(self, session: ClientSession, alarms: Alarms) -> None:
        self._session = session
        self._alarms = alarms
        self._listener: LegListener | None = None
        session.on_left(self._left)

    def listen(self, listener: LegListener) -> None:
        """Say who is told."""
        self._listener = listener

    def ring(self) -> None:
        """Nobody hears it."""

    def answer(self, sdp: bytes) -> None:
        """The client is there, and its address is proved: what an ACK says of a phone."""
        self._alarms.after(0, self._confirm)

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = (), cause: str = "") -> None:
        """Close the connection, with the status in its code."""
        self._listener = None
        self._session.dismiss(_PRIVATE + status, cause)

    def hang_up(self, cause: str = "") -> None:
        """Close the connection."""
        self._listener = None
        self._session.dismiss(_NORMAL, cause)

    def _confirm(self) -> None:
        if self._listener is not None:
            self._listener.confirmed(b"")

    def _left(self, in_order: bool, words: str) -> None:
        listener, self._listener = self._listener, None
        if listener is not None and in_order:
            listener.hung_up(words)
        elif listener is not None:
            listener.vanished(words)
