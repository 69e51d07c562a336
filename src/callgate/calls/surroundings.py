"""What every call needs of the node around it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from callgate.calls.creation import CallMaker
from callgate.calls.target import Transfers
from callgate.ports import Alarms, CallStore, Clock, DecisionHook, Ids, Snapshot
from callgate.runtime.tasks import TaskOwner


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every runner needs; one for the whole node.

    Attributes:
        clock: time.
        ids: names.
        alarms: wake-ups.
        snapshot: agents in force.
        store: where facts go.
        hook: the owner's fallback handler.
        tasks: who owns what runs in the background.
        maker: makes a Call from template or answer.
        log: takes an event name and fields.
        ring_after_s: first 180 at the latest.
        ring_repeat_s: between one 180 and the next.
        transfers: what holds for calls that are sent on; ``None``: none is.
        retry_after_s: what a 503 tells the peer to wait.
        new_key: so many random bytes, for SRTP.
    """

    clock: Clock
    ids: Ids
    alarms: Alarms
    snapshot: Snapshot
    store: CallStore
    hook: DecisionHook
    tasks: TaskOwner
    maker: CallMaker
    log: Callable[..., None]
    ring_after_s: float
    ring_repeat_s: float
    transfers: Transfers | None = None
    retry_after_s: int = 10
    new_key: Callable[[int], bytes] = secrets.token_bytes
