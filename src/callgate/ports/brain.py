"""The seams inside a media worker, between the sound of a call and the brain that listens and speaks."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from callgate.core.audio.format import SoundFormat
from callgate.entities.call import ToolUse
from callgate.entities.json import Json, JsonObject
from callgate.entities.quality import SoundQuality


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


class ToolFailed(Exception):
    """A tool did not answer as it should; its words are for the model and for the call's events."""


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool said.

    Attributes:
        text: its words.
        headers: those that say what follows, by their names in lower case (``x-ultravox-response-type`` …).
    """

    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


class StageRefused(Exception):
    """A call stays in the stage that it is in; the words are for the call's events."""


@dataclass(frozen=True, slots=True)
class NewStage:
    """A stage that a call has entered.

    Attributes:
        stage_id: UUID, text.
        settings: what is new in it, in the public JSON, validated, with stored tools put in place. All else is as it
            was.
    """

    stage_id: str
    settings: JsonObject


class ToolChannel(Protocol):
    """Who does the tools of a kind that are done elsewhere: the client of a call, or its data connection."""

    def invoke(self, name: str, invocation_id: str, parameters: JsonObject) -> Awaitable[ToolAnswer]:
        """Have it done; awaiting raises `ToolFailed`. Who waits gives up after the tool's timeout."""
        ...


class ClientLink(Protocol):
    """The data messages of a client that has joined without a phone, beside its sound."""

    def send(self, message: bytes) -> None:
        """A data message, JSON."""
        ...

    def listen(self, heard: Callable[[bytes], None]) -> None:
        """Say who is told of the client's data messages, one at a time, as they came; JSON is expected, not proved."""
        ...


class BrainHost(Protocol):
    """What a brain may ask of the call it serves. Every verb but `stage` returns at once."""

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

    def message(
        self,
        role: str,
        text: str,
        start_ms: float | None = None,
        end_ms: float | None = None,
        *,
        tool: ToolUse | None = None,
    ) -> None:
        """Put something said into the call's messages; times in ms since the brain began.

        `tool` goes with the roles of tools.
        """
        ...

    async def stage(self, settings: JsonObject) -> NewStage:
        """Have the call enter another stage, of which the body `settings` came from outside and is not validated.

        What is told from here on belongs to it, but for the result of a tool, which stays with its call.

        Raises:
            StageRefused: the body is no stage's, or the call has had too many.
        """
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

    @property
    def client(self) -> ClientLink | None:
        """Data messages from and to the caller; ``None`` for a telephone, which knows none."""
        ...

    def channel(self, kind: str) -> ToolChannel | None:
        """Who does tools of this kind (``client``, ``dataConnection``); ``None``: nobody, so they are not offered."""
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
