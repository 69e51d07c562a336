"""Calls that the API has us place over SIP: committed, dialled at once, and joined by whoever answers."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from callgate.calls.deaf import Deaf
from callgate.calls.dialled_out import DialledOut
from callgate.calls.origin import Requested
from callgate.calls.registry import Registry
from callgate.calls.runner import CallRunner
from callgate.calls.surroundings import Surroundings
from callgate.calls.talk import Talk
from callgate.core.sdp.description import SdpError
from callgate.core.sdp.terms import SoundTerms
from callgate.core.sip.challenge import Login
from callgate.core.sip.locate import destination
from callgate.core.sip.text import storable
from callgate.core.sip.uri import SipUri, parse_uri
from callgate.entities.call import Call
from callgate.entities.json import JsonObject
from callgate.ports import Callee, CannotDial, DialledLeg, Dialler, Media, MediaSession, NoRoom

_PHRASE_CHARS_MAX: Final = 100  # of a callee's own words; the longest usual one has 36
# RFC 3261 section 21: what a refusal says of who was called. Others say that it cannot be reached.
_OUTCOMES: Final = {
    401: "callee-declined",
    403: "callee-declined",
    404: "callee-unknown",
    407: "callee-declined",
    408: "callee-silent",
    410: "callee-unknown",
    484: "callee-unknown",
    486: "callee-busy",
    487: "callee-declined",
    600: "callee-busy",
    603: "callee-declined",
    604: "callee-unknown",
    607: "callee-declined",  # RFC 8197: unwanted
    608: "callee-declined",  # RFC 8688: rejected by an intermediary
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to call.

    Attributes:
        to: whom.
        from_uri: who calls; empty: this node.
        login: what a challenge is answered with; ``None``: nothing.
    """

    to: SipUri
    from_uri: str
    login: Login | None


def wanted_of(body: JsonObject) -> tuple[Wanted | None, JsonObject]:
    """Whom a body of the creation endpoint wants called, and the body without its password, which is kept nowhere."""
    medium = body.get("medium")
    sip = medium.get("sip") if isinstance(medium, dict) else None
    given = sip.get("outgoing") if isinstance(sip, dict) else None
    if not isinstance(given, dict):
        return None, body
    shown = {name: value for name, value in given.items() if name != "password"}
    texts = {name: str(value) for name, value in given.items()}
    login = Login(texts["username"], texts.get("password", "")) if "username" in texts else None
    wanted = Wanted(parse_uri(texts["to"]), texts.get("from", ""), login)
    return wanted, {**body, "medium": {"sip": {"outgoing": shown}}}


class OutgoingCalls:
    """Places them.

    Args:
        media: where sessions come from.
        registry: the calls in progress.
        around: what every runner needs.
        sound: what we want of sound, by transport and address.
        refusal: why an address (IP text) may not be called, in words; ``None`` when it may.

    Attributes:
        dialler: there once SIP is listened for.
    """

    def __init__(
        self,
        *,
        media: Media,
        registry: Registry,
        around: Surroundings,
        sound: Callable[[str, str], SoundTerms],
        refusal: Callable[[str], str | None],
    ) -> None:
        self._media = media
        self._registry = registry
        self._around = around
        self._sound = sound
        self._refusal = refusal
        self.dialler: Dialler | None = None

    def refusal(self, to: str) -> str | None:
        """Why a SIP URI may not be called, in words. A name is looked up when it is dialled, and refused then."""
        address = destination(parse_uri(to), "udp").address
        return None if address is None else self._refusal(str(address))

    async def place(self, call: Call, wanted: Wanted) -> Call:
        """Commit a call, and send its INVITE.

        Raises:
            NoRoom: there is no session for its sound.
            Exception: whatever kept the store from it; there is no such call then.
        """
        around, dialler = self._around, self.dialler
        session = self._media.reserve()
        if dialler is None or session is None:
            raise NoRoom("the node has no port free for the sound of a call", 503, around.retry_after_s)
        to, calling = str(wanted.to), {"from": wanted.from_uri} if wanted.from_uri else {}
        origin = Requested(call, {"to": to, "requestUri": to, **calling})
        invitation = Invitation(origin, wanted, session, around, self._sound)

        def left(runner: CallRunner) -> None:
            self._registry.leave(runner)
            invitation.give_up()

        runner = CallRunner(origin, around, left)
        self._registry.enter(runner)
        call = await runner.request()
        invitation.send(runner, dialler)
        return call


