"""What has been said in a call so far: told to the call's records, and kept for whoever must know it later."""

from collections import deque
from typing import Final

from callgate.entities.json import JsonObject
from callgate.ports.brain import BrainHost

AGENT: Final = "MESSAGE_ROLE_AGENT"
USER: Final = "MESSAGE_ROLE_USER"
_ROLES: Final = {AGENT: "assistant", USER: "user"}
_NAMES: Final = {role: name for name, role in _ROLES.items()}
_HISTORY_MAX: Final = 200  # things said that a new session of a model is told of


class Conversation:
    """That of one call.

    Attributes:
        history: what was said, as models call it: ``user`` or ``assistant``, and the text. Begins with the call's
            `initialMessages`.
    """

    def __init__(self, settings: JsonObject, host: BrainHost) -> None:
        self._host = host
        self._began_s = host.monotonic()
        self.history: deque[tuple[str, str]] = deque(_initial(settings), maxlen=_HISTORY_MAX)

    def begin(self) -> None:
        """The caller is there: times count from now."""
        self._began_s = self._host.monotonic()

    def said(self, role: str, text: str, begun_s: float | None = None, ended_s: float | None = None) -> None:
        """Something was said, and heard.

        Args:
            role: ``user`` or ``assistant``.
            text: what; nothing happens when it is empty.
            begun_s: when it began to be heard, on the session's clock; ``None``: unknown.
            ended_s: when it ended; ``None``: now.
        """
        text = text.strip()
        if not text:
            return
        self.history.append((role, text))
        ended = self._host.monotonic() if ended_s is None else ended_s
        begun_ms = None if begun_s is None else self._ms(begun_s)
        self._host.message(_NAMES[role], text, begun_ms, self._ms(ended))

    def _ms(self, at_s: float) -> float:
        return round(1_000 * max(0.0, at_s - self._began_s), 1)


def _initial(settings: JsonObject) -> list[tuple[str, str]]:
    given = settings.get("initialMessages")
    found = []
    for entry in given if isinstance(given, list) else []:
        if isinstance(entry, dict) and isinstance(text := entry.get("text"), str) and text:
            role = _ROLES.get(str(entry.get("role")))
            if role is not None:
                found.append((role, text))
    return found
