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
class BreakerTerms:
    """When a handler is not asked for a while.

    Attributes:
        failures: in a row, at least 1.
        window_s: within so many seconds.
        open_s: seconds for which it is not asked; then one call tries it.
    """

    failures: int = 5
    window_s: float = 60.0
    open_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Safeguards:
    """What is done so that a call is not lost when the fallback handler fails. Beyond the public API; all off.

    Attributes:
        second_url: asked when the handler fails, or is slow; signed with the same secrets.
        agent_on_failure: gets the call when nobody has answered: id of an agent of the account.
        breaker: ``None``: handlers are asked however often they fail.
    """

    second_url: str | None = None
    agent_on_failure: str | None = None
    breaker: BreakerTerms | None = None


@dataclass(frozen=True, slots=True)
class SipConfig:
    """The rules of one account, in the order and spelling their owner gave them.

    Attributes:
        allowed_cidr_ranges: IPv4 networks, e.g. ``203.0.113.0/24``.
        allow_all_agents: every agent answers at ``agent_<id>``.
        allowed_agents: first match wins.
        fallback_handler: ``None``: nobody is asked.
        safeguards: against failures of the handler.
    """

    allowed_cidr_ranges: tuple[str, ...] = ()
    allow_all_agents: bool = False
    allowed_agents: tuple[AgentAllowance, ...] = ()
    fallback_handler: FallbackHandler | None = None
    safeguards: Safeguards = Safeguards()

    @property
    def handler_urls(self) -> tuple[str, ...]:
        """Whom to ask when no rule matches, in order; none twice."""
        if self.fallback_handler is None:
            return ()
        return handler_urls(self.fallback_handler, self.safeguards)


def handler_urls(handler: FallbackHandler, safeguards: Safeguards) -> tuple[str, ...]:
    """Whom to ask, in order. That the second is the first, which a later PATCH may bring about, is the same as none."""
    second = safeguards.second_url
    return (handler.url,) if second is None or second == handler.url else (handler.url, second)


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
