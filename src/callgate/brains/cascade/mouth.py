"""What the agent says, clause by clause: spoken ahead by the speech server, played in order, cut off in mid-word.

The sound of the clause whose turn it is goes to the queue as it comes; the next one is made meanwhile. Where each
begins in the queue is known, and so is what the caller has heard of it when the caller interrupts.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from callgate.brains.cascade.memory import AgentEntry
from callgate.brains.cascade.servers import ServerFailed
from callgate.brains.cascade.speech_sound import SPOKEN
from callgate.brains.cascade.voice import Voice
from callgate.brains.heard import part_of
from callgate.ports.brain import Bridge

AT_ONCE_MAX: Final = 2  # requests to the speech server: one is heard, the next is there when it ends
AHEAD_MS_MAX: Final = 15_000.0  # of sound that waits; what a caller who interrupts never hears need not be made
_MS_PER_CHARACTER: Final = 60.0  # of speech, for a clause whose sound has not all come
_ATTEMPTS: Final = 2


@dataclass(slots=True, eq=False)
class _Clause:
    """A stretch of what is said.

    Attributes:
        text: to be spoken.
        waiting: sound that has come before its turn.
        begins_ms: of all queued sound, what came before it; ``None``: its turn has not come.
        received_ms: of its sound.
        done: whether all its sound has come.
    """

    text: str
    waiting: bytearray = field(default_factory=bytearray)
    begins_ms: float | None = None
    received_ms: float = 0.0
    done: bool = False

    def heard(self, played_ms: float) -> str:
        """What of it was heard, when so much of all queued sound has been played."""
        if self.begins_ms is None:
            return ""
        whole_ms = self.received_ms if self.done else max(self.received_ms, _MS_PER_CHARACTER * len(self.text))
        heard_ms = played_ms - self.begins_ms
        return part_of(self.text, heard_ms / whole_ms) if whole_ms > 0 and heard_ms > 0 else ""


@dataclass(slots=True, eq=False)
class Saying:
    """Something that is said, of any number of clauses.

    Attributes:
        name: of its mark.
        entry: of the memory.
        clauses: so far.
        complete: whether no more will come.
    """

    name: str
    entry: AgentEntry
    clauses: list[_Clause] = field(default_factory=list)
    complete: bool = False

    @property
    def ready(self) -> bool:
        """Whether all its sound has been queued."""
        return self.complete and all(clause.done and clause.begins_ms is not None for clause in self.clauses)

    def heard(self, played_ms: float) -> str:
        """What of it was heard."""
        return " ".join(filter(None, (clause.heard(played_ms) for clause in self.clauses)))


class Mouth:
    """That of one call.

    Args:
        voice: speaks clauses.
        bridge: plays them, in `SPOKEN`.
        now: the session's clock.
        heard: is told that a saying has ended, heard or cut off; what was heard of it stands in its entry.
        failed: is told why a clause cannot be spoken.
    """

    def __init__(
        self,
        voice: Voice,
        bridge: Bridge,
        *,
        now: Callable[[], float],
        heard: Callable[[Saying], None],
        failed: Callable[[str], None],
    ) -> None:
        self._voice = voice
        self._bridge = bridge
        self._now = now
        self._heard = heard
        self._failed = failed
        self._numbers = itertools.count(1)
        self._sayings: deque[Saying] = deque()  # that have not been heard to their end
        self._unasked: deque[_Clause] = deque()
        self._unplayed: deque[tuple[Saying, _Clause]] = deque()  # whose sound is not all queued
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether something is being said, or is about to be."""
        return bool(self._sayings)

    @property
    def preparing(self) -> bool:
        """Whether something is about to be said that is not all in the queue yet."""
        return any(not saying.ready for saying in self._sayings)

    def begin(self, entry: AgentEntry) -> Saying:
        """Something is about to be said, after what is being said."""
        saying = Saying(f"saying-{next(self._numbers)}", entry)
        self._sayings.append(saying)
        return saying

    def add(self, saying: Saying, text: str) -> None:
        """A clause of it, after those it has."""
        clause = _Clause(text)
        saying.clauses.append(clause)
        saying.entry.text = f"{saying.entry.text} {text}".lstrip()
        self._unasked.append(clause)
        self._unplayed.append((saying, clause))
        self.tick()

    def finish(self, saying: Saying) -> None:
        """It has no more clauses."""
        saying.complete = True
        if saying in self._sayings:
            self._mark(saying)

    def tick(self) -> None:
        """Have spoken what may be: as far ahead as it is of use."""
        while self._unasked and len(self._asking) < AT_ONCE_MAX and self._bridge.queued_ms < AHEAD_MS_MAX:
            clause = self._unasked.popleft()
            task = asyncio.get_running_loop().create_task(self._speak(clause), name="speech for a clause")
            self._asking.add(task)
            task.add_done_callback(self._spoken)

    def marked(self, name: str) -> None:
        """A saying has been heard to its end."""
        if self._sayings and self._sayings[0].name == name:
            self._end(self._sayings.popleft(), None)

    def hush(self) -> None:
        """Silence at once: throw away what is queued and what is being made, and note what was heard."""
        played_ms = self._bridge.clear().played_ms
        self._stop()
        sayings, self._sayings = self._sayings, deque()
        for saying in sayings:
            self._end(saying, played_ms)

    def abandon(self) -> None:
        """Nothing more is made; what is queued will be heard, as far as that is up to us."""
        queued_ms = self._bridge.played_ms + self._bridge.queued_ms
        self._stop()
        sayings, self._sayings = self._sayings, deque()
        for saying in sayings:
            self._end(saying, queued_ms)

    async def close(self) -> None:
        """Let go of the requests under way."""
        asking = tuple(self._asking)
        self._stop()
        await asyncio.gather(*asking, return_exceptions=True)

    # ---------------------------------------------------------------------------------------------------- fragments

    def _stop(self) -> None:
        for task in tuple(self._asking):
            task.cancel()
        self._unasked.clear()
        self._unplayed.clear()

    def _end(self, saying: Saying, played_ms: float | None) -> None:
        entry = saying.entry
        if played_ms is not None:
            entry.text = saying.heard(played_ms)
        entry.ended_s, entry.settled = self._now(), True
        self._heard(saying)

    def _mark(self, saying: Saying) -> None:
        """Be told when it has been heard; at once when there is nothing to hear."""
        if not saying.ready:
            return
        if saying.clauses:
            self._bridge.mark(saying.name)
        else:
            self._sayings.remove(saying)
            self._end(saying, None)

    async def _speak(self, clause: _Clause) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._voice.speak(clause.text, lambda sound: self._take(clause, sound))
            except ServerFailed as error:
                if clause.received_ms or attempt == _ATTEMPTS or 400 <= error.status < 500:
                    self._failed(str(error))
                    return
            else:
                break
        clause.done = True
        self._play()

    def _spoken(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            if (error := task.exception()) is not None:
                self._failed(f"a clause could not be spoken: {error or type(error).__name__}")
            self.tick()

    def _take(self, clause: _Clause, sound: bytes) -> bool:
        clause.waiting += sound
        clause.received_ms += len(sound) / SPOKEN.bytes_per_ms
        self._play()
        return True

    def _play(self) -> None:
        """Queue what is there of the clause whose turn it is, and of those after it while they are complete."""
        while self._unplayed:
            saying, clause = self._unplayed[0]
            if clause.waiting:
                if clause.begins_ms is None:
                    self._begins(saying, clause)
                sound, clause.waiting = bytes(clause.waiting), bytearray()
                self._bridge.play(sound)
            if not clause.done:
                return
            if clause.begins_ms is None:
                self._begins(saying, clause)  # it has no sound
            self._unplayed.popleft()
            self._mark(saying)

    def _begins(self, saying: Saying, clause: _Clause) -> None:
        queued_ms = self._bridge.queued_ms
        clause.begins_ms = self._bridge.played_ms + queued_ms
        if saying.entry.begun_s is None:
            saying.entry.begun_s = self._now() + queued_ms / 1_000
