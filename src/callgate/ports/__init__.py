"""Every seam between the parts that act, as a Protocol; no code.

The row of six (calls, signaling, media, brains, webhooks, store) never import each other: what one needs of another is
named here, and `app` joins them. What a brain sees of its call, inside a media worker, is in `ports.brain`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from callgate.core.audio.format import SoundFormat as SoundFormat
from callgate.core.sdp.path import SoundPath as SoundPath
from callgate.entities.agent import Agent
from callgate.entities.attempt import Attempt
from callgate.entities.call import Call, CallEvent, CallStage, Message, OutboxEvent, ToolUse
from callgate.entities.decision import Decision, DecisionRecord
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.entities.shadow import ShadowTally
from callgate.entities.sip_config import FallbackHandler
from callgate.entities.tool import DurableTool
from callgate.entities.webhook import Delivery, Webhook, WebhookHealth
from callgate.ports.brain import BrainPlan, NewStage

# ---------------------------------------------------------------------------------------------------------------- time


class Clock(Protocol):
    """Time, passed in to everything that decides or waits."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        ...

    def now(self) -> datetime:
        """Wall clock, UTC, aware."""
        ...


class Alarm(Protocol):
    """A wake-up that has been asked for."""

    def cancel(self) -> None:
        """Never mind; harmless when it has rung."""
        ...


class Alarms(Protocol):
    """Wake-ups, passed in to whatever waits."""

    def after(self, delay_s: float, ring: Callable[[], None]) -> Alarm:
        """Call `ring` once, on the event loop, `delay_s` seconds from now."""
        ...


class Ids(Protocol):
    """Chance, passed in: names and secrets."""

    def uuid(self) -> str:
        """A random UUID, text."""
        ...

    def sortable(self) -> str:
        """A UUID version 7, text: later ones sort after earlier ones."""
        ...

    def token(self, size: int = 16) -> str:
        """`size` bytes of chance from the system, URL-safe text; fit for tags, branches and secrets."""
        ...

    def number(self, below: int) -> int:
        """A number from 0 up to, but not, `below`; each as likely as the others."""
        ...


# ----------------------------------------------------------------------------------------------------------- signaling


@dataclass(frozen=True, slots=True)
class ReofferAnswer:
    """What to answer a re-INVITE with.

    Attributes:
        status: 200, or 488 …
        sdp: the answer (or our offer, when the re-INVITE had none); empty with a refusal.
        headers: to be sent along, e.g. a ``Warning``.
    """

    status: int
    sdp: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class LegListener(Protocol):
    """Who is told what the peer does on one leg. Called on the event loop, never concurrently, never after `closed`."""

    def cancelled(self, cause: str) -> None:
        """The caller gave up before an answer (CANCEL; the 487 has been sent), or its connection went away."""
        ...

    def confirmed(self, body: bytes) -> None:
        """The ACK for our 200 came; `body` is its SDP (only after a delayed offer), else empty."""
        ...

    def unacknowledged(self) -> None:
        """No ACK came within 64·T1; a BYE has been sent. RFC 3261 section 13.3.1.4 (The INVITE is Accepted)."""
        ...

    def no_prack(self) -> None:
        """A reliable provisional response was not acknowledged within 64·T1; the INVITE has been refused with 504.

        RFC 3262 section 3 (UAS Behavior).
        """
        ...

    def offer(self) -> bytes:
        """Our SDP as it stands, made when there is none, to be offered.

        In the first reliable response to an INVITE without an offer; and, unchanged, in a re-INVITE that only
        refreshes the session.
        """
        ...

    def settled(self, sdp: bytes) -> None:
        """The answer to `offer` came in a PRACK or in a 200; empty when it had none."""
        ...

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE or UPDATE came; empty `sdp`: a re-INVITE without an offer. Answered at once with the result."""
        ...

    def digit(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO (``application/dtmf-relay`` or ``application/dtmf``)."""
        ...

    def hung_up(self, cause: str) -> None:
        """The peer sent BYE; `cause` is its ``Reason`` header in words, or empty."""
        ...

    def vanished(self, cause: str) -> None:
        """The peer went away without a goodbye: it refreshes its session no more, or knows nothing of it."""
        ...


