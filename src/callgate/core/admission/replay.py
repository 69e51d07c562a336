"""A draft over records of the past: which calls would have gone elsewhere.

What is compared is where rules alone send a call. So a call that the fallback handler was asked about went "to the
handler", whatever came of that; refusals that depended on the moment (capacity, rate) are left out and counted; and a
refusal that is the deployment's and not the rules' (no common codec …) stands once a draft lets its source in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from callgate.core.admission.capacity import ROOM
from callgate.core.admission.decide import decide
from callgate.core.admission.moves import MOVES_MAX, AgentChange, agent_changes, destination_of
from callgate.core.admission.policy import PolicySet
from callgate.entities.attempt import Attempt, Defect, Proof
from callgate.entities.decision import DecisionRecord, Step
from callgate.entities.destination import AGENT, HANDLER, IGNORED, REFUSED, SOURCE_ADMITTED, Destination

EXAMPLES_MAX: Final = 5
"""Examples kept of each move; more are found with the filters of the list."""

# Callers repeat themselves. A remembered attempt costs about 0.5 kB.
_REMEMBERED: Final = 20_000

# Refusals that a change of the rules may undo. A record without a trace has none to undo either.
_RULES_OF_OWNERS: Final = ("", Step.SOURCE, Step.REFUSAL)

DECISIVE: Final = frozenset(("matched", "asked", "refused"))
"""Results of which the first in a trace says where the rules sent a call; what follows is what came of it."""


class Past(NamedTuple):
    """What a replay needs of a record.

    Attributes:
        decision_id: of the record.
        at: when the INVITE came, UTC.
        source_address: as the step "source" saw it.
        transport: ``udp``, ``tcp``, ``tls``.
        to_uri: as dialled; of a folded record, by the first attempt.
        request_uri: likewise.
        attempts: that the record stands for.
        went: where the rules sent it.
        left_out: slug of a refusal that depended on the moment; empty: it can be compared.
        stands: whether a refusal of the deployment came after the source and stays, whatever the rules say.
        noisy: whether the source was being ignored.
        defect: status and reason of a request that no rule is asked about.
        proof: what its credentials were worth, and to which account; ``None`` where nobody asked for any.
    """

    decision_id: str
    at: datetime
    source_address: str
    transport: str
    to_uri: str
    request_uri: str
    attempts: int
    went: Destination
    left_out: str = ""
    stands: bool = False
    noisy: bool = False
    defect: tuple[int, str] | None = None
    proof: tuple[str, str] | None = None


def past(
    decision_id: str,
    at: datetime,
    source_address: str,
    transport: str,
    to_uri: str,
    request_uri: str,
    attempts: int,
    outcome: str | None,
    decisive: tuple[str, str, Mapping[str, Any]] | None,
    proved_to: str | None = None,
) -> Past:
    """What a replay needs, from the columns of a record; `decisive` is of its trace: step, result, facts.

    `proved_to`: the account to which its caller had proved itself by then, if it had.
    """
    went, left_out, stands, defect = Destination(REFUSED, outcome or ""), "", False, None
    proof = None if proved_to is None else ("proved", proved_to)
    step, result, facts = decisive or ("", "", {})
    if result == "matched":
        went = Destination(AGENT, str(facts.get("agent")))
    elif result == "asked":
        went = Destination(HANDLER)
    elif step == Step.NOISE:
        went = Destination(IGNORED, outcome or "")
    elif step == Step.WELL_FORMED:
        defect = (int(facts.get("status") or 400), str(facts.get("reason")))
    elif step == Step.CAPACITY:
        left_out = outcome or "capacity"
    elif step == Step.CALLER_AUTH:
        proof = (str(facts.get("credentials")), "")
    elif step not in _RULES_OF_OWNERS:
        stands = True
    return Past(
        decision_id,
        at,
        source_address,
        transport,
        to_uri,
        request_uri,
        attempts,
        went,
        left_out,
        stands,
        step == Step.NOISE,
        defect,
        proof,
    )


def past_of(record: DecisionRecord) -> Past:
    """What a replay needs of a record."""
    first = next((entry for entry in record.trace if entry.result in DECISIVE), None)
    proved = any(entry.step is Step.CALLER_AUTH and entry.result == "passed" for entry in record.trace)
    return past(
        record.decision_id,
        record.at,
        record.source_address,
        record.transport,
        record.to_uri,
        record.request_uri,
        record.count,
        record.outcome,
        None if first is None else (first.step, first.result, dict(first.facts)),
        record.account_id if proved else None,
    )


def attempt_of(past: Past) -> Attempt:
    """The INVITE again, as far as rules look at it.

    Without its offer, which they do not look at: what became of it stands in the record, and what is kept of an offer
    is shortened and has no keys.
    """
    return Attempt(
        source_address=past.source_address,
        source_port=0,
        transport=past.transport,
        request_uri=past.request_uri,
        to_uri=past.to_uri,
        from_uri=None,
        from_display_name=None,
        call_id="replayed",
        defect=None if past.defect is None else Defect(*past.defect),
        noisy=past.noisy,
        proof=None if past.proof is None else Proof(past.proof[0], account_id=past.proof[1]),
    )


class Judge:
    """Says where rules would send what is past; the same question is decided once."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._known: dict[tuple[object, ...], tuple[Destination, bool]] = {}

    def would_go(self, past: Past) -> Destination:
        """Where the rules would send it, by the function that decides live calls."""
        key = (past.source_address, past.transport, past.to_uri, past.request_uri, past.noisy, past.defect, past.proof)
        found = self._known.get(key)
        if found is None:
            decision = decide(attempt_of(past), self._policies, ROOM)
            found = destination_of(decision), not decision.stateless
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = found
        destination, past_source = found
        if past_source and past.stands:
            return past.went
        if past_source and past.attempts > 1:
            return Destination(SOURCE_ADMITTED)
        return destination


