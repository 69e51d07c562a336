"""A gate on a stage: the real gate, runner and rules; around them small real parts whose time is moved by the test."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from callgate.calls.creation import CallMaker
from callgate.calls.gate import Gate, GateLimits
from callgate.calls.registry import Registry
from callgate.calls.shadows import ShadowWatch
from callgate.calls.surroundings import Surroundings
from callgate.calls.target import Transfers
from callgate.core.admission.callers import CallerProofs
from callgate.core.admission.policy import AdmissionOptions, PolicySet, compile_policy
from callgate.core.admission.shadow import ShadowPolicy
from callgate.core.sdp.negotiate import offer
from callgate.core.sip.refer_destinations import parse_allowed
from callgate.entities.agent import Agent
from callgate.entities.attempt import Attempt
from callgate.entities.call import Call, CallEvent, CallStage, Message, OutboxEvent
from callgate.entities.decision import DecisionRecord, Verdict
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.entities.sip_config import AgentAllowance, FallbackHandler, SipConfig
from callgate.entities.tool import DurableTool
from callgate.ports import LegListener, MediaSession, Question, Rejection, SessionListener, SoundPath, StartCall
from callgate.ports.brain import BrainPlan
from callgate.runtime.ids import SystemIds
from callgate.runtime.tasks import TaskOwner
from callgate.testing.clock import ManualClock

AGENT = "11111111-1111-4111-8111-111111111111"
ACCOUNT = "account"
OFFER = offer(address="192.0.2.1", port=4_000, session_id=1)
HANDLER = FallbackHandler("https://example.org/calls", ("secret",))


class StageLeg:
    """A leg that notes what it is told."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.dialog_name = (attempt.call_id, f"ours-{id(self)}", "theirs")
        self.media_address = "198.51.100.1"
        self.reliable_transport = False
        self.did: list[tuple[Any, ...]] = []
        self.listener: LegListener | None = None

    def listen(self, listener: LegListener) -> None:
        self.listener = listener

    def ring(self) -> None:
        self.did.append(("ring",))

    def answer(self, sdp: bytes) -> None:
        self.did.append(("answer", sdp))

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = (), cause: str = "") -> None:
        self.did.append(("refuse", status))

    def hang_up(self, cause: str = "") -> None:
        self.did.append(("bye", cause))


class StageSession:
    """A media session that notes what it is told; what happens in it is said by the test."""

    rtp_port = 20_000

    def __init__(self) -> None:
        self.did: list[tuple[Any, ...]] = []
        self.listener: SessionListener | None = None

    def open(
        self, brain: BrainPlan, path: SoundPath | None, listener: SessionListener, *, record: bool = False
    ) -> None:
        self.did.append(("open", brain, path))
        self.listener = listener

    def redirect(self, path: SoundPath) -> None:
        self.did.append(("redirect", path))

    def begin(self) -> None:
        self.did.append(("begin",))

    def digit(self, digit: str, duration_ms: int) -> None:
        self.did.append(("digit", digit))

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        self.did.append(("say", text, then_hang_up))

    def tell(self, message: JsonObject) -> None:
        self.did.append(("tell", message))

    def press(self, digits: str) -> None:
        self.did.append(("press", digits))

    def close(self) -> None:
        self.did.append(("close",))


class StageMedia:
    def __init__(self) -> None:
        self.free = 10
        self.sessions: list[StageSession] = []

    def reserve(self) -> MediaSession | None:
        if not self.free:
            return None
        self.free -= 1
        self.sessions.append(StageSession())
        return self.sessions[-1]


class StageStore:
    """Keeps facts in lists; refuses them when told to."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, Call]] = []
        self.records: list[DecisionRecord] = []
        self.outbox: list[OutboxEvent] = []
        self.messages: list[Message] = []
        self.events: list[CallEvent] = []
        self.stages: list[CallStage] = []
        self.broken = False

    async def call_started(self, call: Call, record: DecisionRecord | None, event: OutboxEvent) -> None:
        self._keep("started", call, event)
        if record is not None:
            self.records.append(record)

    async def call_joined(self, call: Call, event: OutboxEvent) -> None:
        self._keep("joined", call, event)

    async def call_ended(self, call: Call, *events: OutboxEvent) -> None:
        self._keep("ended", call, *events)

    def message(self, message: Message) -> None:
        self.messages.append(message)

    def call_event(self, event: CallEvent) -> None:
        self.events.append(event)

    def call_stage(self, stage: CallStage) -> None:
        self.stages.append(stage)

    def decision(self, record: DecisionRecord) -> None:
        self.records.append(record)

    def _keep(self, fact: str, call: Call, *events: OutboxEvent) -> None:
        if self.broken:
            raise OSError("disk full")
        self.facts.append((fact, call))
        self.outbox += events


class StageHook:
    """A fallback handler that answers when the test says what."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.answer: asyncio.Future[StartCall | Rejection] = asyncio.get_running_loop().create_future()
        self.abandoned = False

    async def ask(self, question: Question) -> StartCall | Rejection:
        self.asked.append(question)
        try:
            return await self.answer
        except asyncio.CancelledError:
            self.abandoned = True
            raise


@dataclass
class StageSnapshot:
    agents: dict[str, Agent] = field(default_factory=dict)
    tools: dict[str, DurableTool] = field(default_factory=dict)

    def agent(self, agent_id: str) -> Agent | None:
        return self.agents.get(agent_id)

    def agents_of(self, account_id: str) -> dict[str, Agent]:
        return self.agents

    def tools_of(self, account_id: str) -> dict[str, DurableTool]:
        return self.tools