class Leg(Protocol):
    """Our side of a call towards who calls."""

    def listen(self, listener: LegListener) -> None:
        """Say who is told; at once after the leg was handed over."""
        ...

    def ring(self) -> None:
        """Send 180 Ringing; may be called again. Nothing is sent once the leg has had its final answer.

        A peer that requires reliable responses without having made an offer gets ours along: the listener's `offer`.
        """
        ...

    def answer(self, sdp: bytes) -> None:
        """Send 200 OK with `sdp`, repeated until the ACK comes; not before a PRACK for which it has to wait."""
        ...

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = (), cause: str = "") -> None:
        """Send a final refusal (400 to 699); `cause` is for peers that can be told one."""
        ...

    def hang_up(self, cause: str = "") -> None:
        """Send BYE (after the ACK, or when it is given up on); `cause` becomes a ``Reason`` header."""
        ...


class SipLeg(Leg, Protocol):
    """Our side of one SIP dialog that a caller began (UAS)."""

    @property
    def attempt(self) -> Attempt:
        """The INVITE that began it."""
        ...

    @property
    def dialog_name(self) -> tuple[str, str, str]:
        """Call-ID, our tag and the peer's: what names its dialog."""
        ...

    @property
    def media_address(self) -> str:
        """The IP address to put into SDP towards this peer (the route's local address, or the advertised one)."""
        ...

    @property
    def reliable_transport(self) -> bool:
        """Whether the leg runs over TCP or TLS, so that the source address is proved before the ACK."""
        ...


@dataclass(frozen=True, slots=True)
class Considered:
    """What came of considering an attempt.

    Attributes:
        decision: the verdict.
        session: the slot and port reserved for it; ``None`` when refused, or when it goes on with a call that has one.
    """

    decision: Decision
    session: "MediaSession | None"


class IncomingCalls(Protocol):
    """Who signaling asks about INVITEs without a To-tag. Retransmissions never reach it."""

    def consider(self, attempt: Attempt) -> Considered:
        """The verdict, at once.

        Refusals and their records are complete with it; for admit and ask `arrived` follows on the same turn of the
        event loop, and a session has been reserved, unless there is one.
        """
        ...

    def arrived(self, leg: SipLeg, considered: Considered) -> None:
        """A leg exists for an attempt to admit or to ask about; 100 Trying is out."""
        ...


class Strangers(Protocol):
    """Who keeps count of sources outside everybody's ranges. Others may be asked about: they are never noisy."""

    def noisy(self, address: str) -> bool:
        """Whether what comes from `address` (IP text) now is not to be looked at."""
        ...

    def ignored(self, address: str) -> None:
        """What came was not looked at."""
        ...

    def refused(self, address: str) -> None:
        """What came was refused, or was nothing that could be answered; an INVITE is counted by who decided on it."""
        ...


# --------------------------------------------------------------------------------------------------------------- media


class SessionListener(Protocol):
    """Who is told what a media session does. Called on the event loop; nothing comes after `closed`."""

    def ready(self) -> None:
        """The brain is connected and can speak."""
        ...

    def brain_failed(self, reason: str) -> None:
        """The brain could not be started, or failed during the call."""
        ...

    def message(
        self, role: str, text: str, medium: str, start_ms: float | None, end_ms: float | None, tool: ToolUse | None
    ) -> None:
        """Something was said, or a tool was used; times in ms since `begin`."""
        ...

    def stage(self, settings: JsonObject) -> NewStage:
        """A tool wants the call to enter another stage: see `BrainHost.stage`.

        Raises:
            StageRefused: it does not.
        """
        ...

    def event(self, severity: str, type: str, text: str, extras: JsonObject) -> None:
        """Something noteworthy happened."""
        ...

    def hang_up_requested(self, outcome: str) -> None:
        """The brain has said its last word (``agent-hangup``, ``inactivity``, ``max-duration``: a slug)."""
        ...

    def measured(self, quality: SoundQuality) -> None:
        """How the sound fares, every few seconds."""
        ...

    def closed(self, quality: SoundQuality) -> None:
        """The session is over, because we asked for it."""
        ...

    def lost(self) -> None:
        """The worker died and took the session with it. Nothing follows."""
        ...


