"""What is in force, in memory."""

from collections.abc import Mapping
from typing import Protocol

from callgate.entities.agent import Agent
from callgate.entities.shadow import ShadowTally
from callgate.entities.tool import DurableTool
from callgate.entities.webhook import Webhook


class Snapshot(Protocol):
    """The configuration in memory: immutable values behind a reference that a PATCH swaps before its 200."""

    def agent(self, agent_id: str) -> Agent | None:
        """A living agent of any account."""
        ...

    def agents_of(self, account_id: str) -> Mapping[str, Agent]:
        """The living agents of one account, by id."""
        ...

    def tools_of(self, account_id: str) -> Mapping[str, DurableTool]:
        """The tools that one account keeps, by id."""
        ...


class WebhooksInForce(Protocol):
    """The webhooks in memory."""

    def webhooks_of(self, account_id: str) -> Mapping[str, Webhook]:
        """Those of one account, by id."""
        ...


class ShadowTallies(Protocol):
    """What this process has seen of drafts beside the rules in force."""

    def tally(self, shadow_id: str) -> ShadowTally:
        """Of one of them."""
        ...
