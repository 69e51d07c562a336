"""What is known of one call so far, and its writing down: decision, call, messages, events, outbox, log line."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from callgate.calls.ledger import Ledger, Then
from callgate.calls.origin import Origin
from callgate.calls.records import Aftermath
from callgate.entities.call import Call, CallEvent, CallStage, Message, OutboxEvent, ToolUse
from callgate.entities.decision import Step, TraceEntry, Verdict
from callgate.entities.json import Json, JsonObject
from callgate.entities.outcomes import OUTCOMES
from callgate.entities.quality import SoundQuality
from callgate.ports import Clock, Ids
from callgate.schema.call import render_call
from callgate.schema.quality import render_quality
from callgate.schema.stage import inherited
from callgate.telemetry import events

_TOOL_CALL: Final = "MESSAGE_ROLE_TOOL_CALL"


@dataclass(slots=True)
class _Chapter:
    """A stage, and how many messages it has."""

    stage: CallStage
    messages: int


class Chronicle:
    """The book of one attempt and of the call that may come of it."""

    def __init__(self, origin: Origin, ledger: Ledger, clock: Clock, ids: Ids, log: Callable[..., None]) -> None:
        self._origin = origin
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._log = log
        self._messages = 0
        self._chapter: _Chapter | None = None
        self._uses: dict[str, _Chapter] = {}  # of tools that have not answered: a result stays with its call
        self._marks_ms: dict[str, float] = {}
        self._begun_s = clock.monotonic()
        self._trace: tuple[TraceEntry, ...] = ()
        self.begun: datetime = clock.now()
        self.decision_id = ids.sortable()
        self.call: Call | None = None
        self.quality = SoundQuality()
        self.sound: JsonObject = {}

    def mark(self, name: str) -> None:
        """Note when something happened for the first time, in ms since the INVITE."""
        self._marks_ms.setdefault(name, round((self._clock.monotonic() - self._begun_s) * 1000, 1))

    def handler_said(self, result: str, facts: JsonObject) -> None:
        """Note what came of asking the owner: ``matched``, ``refused``, or ``missed`` when another was to say."""
        self._trace += (TraceEntry(Step.FALLBACK_HANDLER, result, tuple(facts.items())),)

    def refused(self, outcome: str, status: int | None, detail: str) -> None:
        """Write the decision of an attempt that no call came of."""
        facts: list[tuple[str, Json]] = [("outcome", outcome), ("status", status)]
        if detail:
            facts.append(("detail", detail))
        trace = (*self._trace, TraceEntry(Step.REFUSAL, "refused", tuple(facts)))
        after = Aftermath(Verdict.REFUSE, outcome, status, self._origin.agent_id, trace=trace)
        record = self._origin.record(self.decision_id, self.begun, after)
        if record is not None:
            self._ledger.refusal(record)
        self._log(events.CALL_REFUSED, decision=self.decision_id, outcome=outcome, status=status, detail=detail or None)

    def started(self, call: Call, then: Then) -> None:
        """Write the call, its decision and ``call.started``; `then` is called once that is safe, or has failed."""
        self.call = replace(call, sip=self._sip())
        self._turn_page(CallStage(call.stage_id, call.call_id, 0, call.created, call.settings))
        after = Aftermath(Verdict.ADMIT, agent_id=call.agent_id, call_id=call.call_id, trace=self._trace)
        record = self._origin.record(self.decision_id, self.begun, after)
        self._ledger.started(self.call, record, self._outbox("call.started"), then)

    def not_started(self) -> None:
        """The store refused the call: as far as anybody can know later, it never was one."""
        call, self.call = self.call, None
        if call is not None and call.outcome is not None:  # it is over already
            self.refused(call.outcome, OUTCOMES[call.outcome].status, call.outcome_detail)

    def joined(self) -> None:
        """Write that the caller talks to the agent, and ``call.joined``."""
        assert self.call is not None
        self.call = replace(self.call, joined=self._clock.now(), sip=self._sip())
        self._ledger.joined(self.call, self._outbox("call.joined"))

    def ended(self, outcome: str, detail: str) -> None:
        """Write the end of the call, ``call.ended`` and ``call.billed``, and its one log line."""
        row = OUTCOMES[outcome]
        if self.call is None:
            self.refused(outcome, row.status, detail)
            return
        self.call = replace(
            self.call,
            ended=self._clock.now(),
            end_reason=row.end_reason or "system_error",
            outcome=outcome,
            outcome_detail=detail,
            sip=self._sip(),
        )
        ended = self._outbox("call.ended")
        # Clients of the public service wait for the bill; it is there at once, and it is nothing.
        billed = replace(ended, event_id=self._ids.sortable(), event="call.billed")
        self._ledger.ended(self.call, ended, billed)
        self._log(
            events.CALL_ENDED,
            call=self.call.call_id,
            outcome=outcome,
            doing=row.doing.value,
            detail=detail or None,
            packets_in=self.quality.packets_received,
            packets_out=self.quality.packets_sent,
            **self._marks_ms,
        )

    def message(
        self,
        role: str,
        text: str,
        medium: str,
        start_ms: float | None,
        end_ms: float | None,
        tool: ToolUse | None = None,
    ) -> None:
        """Write something said, or a use of a tool; times in ms since the call was joined."""
        call, chapter = self.call, self._chapter
        if call is None or chapter is None:
            return
        if tool is not None and role == _TOOL_CALL:
            self._uses[tool.invocation_id] = chapter
        elif tool is not None:
            chapter = self._uses.pop(tool.invocation_id, chapter)
        at = self._clock.now()
        if start_ms is not None and call.joined is not None:
            at = call.joined + timedelta(milliseconds=start_ms)
        self._ledger.message(
            Message(
                call_id=call.call_id,
                index=self._messages,
                role=role,
                text=text,
                medium=medium,
                at=at,
                start_s=None if start_ms is None else start_ms / 1000,
                end_s=None if end_ms is None else end_ms / 1000,
                stage_id=chapter.stage.stage_id,
                stage_index=chapter.messages,
                tool=tool,
            )
        )
        self._messages += 1
        chapter.messages += 1

    def stage(self, own: JsonObject) -> Call:
        """Write that the call has entered another stage; the call as it is in it.

        Args:
            own: what is new in it.
        """
        assert self.call is not None
        assert self._chapter is not None
        last = self._chapter.stage
        if last.position == 0:
            self._ledger.stage(last)
        settings = inherited(last.settings, own)
        stage = CallStage(self._ids.uuid(), last.call_id, last.position + 1, self._clock.now(), settings)
        self._ledger.stage(stage)
        self._turn_page(stage)
        self.call = replace(self.call, stage_id=stage.stage_id, settings=settings)
        return self.call

    @property
    def stages(self) -> int:
        """How many stages the call has had."""
        return 0 if self._chapter is None else self._chapter.stage.position + 1

    def event(self, severity: str, type: str, text: str, extras: JsonObject) -> None:
        """Write something noteworthy."""
        call = self.call
        if call is None:
            return
        now = self._clock.now()
        offset_s = (now - call.joined).total_seconds() if call.joined else 0.0
        self._ledger.event(CallEvent(call.call_id, call.stage_id, now, offset_s, severity, type, text, extras))

    def _turn_page(self, stage: CallStage) -> None:
        self._chapter = _Chapter(stage, len(stage.initial_messages))

    def _sip(self) -> JsonObject:
        return {
            **self._origin.signaling(),
            "sound": {
                **self.sound,
                "quality": render_quality(self.quality),
            },
            "timings": dict(self._marks_ms),
        }

    def _outbox(self, event: str) -> OutboxEvent:
        assert self.call is not None
        return OutboxEvent(
            event_id=self._ids.sortable(),
            account_id=self.call.account_id,
            call_id=self.call.call_id,
            event=event,
            at=self._clock.now(),
            payload=render_call(self.call),
        )