class MediaSession(Protocol):
    """The sound of one call, somewhere in a worker. Every verb is a message and returns at once."""

    @property
    def rtp_port(self) -> int:
        """The even local port of the session, bound before it was promised."""
        ...

    def open(
        self, brain: BrainPlan, path: SoundPath | None, listener: SessionListener, *, record: bool = False
    ) -> None:
        """Bind sound to brain and start connecting the brain.

        Args:
            brain: what to make it of.
            path: ``None`` until a delayed offer is answered.
            listener: who is told.
            record: whether both sides are recorded from `begin` on.
        """
        ...

    def redirect(self, path: SoundPath) -> None:
        """The SDP changed: new address, codec, direction."""
        ...

    def begin(self) -> None:
        """The call is joined and the peer's address is proved: sound may leave, and the brain may greet."""
        ...

    def digit(self, digit: str, duration_ms: int) -> None:
        """A digit that did not come over RTP."""
        ...

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Have the brain speak `text` now; when `then_hang_up` is a slug, ask to hang up with it afterwards."""
        ...

    def tell(self, message: JsonObject) -> None:
        """Give the brain a data message of the public API, validated: see `Brain.tell`."""
        ...

    def press(self, digits: str) -> None:
        """Press keys towards the caller; what is no key has been refused before."""
        ...

    def close(self) -> None:
        """End the session, give slot and port back. Also the way out of a reservation that was never opened."""
        ...


class ClientSession(MediaSession, Protocol):
    """The sound of a client that has joined without a phone. Its `open` takes no path, and it holds no port."""

    def on_left(self, left: Callable[[bool, str], None]) -> None:
        """Say who is told that the client has gone: whether it said goodbye, and words."""
        ...

    def dismiss(self, code: int, words: str) -> None:
        """Close its connection, with a code of RFC 6455 section 7.4 (Status Codes)."""
        ...


class Media(Protocol):
    """Where sessions come from: credits that workers have granted, held here, so that reserving needs no await."""

    @property
    def free(self) -> int:
        """How many sessions could be reserved now."""
        ...

    def reserve(self) -> MediaSession | None:
        """Take a slot with its port; ``None`` when there is none. Whoever reserves must `close`."""
        ...


# ------------------------------------------------------------------------------------------------------------ webhooks


@dataclass(frozen=True, slots=True)
class Question:
    """What the fallback handler is asked.

    Attributes:
        decision_id: sent along, the same for a repeat.
        account_id: whose agents an answer may name.
        handler: whom to ask.
        body: the public JSON of the question.
        request_uri: sent as a header.
    """

    decision_id: str
    account_id: str
    handler: FallbackHandler
    body: JsonObject
    request_uri: str


@dataclass(frozen=True, slots=True)
class StartCall:
    """The handler wants a call started.

    Attributes:
        agent_id: whose template it starts from; ``None``: an inline ``startCall``.
        body: the validated body of the creation endpoint, public JSON, only what was given.
        exchange: what was asked and answered, for the record: status, ms, tries.
    """

    agent_id: str | None
    body: JsonObject
    exchange: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejection:
    """The caller is to be refused: by the handler's word, or because the handler failed.

    Attributes:
        outcome: ``handler-rejected``, ``handler-timeout`` or ``handler-failed``.
        status: SIP status to send, already made safe to send.
        reason: in words, for the record.
        exchange: as in `StartCall`; with the code asked for where it differs.
    """

    outcome: str
    status: int
    reason: str
    exchange: JsonObject = field(default_factory=dict)


class DecisionHook(Protocol):
    """The owner's fallback handler."""

    async def ask(self, question: Question) -> StartCall | Rejection:
        """One answer within the deadline; never raises but for cancellation, which ends the request."""
        ...


# -------------------------------------------------------------------------------------------------------------- shadows


class ShadowTallies(Protocol):
    """What this process has seen of drafts beside the rules in force."""

    def tally(self, shadow_id: str) -> ShadowTally:
        """Of one of them."""
        ...


# --------------------------------------------------------------------------------------------------------------- store


