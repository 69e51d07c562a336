"""Where calls go, and what changes when they go elsewhere: what replay, shadow and suggestions count alike."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from callgate.entities.decision import Decision, Step, Verdict
from callgate.entities.destination import AGENT, HANDLER, IGNORED, REFUSED, Destination

MOVES_MAX: Final = 200
"""Pairs of destinations that are told apart: an account's agents and slugs make a few dozen. The rest is counted."""


Moves = Mapping[tuple[Destination, Destination], int]
"""How many attempts go from one destination to another."""


@dataclass(frozen=True, slots=True)
class AgentChange:
    """What moves mean for one agent.

    Attributes:
        agent_id: which.
        gains: attempts that it would get and did not.
        loses: attempts that it got and would not.
    """

    agent_id: str
    gains: int
    loses: int


def destination_of(decision: Decision) -> Destination:
    """Where a decision sends its call; one that finds its agent busy was sent to that agent."""
    if decision.verdict is Verdict.ADMIT or decision.outcome == "agent-limit":
        return Destination(AGENT, decision.agent_id or "")
    if decision.verdict is Verdict.ASK:
        return Destination(HANDLER)
    return Destination(IGNORED if decision.verdict is Verdict.IGNORE else REFUSED, decision.outcome or "")


def refused_at(decision: Decision) -> Step | None:
    """The step that refused; ``None`` when none did."""
    last = decision.trace[-1] if decision.verdict is Verdict.REFUSE and decision.trace else None
    return None if last is None else last.step


def added(
    moves: Moves, went: Destination, would_go: Destination, count: int
) -> dict[tuple[Destination, Destination], int]:
    """`moves` with some more; the same when there are too many kinds of them already."""
    pair = (went, would_go)
    if pair not in moves and len(moves) >= MOVES_MAX:
        return dict(moves)
    return {**moves, pair: moves.get(pair, 0) + count}


def agent_changes(moves: Moves) -> tuple[AgentChange, ...]:
    """Which agents gain and lose, those with the most first."""
    gains: dict[str, int] = {}
    loses: dict[str, int] = {}
    for (went, would_go), count in moves.items():
        if would_go.kind == AGENT:
            gains[would_go.name] = gains.get(would_go.name, 0) + count
        if went.kind == AGENT:
            loses[went.name] = loses.get(went.name, 0) + count
    changes = [AgentChange(name, gains.get(name, 0), loses.get(name, 0)) for name in sorted({*gains, *loses})]
    return tuple(sorted(changes, key=lambda change: -(change.gains + change.loses)))


def in_order(moves: Moves) -> Iterable[tuple[tuple[Destination, Destination], int]]:
    """Moves, the most frequent first."""
    return sorted(moves.items(), key=lambda item: (-item[1], item[0]))
