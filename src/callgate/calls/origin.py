"""How a call came about: somebody dialled it, or somebody asked the API for it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from callgate.calls.creation import CallMaker
from callgate.calls.records import Aftermath, record_of
from callgate.entities.attempt import Attempt
from callgate.entities.call import Call
from callgate.entities.decision import Decision, DecisionRecord
from callgate.entities.json import JsonObject
from callgate.ports import Snapshot, StartCall


class Origin(Protocol):
    """What the records of a call tell of its beginning."""

    @property
    def attempt(self) -> Attempt | None:
        """The INVITE; ``None`` where there was none."""
        ...

    @property
    def account_id(self) -> str | None:
        """Whose call it is."""
        ...

    @property
    def agent_id(self) -> str | None:
        """Who was to answer; ``None``: nobody was named yet."""
        ...

    def make(
        self, answer: StartCall | None, maker: CallMaker, snapshot: Snapshot, *, decision_id: str, now: datetime
    ) -> Call:
        """The Call that comes of it; `TemplateUnfit` when none can."""
        ...

    def record(self, decision_id: str, at: datetime, aftermath: Aftermath) -> DecisionRecord | None:
        """What is kept of the decision; ``None`` where admission had nothing to decide."""
        ...

    def about(self) -> JsonObject:
        """What the brain may know of who calls whom."""
        ...

    def signaling(self) -> JsonObject:
        """Of the SIP side, for the Call's record."""
        ...


@dataclass(frozen=True, slots=True)
class Dialled:
    """An INVITE came, and admission said what to do with it."""

    attempt: Attempt
    decision: Decision

    @property
    def account_id(self) -> str | None:
        """Whose call it is."""
        return self.decision.account_id

    @property
    def agent_id(self) -> str | None:
        """Who was to answer."""
        return self.decision.agent_id

    def make(
        self, answer: StartCall | None, maker: CallMaker, snapshot: Snapshot, *, decision_id: str, now: datetime
    ) -> Call:
        """From the agent's template, or from the handler's answer."""
        agent_id = answer.agent_id if answer else self.decision.agent_id
        return maker.make(
            self.attempt,
            account_id=self.account_id or "",
            agent=snapshot.agent(agent_id) if agent_id else None,
            answer=answer,
            tools=snapshot.tools_of(self.account_id or ""),
            decision_id=decision_id,
            now=now,
        )

    def record(self, decision_id: str, at: datetime, aftermath: Aftermath) -> DecisionRecord:
        """Of the INVITE."""
        return record_of(self.attempt, self.decision, decision_id=decision_id, at=at, aftermath=aftermath)

    def about(self) -> JsonObject:
        """The two URIs."""
        return {"from": self.attempt.from_uri, "to": self.attempt.to_uri}

    def signaling(self) -> JsonObject:
        """What identifies the call on the peer's side."""
        attempt = self.attempt
        return {
            "callId": attempt.call_id,
            "from": attempt.from_uri,
            "to": attempt.to_uri,
            "requestUri": attempt.request_uri,
            "source": f"{attempt.source_address}:{attempt.source_port}",
            "transport": attempt.transport,
        }


@dataclass(frozen=True, slots=True)
class Requested:
    """The API was asked for it, and made the Call.

    Attributes:
        call: as made.
        sip: of a call that we place, what is known of its SIP side so far.
    """

    call: Call
    sip: JsonObject = field(default_factory=dict)

    @property
    def attempt(self) -> None:
        """Nobody dialled."""

    @property
    def account_id(self) -> str:
        """Whose call it is."""
        return self.call.account_id

    @property
    def agent_id(self) -> str | None:
        """Who was to answer."""
        return self.call.agent_id

    def make(
        self, answer: StartCall | None, maker: CallMaker, snapshot: Snapshot, *, decision_id: str, now: datetime
    ) -> Call:
        """It is there already."""
        return self.call

    def record(self, decision_id: str, at: datetime, aftermath: Aftermath) -> None:
        """Admission had nothing to decide."""

    def about(self) -> JsonObject:
        """The two URIs, where we dial."""
        return {name: self.sip[name] for name in ("from", "to") if name in self.sip}

    def signaling(self) -> JsonObject:
        """What is known."""
        return dict(self.sip)
