"""A caller sends its call on to somebody else: we call them, and the agent goes on with whoever answers.

RFC 3515 section 2.4.3 (Accessing the Referred-to Resource), RFC 5589 section 6 (Basic Transfer). Which of them has the
call meanwhile is a table in `core.call.transfer`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from callgate.calls.deaf import Deaf
from callgate.calls.talk import Talk
from callgate.calls.target import Target, Transfers
from callgate.core.call.transfer import Effect, Input, State, move
from callgate.core.sip.refer import Referral
from callgate.entities.json import JsonObject
from callgate.ports import Alarm, DialledLeg, Leg, ReferAnswer

if TYPE_CHECKING:
    from callgate.calls.runner import CallRunner
    from callgate.calls.surroundings import Surroundings

# Whoever sent the call on hangs up when it hears that it went well, RFC 5589 section 6.1 (Successful Transfer); for
# who does not, we do. A NOTIFY that is lost comes again four times within these seconds.
OLD_LEG_S: Final = 10.0
# Of a call. Each leaves events behind, and may cost somebody a call.
REFERRALS_MAX: Final = 20


class Transfer:
    """The transfers of one call, one after the other.

    Args:
        runner: of the call.
        transfers: what holds for all.
        around: what its runner needs.
    """

    def __init__(self, runner: "CallRunner", transfers: Transfers, around: "Surroundings") -> None:
        self._runner = runner
        self._transfers = transfers
        self._around = around
        self._state = State.IDLE
        self._referrals = 0
        self._target: Target | None = None
        self._tell: Callable[[int], None] = lambda status: None
        self._old: tuple[Leg, Alarm] | None = None  # which its peer should hang up

    def referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        """A REFER came."""
        self._referrals += 1
        if self._referrals > REFERRALS_MAX:
            return ReferAnswer(603, f"a call is sent on {REFERRALS_MAX} times at most")
        if not self._runner.is_joined:
            return ReferAnswer(603, "caller and agent do not talk")
        facts: JsonObject = {"to": str(wanted.uri), "referredBy": wanted.referred_by}
        refusal = self._refusal(wanted)
        if refusal:
            words = f"the caller may not send the call on to {wanted.uri}: {refusal}"
            self._runner.event("warning", "transfer_refused", words, facts)
            return ReferAnswer(603, refusal)
        if self._take(Input.REFERRED) is not Effect.DIAL:
            return ReferAnswer(491, "the call is being sent on already")
        self._runner.event("info", "transfer_begun", f"the caller sends the call on to {wanted.uri}", facts)
        self._tell = tell
        self._target = Target(wanted, self._spoken, tell, self)
        self._target.call(self._runner, self._transfers, self._around)
        return ReferAnswer(202)

    def caller_left(self) -> bool:
        """The caller's leg is over; whether the call goes on without."""
        if self._take(Input.CALLER_LEFT) is Effect.MUTE:
            self._runner.mute()
        return self._state is State.ALONE

    def end(self) -> None:
        """The call is over."""
        if self._take(Input.ENDED) is Effect.GIVE_UP:
            self._done().give_up()
            self._tell(487)
        self._let_old_leg_go()

    # ------------------------------------------------------------------------------------------------ for the target

    def answered(self, leg: DialledLeg, talk: Talk) -> None:
        """The call is this leg's."""
        self._take(Input.ANSWERED)
        to = self._done().uri
        old = self._runner.replace_leg(leg, talk)
        assert old is not None, "a call that talks no more gives its target up"
        self._transfers.moved(self._runner, leg.dialog_name)
        self._runner.event("info", "transferred", f"the call goes on with {to}", {"to": to})
        self._tell(200)
        self._let_old_leg_go()  # of a transfer before this one
        old.listen(Deaf())
        self._old = old, self._around.alarms.after(OLD_LEG_S, self._let_old_leg_go)

    def failed(self, status: int, words: str) -> None:
        """Nobody is there to take the call."""
        effect = self._take(Input.FAILED)
        to = self._done().uri
        words = f"the call could not be sent on to {to}: {words}"
        self._runner.event("warning", "transfer_failed", words, {"to": to, "status": status})
        self._tell(status)
        if effect is Effect.STRAND:
            self._runner.stranded(words)

    # ----------------------------------------------------------------------------------------------------- fragments

    def _refusal(self, wanted: Referral) -> str:
        """Why a referral is not followed; empty when it is."""
        if wanted.method != "INVITE":
            return f"others are sent INVITE only, not {wanted.method}"
        if not any(allowed.allows(wanted.uri, self._spoken) for allowed in self._transfers.allowed):
            return "it stands in no entry of sip.refer_destinations"
        return ""

    @property
    def _spoken(self) -> str:
        """RFC 3263 has UDP where nothing is said; what was encrypted does not go on in the clear."""
        attempt = self._runner.attempt
        return "tls" if attempt is not None and attempt.transport == "tls" else "udp"

    def _take(self, input: Input) -> Effect | None:
        found = move(self._state, input)
        self._state = found.state
        return found.effect

    def _done(self) -> Target:
        target, self._target = self._target, None
        assert target is not None, "there is one while it is called"
        return target

    def _let_old_leg_go(self) -> None:
        if self._old is not None:
            (leg, alarm), self._old = self._old, None
            alarm.cancel()
            leg.hang_up("the call goes on over another leg")
