"""The gate: what signaling asks about every INVITE without a To-tag. Load, decide, reserve; then hand over to a runner.

RFC 3261 section 13.3 (UAS Processing) ends where this begins: retransmissions, CANCEL and in-dialog requests never get
here. Nothing is awaited between the decision and the reservation, so two INVITEs cannot be promised the same slot.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from callgate.calls.origin import Dialled
from callgate.calls.records import record_of
from callgate.calls.registry import Registry
from callgate.calls.runner import CallRunner, Surroundings
from callgate.calls.talk import Talk
from callgate.core.admission.capacity import Capacity
from callgate.core.admission.decide import decide
from callgate.core.admission.noise import NoiseTable
from callgate.core.admission.policy import PolicySet
from callgate.core.admission.question import question_body
from callgate.core.admission.rate import SourceRates
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Verdict
from callgate.ports import Considered, Media, Question, SipLeg
from callgate.telemetry import events


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """What the gate may let in.

    Attributes:
        calls_max: calls at a time on this node.
        account_calls_max: calls at a time of one account; 0: no limit of its own.
        source_calls_per_s: new calls of one source, mean of ten seconds; 0: no limit.
        noise_refusals_per_minute: refusals of a stranger before it is answered less.
        noise_pause_s: quiet after which it is heard again.
        noise_sources_max: strangers remembered.
        trust_asserted_identity: whether P-Asserted-Identity is believed.
    """

    calls_max: int
    account_calls_max: int = 0
    source_calls_per_s: float = 0.0
    noise_refusals_per_minute: int = 60
    noise_pause_s: float = 300.0
    noise_sources_max: int = 50_000
    trust_asserted_identity: bool = True


class Gate:
    """Decides on attempts and starts the calls that come of them. Implements `ports.IncomingCalls`."""

    def __init__(
        self,
        *,
        policies: Callable[[], PolicySet],
        media: Media,
        registry: Registry,
        around: Surroundings,
        limits: GateLimits,
    ) -> None:
        """`policies` gives the rules in force; asked anew for every attempt."""
        self._policies = policies
        self._media = media
        self._registry = registry
        self._around = around
        self._limits = limits
        self._rates = SourceRates(limits.source_calls_per_s)
        self._noise = NoiseTable(
            refusals_per_minute=limits.noise_refusals_per_minute,
            pause_s=limits.noise_pause_s,
            sources_max=limits.noise_sources_max,
            spared=self.knows_source,
        )
        self.draining = False

    def consider(self, attempt: Attempt) -> Considered:
        """Decide; a refusal is recorded, anything else holds a session."""
        now = self._around.clock.monotonic()
        if self._noise.noisy(attempt.source_address, now):
            attempt = replace(attempt, noisy=True)
        policies = self._policies()
        decision = decide(attempt, policies, self._capacity(policies.source_of(attempt), now))
        session = None
        if decision.verdict in (Verdict.ADMIT, Verdict.ASK):
            session = self._media.reserve()
            if session is None:  # the last credit went on this very turn
                decision = decide(attempt, policies, Capacity(sessions_free=0))
        if session is None:
            if decision.stateless and decision.verdict is Verdict.REFUSE:
                self._noise.refused(attempt.source_address, now)
            self._around.store.decision(
                record_of(attempt, decision, decision_id=self._around.ids.sortable(), at=self._around.clock.now())
            )
            if not decision.stateless:  # a line for every stranger would let a scanner fill the disk
                self._around.log(
                    events.CALL_REFUSED, outcome=decision.outcome, status=decision.status, detail=decision.reason
                )
        return Considered(decision, session)

    def arrived(self, leg: SipLeg, considered: Considered) -> None:
        """Start the call, or ask its owner."""
        assert considered.session is not None, "signaling hands over only what `consider` has reserved for"
        session = considered.session
        runner = CallRunner(Dialled(leg.attempt, considered.decision), self._around, self._registry.leave)
        talk = Talk(
            leg.attempt.body,
            leg.media_address,
            session.rtp_port,
            session_id=runner.begun_ms,
            terms=self._policies().options.sound.of(leg.attempt.transport, leg.attempt.source_address),
            new_key=self._around.new_key,
        )
        question = self._question(leg.attempt, considered, runner.decision_id)
        source = self._policies().source_of(leg.attempt)
        if source is not None:
            self._rates.called(source, self._around.clock.monotonic())
        self._registry.enter(runner)
        runner.begin(leg, session, talk, question)

    def admits_source(self, address: str) -> bool:
        """Whether requests other than INVITE are answered to this address."""
        return self._policies().admits_source(address)

    def rules_changed(self) -> None:
        """A PATCH was committed: sources that it admits are strangers no more."""
        self._noise.release(self.knows_source)

    def knows_source(self, address: str) -> bool:
        """Whether an address is nobody's stranger: admitted, or a proxy of ours."""
        policies = self._policies()
        return policies.admits_source(address) or policies.is_proxy(address)

    def _capacity(self, source: str | None, now: float) -> Capacity:
        return Capacity(
            draining=self.draining,
            sessions_free=self._media.free,
            calls=len(self._registry),
            calls_max=self._limits.calls_max,
            account_calls=self._registry.of_account,
            account_calls_max=self._limits.account_calls_max,
            source_over_rate=source is not None and self._rates.over(source, now),
        )

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
        )
