"""A draft beside the rules in force: what it would have done otherwise, counted as a value."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from callgate.core.admission.capacity import ROOM
from callgate.core.admission.decide import decide
from callgate.core.admission.moves import added, destination_of, refused_at
from callgate.core.admission.policy import PolicySet
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision, Step
from callgate.entities.destination import Destination
from callgate.entities.shadow import DIFFERENCES_MAX, Difference, ShadowTally


@dataclass(frozen=True, slots=True)
class ShadowPolicy:
    """A shadow, compiled.

    Attributes:
        shadow_id: which.
        until: when it stops counting, UTC.
        policies: the rules in force with its account's replaced by the draft.
    """

    shadow_id: str
    until: datetime
    policies: PolicySet


def would_go(attempt: Attempt, decision: Decision, draft: PolicySet) -> tuple[Destination, Destination] | None:
    """Where a live decision sent its call and where a draft would; ``None`` when that cannot be compared.

    Args:
        attempt: the INVITE.
        decision: made of it by the rules in force.
        draft: the same rules with one account's replaced.
    """
    if refused_at(decision) is Step.CAPACITY:
        return None
    return destination_of(decision), destination_of(decide(attempt, draft, ROOM))


def counted(tally: ShadowTally, difference: Difference | None) -> ShadowTally:
    """One more attempt: `difference` is ``None`` when the draft would have done the same."""
    if difference is None:
        return replace(tally, attempts=tally.attempts + 1)
    return ShadowTally(
        tally.attempts + 1,
        tally.left_out,
        tally.changed + 1,
        added(tally.moves, difference.went, difference.would_go, 1),
        (difference, *tally.last[: DIFFERENCES_MAX - 1]),
    )


def left_out(tally: ShadowTally) -> ShadowTally:
    """One more attempt that cannot be compared."""
    return replace(tally, left_out=tally.left_out + 1)


def merged(tallies: Iterable[ShadowTally]) -> ShadowTally:
    """The sum of what several processes, or one before and after a restart, have seen."""
    attempts = out = changed = 0
    moves: dict[tuple[Destination, Destination], int] = {}
    last: list[Difference] = []
    for tally in tallies:
        attempts, out, changed = attempts + tally.attempts, out + tally.left_out, changed + tally.changed
        for (went, to), count in tally.moves.items():
            moves = added(moves, went, to, count)
        last += tally.last
    last.sort(key=lambda one: (one.at, one.decision_id), reverse=True)
    return ShadowTally(attempts, out, changed, moves, tuple(last[:DIFFERENCES_MAX]))