class CallStore(Protocol):
    """What running calls need of the store. Each `await` returns when the fact is committed."""

    async def call_started(self, call: Call, record: DecisionRecord | None, event: OutboxEvent) -> None:
        """Write a new call, its decision (unless nothing was to be decided) and its event, in one transaction."""
        ...

    async def call_joined(self, call: Call, event: OutboxEvent) -> None:
        """Write that the caller talks to the agent (the call's mutable fields as they are now)."""
        ...

    async def call_ended(self, call: Call, *events: OutboxEvent) -> None:
        """Write the end of a call, and all that is to be told of it."""
        ...

    def message(self, message: Message) -> None:
        """Queue a message; written within 200 ms, in order, and before the end of its call."""
        ...

    def call_event(self, event: CallEvent) -> None:
        """Queue an event, likewise."""
        ...

    def call_stage(self, stage: CallStage) -> None:
        """Queue a stage, likewise: the first when there is a second; from then on the call is as its newest says."""
        ...

    def decision(self, record: DecisionRecord) -> None:
        """Queue the record of a refusal; written within 200 ms. When the queue is full, strangers' go first."""
        ...


class DeliveryStore(Protocol):
    """What the delivery of events needs of the store."""

    async def waiting_deliveries(self, after: Delivery | None, *, limit: int) -> list[Delivery]:
        """What is to be delivered, in the order of events, from behind `after`; none: that is all."""
        ...

    async def outbox_event(self, event_id: str) -> OutboxEvent | None:
        """One event; ``None`` when it is no longer kept."""
        ...

    def delivery_tried(self, delivery: Delivery) -> None:
        """Queue what came of a try; written within 200 ms."""
        ...

    async def webhook_healths(self) -> Mapping[str, WebhookHealth]:
        """How every webhook fares, by id."""
        ...

    def webhook_fares(self, webhook_id: str, health: WebhookHealth) -> None:
        """Queue how a webhook fares."""
        ...


class WebhooksInForce(Protocol):
    """The webhooks in memory."""

    def webhooks_of(self, account_id: str) -> Mapping[str, Webhook]:
        """Those of one account, by id."""
        ...


class Snapshot(Protocol):
    """The configuration in memory: immutable values behind a reference that a PATCH swaps before its 200."""

    def agent(self, agent_id: str) -> Agent | None:
        """A living agent of any account."""
        ...

    def agents_of(self, account_id: str) -> Mapping[str, Agent]:
        """The living agents of one account, by id."""
        ...

    def tools_of(self, account_id: str) -> Mapping[str, DurableTool]:
        """The tools that one account keeps, by id."""
        ...


class NoRoom(Exception):
    """A call cannot be taken now.

    Attributes:
        status: of HTTP: 429 when it is the account's own limit, 503 when it is the node's.
        retry_after_s: when to ask again.
    """

    def __init__(self, words: str, status: int, retry_after_s: int) -> None:
        super().__init__(words)
        self.status = status
        self.retry_after_s = retry_after_s


class RequestedCalls(Protocol):
    """Calls that begin through the API, and wait for a client to join them."""

    async def request(self, account_id: str, agent: Agent | None, body: JsonObject) -> Call:
        """Make a call; it is committed when this returns.

        Args:
            account_id: whose.
            agent: who answers; ``None``: `body` says all of it.
            body: validated, of the creation endpoint, with the medium that was settled.

        Raises:
            TemplateUnfit: the agent's template does not fit what was given.
            NoRoom: a limit is reached.
        """
        ...


class LiveCalls(Protocol):
    """The calls in progress on this node, as the API may act on them."""

    def of_account(self, account_id: str) -> int:
        """How many an account has."""
        ...

    def is_live(self, call_id: str) -> bool:
        """Whether the call is in progress here."""
        ...

    def quality(self, call_id: str) -> SoundQuality | None:
        """How the sound of a call in progress here fares, a few seconds old at most; ``None`` when it is not here."""
        ...

    def hang_up(self, call_id: str, message: str | None = None) -> bool:
        """End a joined call, after the agent has said `message`; ``False`` when it is not joined, or not here."""
        ...

    def tell(self, call_id: str, message: JsonObject) -> bool:
        """Give the agent of a joined call a data message; ``False`` when it is not joined, or not here."""
        ...

    def press(self, call_id: str, digits: str) -> bool:
        """Press keys towards the caller of a joined call; likewise."""
        ...