class Invitation:
    """The INVITE of one of them, until it is answered. Implements `DialListener`.

    Args:
        origin: of the call; told what becomes known of its SIP.
        wanted: whom to call.
        session: reserved for its sound.
        around: what its runner needs.
        sound: what we want of sound, by transport and address.
    """

    def __init__(
        self,
        origin: Requested,
        wanted: Wanted,
        session: MediaSession,
        around: Surroundings,
        sound: Callable[[str, str], SoundTerms],
    ) -> None:
        self._origin = origin
        self._wanted = wanted
        self._knows_password = wanted.login is not None
        self._session: MediaSession | None = session  # ours until the runner has it
        self._around = around
        self._sound = sound
        self._runner: CallRunner | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._leg: DialledLeg | None = None
        self._talk: Talk | None = None

    def send(self, runner: CallRunner, dialler: Dialler) -> None:
        """Send it for the call of `runner`, unless that is over already."""
        if self._session is not None:
            self._runner = runner
            self._dialling = self._around.tasks.spawn(self._dial(dialler), name="dial")

    def give_up(self) -> None:
        """The call is over: nobody needs to be called for it, nor told."""
        leg, dialling = self._leg, self._dialling
        self._runner = self._leg = self._talk = self._dialling = None
        if dialling is not None:
            dialling.cancel()
        if leg is not None:
            leg.listen(Deaf())
            leg.hang_up()
        if self._session is not None:
            self._session.close()
            self._session = None

    # -------------------------------------------------------------------------------------------------- DialListener

    def progress(self, status: int, reason: str, sdp: bytes) -> None:
        """A provisional response; sound before the answer is not listened to."""

    def answered(self, sdp: bytes) -> None:
        """200 OK."""
        runner, session, leg, talk = self._runner, self._session, self._leg, self._talk
        if runner is None or session is None or leg is None or talk is None:
            return  # given up meanwhile: the dialog says BYE by itself
        try:
            talk.take_answer(sdp)
        except SdpError as error:
            runner.unreached("answer-unusable", f"its answer cannot be used: {error}")
            return
        call_id, _, _ = leg.dialog_name
        self._origin.sip["callId"] = call_id
        # From here on all three are the runner's.
        self._runner = self._leg = self._talk = self._session = None
        if not runner.meet(DialledOut(leg, talk, self._around.alarms), session, talk):
            leg.listen(Deaf())
            leg.hang_up("the call is over")
            session.close()

    def refused(self, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> None:
        """A final response of 300 or more. It is not followed elsewhere: `to` says who is called."""
        words = f"{self._wanted.to.host} answered {status} {storable(reason)[:_PHRASE_CHARS_MAX]}"
        if status in (401, 407):
            known = self._knows_password
            words += "; it does not accept our credentials" if known else "; it wants credentials, and none were given"
        self._unreached(_OUTCOMES.get(status, "callee-unreachable"), words)

    def failed(self, reason: str) -> None:
        """No final response will come."""
        self._unreached("callee-unreachable", reason)

    # ----------------------------------------------------------------------------------------------------- fragments

    async def _dial(self, dialler: Dialler) -> None:
        wanted = self._wanted
        try:
            self._leg = await dialler.dial(
                wanted.to,
                "udp",
                from_uri=wanted.from_uri,
                headers=(),
                sdp=self._offer,
                listener=self,
                login=wanted.login,
            )
        except (CannotDial, SdpError) as error:
            self._dialling = None
            self._unreached("callee-unreachable", str(error))
        else:
            self._dialling, self._wanted = None, replace(wanted, login=None)  # whoever answers a challenge has it now

    def _offer(self, callee: Callee) -> bytes:
        runner, session = self._runner, self._session
        assert runner is not None, "who has been given up is dialled no more"
        assert session is not None, "it is ours until the answer"
        self._origin.sip["transport"] = callee.transport
        self._talk = Talk(
            b"",
            callee.media_address,
            session.rtp_port,
            session_id=runner.begun_ms,
            terms=self._sound(callee.transport, callee.address),
            new_key=self._around.new_key,
        )
        return self._talk.offer()

    def _unreached(self, outcome: str, words: str) -> None:
        runner, self._leg = self._runner, None  # it is over
        if runner is not None:
            runner.unreached(outcome, words)
