"""A dialog whose peer's doings are told to a listener: what a caller's leg and a call of ours have in common."""

from collections.abc import Callable
from typing import Generic, TypeVar

from callgate.core.sip.invite_usage import State
from callgate.core.sip.refer import Referral
from callgate.ports import DialogListener, ReferAnswer, ReofferAnswer
from callgate.signaling.within_dialog import WithinDialog

Listening = TypeVar("Listening", bound=DialogListener)


class ToldDialog(WithinDialog, Generic[Listening]):
    """Tells a listener, from `listen` on until the dialog is over."""

    _listener: Listening | None = None

    def listen(self, listener: Listening) -> None:
        """Say who is told."""
        self._listener = listener

    @property
    def dialog_name(self) -> tuple[str, str, str]:
        """What names its dialog."""
        dialog = self.dialog
        assert dialog is not None, "asked once there is one"
        return dialog.call_id, dialog.local_tag, dialog.remote_tag

    def on_hung_up(self, cause: str) -> None:
        """BYE came."""
        if (listener := self._let_go()) is not None:
            listener.hung_up(cause)

    def on_vanished(self, cause: str) -> None:
        """The session was not refreshed."""
        if (listener := self._let_go()) is not None:
            listener.vanished(cause)

    def on_digit(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO; once we have hung up, nobody is told."""
        if self._listener is not None and self.usage.talks:
            self._listener.digit(digit, duration_ms)

    def on_reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE or UPDATE came; nobody is told once we have hung up, though our BYE may wait for an ACK still."""
        if self._listener is None or self.usage.state is State.LEAVING:
            return ReofferAnswer(488)
        return self._listener.reoffered(sdp)

    def on_offer(self) -> bytes:
        """Our SDP is needed."""
        assert self._listener is not None, "a session without a listener is refreshed no more"
        return self._listener.offer()

    def on_settled(self, sdp: bytes) -> None:
        """The answer to it came."""
        if self._listener is not None:
            self._listener.settled(sdp)

    def on_confirmed(self, body: bytes) -> None:
        """The ACK came."""
        if self._listener is not None:
            self._listener.confirmed(body)

    def on_unacknowledged(self) -> None:
        """The ACK never came."""
        if (listener := self._let_go()) is not None:
            listener.unacknowledged()

    def on_referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        """A REFER came; likewise."""
        if self._listener is None or not self.usage.talks:
            return ReferAnswer(603)
        return self._listener.referred(wanted, tell)

    def on_left(self) -> None:
        """Our BYE has been answered, or never will be."""
        self._let_go()

    def _let_go(self) -> Listening | None:
        """Tell nobody any more. A transaction outlives the call by 64·T1; what served the call need not."""
        listener, self._listener = self._listener, None
        return listener
