"""Every seam between the parts that act, as a Protocol; no code.

The row of six (calls, signaling, media, brains, webhooks, store) never import each other: what one needs of another is
named here, and `app` joins them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from callgate.core.audio.format import SoundFormat as SoundFormat
from callgate.core.sdp.path import SoundPath as SoundPath
from callgate.entities.agent import Agent
from callgate.entities.attempt import Attempt
from callgate.entities.call import Call, CallEvent, Message, OutboxEvent
from callgate.entities.decision import Decision, DecisionRecord
from callgate.entities.json import Json, JsonObject
from callgate.entities.quality import SoundQuality
from callgate.entities.sip_config import FallbackHandler

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

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE came; empty `sdp` when it carried no offer. Answered at once with what is returned."""
        ...

    def digit(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO (``application/dtmf-relay`` or ``application/dtmf``)."""
        ...

    def hung_up(self, cause: str) -> None:
        """The peer sent BYE; `cause` is its ``Reason`` header in words, or empty."""
        ...


class Leg(Protocol):
    """Our side of one SIP dialog that a caller began (UAS)."""

    @property
    def attempt(self) -> Attempt:
        """The INVITE that began it."""
        ...

    @property
    def media_address(self) -> str:
        """The IP address to put into SDP towards this peer (the route's local address, or the advertised one)."""
        ...

    @property
    def reliable_transport(self) -> bool:
        """Whether the leg runs over TCP or TLS, so that the source address is proved before the ACK."""
        ...

    def listen(self, listener: LegListener) -> None:
        """Say who is told; at once after the leg was handed over."""
        ...

    def ring(self) -> None:
        """Send 180 Ringing; may be called again. Nothing is sent once the leg has had its final answer."""
        ...

    def answer(self, sdp: bytes) -> None:
        """Send 200 OK with `sdp`, repeated until the ACK comes."""
        ...

    def refuse(self, status: int, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Send a final refusal (400 to 699)."""
        ...

    def hang_up(self, cause: str = "") -> None:
        """Send BYE (after the ACK, or when it is given up on); `cause` becomes a ``Reason`` header."""
        ...


@dataclass(frozen=True, slots=True)
class Considered:
    """What came of considering an attempt.

    Attributes:
        decision: the verdict.
        session: the slot and port reserved for it; ``None`` when refused.
    """

    decision: Decision
    session: "MediaSession | None"


class IncomingCalls(Protocol):
    """Who signaling asks about INVITEs without a To-tag. Retransmissions never reach it."""

    def consider(self, attempt: Attempt) -> Considered:
        """The verdict, at once.

        Refusals and their records are complete with it; for admit and ask a session has been reserved, and `arrived`
        follows on the same turn of the event loop.
        """
        ...

    def arrived(self, leg: Leg, considered: Considered) -> None:
        """A leg exists for an attempt to admit or to ask about; 100 Trying is out."""
        ...


# --------------------------------------------------------------------------------------------------------------- media


@dataclass(frozen=True, slots=True)
class BrainPlan:
    """What a worker needs to make the brain of one call.

    Attributes:
        kind: name of the brain's factory: a configured model, or ``demo``.
        call_id: UUID of the API call.
        settings: the call's rendered settings in the public JSON (``firstSpeakerSettings``, ``inactivityMessages`` …).
        about: what else is known of the call, where it is known: ``accountId``, ``agentId``, ``stageId``, ``from`` and
            ``to`` (SIP URIs), ``metadata``.
    """

    kind: str
    call_id: str
    settings: JsonObject
    about: JsonObject = field(default_factory=dict)


class SessionListener(Protocol):
    """Who is told what a media session does. Called on the event loop; nothing comes after `closed`."""

    def ready(self) -> None:
        """The brain is connected and can speak."""
        ...

    def brain_failed(self, reason: str) -> None:
        """The brain could not be started, or failed during the call."""
        ...

    def message(self, role: str, text: str, medium: str, start_ms: float | None, end_ms: float | None) -> None:
        """Something was said; times in ms since `begin`."""
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


class Media(Protocol):
    """Where sessions come from: credits that workers have granted, held here, so that reserving needs no await."""

    @property
    def free(self) -> int:
        """How many sessions could be reserved now."""
        ...

    def reserve(self) -> MediaSession | None:
        """Take a slot with its port; ``None`` when there is none. Whoever reserves must `close`."""
        ...


# --------------------------------------------------------------------------------------- inside a media worker: a brain


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a `clear` found.

    Attributes:
        played_ms: of all that was ever queued, how much the caller has been sent.
        dropped_ms: how much was thrown away.
    """

    played_ms: float
    dropped_ms: float


class Bridge(Protocol):
    """The sound between a leg and a brain, as the brain sees it: everything in the brain's own formats.

    What any engine behind it must do is written down as tests in `tests.media.conformance`.
    """

    def play(self, sound: bytes) -> None:
        """Queue sound of any length, in the format the brain `speaks`; it leaves at the pace of the wire.

        Raises:
            ValueError: half a sample, or more than the queue may hold.
        """
        ...

    def clear(self) -> Cleared:
        """Throw the queue away; silence within one frame, faded over 5 ms. Pending marks are dropped."""
        ...

    def mark(self, name: str) -> None:
        """Have `Brain.marked` called with `name` when all that is queued so far has been sent."""
        ...

    @property
    def played_ms(self) -> float:
        """How much queued sound has been sent so far."""
        ...

    @property
    def queued_ms(self) -> float:
        """How much is waiting."""
        ...

    def send_digits(self, digits: str, tone_ms: int = 200, gap_ms: int = 100) -> None:
        """Press keys: as RFC 4733 events where they were negotiated, else as tones. Queued sound waits meanwhile.

        Raises:
            ValueError: no key of a telephone is called so, or too many are waiting.
        """
        ...

    def quality(self) -> SoundQuality:
        """How the sound fares."""
        ...


class BrainHost(Protocol):
    """What a brain may ask of the call it serves. Every verb returns at once."""

    @property
    def bridge(self) -> Bridge:
        """The sound."""
        ...

    @property
    def codec(self) -> str:
        """What the caller sends, as in SDP (``PCMA``): a brain that takes the same spares the transcoding.

        Empty before it was agreed; it may change in mid-call, which the bridge makes up for.
        """
        ...

    def monotonic(self) -> float:
        """Seconds on the session's clock; 20 ms pass between two frames heard, in tests as in life."""
        ...

    def message(self, role: str, text: str, start_ms: float | None = None, end_ms: float | None = None) -> None:
        """Put something said into the call's messages; times in ms since the brain began."""
        ...

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        """Put an event into the call's events."""
        ...

    def turn_ended(self) -> None:
        """The brain has noticed that the caller has finished: how long the answer takes is measured."""
        ...

    def hang_up(self, outcome: str) -> None:
        """End the call: a slug of the catalogue."""
        ...

    def fail(self, reason: str) -> None:
        """This brain cannot go on; `reason` in words."""
        ...

    def refit(self) -> None:
        """What the brain `hears` and `speaks` has changed; sound that is still queued in another format is dropped."""
        ...


class Brain(Protocol):
    """The running thing that listens and speaks for one call.

    Lives on a worker's event loop and must never block it:
    what takes longer than a millisecond belongs into a thread or process.

    Attributes:
        hears: the format in which it wants the caller's sound; settled when `start` returns, until `BrainHost.refit`.
        speaks: the format of what it plays, likewise.
    """

    @property
    def hears(self) -> SoundFormat:
        """See above."""
        ...

    @property
    def speaks(self) -> SoundFormat:
        """See above."""
        ...

    async def start(self) -> None:
        """Connect and prepare while the phone rings; an exception means it cannot serve the call."""
        ...

    def begin(self) -> None:
        """The caller is there: greet, or listen."""
        ...

    def hear(self, frame: bytes) -> None:
        """20 ms from the caller, in order; silence where the caller sent none."""
        ...

    def held(self, on: bool) -> None:
        """The caller put us on hold, or came back. Silence is heard and nothing is sent meanwhile: timers pause."""
        ...

    def digit(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key: ``0``–``9``, ``*``, ``#``, ``A``–``D``."""
        ...

    def marked(self, name: str) -> None:
        """What was queued before `Bridge.mark` has been sent."""
        ...

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Speak `text` now, over whatever is being said; when a slug is given, hang up with it afterwards."""
        ...

    def tell(self, message: JsonObject) -> None:
        """A data message of the public API: ``user_text_message`` (text) or ``forced_agent_message`` (content).

        What it cannot do with it stands in the call's events.
        """
        ...

    async def close(self) -> None:
        """The call is over: let go of everything."""
        ...


class BrainFactory(Protocol):
    """Makes the brains of one kind; built once in each worker."""

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """All that its brains may hear or speak: what converting them takes is loaded before calls come."""
        ...

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """The brain for one call, not yet started."""
        ...

    def close(self) -> None:
        """Let go of what the brains of this kind share."""
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


# --------------------------------------------------------------------------------------------------------------- store


class CallStore(Protocol):
    """What running calls need of the store. Each `await` returns when the fact is committed."""

    async def call_started(self, call: Call, record: DecisionRecord, event: OutboxEvent) -> None:
        """Write a new call, its decision and its event, in one transaction."""
        ...

    async def call_joined(self, call: Call, event: OutboxEvent) -> None:
        """Write that the caller talks to the agent (the call's mutable fields as they are now)."""
        ...

    async def call_ended(self, call: Call, event: OutboxEvent) -> None:
        """Write the end of a call."""
        ...

    def message(self, message: Message) -> None:
        """Queue a message; written within 200 ms, in order, and before the end of its call."""
        ...

    def call_event(self, event: CallEvent) -> None:
        """Queue an event, likewise."""
        ...

    def decision(self, record: DecisionRecord) -> None:
        """Queue the record of a refusal; written within 200 ms. When the queue is full, strangers' go first."""
        ...


class Snapshot(Protocol):
    """The configuration in memory: immutable values behind a reference that a PATCH swaps before its 200."""

    def agent(self, agent_id: str) -> Agent | None:
        """A living agent of any account."""
        ...

    def agents_of(self, account_id: str) -> Mapping[str, Agent]:
        """The living agents of one account, by id."""
        ...


class LiveCalls(Protocol):
    """The calls in progress on this node, as the API may act on them."""

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