@dataclass(frozen=True, slots=True)
class Example:
    """One record of a move."""

    decision_id: str
    at: datetime
    source_address: str
    to_uri: str
    request_uri: str
    count: int


@dataclass(frozen=True, slots=True)
class Move:
    """Calls that would have gone elsewhere, alike in where from and where to.

    Attributes:
        went: where the rules sent them.
        would_go: where the draft would.
        count: how many attempts.
        live_too: how many of them the rules in force would send there too: not the draft's doing.
        examples: the first that were met.
    """

    went: Destination
    would_go: Destination
    count: int
    live_too: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay found. Counts are of attempts: a folded record stands for many.

    Attributes:
        records: how many were read.
        attempts: how many they stand for.
        same: go where they went.
        changed: would go elsewhere.
        left_out: not compared, by the slug of their refusal: it depended on the moment.
        moves: most frequent first, at most `MOVES_MAX`.
        further: attempts in moves beyond these.
        agents: who gains and who loses.
    """

    records: int = 0
    attempts: int = 0
    same: int = 0
    changed: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    moves: tuple[Move, ...] = ()
    further: int = 0
    agents: tuple[AgentChange, ...] = ()


class Replay:
    """A fold over records.

    Args:
        draft: the rules to try.
        live: the rules in force.
        against_live: compare with what the rules in force would do, not with what was done.
    """

    def __init__(self, draft: Judge, live: Judge, *, against_live: bool = False) -> None:
        self._draft = draft
        self._live = live
        self._against_live = against_live
        self._records = self._attempts = self._same = self._changed = self._further = 0
        self._left_out: dict[str, int] = {}
        self._moves: dict[tuple[Destination, Destination], list[Any]] = {}

    def take(self, pasts: Sequence[Past]) -> None:
        """Replay some more, in the order in which examples are wanted."""
        for past in pasts:
            self._records += 1
            self._attempts += past.attempts
            if past.left_out:
                self._left_out[past.left_out] = self._left_out.get(past.left_out, 0) + past.attempts
                continue
            would_go = self._draft.would_go(past)
            went = self._live.would_go(past) if self._against_live else past.went
            if would_go == went:
                self._same += past.attempts
            else:
                self._changed += past.attempts
                self._moved(past, went, would_go)

    def _moved(self, past: Past, went: Destination, would_go: Destination) -> None:
        move = self._moves.get((went, would_go))
        if move is None:
            if len(self._moves) >= MOVES_MAX:
                self._further += past.attempts
                return
            move = self._moves[went, would_go] = [0, 0, []]
        move[0] += past.attempts
        if not self._against_live and self._live.would_go(past) == would_go:
            move[1] += past.attempts
        if len(move[2]) < EXAMPLES_MAX:
            move[2].append(
                Example(past.decision_id, past.at, past.source_address, past.to_uri, past.request_uri, past.attempts)
            )

    def result(self) -> ReplayResult:
        """What has been found so far."""
        moves = [
            Move(went, would_go, count, live_too, tuple(examples))
            for (went, would_go), (count, live_too, examples) in self._moves.items()
        ]
        return ReplayResult(
            self._records,
            self._attempts,
            self._same,
            self._changed,
            dict(self._left_out),
            tuple(sorted(moves, key=lambda move: (-move.count, move.went, move.would_go))),
            self._further,
            agent_changes({(move.went, move.would_go): move.count for move in moves}),
        )
