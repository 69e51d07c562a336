"""The gate: what signaling asks about every INVITE without a To-tag. Load, decide, reserve; then hand over to a runner.

RFC 3261 section 13.3 (UAS Processing) ends where this begins: retransmissions, CANCEL and in-dialog requests never get
here. Nothing is awaited between the decision and the reservation, so two INVITEs cannot be promised the same slot.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from callgate.calls.origin import Dialled
from callgate.calls.records import Aftermath, record_of
from callgate.calls.registry import Registry
from callgate.calls.runner import CallRunner
from callgate.calls.shadows import ShadowWatch
from callgate.calls.sip_logs import SipLogs
from callgate.calls.strangers import Strangers
from callgate.calls.surroundings import Surroundings
from callgate.calls.takeover import TakeOver, find_replaced, replaced_by
from callgate.calls.talk import Talk
from callgate.core.admission.callers import CallerProofs
from callgate.core.admission.capacity import Capacity
from callgate.core.admission.decide import agent_shortage, decide
from callgate.core.admission.noise import NoiseTable
from callgate.core.admission.policy import PolicySet
from callgate.core.admission.question import question_body
from callgate.core.admission.rate import SourceRates
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision, Verdict
from callgate.ports import Considered, Media, Question, SipLeg
from callgate.telemetry import events


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """What the gate may let in.

    Attributes:
        calls_max: calls at a time on this node.
        source_calls_per_s: new calls of one source, mean of ten seconds; 0: no limit.
        noise_refusals_per_minute: refusals of a stranger before it is answered less.
        noise_pause_s: quiet after which it is heard again.
        noise_sources_max: strangers remembered.
        trust_asserted_identity: whether P-Asserted-Identity is believed.
    """

    calls_max: int
    source_calls_per_s: float = 0.0
    noise_refusals_per_minute: int = 60
    noise_pause_s: float = 300.0
    noise_sources_max: int = 50_000
    trust_asserted_identity: bool = True


class Gate:
    """Decides on attempts and starts the calls that come of them. Implements `ports.IncomingCalls`.

    Attributes:
        strangers: who is noisy.
        draining: whether no new calls are taken.
    """

    def __init__(
        self,
        *,
        policies: Callable[[], PolicySet],
        media: Media,
        registry: Registry,
        around: Surroundings,
        limits: GateLimits,
        proofs: CallerProofs | None = None,
        shadows: ShadowWatch | None = None,
        sip_logs: SipLogs | None = None,
    ) -> None:
        """Keep the door.

        Args:
            policies: gives the rules in force; asked anew for every attempt.
            media: where sessions come from.
            registry: the calls in progress.
            around: what every runner needs.
            limits: what may be let in.
            proofs: who may prove itself; ``None``: nobody need.
            shadows: sees what is decided; ``None``: nobody compares.
            sip_logs: told whose dialogs are; ``None``: their messages are not kept.
        """
        self._policies = policies
        self._media = media
        self._registry = registry
        self._around = around
        self._limits = limits
        self._proofs = proofs
        self._shadows = shadows
        self._sip_logs = sip_logs
        self._rates = SourceRates(limits.source_calls_per_s)
        self.strangers = Strangers(
            NoiseTable(
                refusals_per_minute=limits.noise_refusals_per_minute,
                pause_s=limits.noise_pause_s,
                sources_max=limits.noise_sources_max,
                spared=self.knows_source,
            ),
            clock=around.clock,
            alarms=around.alarms,
            store=around.store,
            ids=around.ids,
            log=around.log,
        )
        self.draining = False

    def consider(self, attempt: Attempt) -> Considered:
        """Decide; a refusal is recorded, anything else holds a session."""
        now = self._around.clock.monotonic()
        if self.strangers.noisy(attempt.source_address):
            attempt = replace(attempt, noisy=True)
        policies = self._policies()
        source = policies.source_of(attempt)
        if self._proofs is not None and source is not None and not attempt.noisy and attempt.defect is None:
            attempt = replace(attempt, proof=self._proofs.look(attempt, source, now))
        replaced = replaced_by(attempt, self._registry, policies.source_of)
        if replaced is not None:
            attempt = replace(attempt, replaces=replaced)
        decision = decide(attempt, policies, self._capacity(source, now))
        if decision.status == 401 and self._proofs is not None and source is not None:
            stale = decision.outcome == "credentials-stale"
            decision = replace(decision, headers=self._proofs.challenges(attempt, source, now, stale=stale))
        session = None
        if attempt.replaces is not None and decision.verdict is Verdict.ADMIT:
            self._record(attempt, decision, Aftermath(Verdict.ADMIT, call_id=attempt.replaces.call_id))
            return Considered(decision, None)
        if decision.verdict in (Verdict.ADMIT, Verdict.ASK):
            session = self._media.reserve()
            if session is None:  # the last credit went on this very turn
                decision = decide(attempt, policies, Capacity(sessions_free=0))
        if session is None:
            if decision.verdict is Verdict.IGNORE:
                self.strangers.ignored(attempt.source_address)  # which leaves a record per source and minute
                if self._shadows is not None:
                    self._shadows.saw(attempt, decision, "", policies)
                return Considered(decision, None)
            if decision.stateless:
                self.strangers.refused(attempt.source_address)
            decision_id = self._record(attempt, decision)
            if self._shadows is not None:
                self._shadows.saw(attempt, decision, decision_id, policies)
            if not decision.stateless:  # a line for every stranger would let a scanner fill the disk
                self._around.log(
                    events.CALL_REFUSED, outcome=decision.outcome, status=decision.status, detail=decision.reason
                )
        if not decision.stateless:
            self.strangers.admitted(attempt.source_address)
        return Considered(decision, session)

    def arrived(self, leg: SipLeg, considered: Considered) -> None:
        """Start the call, or ask its owner; or go on with another."""
        session = considered.session
        if session is None:
            self._take_over(leg)
            return
        origin = Dialled(leg.attempt, considered.decision)
        runner = CallRunner(origin, self._around, self._registry.leave, self._agent_named)
        talk = self._talk(leg, session.rtp_port, runner.begun_ms)
        question = self._question(leg.attempt, considered, runner.decision_id)
        source = self._policies().source_of(leg.attempt)
        if source is not None:
            self._rates.called(source, self._around.clock.monotonic())
        self._registry.enter(runner, leg.dialog_name)
        if self._sip_logs is not None:
            self._sip_logs.belongs(leg.dialog_name, runner)
        runner.begin(leg, session, talk, question)
        if self._shadows is not None:
            self._shadows.saw(leg.attempt, considered.decision, runner.decision_id, self._policies())

    def admits_source(self, address: str) -> bool:
        """Whether requests other than INVITE are answered to this address."""
        return self._policies().admits_source(address)

    def rules_changed(self) -> None:
        """A PATCH was committed: sources that it admits are strangers no more."""
        self.strangers.release(self.knows_source)

    def knows_source(self, address: str) -> bool:
        """Whether an address is nobody's stranger: admitted, or a proxy of ours."""
        policies = self._policies()
        return policies.admits_source(address) or policies.is_proxy(address)

    def _take_over(self, leg: SipLeg) -> None:
        runner = find_replaced(leg.attempt, self._registry)
        assert runner is not None, "it was found on this same turn of the event loop"
        if self._sip_logs is not None:
            self._sip_logs.belongs(leg.dialog_name, runner)
        talk = self._talk(leg, runner.rtp_port, runner.begun_ms)
        TakeOver(leg, talk, runner, self._registry).begin()

    def _talk(self, leg: SipLeg, rtp_port: int, session_id: int) -> Talk:
        return Talk(
            leg.attempt.body,
            leg.media_address,
            rtp_port,
            session_id=session_id,
            terms=self._policies().options.sound.of(leg.attempt.transport, leg.attempt.source_address),
            new_key=self._around.new_key,
        )

    def _record(self, attempt: Attempt, decision: Decision, aftermath: Aftermath | None = None) -> str:
        """Queue the record; names it."""
        around = self._around
        decision_id = around.ids.sortable()
        around.store.decision(
            record_of(attempt, decision, decision_id=decision_id, at=around.clock.now(), aftermath=aftermath)
        )
        return decision_id

    def _capacity(self, source: str | None, now: float) -> Capacity:
        return Capacity(
            draining=self.draining,
            sessions_free=self._media.free,
            calls=len(self._registry),
            calls_max=self._limits.calls_max,
            account_calls=self._registry.of_account,
            agent_calls=self._registry.of_agent,
            source_over_rate=source is not None and self._rates.over(source, now),
        )

    def _agent_named(self, runner: CallRunner, agent_id: str) -> tuple[int, str] | None:
        """The fallback handler gives a call to an agent: the status and words to refuse with when it has too many."""
        policies = self._policies()
        policy = policies.account(runner.account_id or "")
        calls_max = 0 if policy is None else policy.agent_calls_max
        shortage = agent_shortage(self._registry.of_agent(agent_id), calls_max)
        if shortage is not None:
            return policies.options.account_limit_status, shortage
        self._registry.answered_by(runner, agent_id)
        return None

    def _question(self, attempt: Attempt, considered: Considered, decision_id: str) -> Question | None:
        decision = considered.decision
        if decision.verdict is not Verdict.ASK or decision.account_id is None:
            return None
        policy = self._policies().account(decision.account_id)
        assert policy is not None, "the account was found on this same turn of the event loop"
        assert policy.config.fallback_handler is not None, "so was its handler"
        return Question(
            decision_id=decision_id,
            account_id=decision.account_id,
            handler=policy.config.fallback_handler,
            body=question_body(attempt, trust_asserted_identity=self._limits.trust_asserted_identity),
            request_uri=attempt.request_uri,
            safeguards=policy.config.safeguards,
        )
