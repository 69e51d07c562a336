"""Who takes part in a simulated call: a caller that does what phones do, a callee run by the machine of a call."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from callgate.calls.deaf import Deaf
from callgate.calls.transfer import OLD_LEG_S
from callgate.core.call import transfer
from callgate.core.call.machine import Effect, Input, State, move
from callgate.core.sip.message import Request, Response
from callgate.core.sip.refer import Referral
from callgate.ports import LegListener, ReferAnswer, ReofferAnswer, SipLeg
from callgate.signaling.endpoint import SipEndpoint
from callgate.signaling.exchange import ClientExchange
from callgate.signaling.leg import IncomingLeg
from callgate.signaling.outgoing import OutgoingCall
from callgate.signaling.within_dialog import WithinDialog
from callgate.testing.clock import ManualClock
from tests.signaling.wire import ANSWER, OFFER, Ear

RING_AFTER_S = 2.0
JOIN_TIMEOUT_S = 30.0
TARGET_TALKS_S = 5.0
LONGEST_S = 90.0
"""Of a call, on either side: what sound's absence and `maxDuration` do to calls whose BYE was lost altogether."""


@dataclass
class Plan:
    """What both sides mean to do; moments in seconds, ``None``: never.

    Attributes:
        cancel_at: the caller gives up, from its INVITE on.
        asked_for: how long the owner is asked; 0: not at all.
        ready_at: the brain is ready, from the Call's creation on.
        committed_at: the store is done, likewise.
        verdict: what else happens before the answer: an input of the machine and its moment from creation on.
        caller_leaves_at: from its 200 on.
        callee_leaves_at: from its ACK on.
        callee_leaves_by: the input that says so.
        caller_reinvites_at: from its 200 on.
        callee_reinvites_at: from its ACK on.
        digit_at: the caller presses a key, from its 200 on.
        reoffer_status: what each side answers a re-INVITE with.
        caller_refers_at: the caller sends the call on, from its 200 on.
        target: what whom it is sent to responds in the end, and when; from the REFER on.
    """

    cancel_at: float | None = None
    asked_for: float = 0.0
    ready_at: float = 0.5
    committed_at: float = 0.1
    verdict: tuple[Input, float] | None = None
    caller_leaves_at: float | None = None
    callee_leaves_at: float | None = None
    callee_leaves_by: Input = Input.AGENT_LEAVES
    caller_reinvites_at: Sequence[float] = ()
    callee_reinvites_at: Sequence[float] = ()
    digit_at: float | None = None
    reoffer_status: int = 200
    caller_refers_at: Sequence[float] = ()
    target: tuple[int, float] = (200, 1.0)


def plan_of(seed: int) -> Plan:
    """A plan by chance."""
    chance = random.Random(f"plan {seed}")

    def maybe(share: float, longest: float) -> float | None:
        return chance.uniform(0, longest) if chance.random() < share else None

    def some(share: float, longest: float) -> list[float]:
        return [chance.uniform(0, longest) for _ in range(chance.choice((1, 1, 2)))] if chance.random() < share else []

    bad = (Input.BRAIN_FAILED, Input.NOT_COMMITTED, Input.DRAINED, Input.AGENT_LEAVES, Input.FAILED)
    ends = (Input.AGENT_LEAVES, Input.API_LEAVES, Input.FAREWELL_DUE, Input.BRAIN_FAILED, Input.DRAINED)
    return Plan(
        cancel_at=maybe(0.25, 8),
        asked_for=chance.choice((0.0, 0.0, 0.3, 3.0)),
        ready_at=chance.uniform(0, chance.choice((1, 1, 40))),
        committed_at=chance.uniform(0, 1),
        verdict=(chance.choice(bad), chance.uniform(0, 3)) if chance.random() < 0.2 else None,
        caller_leaves_at=maybe(0.5, 20),
        callee_leaves_at=maybe(0.5, 20),
        callee_leaves_by=chance.choice(ends),
        caller_reinvites_at=some(0.3, 20),
        callee_reinvites_at=some(0.3, 20),
        digit_at=maybe(0.3, 15),
        reoffer_status=chance.choice((200, 200, 200, 488)),
        caller_refers_at=some(0.3, 15),
        target=(chance.choice((200, 200, 486)), chance.uniform(0, chance.choice((1, 10)))),
    )


