"""A brain whose call is attended by others: by the client that joined, by the owner's server, or by both.

To the session it is one brain, to the brain one host; in between, everything is passed on and the parties are told.
Calls without a party have none of this.
"""

import json
from collections.abc import Callable, Sequence
from typing import Final

from callgate.brains.agent_state import AgentState, Input, State
from callgate.brains.data_connection import DataConnection, DataConnectionPlan, data_connection_of
from callgate.brains.party import Party
from callgate.brains.speech_detection import Heard, SpeechDetector, TurnSettings
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.core.audio.loudness import loudness
from callgate.core.dialects.data_messages import (
    CLIENT,
    DATA_CONNECTION,
    DataMessage,
    call_event,
    call_started,
    invoking_tool,
    playback_clear_buffer,
    state,
    tool_used,
    transcript,
    user_started_speaking,
    user_stopped_speaking,
)
from callgate.entities.call import ToolUse
from callgate.entities.json import Json, JsonObject
from callgate.entities.quality import SoundQuality
from callgate.ports.brain import (
    Brain,
    BrainFactory,
    BrainHost,
    BrainPlan,
    Bridge,
    Cleared,
    ClientLink,
    NewStage,
    ToolChannel,
)
from callgate.runtime.address_guard import AddressGuard

_SPEAKERS: Final = {"MESSAGE_ROLE_USER": "user", "MESSAGE_ROLE_AGENT": "agent"}


class _AttendedBridge:
    """The sound as the brain of an attended call sees it. Implements `ports.Bridge`.

    Args:
        bridge: the session's.
        played: told of sound that has been queued.
        cleared: told of sound that has been thrown away.

    Attributes:
        muted: whether what the brain says is not to be heard.
    """

    def __init__(self, bridge: Bridge, played: Callable[[bytes], None], cleared: Callable[[Cleared], None]) -> None:
        self._bridge = bridge
        self._played = played
        self._cleared = cleared
        self.muted = False

    def play(self, sound: bytes) -> None:
        if not self.muted:
            self._bridge.play(sound)
            self._played(sound)

    def clear(self) -> Cleared:
        found = self._bridge.clear()
        self._cleared(found)
        return found

    def mark(self, name: str) -> None:
        self._bridge.mark(name)

    @property
    def played_ms(self) -> float:
        return self._bridge.played_ms

    @property
    def queued_ms(self) -> float:
        return self._bridge.queued_ms

    def send_digits(self, digits: str, tone_ms: int = 200, gap_ms: int = 100) -> None:
        self._bridge.send_digits(digits, tone_ms, gap_ms)

    def quality(self) -> SoundQuality:
        return self._bridge.quality()


