"""What the node and the account have left, as the step "capacity" reads it."""

from collections.abc import Callable
from dataclasses import dataclass


def _no_calls(whose: str) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """Room for one more call, at one moment.

    Attributes:
        draining: the node takes no new calls.
        sessions_free: media sessions (slot and RTP port) that could be reserved now.
        calls: calls in progress on the node, ringing ones among them.
        calls_max: how many it takes.
        account_calls: calls in progress of one account, by its id; asked only where its rules have a limit.
        agent_calls: calls in progress of one agent, by its id; likewise.
        source_over_rate: the source brings more calls per second than it may.
    """

    draining: bool = False
    sessions_free: int = 1
    calls: int = 0
    calls_max: int = 1
    account_calls: Callable[[str], int] = _no_calls
    agent_calls: Callable[[str], int] = _no_calls
    source_over_rate: bool = False


ROOM: Capacity = Capacity()
"""Room for a call: what imagined attempts are judged by, unless asked otherwise."""