class Reinvite:
    """A re-INVITE of one side, and the ACKs of its 2xx. RFC 3261 section 14.1 (UAC Behavior)."""

    def __init__(self, endpoint: SipEndpoint, side: WithinDialog, told: Callable[[int], None]) -> None:
        assert side.dialog is not None
        self._endpoint, self._side, self._told = endpoint, side, told
        self._dialog = side.dialog
        hop = endpoint.next_hop(self._dialog, side.peer)
        contact = endpoint.contact(side.peer)
        self._request = self._dialog.request(
            "INVITE",
            via=endpoint.via(hop),
            headers=(("Contact", contact), ("Content-Type", "application/sdp")),
            body=OFFER,
        )
        self._ack: Request | None = None
        self._done = False
        self._exchange: ClientExchange = endpoint.transact(self._request, hop, self._responded, self._failed)
        endpoint.alarms.after(2 * endpoint.timers.whole, self._give_up)

    def _responded(self, response: Response) -> None:
        if response.status < 200:
            return
        if response.status < 300:
            hop = self._endpoint.next_hop(self._dialog, self._side.peer)
            self._ack = self._ack or self._dialog.request(
                "ACK", via=self._endpoint.via(hop), sequence=self._request.cseq.number
            )
            self._endpoint.send(self._ack, hop)
        if not self._done:
            self._done = True
            self._told(response.status)

    def _failed(self, reason: str) -> None:
        self._done = True
        self._told(0)

    def _give_up(self) -> None:
        if not self._done:
            self._exchange.abandon()
            self._failed("no final response")


@dataclass
class Happened:
    """What became of a call on one side.

    Attributes:
        ends: every end that was told or recorded, in order.
        joined: whether both sides heard each other, as far as this side knows.
        reinvited: statuses of its re-INVITEs; 0: none came.
        reoffered: how many re-INVITEs it answered.
        too_late: what was told after the end.
        sent_on: what targets of it responded.
    """

    ends: list[str] = field(default_factory=list)
    joined: bool = False
    reinvited: list[int] = field(default_factory=list)
    reoffered: int = 0
    too_late: list[str] = field(default_factory=list)
    sent_on: list[int] = field(default_factory=list)


class Elsewhere:
    """The leg to a target, which is none of the simulation's."""

    def listen(self, listener: LegListener) -> None: ...
    def ring(self) -> None: ...
    def answer(self, sdp: bytes) -> None: ...
    def refuse(self, status: int) -> None: ...
    def hang_up(self, cause: str = "") -> None: ...


