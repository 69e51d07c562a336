"""The AI persona that answers calls."""

from dataclasses import dataclass
from datetime import datetime

from callgate.entities.json import JsonObject


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent.

    Attributes:
        agent_id: UUID, text.
        account_id: whose.
        name: for people, at most 64 characters.
        created: when, UTC.
        published_revision_id: UUID of the template in force; changes with every change of the template.
        call_template: what a call to it starts from, in the public JSON (camelCase), validated; ``None`` when unset.
        calls: how many calls it has had.
        deleted: when it was deleted, UTC; ``None`` while it lives.
    """

    agent_id: str
    account_id: str
    name: str
    created: datetime
    published_revision_id: str | None
    call_template: JsonObject | None
    calls: int = 0
    deleted: datetime | None = None
