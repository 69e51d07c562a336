"""An account's rules for incoming calls, as `GET /api/sip` shows them, and their history."""

from dataclasses import dataclass
from datetime import datetime

from callgate.entities.json import JsonObject


@dataclass(frozen=True, slots=True)
class AgentAllowance:
    """An entry that lets an agent be reached.

    Attributes:
        agent_id: UUID, text.
        to_user_pattern: RE2 expression, searched in the dialled user; always expanded, never empty.
    """

    agent_id: str
    to_user_pattern: str


@dataclass(frozen=True, slots=True)
class FallbackHandler:
    """Whom to ask when no rule matches.

    Attributes:
        url: http or https.
        secrets: 1 to 10; each signs every request, in this order.
    """

    url: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SipConfig:
    """The rules of one account, in the order and spelling their owner gave them.

    Attributes:
        allowed_cidr_ranges: IPv4 networks, e.g. ``203.0.113.0/24``.
        allow_all_agents: every agent answers at ``agent_<id>``.
        allowed_agents: first match wins.
        fallback_handler: ``None``: nobody is asked.
    """

    allowed_cidr_ranges: tuple[str, ...] = ()
    allow_all_agents: bool = False
    allowed_agents: tuple[AgentAllowance, ...] = ()
    fallback_handler: FallbackHandler | None = None


@dataclass(frozen=True, slots=True)
class SipConfigVersion:
    """One step in the history of an account's rules.

    Attributes:
        account_id: whose.
        number: 1 for the first; grows by one with each change.
        created: when, UTC.
        changed_by: prefix of the API key that made it, or a word such as ``setup``.
        config: the rules from then on, secrets included.
        difference: what changed against the version before: per public field its ``from`` and ``to``; secrets appear
            as ``"changed"``.
    """

    account_id: str
    number: int
    created: datetime
    changed_by: str
    config: SipConfig
    difference: JsonObject