class CallingSide(Ear):
    """The caller. Implements `CallListener`."""

    def __init__(self, endpoint: SipEndpoint, clock: ManualClock, plan: Plan) -> None:
        super().__init__()
        self._endpoint, self._clock, self._plan = endpoint, clock, plan
        self._call: OutgoingCall | None = None
        self.left = False
        self.did = Happened()

    async def dial(self, uri: str, transport: str) -> None:
        """Begin."""
        self._call = await self._endpoint.dial(
            uri, from_uri="sip:caller@127.0.0.1", transport=transport, sdp=lambda address: OFFER, listener=self
        )
        if self._plan.cancel_at is not None:
            self._clock.after(self._plan.cancel_at, self._leave)
        self._clock.after(LONGEST_S, self._leave)

    @property
    def ends(self) -> list[str]:
        """How the call ended: what was told; where nothing more can be, its own leaving."""
        return self.did.ends or (["left"] if self.left and self.did.joined else [])

    def progress(self, status: int, reason: str, sdp: bytes) -> None:
        self._note(f"progress {status}")

    def answered(self, sdp: bytes) -> None:
        self._note("answered")
        self.did.joined = True
        if self._plan.caller_leaves_at is not None:
            self._clock.after(self._plan.caller_leaves_at, self._leave)
        for at in self._plan.caller_reinvites_at:
            self._clock.after(at, self._reinvite)
        for at in self._plan.caller_refers_at:
            self._clock.after(at, self._refer)
        if self._plan.digit_at is not None:
            self._clock.after(self._plan.digit_at, self._press)

    def refused(self, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> None:
        self._end(f"refused {status}")

    def failed(self, reason: str) -> None:
        self._end("failed")

    def hung_up(self, cause: str) -> None:
        self._end("hung up")

    def vanished(self, cause: str) -> None:
        self._end("hung up")

    def unacknowledged(self) -> None:
        self._end("hung up")

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        self._note("reoffered")
        self.did.reoffered += 1
        return ReofferAnswer(self._plan.reoffer_status, ANSWER if self._plan.reoffer_status == 200 else b"")

    def _leave(self) -> None:
        if self._call is not None and not self.did.ends and not self.left:
            self.left = self.did.joined
            self._call.hang_up("goodbye")

    def _reinvite(self) -> None:
        if self._call is not None and not self.ends:
            Reinvite(self._endpoint, self._call, self.did.reinvited.append)

    def _refer(self) -> None:
        if self._call is not None and not self.ends:
            self._call.request("REFER", (self._call.contact(), ("Refer-To", "<sip:somebody@example.org>")))

    def _press(self) -> None:
        if self._call is not None and not self.ends:
            self._call.digit("5", 100)

    def _end(self, how: str) -> None:
        self._note(how)
        self.did.ends.append(how)

    def _note(self, what: str) -> None:
        if self.did.ends:
            self.did.too_late.append(what)


class CalledSide(Ear):
    """The callee: the machine of a call's life, with a store, a brain and an owner that do as planned.

    Implements `LegListener`.
    """

    def __init__(self, leg: SipLeg, endpoint: SipEndpoint, clock: ManualClock, plan: Plan) -> None:
        super().__init__()
        assert isinstance(leg, IncomingLeg)
        self._leg: IncomingLeg | Elsewhere = leg
        self._endpoint, self._clock, self._plan = endpoint, clock, plan
        self._outcome = ""
        self._hung_up = False
        self._transfer = transfer.State.IDLE
        self._tell: Callable[[int], None] = lambda status: None
        self.state = State.ASKING
        self.did = Happened()
        leg.listen(self)
        self._after(RING_AFTER_S, Input.RING_DUE)
        if plan.asked_for:
            self._after(plan.asked_for, Input.CREATED)
        else:
            self._happen(Input.CREATED)

    def cancelled(self, cause: str) -> None:
        self._told(Input.CANCELLED)

    def confirmed(self, body: bytes) -> None:
        self._note("confirmed")
        if self.state is State.ANSWERED:
            self._happen(Input.ACKNOWLEDGED)

    def unacknowledged(self) -> None:
        self._ended_from_afar(Input.UNACKNOWLEDGED)

    def hung_up(self, cause: str) -> None:
        if not self._goes_on_without():
            self._ended_from_afar(Input.CALLER_LEFT)

    def vanished(self, cause: str) -> None:
        if not self._goes_on_without():
            self._told(Input.CALLER_VANISHED)

    def referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        self._note("referred")
        if self.state not in (State.JOINED, State.LEAVING):
            return ReferAnswer(603)
        if self._move(transfer.Input.REFERRED) is not transfer.Effect.DIAL:
            return ReferAnswer(491)
        self._tell = tell
        status, at = self._plan.target
        self._clock.after(at / 2, self._target_rings)
        self._clock.after(at, lambda: self._target_says(status))
        return ReferAnswer(202)

    def digit(self, digit: str, duration_ms: int) -> None:
        self._note("digit")

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        self._note("reoffered")
        self.did.reoffered += 1
        return ReofferAnswer(self._plan.reoffer_status, ANSWER if self._plan.reoffer_status == 200 else b"")

    def _move(self, input: transfer.Input) -> transfer.Effect | None:
        found = transfer.move(self._transfer, input)
        self._transfer = found.state
        return found.effect

    def _end_transfer(self) -> None:
        if self._move(transfer.Input.ENDED) is transfer.Effect.GIVE_UP:
            self._tell(487)

    def _goes_on_without(self) -> bool:
        self._move(transfer.Input.CALLER_LEFT)
        return self._transfer is transfer.State.ALONE

    def _target_rings(self) -> None:
        if self._transfer in (transfer.State.DIALLING, transfer.State.ALONE):
            self._tell(180)

    def _target_says(self, status: int) -> None:
        if self._transfer is transfer.State.OVER:
            return
        effect = self._move(transfer.Input.ANSWERED if status < 300 else transfer.Input.FAILED)
        self._tell(status)
        self.did.sent_on.append(status)
        if effect is transfer.Effect.STRAND:
            self._happen(Input.STRANDED)
        elif effect is transfer.Effect.MOVE:
            old, self._leg = self._leg, Elsewhere()
            old.listen(Deaf())
            self._clock.after(OLD_LEG_S, old.hang_up)
            self._after(TARGET_TALKS_S, Input.CALLER_LEFT)

    def _told(self, input: Input) -> None:
        self._note(input.name)
        self._happen(input)

    def _note(self, what: str) -> None:
        if self.state is State.OVER:
            self.did.too_late.append(what)

    def _ended_from_afar(self, input: Input) -> None:
        """Who hangs up while an ACK is awaited may still hear that the caller has left, or that none came: once."""
        if self._hung_up:
            self._hung_up = False
        else:
            self._note(input.name)
        self._happen(input)

    def _after(self, delay_s: float, input: Input, outcome: str = "") -> None:
        self._clock.after(delay_s, lambda: self._happen(input, outcome))

    def _happen(self, input: Input, outcome: str = "") -> None:
        before = self.state
        found = move(before, input)
        if found is None:
            return
        self.state = found.state
        self._outcome = self._outcome or found.outcome or outcome
        if before is State.ASKING and input is Input.CREATED:
            self._created()
        for effect in found.effects:
            self._carry_out(effect)

    def _created(self) -> None:
        plan = self._plan
        self._after(JOIN_TIMEOUT_S, Input.JOIN_OVERDUE)
        verdict, at = plan.verdict or (None, 0.0)
        if verdict is not Input.NOT_COMMITTED:
            self._after(plan.committed_at, Input.COMMITTED)
        if verdict is not Input.BRAIN_FAILED:
            self._after(plan.ready_at, Input.BRAIN_READY)
        if verdict is Input.NOT_COMMITTED:
            # After it the store has nothing more to say, and without it no 200 goes out.
            self._after(at, verdict)
        elif verdict is not None:
            self._after(at, verdict, "agent-hangup")

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Effect.RING:
                self._leg.ring()
                self._after(60.0, Input.RING_DUE)
            case Effect.ANSWER:
                self._leg.answer(ANSWER)
            case Effect.REFUSE:
                self._leg.refuse(480)
            case Effect.HANG_UP:
                self._end_transfer()
                self._hung_up = True
                self._leg.hang_up("goodbye")
            case Effect.CLOSE:
                self._after(0.05, Input.SOUND_CLOSED)
                self._end_transfer()
            case Effect.JOIN:
                self._joined()
            case Effect.SAY_LAST_WORDS:
                self._after(2.0, Input.WORDS_OVERDUE, "agent-hangup")
            case Effect.RECORD_END | Effect.RECORD_REFUSAL:
                self.did.ends.append(self._outcome)
            case _:
                pass

    def _joined(self) -> None:
        self.did.joined = True
        self._after(LONGEST_S, Input.FAREWELL_DUE, "max-duration")
        if self._plan.callee_leaves_at is not None:
            self._after(self._plan.callee_leaves_at, self._plan.callee_leaves_by, "agent-hangup")
        for at in self._plan.callee_reinvites_at:
            self._clock.after(at, self._reinvite)

    def _reinvite(self) -> None:
        if self.state in (State.JOINED, State.LEAVING) and isinstance(self._leg, IncomingLeg):
            Reinvite(self._endpoint, self._leg, self.did.reinvited.append)


def describe(plan: Plan) -> str:
    """A plan in a line, without what is as usual."""
    usual: dict[str, Any] = vars(Plan())
    return ", ".join(f"{name}={value}" for name, value in vars(plan).items() if value != usual[name]) or "as usual"
