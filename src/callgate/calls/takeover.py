"""A call that goes on over another leg: its peer has sent an INVITE with Replaces. RFC 3891."""

from collections.abc import Callable
from typing import Final

from callgate.calls.deaf import Deaf
from callgate.calls.registry import Registry
from callgate.calls.runner import CallRunner
from callgate.calls.talk import Talk
from callgate.core.sdp.description import SdpError
from callgate.core.sip.errors import ParseError
from callgate.core.sip.refer import Referral
from callgate.core.sip.replaces import Replaces, parse_replaces
from callgate.entities.attempt import Attempt, Replaced
from callgate.ports import ReferAnswer, ReofferAnswer, SipLeg

_HEADER: Final = "replaces"


def replaced_by(attempt: Attempt, registry: Registry, source_of: Callable[[Attempt], str | None]) -> Replaced | None:
    """What is known here of the call that an INVITE wants to go on with; ``None`` when it wants a call of its own."""
    try:
        wanted = _wanted(attempt)
    except ParseError as error:
        return Replaced(problem=error.reason)
    if wanted is None:
        return None
    runner = _find(wanted, registry)
    if runner is None or runner.call is None or runner.attempt is None:
        return Replaced()
    return Replaced(
        "joined" if runner.is_joined else "early",
        runner.account_id,
        runner.call.call_id,
        source_of(runner.attempt),
        wanted.early_only,
    )


def find_replaced(attempt: Attempt, registry: Registry) -> CallRunner | None:
    """The call itself."""
    wanted = _wanted(attempt)
    return None if wanted is None else _find(wanted, registry)


def _wanted(attempt: Attempt) -> Replaces | None:
    values = [value for name, value in attempt.headers if name.lower() == _HEADER]
    if len(values) > 1:
        raise ParseError(f"stands {len(values)} times, expected once")
    return parse_replaces(values[0]) if values else None


def _find(wanted: Replaces, registry: Registry) -> CallRunner | None:
    return registry.in_dialog((wanted.call_id, wanted.local_tag, wanted.remote_tag))


class TakeOver:
    """Listens to the new leg until its ACK has come; the old leg has the call until then. Implements `LegListener`.

    Args:
        leg: the new one.
        talk: its offer and answer.
        runner: of the call.
        registry: in which it is found by its dialog.
    """

    def __init__(self, leg: SipLeg, talk: Talk, runner: CallRunner, registry: Registry) -> None:
        self._leg = leg
        self._talk = talk
        self._runner = runner
        self._registry = registry

    def begin(self) -> None:
        """Answer: there is somebody to talk to."""
        self._leg.listen(self)
        try:
            self._talk.negotiate()
        except SdpError as error:
            self._leg.refuse(488, (), str(error))
            return
        self._leg.answer(self._talk.local)

    def confirmed(self, body: bytes) -> None:
        """The ACK came: the call is this leg's."""
        try:
            self._talk.take_answer(body)
        except SdpError as error:
            self._leave(str(error))
            return
        old = self._runner.replace_leg(self._leg, self._talk)
        if old is None:
            self._leave("the call is over")
            return
        self._registry.moved(self._runner, self._leg.dialog_name)
        old.listen(Deaf())
        old.hang_up("the call goes on over another leg")

    def cancelled(self, cause: str) -> None:
        """The peer gave up; it still has the old leg."""

    def unacknowledged(self) -> None:
        """No ACK came, and a BYE has been sent; likewise."""

    def hung_up(self, cause: str) -> None:
        """The peer hung up before its ACK came; likewise."""

    def vanished(self, cause: str) -> None:
        """The peer's connection broke; likewise."""

    def no_prack(self) -> None:
        """The new leg has been refused; likewise."""

    def offer(self) -> bytes:
        """Our SDP for the new leg."""
        return self._talk.offer()

    def settled(self, sdp: bytes) -> None:
        """A PRACK brought the answer to it."""
        try:
            self._talk.take_answer(sdp)
        except SdpError as error:
            self._leg.refuse(488, (), str(error))

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        """One thing after the other."""
        return ReofferAnswer(488)

    def digit(self, digit: str, duration_ms: int) -> None:
        """The old leg has the call."""

    def referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        """One thing after the other."""
        return ReferAnswer(491)

    def _leave(self, cause: str) -> None:
        self._leg.listen(Deaf())
        self._leg.hang_up(cause)
