"""Whom a caller sends its call on to: called once, with this call's own sound on offer."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from callgate.calls.deaf import Deaf
from callgate.calls.talk import Talk
from callgate.core.sdp.description import SdpError
from callgate.core.sdp.terms import SoundTerms
from callgate.core.sip.refer import Referral
from callgate.core.sip.refer_destinations import AllowedDestination
from callgate.core.sip.text import storable
from callgate.ports import Alarm, Callee, CannotDial, DialledLeg, Dialler

if TYPE_CHECKING:
    from callgate.calls.runner import CallRunner
    from callgate.calls.surroundings import Surroundings

# Carriers give up after some three minutes: RFC 3261 section 16.6 (Request Forwarding), timer C.
ANSWER_S_MAX: Final = 180.0
_PHRASE_CHARS_MAX: Final = 100  # of a target's own words; the longest usual one has 36


@dataclass(slots=True)
class Transfers:
    """What holds for the transfers of a node.

    Attributes:
        allowed: whom callers may have us call.
        sound: what we want of sound, by transport and address.
        moved: told in which dialog a call goes on.
        dialler: there once SIP is listened for.
    """

    allowed: Sequence[AllowedDestination]
    sound: Callable[[str, str], SoundTerms]
    moved: Callable[["CallRunner", tuple[str, str, str]], None]
    dialler: Dialler | None = None


class Waiting(Protocol):
    """Who waits for a target."""

    def answered(self, leg: DialledLeg, talk: Talk) -> None:
        """It is there, and what it said of sound can be used."""
        ...

    def failed(self, status: int, words: str) -> None:
        """It will not be there; a status of SIP says as much."""
        ...


class Target:
    """One of them. Implements `DialListener`.

    Args:
        wanted: whom to call.
        spoken: the transport where that does not say one.
        tell: told each status of 101 to 199.
        waiting: told the end of it, once.
    """

    def __init__(self, wanted: Referral, spoken: str, tell: Callable[[int], None], waiting: Waiting) -> None:
        self.uri = str(wanted.uri)
        self._wanted = wanted
        self._spoken = spoken
        self._tell = tell
        self._waiting: Waiting | None = waiting
        self._dialling: asyncio.Task[None] | None = None
        self._leg: DialledLeg | None = None
        self._talk: Talk | None = None
        self._overdue: Alarm | None = None

    def call(self, runner: "CallRunner", transfers: Transfers, around: "Surroundings") -> None:
        """Call it for the call of `runner`."""
        attempt, dialler = runner.attempt, transfers.dialler
        assert attempt is not None, "who refers has called"
        assert dialler is not None, "SIP is listened for before anybody calls"

        def offer(callee: Callee) -> bytes:
            self._talk = Talk(
                b"",
                callee.media_address,
                runner.rtp_port,
                session_id=runner.begun_ms,
                terms=transfers.sound(callee.transport, callee.address),
                new_key=around.new_key,
            )
            return self._talk.offer()

        self._dialling = around.tasks.spawn(self._dial(dialler, attempt.to_uri, offer), name="dial")
        self._overdue = around.alarms.after(ANSWER_S_MAX, self._not_answered)

    def give_up(self) -> None:
        """It is not wanted any more."""
        if self._waiting is not None:
            leg = self._leg
            self._end()
            if leg is not None:
                leg.listen(Deaf())
                leg.hang_up("the call is over")

    # -------------------------------------------------------------------------------------------------- DialListener

    def progress(self, status: int, reason: str, sdp: bytes) -> None:
        """A provisional response; sound before the answer is not listened to."""
        if self._waiting is not None and status > 100:
            self._tell(status)

    def answered(self, sdp: bytes) -> None:
        """200 OK."""
        leg, talk = self._leg, self._talk
        if self._waiting is None or leg is None or talk is None:
            return
        try:
            talk.take_answer(sdp)
        except SdpError as error:
            leg.listen(Deaf())
            leg.hang_up("the answer cannot be used")
            self._fail(488, f"its answer cannot be used: {error}")
        else:
            self._end().answered(leg, talk)

    def refused(self, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> None:
        """A final response of 300 or more. It is not followed elsewhere: only the list says who is called."""
        words = f"it answered {status} {storable(reason)[:_PHRASE_CHARS_MAX]}"
        if status in (401, 407):
            words += "; it wants credentials, and we hold none"
        self._fail(status, words)

    def failed(self, reason: str) -> None:
        """No final response will come."""
        self._fail(408, reason)

    # ----------------------------------------------------------------------------------------------------- fragments

    async def _dial(self, dialler: Dialler, from_uri: str, offer: Callable[[Callee], bytes]) -> None:
        wanted = self._wanted
        try:
            self._leg = await dialler.dial(
                wanted.uri, self._spoken, from_uri=from_uri, headers=wanted.headers, sdp=offer, listener=self
            )
        except (CannotDial, SdpError) as error:
            self._dialling = None
            self._fail(error.status if isinstance(error, CannotDial) else 488, str(error))

    def _not_answered(self) -> None:
        if self._leg is not None:
            self._leg.hang_up()
        self._fail(408, f"it did not answer within {ANSWER_S_MAX:g} s")

    def _fail(self, status: int, words: str) -> None:
        if self._waiting is not None:
            self._end().failed(status, words)

    def _end(self) -> Waiting:
        """Whom to tell; nobody is told after that."""
        waiting, self._waiting = self._waiting, None
        assert waiting is not None, "it ends once"
        if self._overdue is not None:
            self._overdue.cancel()
        if self._dialling is not None:
            self._dialling.cancel()
        self._leg = self._talk = self._dialling = None
        self._tell = lambda status: None
        return waiting
