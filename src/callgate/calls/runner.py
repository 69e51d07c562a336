"""Runs one call: brings what happens to the machine (`core.call.machine`) and carries its effects out.

The runner is the listener of the leg and of the media session and holds the alarms. It decides nothing itself: every
way a call can go is a row of the machine's table. What is written down of it is the chronicle's business.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from callgate.calls.chronicle import Chronicle
from callgate.calls.ledger import Ledger
from callgate.calls.origin import Origin
from callgate.calls.surroundings import Surroundings
from callgate.calls.talk import Talk
from callgate.calls.transfer import Transfer
from callgate.core.call.machine import Effect, Input, State, move
from callgate.core.sdp.description import SdpError
from callgate.core.sip.refer import Referral
from callgate.core.templates.render import TemplateUnfit
from callgate.entities.attempt import Attempt
from callgate.entities.call import Call, ToolUse
from callgate.entities.json import JsonObject
from callgate.entities.outcomes import OUTCOMES
from callgate.entities.quality import SoundQuality
from callgate.ports import (
    Alarm,
    Leg,
    MediaSession,
    Question,
    ReferAnswer,
    Rejection,
    ReofferAnswer,
    StartCall,
)
from callgate.ports.brain import BrainPlan, NewStage, StageRefused
from callgate.schema.errors import Invalid
from callgate.telemetry import events

# A farewell is a sentence or two; a brain that needs longer than this has lost its thread.
LAST_WORDS_S_MAX: Final = 15.0
# Of a call: one in half a minute of the longest usual call. Each is kept with all its settings.
STAGES_MAX: Final = 100


class CallRunner:
    """One call from its beginning to its last record. Implements `LegListener` and `SessionListener`.

    Args:
        origin: how it came about.
        around: what every runner needs.
        left: told when nothing of the call is left to do.
        named: told which agent the fallback handler wants to answer; the SIP status and words when it cannot.
    """

    def __init__(
        self,
        origin: Origin,
        around: Surroundings,
        left: Callable[["CallRunner"], None],
        named: Callable[["CallRunner", str], tuple[int, str] | None] = lambda runner, agent_id: None,
    ) -> None:
        self._origin = origin
        self._around = around
        self._left = left
        self._named = named
        self._state = State.ASKING
        self._leg_there: Leg | None = None
        self._session_there: MediaSession | None = None
        self._talk: Talk | None = None  # the offer and answer of a leg that has any
        ledger = Ledger(around.store, around.tasks, around.alarms, around.log)
        self._chronicle = Chronicle(origin, ledger, around.clock, around.ids, around.log)
        self._requested: asyncio.Future[Call] | None = None
        self._not_stored: Exception | None = None
        self._question: asyncio.Task[None] | None = None
        self._new_call: Call | None = None
        self._ring_alarm: Alarm | None = None
        self._end_alarm: Alarm | None = None  # joinTimeout, then maxDuration, then the last words
        self._transfer: Transfer | None = None  # there once the caller has sent the call on
        self._farewell = ("", "")  # the last words, and the outcome they lead to
        self._opened = False
        self._outcome = ""
        self._detail = ""
        self._status: int | None = None

    # ------------------------------------------------------------------------------- for the gate and the registry

    @property
    def call(self) -> Call | None:
        """The API call, once there is one."""
        return self._chronicle.call

    @property
    def account_id(self) -> str | None:
        """Whose call it is."""
        return self._origin.account_id

    @property
    def agent_id(self) -> str | None:
        """Who was to answer from the beginning; ``None``: nobody was named yet."""
        return self._origin.agent_id

    @property
    def begun_ms(self) -> int:
        """When it began, ms since 1970: names its SDP."""
        return int(self._chronicle.begun.timestamp() * 1000)

    @property
    def is_joined(self) -> bool:
        """Whether caller and agent hear each other."""
        return self._state in (State.JOINED, State.LEAVING)

    @property
    def quality(self) -> SoundQuality:
        """How the sound fared when it was measured last."""
        return self._chronicle.quality

    @property
    def decision_id(self) -> str:
        """Names the record that says why the call came here."""
        return self._chronicle.decision_id

    async def request(self) -> Call:
        """Commit a call that the API asked for, and wait for its client.

        Raises:
            Exception: whatever kept the store from it; there is no such call then.
        """
        self._state = State.REQUESTED
        self._requested = asyncio.get_running_loop().create_future()
        self._create(None)
        return await self._requested

    def meet(self, leg: Leg, session: MediaSession, talk: Talk | None = None) -> bool:
        """The client of a requested call has come; ``False`` when it is not awaited any more."""
        if self._state is not State.AWAITED:
            return False
        self._leg_there, self._session_there, self._talk = leg, session, talk
        leg.listen(self)
        self._happen(Input.CLIENT_CAME)
        return True

    def unreached(self, outcome: str, detail: str) -> None:
        """Who was to be called for a requested call will not come."""
        self._happen(Input.UNREACHED, outcome, detail)

    def begin(self, leg: Leg, session: MediaSession, talk: Talk, question: Question | None) -> None:
        """Take the leg of a dialled call over: ask the owner, or start the call that the rules named."""
        self._leg_there, self._session_there, self._talk = leg, session, talk
        leg.listen(self)
        self._arm_ring(self._around.ring_after_s)
        if question is None:
            self._create(None)
        else:
            self._question = self._around.tasks.spawn(self._ask(question), name="ask the fallback handler")

    @property
    def attempt(self) -> Attempt | None:
        """The INVITE that it began with; ``None`` when it has none."""
        return self._origin.attempt

    @property
    def rtp_port(self) -> int:
        """Where it gets its sound."""
        return self._session.rtp_port

    def replace_leg(self, leg: Leg, talk: Talk) -> Leg | None:
        """Go on over another leg of the same peer; the one until now, or ``None`` when caller and agent do not talk."""
        if not self.is_joined:
            return None
        old, self._leg_there, self._talk = self._leg, leg, talk
        leg.listen(self)
        self._redirect()
        return old

    def mute(self) -> None:
        """Send no sound, and expect none: the leg is over, and another is to come."""
        if self._talk is not None and self._talk.path is not None:
            self._session.redirect(replace(self._talk.path, send=False, receive=False))

    def stranded(self, detail: str) -> None:
        """The caller has sent the call on, left, and nobody took it."""
        self._happen(Input.STRANDED, detail=detail)

    def hang_up(self, message: str | None = None) -> None:
        """End a joined call on behalf of the API, after the agent has said `message`."""
        if message:
            self._farewell = (message, "api-hangup")
            self._happen(Input.FAREWELL_DUE)
        else:
            self._happen(Input.API_LEAVES)

    def tell(self, message: JsonObject) -> None:
        """Give the agent a data message of the API."""
        self._session.tell(message)

    def press(self, digits: str) -> None:
        """Press keys towards the caller."""
        self._session.press(digits)

    def drain(self) -> None:
        """The node can wait no longer."""
        self._happen(Input.DRAINED)

    # ------------------------------------------------------------------------------------------------- LegListener

    def cancelled(self, cause: str) -> None:
        """The caller gave up before an answer."""
        self._happen(Input.CANCELLED, detail=cause)

    def confirmed(self, body: bytes) -> None:
        """The ACK of the INVITE came, or of a re-INVITE for which we made the offer."""
        try:
            settled = self._talk is not None and self._talk.take_answer(body)
        except SdpError as error:
            self._happen(Input.ANSWER_UNUSABLE, detail=str(error))
            return
        if settled:
            self._redirect()
        if self._state is State.ANSWERED:
            self._happen(Input.ACKNOWLEDGED)

    def unacknowledged(self) -> None:
        """The ACK never came."""
        self._happen(Input.UNACKNOWLEDGED)

    def no_prack(self) -> None:
        """The PRACK never came."""
        self._happen(Input.NOT_PRACKED)

    def offer(self) -> bytes:
        """Our SDP as it stands."""
        assert self._talk is not None, "only legs with SDP are asked for it"
        return self._talk.offer()

    def settled(self, sdp: bytes) -> None:
        """The PRACK of our offer came, or the 200 to an offer of ours that changed nothing."""
        assert self._talk is not None, "only legs with SDP make offers"
        if not self._talk.awaits_answer:
            if self._talk.retake_answer(sdp):
                self._redirect()
            return
        try:
            self._talk.take_answer(sdp)
        except SdpError as error:
            self._happen(Input.ANSWER_UNUSABLE, detail=str(error))
            return
        self._redirect()

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE or UPDATE: new address, codec or direction."""
        assert self._talk is not None, "only legs with SDP make offers"
        try:
            local = self._talk.reoffered(sdp)
        except SdpError as error:
            # RFC 3261 section 20.43 (Warning): a quoted text, and what is wrong quotes the peer.
            words = "".join(c if " " <= c <= "~" and c not in '"\\' else "'" for c in str(error)[:200])
            return ReofferAnswer(488, headers=(("Warning", f'305 callgate "{words}"'),))
        if sdp:
            self._redirect()
        return ReofferAnswer(200, local)

    def digit(self, digit: str, duration_ms: int) -> None:
        """A digit by INFO."""
        self._session.digit(digit, duration_ms)

    def hung_up(self, cause: str) -> None:
        """BYE from the caller."""
        if self._transfer is None or not self._transfer.caller_left():
            self._happen(Input.CALLER_LEFT, detail=cause)

    def vanished(self, cause: str) -> None:
        """The caller's connection broke, or its session was refreshed no more."""
        if self._transfer is None or not self._transfer.caller_left():
            self._happen(Input.CALLER_VANISHED, detail=cause)

    def referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        """A REFER: the caller sends the call on to somebody else."""
        transfers = self._around.transfers
        if transfers is None or self.attempt is None:  # whom we called has no trunk of ours to call others by
            return ReferAnswer(603)
        self._transfer = self._transfer or Transfer(self, transfers, self._around)
        return self._transfer.referred(wanted, tell)

    # --------------------------------------------------------------------------------------------- SessionListener

    def ready(self) -> None:
        """The brain is connected."""
        self._chronicle.mark("agentReadyMs")
        self._happen(Input.BRAIN_READY)

    def brain_failed(self, reason: str) -> None:
        """The brain could not start, or failed."""
        self._chronicle.event("error", "agent_failed", reason, {})
        self._happen(Input.BRAIN_FAILED, detail=reason)

    def message(
        self, role: str, text: str, medium: str, start_ms: float | None, end_ms: float | None, tool: ToolUse | None
    ) -> None:
        """Something was said."""
        self._chronicle.message(role, text, medium, start_ms, end_ms, tool)

    def stage(self, settings: JsonObject) -> NewStage:
        """A tool wants the call to enter another stage."""
        call = self._chronicle.call
        if call is None or not self.is_joined:
            raise StageRefused("the call is not joined")
        if self._chronicle.stages >= STAGES_MAX:
            raise StageRefused(f"the call has had {STAGES_MAX} stages, which is as many as it may")
        try:
            own, in_vain = self._around.maker.stage(settings, self._around.snapshot.tools_of(call.account_id))
        except Invalid as error:
            raise StageRefused(error.words) from None
        in_vain = [name for name in in_vain if settings[name] != call.settings.get(name)]
        call = self._chronicle.stage(own)
        self._farewell = (self._around.maker.farewell(call)[0], self._farewell[1])
        if in_vain:
            words = f"a stage cannot change {', '.join(in_vain)}"[:500]
            self._chronicle.event("warning", "tool_stage", words, {})
        return NewStage(call.stage_id, self._around.maker.for_brain(own))

    def event(self, severity: str, type: str, text: str, extras: JsonObject) -> None:
        """Something noteworthy happened in the session."""
        self._chronicle.event(severity, type, text, extras)

    def hang_up_requested(self, outcome: str) -> None:
        """The brain has said its last word."""
        self._happen(Input.AGENT_LEAVES, outcome if outcome in OUTCOMES else "agent-hangup")

    def measured(self, quality: SoundQuality) -> None:
        """How the sound fares."""
        self._chronicle.quality = quality

    def closed(self, quality: SoundQuality) -> None:
        """The session is over and counted."""
        self._chronicle.quality = quality
        self._happen(Input.SOUND_CLOSED)

    def lost(self) -> None:
        """The worker died."""
        self._happen(Input.WORKER_LOST)

    # ------------------------------------------------------------------------------------------------- the machine

    def _happen(self, input: Input, outcome: str = "", detail: str = "") -> None:
        found = move(self._state, input)
        if found is None:
            return
        self._state = found.state
        if not self._outcome:
            self._outcome = found.outcome or outcome
            self._detail = detail if self._outcome else ""
        for effect in found.effects:
            try:
                self._carry_out(effect)
            except Exception as error:
                state = self._state
                self._failed(effect.name.lower(), error)
                if self._state is not state:
                    return  # what was still to be done belonged to a call that goes on

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Effect.ASK_NO_MORE:
                if self._question is not None:
                    self._question.cancel()
            case Effect.COMMIT:
                self._chronicle.started(self._made(), self._written)
            case Effect.AWAIT:
                self._await_client()
            case Effect.CONNECT:
                self._connect()
            case Effect.RING:
                self._chronicle.mark("ringingMs")
                self._leg.ring()
                self._arm_ring(self._around.ring_repeat_s)
            case Effect.ANSWER:
                self._disarm()
                self._chronicle.mark("answeredMs")
                self._leg.answer(b"" if self._talk is None else self._talk.local)
            case Effect.JOIN:
                self._join()
            case Effect.SAY_LAST_WORDS:
                self._say_last_words()
            case Effect.REFUSE:
                self._disarm()
                self._status = self._status or OUTCOMES[self._outcome].status or 500
                # RFC 3261 section 21.5.4 (503 Service Unavailable): without Retry-After it says no more than a 500.
                retry = (("Retry-After", str(self._around.retry_after_s)),) if self._status == 503 else ()
                self._leg.refuse(self._status, retry, OUTCOMES[self._outcome].words)
            case Effect.HANG_UP:
                self._end_transfer()  # while there is a dialog in which that can be told
                self._leg.hang_up(OUTCOMES[self._outcome].words)
            case Effect.CLOSE:
                self._disarm()
                self._session.close()
                if not self._opened:  # then nobody will say that it is closed
                    self._happen(Input.SOUND_CLOSED)
            case Effect.RECORD_REFUSAL:
                self._chronicle.refused(self._outcome, self._status or OUTCOMES[self._outcome].status, self._detail)
            case Effect.RECORD_END:
                self._chronicle.ended(self._outcome, self._detail)
            case Effect.LEAVE:
                self._disarm()
                if self._requested is not None and not self._requested.done():
                    self._requested.set_exception(self._not_stored or RuntimeError(self._detail or self._outcome))
                self._left(self)

    # ----------------------------------------------------------------------------------------------------- effects

    async def _ask(self, question: Question) -> None:
        try:
            answer = await self._around.hook.ask(question)
        except Exception as error:
            self._failed("ask", error)
            return
        self._question = None
        self._chronicle.mark("handlerMs")
        for facts in answer.before:
            self._chronicle.handler_said("missed", facts)
        if isinstance(answer, Rejection):
            self._chronicle.handler_said("refused", answer.exchange)
            self._status = answer.status
            self._happen(Input.REJECTED, answer.outcome, answer.reason)
            return
        self._chronicle.handler_said("matched", answer.exchange)
        refusal = None if answer.agent_id is None else self._named(self, answer.agent_id)
        if refusal is None:
            self._create(answer)
        else:
            self._status, words = refusal
            self._happen(Input.REJECTED, "agent-limit", words)

    def _create(self, answer: StartCall | None) -> None:
        maker = self._around.maker
        try:
            self._new_call = self._origin.make(
                answer,
                maker,
                self._around.snapshot,
                decision_id=self.decision_id,
                now=self._chronicle.begun,
            )
        except TemplateUnfit as error:
            self._happen(Input.UNFIT, detail=str(error))
            return
        except Exception as error:
            self._failed("create", error)
            return
        if self._state is State.ASKING:
            self._arm_join_timeout()
        self._happen(Input.CREATED)

    def _await_client(self) -> None:
        self._arm_join_timeout()
        if self._requested is not None and self._chronicle.call is not None:
            self._requested.set_result(self._chronicle.call)

    def _connect(self) -> None:
        call = self._made()
        if self._talk is not None:
            self._talk.negotiate()
            self._chronicle.sound = self._talk.facts()
        path = None if self._talk is None else self._talk.path
        maker = self._around.maker
        plan = BrainPlan(maker.brain_of(call), call.call_id, maker.for_brain(call.settings), self._about(call))
        self._opened = True
        self._session.open(plan, path, self, record=call.settings.get("recordingEnabled") is True)

    def _about(self, call: Call) -> JsonObject:
        return {
            "accountId": call.account_id,
            "agentId": call.agent_id,
            "stageId": call.stage_id,
            **self._origin.about(),
            "metadata": dict(call.metadata),
        }

    def _join(self) -> None:
        self._chronicle.mark("acknowledgedMs")
        self._session.begin()
        self._chronicle.joined()
        text, seconds = self._around.maker.farewell(self._made())
        self._farewell = (text, "max-duration")
        self._end_alarm = self._around.alarms.after(seconds, lambda: self._happen(Input.FAREWELL_DUE))

    def _say_last_words(self) -> None:
        text, outcome = self._farewell
        if self._end_alarm is not None:
            self._end_alarm.cancel()
        if not text:
            self._happen(Input.WORDS_OVERDUE, outcome)
            return
        self._session.say(text, outcome)
        self._end_alarm = self._around.alarms.after(
            LAST_WORDS_S_MAX, lambda: self._happen(Input.WORDS_OVERDUE, outcome)
        )

    def _redirect(self) -> None:
        assert self._talk is not None, "only legs with SDP agree anew"
        if not self._opened:  # a PRACK before there is a call: the session will be opened with what it settled
            return
        facts = self._chronicle.sound = self._talk.facts()
        if self._talk.path is not None:
            self._session.redirect(self._talk.path)
        self._chronicle.event("info", "sound_negotiated", "where and how sound flows was agreed anew", facts)

    # ---------------------------------------------------------------------------------------------------- fragments

    @property
    def _leg(self) -> Leg:
        assert self._leg_there is not None, "the machine asks for a leg's effects only once there is one"
        return self._leg_there

    @property
    def _session(self) -> MediaSession:
        assert self._session_there is not None, "the machine asks for a session's effects only once there is one"
        return self._session_there

    def _made(self) -> Call:
        assert self._new_call is not None, "the machine asks for a Call's effects only once there is one"
        return self._new_call

    def _written(self, error: Exception | None) -> None:
        if error is None:
            self._happen(Input.COMMITTED)
        else:
            self._not_stored = error
            self._chronicle.not_started()
            self._happen(Input.NOT_COMMITTED, detail=f"the call could not be stored: {error}")

    def _failed(self, doing: str, error: Exception) -> None:
        """A failure of ours ends this call, and no other."""
        self._around.log(events.CALL_FAILED, decision=self.decision_id, doing=doing, error=repr(error))
        self._happen(Input.FAILED, detail=f"{doing}: {error}")

    def _arm_ring(self, delay_s: float) -> None:
        if self._ring_alarm is not None:
            self._ring_alarm.cancel()
        self._ring_alarm = self._around.alarms.after(delay_s, lambda: self._happen(Input.RING_DUE))

    def _arm_join_timeout(self) -> None:
        self._end_alarm = self._around.alarms.after(
            self._around.maker.join_timeout_s(self._made()), lambda: self._happen(Input.JOIN_OVERDUE)
        )

    def _disarm(self) -> None:
        for alarm in (self._ring_alarm, self._end_alarm):
            if alarm is not None:
                alarm.cancel()
        self._ring_alarm = self._end_alarm = None
        self._end_transfer()

    def _end_transfer(self) -> None:
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            transfer.end()
