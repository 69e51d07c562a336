"""What has been said in a call, as the chat model is told it and as the call's messages have it, in the same order.

A turn of the caller may be understood only while it is answered already, and what the agent says counts only as far as
it is heard: an entry is there from the moment it begins, and is told to the call's messages once it and all before it
are settled.

Old turns of the caller are kept as text. Without a transcript, the sound of the last few is kept, since the model needs
it to follow the conversation, and each second of it costs some tokens in every request; older ones are a remark on how
long the caller spoke.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from callgate.brains.conversation import Conversation
from callgate.core.dialects.chat_completions import (
    ToolCall,
    audio_part,
    message,
    text_part,
    tool_calls_message,
    tool_result_message,
    user_message,
)

SOUNDS_MAX: Final = 4  # turns whose sound the model is given: the newest, and what it may refer to
SOUND_S_MAX: Final = (
    30.0  # of all but the newest: a request is made in some milliseconds, in which nothing else is done
)
ENTRIES_MAX: Final = 200  # as many as other brains are told of
_ENTRIES_MIN: Final = 4  # fewer are not shortened: it is not they that are too long
# What the model is told where an order of speakers that it knows would be broken.
_BEGINS: Final = "(The call begins.)"
_GO_ON: Final = "(Go on.)"
_NO_ANSWER_YET: Final = "(No answer yet.)"


@dataclass(slots=True, eq=False)
class CallerEntry:
    """Something that the caller said or typed.

    Attributes:
        text: what; ``None``: it is not known, or not yet.
        seconds: of speech.
        sound: as the model is given it; ``None``: it is not.
        settled: whether no transcript is waited for.
        begun_s: on the session's clock; ``None``: unknown.
        ended_s: likewise.
    """

    text: str | None
    seconds: float = 0.0
    sound: bytes | None = None
    settled: bool = True
    begun_s: float | None = None
    ended_s: float | None = None

    @property
    def words(self) -> str:
        """What stands for it in text."""
        return self.text or f"(the caller spoke for {self.seconds:.1f} s)"


@dataclass(slots=True)
class ToolUse:
    """A use of a tool, and what came of it; ``None``: nothing yet."""

    call: ToolCall
    result: str | None = None


@dataclass(slots=True, eq=False)
class AgentEntry:
    """Something that the agent says.

    Attributes:
        text: as far as it has been thought; once it is `settled`, as far as it was heard.
        uses: of tools, that it asked for with it.
        settled: whether nothing of it is still to be heard.
        begun_s: when its first sound was heard; ``None``: not yet.
        ended_s: when its last was.
    """

    text: str = ""
    uses: list[ToolUse] = field(default_factory=list)
    settled: bool = False
    begun_s: float | None = None
    ended_s: float | None = None


Entry = CallerEntry | AgentEntry


class Memory:
    """That of one call.

    Args:
        conversation: is told what was said, in order.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._entries: deque[Entry] = deque(
            (
                CallerEntry(text) if role == "user" else AgentEntry(text, settled=True)
                for role, text in conversation.history
            ),
            maxlen=ENTRIES_MAX,
        )
        self._untold: deque[Entry] = deque()

    def caller_typed(self, text: str) -> None:
        """The caller has told something in text."""
        self._add(CallerEntry(text))
        self.tell()

    def caller_spoke(self, wav: bytes, seconds: float, begun_s: float, ended_s: float, *, listens: bool) -> CallerEntry:
        """The caller has finished a turn; not yet settled.

        Args:
            wav: its sound.
            seconds: of it.
            begun_s: on the session's clock.
            ended_s: likewise.
            listens: whether the model is to be given the sound.
        """
        self._drop_sounds()
        entry = CallerEntry(None, seconds, audio_part(wav) if listens else None, False, begun_s, ended_s)
        self._add(entry)
        return entry

    def understood(self, entry: CallerEntry, text: str | None) -> None:
        """A turn has been written down; ``None``: it will not be."""
        entry.text, entry.settled = text, True
        if text and entry is not self._last_turn():
            entry.sound = None
        self.tell()

    def forget(self, entry: CallerEntry) -> None:
        """It was nothing that anybody said."""
        for kept in (self._entries, self._untold):
            if entry in kept:
                kept.remove(entry)
        self.tell()

    def agent_begins(self) -> AgentEntry:
        """The agent is about to say something."""
        entry = AgentEntry()
        self._add(entry)
        return entry

    def tell(self) -> None:
        """Have the call's messages show all that is settled."""
        while self._untold and self._untold[0].settled:
            entry = self._untold.popleft()
            if isinstance(entry, CallerEntry):
                self._conversation.said("user", entry.words, entry.begun_s, entry.ended_s)
            else:
                self._conversation.said("assistant", entry.text, entry.begun_s, entry.ended_s)

    def settle(self) -> None:
        """Nothing is waited for any more: tell all."""
        for entry in self._untold:
            entry.settled = True
        self.tell()

    def shorten(self) -> bool:
        """Forget the older half for the model, whose limit it passes; whether there was anything to forget."""
        if len(self._entries) < _ENTRIES_MIN:
            return False
        for _ in range(len(self._entries) // 2):
            self._entries.popleft()
        return True

    def messages(self, system: str, remark: str = "") -> list[bytes]:
        """The messages of a request.

        The roles of user and assistant alternate and a user begins, since many models' templates demand it.

        Args:
            system: the prompt; empty: none.
            remark: what the model is told besides, as if by the user; empty: nothing.
        """
        made = [message("system", system)] if system else []
        parts: list[str | bytes] = []
        begun = False
        said = ""
        for entry in self._entries:
            if isinstance(entry, CallerEntry):
                if said:
                    made.append(message("assistant", said))
                    said = ""
                parts.append(entry.sound if entry.sound is not None else entry.words)
                continue
            if not entry.text and not entry.uses:
                continue
            if parts or not begun:
                made.append(_user(parts or [_BEGINS]))
                parts, begun = [], True
            said = f"{said}\n{entry.text}" if said and entry.text else said or entry.text
            if entry.uses:
                made.append(tool_calls_message(said, [use.call for use in entry.uses]))
                made += (tool_result_message(use.call.call_id, use.result or _NO_ANSWER_YET) for use in entry.uses)
                said = ""
        if said:
            made.append(message("assistant", said))
        if remark or (said and not parts) or not (begun or parts):
            parts.append(remark or (_GO_ON if begun else _BEGINS))
        if parts:
            made.append(_user(parts))
        return made

    def _add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._untold.append(entry)

    def _drop_sounds(self) -> None:
        """Another turn is about to be the newest."""
        turns, total_s = 1, 0.0
        for entry in reversed(self._entries):
            if not isinstance(entry, CallerEntry) or entry.sound is None:
                continue
            turns, total_s = turns + 1, total_s + entry.seconds
            if entry.text or turns > SOUNDS_MAX or total_s > SOUND_S_MAX:
                entry.sound = None

    def _last_turn(self) -> CallerEntry | None:
        return next((one for one in reversed(self._entries) if isinstance(one, CallerEntry) and one.seconds), None)


def _user(parts: Sequence[str | bytes]) -> bytes:
    if all(isinstance(part, str) for part in parts):
        return message("user", "\n".join(part for part in parts if isinstance(part, str)))
    return user_message([text_part(part) if isinstance(part, str) else part for part in parts])
