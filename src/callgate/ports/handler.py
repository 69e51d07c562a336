"""What the fallback handler is asked, and what may come of it."""

from dataclasses import dataclass, field
from typing import Protocol

from callgate.entities.json import JsonObject
from callgate.entities.sip_config import FallbackHandler


@dataclass(frozen=True, slots=True)
class Question:
    """What the fallback handler is asked.

    Attributes:
        decision_id: sent along, the same for a repeat.
        account_id: whose agents an answer may name.
        handler: whom to ask.
        body: the public JSON of the question.
        request_uri: sent as a header.
    """

    decision_id: str
    account_id: str
    handler: FallbackHandler
    body: JsonObject
    request_uri: str


@dataclass(frozen=True, slots=True)
class StartCall:
    """The handler wants a call started.

    Attributes:
        agent_id: whose template it starts from; ``None``: an inline ``startCall``.
        body: the validated body of the creation endpoint, public JSON, only what was given.
        exchange: what was asked and answered, for the record: status, ms, tries.
    """

    agent_id: str | None
    body: JsonObject
    exchange: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejection:
    """The caller is to be refused: by the handler's word, or because the handler failed.

    Attributes:
        outcome: ``handler-rejected``, ``handler-timeout`` or ``handler-failed``.
        status: SIP status to send, already made safe to send.
        reason: in words, for the record.
        exchange: as in `StartCall`; with the code asked for where it differs.
    """

    outcome: str
    status: int
    reason: str
    exchange: JsonObject = field(default_factory=dict)


class DecisionHook(Protocol):
    """The owner's fallback handler."""

    async def ask(self, question: Question) -> StartCall | Rejection:
        """One answer within the deadline; never raises but for cancellation, which ends the request."""
        ...
