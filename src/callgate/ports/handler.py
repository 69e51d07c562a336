"""What the fallback handler is asked, and what may come of it."""

from dataclasses import dataclass, field
from typing import Protocol

from callgate.entities.handler import BreakerHealth, HandlerStatistics, SampleExchange
from callgate.entities.json import JsonObject
from callgate.entities.sip_config import BreakerTerms, FallbackHandler, Safeguards


@dataclass(frozen=True, slots=True)
class Question:
    """What the fallback handler is asked.

    Attributes:
        decision_id: sent along, the same for a repeat.
        account_id: whose agents an answer may name.
        handler: whom to ask.
        body: the public JSON of the question.
        request_uri: sent as a header.
        safeguards: what is done when the handler fails.
        rehearsed: whether there is no call: handlers are asked whatever their breakers say, and nothing counts.
    """

    decision_id: str
    account_id: str
    handler: FallbackHandler
    body: JsonObject
    request_uri: str
    safeguards: Safeguards = Safeguards()
    rehearsed: bool = False


@dataclass(frozen=True, slots=True)
class StartCall:
    """The handler wants a call started.

    Attributes:
        agent_id: whose template it starts from; ``None``: an inline ``startCall``.
        body: the validated body of the creation endpoint, public JSON, only what was given.
        exchange: what was asked and answered, for the record: status, ms, tries; or why nobody was.
        before: the same of handlers that were asked in vain.
    """

    agent_id: str | None
    body: JsonObject
    exchange: JsonObject = field(default_factory=dict)
    before: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """The caller is to be refused: by the handler's word, or because the handler failed.

    Attributes:
        outcome: ``handler-rejected``, ``handler-timeout`` or ``handler-failed``.
        status: SIP status to send, already made safe to send.
        reason: in words, for the record.
        exchange: as in `StartCall`; with the code asked for where it differs.
        before: as in `StartCall`.
    """

    outcome: str
    status: int
    reason: str
    exchange: JsonObject = field(default_factory=dict)
    before: tuple[JsonObject, ...] = ()


class DecisionHook(Protocol):
    """The owner's fallback handler."""

    async def ask(self, question: Question) -> StartCall | Rejection:
        """One answer within the deadline; never raises but for cancellation, which ends the request."""
        ...


class Handlers(Protocol):
    """How fallback handlers fare on this node, and a way to try one."""

    def breaker(self, account_id: str, url: str, terms: BreakerTerms | None) -> BreakerHealth | None:
        """Where a handler's circuit breaker stands; ``None`` without one."""
        ...

    def statistics(self, account_id: str, url: str, terms: BreakerTerms | None) -> HandlerStatistics:
        """What calls have had of a handler."""
        ...

    async def sample(self, question: Question, url: str) -> tuple[SampleExchange, StartCall | Rejection]:
        """Ask one handler marked as a test: what went to and fro, and what a call would make of it."""
        ...