class AttendedBrain:
    """The brain of one call and its parties. Implements `ports.Brain`, and `ports.BrainHost` for the brain inside.

    Args:
        plan: the call.
        host: likewise.
        factory: makes the brain.
        client: who joined; ``None``: nobody, it is a telephone's call.
        connection: to the owner's server; ``None``: none is wanted.
        guard: which addresses it may be at.
    """

    def __init__(
        self,
        plan: BrainPlan,
        host: BrainHost,
        factory: BrainFactory,
        *,
        client: ClientLink | None,
        connection: DataConnectionPlan | None,
        guard: AddressGuard,
    ) -> None:
        self._call_id = plan.call_id
        self._host = host
        self._formats = factory.formats
        self._link = client
        self._live = False
        self._typed = False  # whether what the caller says just now was typed
        self._ordinal = 0
        self._medium = "voice"
        self._state = AgentState(self._state_changed)
        self._detector = SpeechDetector(TurnSettings())
        self._level = loudness(PCM_8K)
        self._played_ms = 0.0
        self._parties: list[Party] = []
        self._connection: DataConnection | None = None
        if client is not None:
            self._parties.append(Party(CLIENT, _client_flags(plan.settings), client.send, self))
            if plan.settings.get("initialOutputMedium") == "MESSAGE_MEDIUM_TEXT":
                self._medium = "text"
        if connection is not None:
            self._connection = made = DataConnection(connection, plan.call_id, guard=guard, host=self)
            party = Party(DATA_CONNECTION, connection.data_messages, made.send, self)
            made.heard = party.take
            made.broke = lambda words, for_good: party.gone(words, for_good=for_good)
            self._parties.append(party)
        self._bridge = _AttendedBridge(host.bridge, self._queued, self._cleared)
        self._bridge.muted = self._medium == "text"
        self._brain: Brain = factory.make(plan, self)  # the last: a brain asks its host at once

    # --------------------------------------------------------------------------------------------------- ports.Brain

    @property
    def hears(self) -> SoundFormat:
        """Of the brain."""
        return self._brain.hears

    @property
    def speaks(self) -> SoundFormat:
        """Likewise."""
        return self._brain.speaks

    async def start(self) -> None:
        """Start the brain; no party delays it."""
        if self._connection is not None:
            self._connection.load(self._formats)
        await self._brain.start()
        self._fit()

    def begin(self) -> None:
        """The caller is there, and the parties are told before the brain says a word."""
        self._live = True
        self.announce(call_started(self._call_id))
        self._state.happen(Input.BEGAN, self._host.monotonic())
        if self._connection is not None:
            self._connection.begin()
        self._brain.begin()
        if self._link is not None:
            self._link.listen(self._parties[0].take)

    def hear(self, frame: bytes) -> None:
        """To the brain, and to who listens."""
        hears = self.hears
        self._brain.hear(frame)
        if self.hears != hears:
            frame = self.hears.silence  # another brain has taken over meanwhile, and this was for the last one
        now_s = self._host.monotonic()
        self._listen(frame, now_s)
        played_ms = self._bridge.played_ms
        self._state.tick(played_ms != self._played_ms or self._bridge.queued_ms > 0, now_s)
        self._played_ms = played_ms
        if self._connection is not None:
            self._connection.tick()
            self._connection.hear(frame, played_ms)

    def held(self, on: bool) -> None:
        """The caller holds, or is back."""
        self._brain.held(on)

    def digit(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key."""
        self._brain.digit(digit, duration_ms)

    def marked(self, name: str) -> None:
        """What was queued before a mark has been sent."""
        self._brain.marked(name)

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Speak now."""
        self._brain.say(text, then_hang_up)

    def tell(self, message: JsonObject) -> None:
        """A data message, of the API or of a party."""
        self._typed = message.get("type") == "user_text_message"
        try:
            self._brain.tell(message)
        finally:
            self._typed = False

    async def close(self) -> None:
        """The call is over, for everybody."""
        for party in self._parties:
            party.gone("the call is over", for_good=True)
        try:
            await self._brain.close()
        finally:
            if self._connection is not None:
                await self._connection.close()

    # ----------------------------------------------------------------------------------------------- ports.BrainHost

    @property
    def bridge(self) -> Bridge:
        """The sound, watched."""
        return self._bridge

    @property
    def codec(self) -> str:
        """What the caller sends."""
        return self._host.codec

    def monotonic(self) -> float:
        """Seconds on the session's clock."""
        return self._host.monotonic()

    def message(
        self,
        role: str,
        text: str,
        start_ms: float | None = None,
        end_ms: float | None = None,
        *,
        tool: ToolUse | None = None,
    ) -> None:
        """Something was said, or a tool used."""
        self._host.message(role, text, start_ms, end_ms, tool=tool)
        if role in _SPEAKERS:
            speaker = _SPEAKERS[role]
            typed = self._typed if speaker == "user" else self._medium == "text"
            self._ordinal += 1
            self.announce(transcript(speaker, "text" if typed else "voice", text, self._ordinal))
        elif tool is not None and role == "MESSAGE_ROLE_TOOL_CALL":
            self.announce(invoking_tool(tool.name, tool.invocation_id, _object(text)))
        elif tool is not None and role == "MESSAGE_ROLE_TOOL_RESULT":
            self.announce(tool_used(tool.name, tool.invocation_id, text))

    async def stage(self, settings: JsonObject) -> NewStage:
        """The call enters another stage."""
        return await self._host.stage(settings)

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        """Something happened."""
        self._host.event(severity, type, text, **extras)
        self.announce(call_event(severity, type, text, extras))

    def turn_ended(self) -> None:
        """The brain has noticed that the caller has finished."""
        self._host.turn_ended()
        now_s = self._host.monotonic()
        if not self._bridge.queued_ms:
            self._state.happen(Input.QUIET, now_s)  # what was being said is over, however short ago
        self._state.happen(Input.TURN_ENDED, now_s)

    def hang_up(self, outcome: str) -> None:
        """End the call."""
        self._host.hang_up(outcome)

    def fail(self, reason: str) -> None:
        """The brain cannot go on."""
        self._host.fail(reason)

    @property
    def client(self) -> ClientLink | None:
        """A party by now: nothing is left for the brain to do with it."""
        return None

    def channel(self, kind: str) -> ToolChannel | None:
        """The party that does tools of this kind."""
        for party in self._parties:
            if party.kind == kind and party.does_tools:
                return party
        return self._host.channel(kind)

    def refit(self) -> None:
        """The brain's formats have changed."""
        self._host.refit()
        self._fit()

    # ----------------------------------------------------------------------------------------------- party.PartyHost

    def announce(self, message: DataMessage) -> None:
        """Tell every party that wants to be told; nobody is there before the call has begun."""
        if self._live:
            for party in self._parties:
                party.tell(message)

    def told(self, message: JsonObject) -> None:
        """A party has something for the agent."""
        self._ask(lambda: self.tell(message))

    def leave(self, words: str, outcome: str) -> None:
        """A party ends the call."""
        if words:
            self._ask(lambda: self._brain.say(words, outcome))
        else:
            self._host.hang_up(outcome)

    def answer_in(self, medium: str) -> None:
        """The client wants to hear the agent, or to read it."""
        self._medium = medium
        self._bridge.muted = medium == "text"
        if self._bridge.muted:
            self._bridge.clear()

    # ---------------------------------------------------------------------------------------------------- fragments

    def _ask(self, verb: Callable[[], None]) -> None:
        """Have the brain do what a party wants; what goes wrong in it ends the call, as when the session asks."""
        try:
            verb()
        except Exception as error:
            self._host.fail(f"the agent failed: {error or type(error).__name__}")

    def _listen(self, frame: bytes, now_s: float) -> None:
        heard = self._detector.hear(self._level(frame))
        if heard is Heard.BEGAN:
            self.announce(user_started_speaking())
            self._state.happen(Input.CALLER_SPEAKS, now_s)
        elif heard in (Heard.ENDED, Heard.DISCARDED):
            self.announce(user_stopped_speaking())

    def _state_changed(self, changed: State) -> None:
        self.announce(state(changed.value))

    def _queued(self, sound: bytes) -> None:
        if self._connection is not None and self._connection.sides is not None:
            self._connection.sides.queued(sound)
        self._state.happen(Input.SOUND, self._host.monotonic())

    def _cleared(self, cleared: Cleared) -> None:
        if self._connection is not None and self._connection.sides is not None:
            self._connection.sides.cleared(cleared.played_ms)
        self.announce(playback_clear_buffer())
        self._state.happen(Input.QUIET, self._host.monotonic())

    def _fit(self) -> None:
        self._level = loudness(self.hears)
        self._played_ms = self._bridge.played_ms
        if self._connection is not None and self._connection.sides is not None:
            self._connection.sides.use(self.hears, self.speaks, self._played_ms)


class AttendingFactory:
    """Makes brains of one kind, attended where a call has parties.

    Args:
        factory: makes the brains.
        guard: which addresses a data connection may be at.
    """

    def __init__(self, factory: BrainFactory, guard: AddressGuard) -> None:
        self._factory = factory
        self._guard = guard

    @property
    def formats(self) -> Sequence[SoundFormat]:
        """What its brains may hear and speak."""
        return self._factory.formats

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        """The brain for a call: as it is where nobody attends."""
        client, connection = host.client, data_connection_of(plan.settings)
        if client is None and connection is None:
            return self._factory.make(plan, host)
        return AttendedBrain(plan, host, self._factory, client=client, connection=connection, guard=self._guard)

    def close(self) -> None:
        """Let go of what the brains share."""
        self._factory.close()


def _client_flags(settings: JsonObject) -> Json:
    """The `dataMessages` of the medium by which the client has joined."""
    medium = settings.get("medium")
    for way in medium.values() if isinstance(medium, dict) else ():
        if isinstance(way, dict):
            return way.get("dataMessages")
    return None


def _object(text: str) -> JsonObject:
    """What a model wrote as a tool's arguments; nothing where it is no JSON object."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
