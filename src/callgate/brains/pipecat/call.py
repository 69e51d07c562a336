"""What a bot is told of its call. Runs in the bot's interpreter: standard library only."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """The second argument of a bot's function.

    Attributes:
        call_id: UUID of the API call.
        settings: of the call's settings in the public JSON those that a bot can make use of: ``systemPrompt``,
            ``voice``, ``temperature``, ``languageHint``, ``initialMessages``, ``firstSpeakerSettings``,
            ``inactivityMessages``, ``timeExceededMessage``, ``maxDuration``, ``vadSettings``; absent: not set. They
            are rendered.
        caller: SIP URI of ``From``; empty: unknown.
        called: SIP URI of ``To``; likewise.
        agent_id: UUID of the agent; empty: the call has none.
        metadata: of the call, texts by name.
    """

    call_id: str
    settings: dict[str, Any] = field(default_factory=dict)
    caller: str = ""
    called: str = ""
    agent_id: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


def read_call(fields: dict[str, Any]) -> Call:
    """A call as the worker wrote it."""
    return Call(**fields)