class Stage:
    """Everything, and the verbs of whoever plays."""

    def __init__(
        self,
        *,
        limits: GateLimits | None = None,
        handler: bool = False,
        caller_auth: str = "off",
        replaces: bool = False,
        refers_to: Sequence[str] = (),
        proofs: CallerProofs | None = None,
        account_calls_max: int = 0,
        agent_calls_max: int = 0,
        **template: Any,
    ) -> None:
        self.clock = ManualClock()
        self.media = StageMedia()
        self.store = StageStore()
        self.hook = StageHook()
        self.registry = Registry()
        self.log: list[tuple[str, dict[str, Any]]] = []
        agent = Agent(AGENT, ACCOUNT, "Demo", datetime(2026, 1, 1, tzinfo=UTC), None, template)
        self.snapshot = StageSnapshot({AGENT: agent})
        self.config = SipConfig(
            allowed_cidr_ranges=("192.0.2.0/24", "127.0.0.1/32"),
            allowed_agents=(AgentAllowance(AGENT, "^demo$"),),
            fallback_handler=HANDLER if handler else None,
        )
        self.account_calls_max = account_calls_max
        self.agent_calls_max = agent_calls_max
        self.caller_auth = caller_auth
        self.replaces = replaces
        self.others: list[str] = []  # domains of further accounts
        self.other_ranges: tuple[str, ...] = ()
        self._compiled: tuple[object, PolicySet] | None = None
        self.transfers = None
        if refers_to:
            allowed = [parse_allowed(text) for text in refers_to]
            self.transfers = Transfers(
                allowed, lambda *where: self._policies().options.sound.of(*where), self.registry.moved
            )
        ids = SystemIds()
        self.tasks = TaskOwner(lambda name, error: self.log.append(("task failed", {"name": name, "error": error})))
        self.around = Surroundings(
            clock=self.clock,
            ids=ids,
            alarms=self.clock,
            snapshot=self.snapshot,
            store=self.store,
            hook=self.hook,
            tasks=self.tasks,
            maker=CallMaker(ids=ids),
            log=lambda event, **fields: self.log.append((event, fields)),
            ring_after_s=2.0,
            ring_repeat_s=60.0,
            transfers=self.transfers,
        )
        self.drafts: dict[str, ShadowPolicy] = {}
        self.shadows = ShadowWatch(lambda: self.drafts, self.clock)
        self.gate = Gate(
            policies=self._policies,
            media=self.media,
            registry=self.registry,
            around=self.around,
            limits=limits or GateLimits(calls_max=10),
            proofs=proofs,
            shadows=self.shadows,
        )

    def _policies(self) -> PolicySet:
        rules = (self.config, tuple(self.others), self.other_ranges)
        if self._compiled is None or self._compiled[0] != rules:
            self._compiled = (rules, self.compiled(self.config))
        return self._compiled[1]

    def compiled(self, config: SipConfig) -> PolicySet:
        """Rules of the account, with those of the others."""
        policy = compile_policy(
            account_id=ACCOUNT,
            domain="example.org",
            config=config,
            version=1,
            agents=self.snapshot.agents,
            calls_max=self.account_calls_max,
            agent_calls_max=self.agent_calls_max,
        )
        others = [
            compile_policy(account_id=domain, domain=domain, config=SipConfig(self.other_ranges), version=1, agents={})
            for domain in self.others
        ]
        return PolicySet((policy, *others), AdmissionOptions(caller_auth=self.caller_auth, replaces=self.replaces))

    @staticmethod
    def attempt(user: str = "demo", source: str = "192.0.2.7", body: bytes = OFFER, **more: Any) -> Attempt:
        return replace(
            Attempt(
                source_address=source,
                source_port=5060,
                transport="udp",
                request_uri=f"sip:{user}@example.org",
                to_uri=f"sip:{user}@example.org",
                from_uri="sip:+15550100@192.0.2.7",
                from_display_name="Bob",
                call_id="call-1",
                content_type="application/sdp" if body else None,
                body=body,
            ),
            **more,
        )

    async def invite(self, user: str = "demo", **more: Any) -> StageLeg:
        """An INVITE comes and is not refused."""
        attempt = self.attempt(user, **more)
        considered = self.gate.consider(attempt)
        assert considered.decision.verdict in (Verdict.ADMIT, Verdict.ASK), considered.decision
        leg = StageLeg(attempt)
        self.gate.arrived(leg, considered)
        await self.settle()
        return leg

    async def joined(self, **more: Any) -> StageLeg:
        """A call whose caller and agent hear each other."""
        leg = await self.invite(**more)
        self.agent.ready()
        await self.settle()
        assert leg.listener is not None
        leg.listener.confirmed(b"")
        await self.settle()
        return leg

    async def settle(self) -> None:
        """Let what has been set going in the background come to rest."""
        for _ in range(8):
            await asyncio.sleep(0)

    async def count_sound(self) -> None:
        """The worker has closed the newest session."""
        self.agent.closed(SoundQuality(packets_received=5, packets_sent=6))
        await self.settle()

    @property
    def session(self) -> StageSession:
        return self.media.sessions[-1]

    @property
    def agent(self) -> SessionListener:
        """What the worker tells of the newest session."""
        assert self.session.listener is not None
        return self.session.listener

    @property
    def call(self) -> Call:
        """The newest fact of the call."""
        return self.store.facts[-1][1]

    def facts(self) -> list[str]:
        return [fact for fact, _ in self.store.facts]
