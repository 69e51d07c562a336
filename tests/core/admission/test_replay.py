"""A replay of the rules in force changes nothing; a replay of a draft says what the draft decides."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.calls.records import Aftermath, record_of
from callgate.core.admission.capacity import ROOM, Capacity
from callgate.core.admission.decide import decide
from callgate.core.admission.moves import MOVES_MAX, AgentChange, added, agent_changes, destination_of
from callgate.core.admission.policy import PolicySet
from callgate.core.admission.recipe import Recipe, recipe_of
from callgate.core.admission.replay import EXAMPLES_MAX, Judge, Past, Replay, ReplayResult, past_of
from callgate.entities.attempt import Attempt, Defect, Proof
from callgate.entities.decision import DecisionRecord, Step, TraceEntry, Verdict
from callgate.entities.destination import Destination
from callgate.entities.sip_config import SipConfig
from tests.core.admission.rules import HANDLER, IDS, SDP, VIDEO, config, invite, policies

AT = datetime(2026, 7, 1, tzinfo=UTC)
ONE, TWO = Destination("agent", IDS[0]), Destination("agent", IDS[1])
NOBODY = Destination("refused", "no-rule-matched")
STRANGER = Destination("refused", "source-not-allowed")

USERS = st.sampled_from(["+15551234", "15551234", "demo", f"agent_{IDS[0]}", "%00", "", "x;y=1"])
PATTERNS = st.sampled_from(["^\\+1", "demo", ".*", "^1555", "^$", "x"])
CONFIGS = st.builds(
    SipConfig,
    st.lists(st.sampled_from(["192.0.2.0/24", "203.0.113.0/24", "0.0.0.0/0"]), max_size=2, unique=True).map(tuple),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 3), PATTERNS), max_size=3).map(lambda rules: config(*rules).allowed_agents),
    st.sampled_from([None, HANDLER]),
)
ATTEMPTS = st.builds(
    lambda to, request, source, body, defect, noisy, proof: invite(
        to, request, source_address=source, body=body, defect=defect, noisy=noisy, proof=proof
    ),
    USERS,
    USERS,
    st.sampled_from(["192.0.2.7", "203.0.113.9", "198.51.100.1", "2001:db8::1"]),
    st.sampled_from([SDP, VIDEO, b"", b"nonsense"]),
    st.sampled_from([None, None, None, Defect(400, "missing: Contact")]),
    st.booleans(),
    st.sampled_from(
        [
            None,
            Proof("missing"),
            Proof("wrong", "alice"),
            Proof("proved", "alice", "acc"),
            Proof("proved", "mallory", "another"),
        ]
    ),
)
AUTH = st.sampled_from(["off", "also", "instead"])
CAPACITIES = st.sampled_from([ROOM, ROOM, Capacity(draining=True), Capacity(source_over_rate=True)])


def recorded(attempt: Attempt, rules: PolicySet, capacity: Capacity = ROOM, **more: Any) -> DecisionRecord:
    record = record_of(attempt, decide(attempt, rules, capacity), decision_id="d", at=AT)
    return replace(record, **more)


def replayed(draft: PolicySet, live: PolicySet, *records: DecisionRecord, **more: Any) -> ReplayResult:
    replay = Replay(Judge(draft), Judge(live), **more)
    replay.take([past_of(record) for record in records])
    return replay.result()


def moves(result: ReplayResult) -> dict[tuple[Destination, Destination], int]:
    return {(move.went, move.would_go): move.count for move in result.moves}


@settings(max_examples=400, deadline=None)
@given(rules=CONFIGS, attempts=st.lists(ATTEMPTS, max_size=8), capacity=CAPACITIES, count=st.integers(1, 3), auth=AUTH)
def test_the_rules_in_force_change_nothing(
    rules: SipConfig, attempts: list[Attempt], capacity: Capacity, count: int, auth: str
) -> None:
    live = policies(rules, caller_auth=auth)
    records = [recorded(attempt, live, capacity) for attempt in attempts]
    folded = [replace(one, count=count) if one.attempt == {} else one for one in records]
    for against_live in (False, True):
        result = replayed(live, live, *folded, against_live=against_live)
        assert (result.changed, result.moves, result.agents) == (0, (), ())
        assert result.same + sum(result.left_out.values()) == result.attempts == sum(one.count for one in folded)


@settings(max_examples=400, deadline=None)
@given(rules=CONFIGS, draft=CONFIGS, attempt=ATTEMPTS)
def test_a_draft_is_judged_by_the_function_of_live_calls(rules: SipConfig, draft: SipConfig, attempt: Attempt) -> None:
    live, drafted = policies(rules), policies(draft)
    went = destination_of(decide(attempt, live, ROOM))
    known = recorded(attempt, live)
    # Of a stranger the offer is not kept, of noise neither what else was wrong with it; and whether a source that was
    # heard would be noise without its range, nobody can tell.
    ignored = went.kind == "ignored"
    again = replace(attempt, noisy=ignored, defect=None if ignored else attempt.defect)
    if not known.attempt:
        again = replace(again, body=b"")
    would_go = destination_of(decide(again, drafted, ROOM))
    assert moves(replayed(drafted, live, known)) == ({} if went == would_go else {(went, would_go): 1})


def test_who_gains_and_who_loses() -> None:
    live, draft = policies(config((0, "^a"), (1, "^b"))), policies(config((1, "^a$"), (1, "^b")))
    records = [recorded(invite(user), live) for user in ("a", "a", "ab", "b", "c")]
    result = replayed(draft, live, *records)
    assert (result.records, result.attempts, result.same, result.changed) == (5, 5, 2, 3)
    assert moves(result) == {(ONE, TWO): 2, (ONE, NOBODY): 1}
    assert result.agents == (AgentChange(IDS[0], 0, 3), AgentChange(IDS[1], 2, 0))
    assert [example.to_uri for example in result.moves[1].examples] == [records[2].to_uri]


def test_what_the_rules_in_force_do_likewise_is_not_the_drafts_doing() -> None:
    before, live = policies(config((0, "^a"))), policies(config((1, "^a")))
    result = replayed(policies(config((1, "^a"), (1, "^b"))), live, recorded(invite("a"), before))
    assert [(move.count, move.live_too) for move in result.moves] == [(1, 1)]
    assert replayed(live, live, recorded(invite("a"), before), against_live=True).changed == 0


def test_a_call_that_the_handler_was_asked_about_went_to_the_handler() -> None:
    live = policies(config((0, "^a"), fallback_handler=HANDLER))
    said = Aftermath(Verdict.ADMIT, agent_id=IDS[1], call_id="c", trace=(
        TraceEntry(Step.FALLBACK_HANDLER, "matched", (("answer", "startAgentCall"),)),))  # fmt: skip
    attempt = invite("b")
    record = record_of(attempt, decide(attempt, live, ROOM), decision_id="d", at=AT, aftermath=said)
    assert replayed(live, live, record).changed == 0
    without = replayed(policies(config((0, "^a"))), live, record)
    assert moves(without) == {(Destination("handler"), NOBODY): 1}


def test_a_call_that_failed_after_its_admission_went_to_its_agent() -> None:
    live, attempt = policies(config((0, "^a"))), invite("a")
    failed = Aftermath(Verdict.REFUSE, "agent-unreachable", 480, IDS[0], trace=(
        TraceEntry(Step.REFUSAL, "refused", (("outcome", "agent-unreachable"),)),))  # fmt: skip
    record = record_of(attempt, decide(attempt, live, ROOM), decision_id="d", at=AT, aftermath=failed)
    assert replayed(live, live, record).changed == 0
    assert moves(replayed(policies(config((1, "^a"))), live, record)) == {(ONE, TWO): 1}


def test_refusals_of_the_moment_are_left_out() -> None:
    live = policies(config((0, "^a")))
    records = [
        recorded(invite("a"), live, capacity)
        for capacity in (Capacity(draining=True), Capacity(source_over_rate=True), Capacity(sessions_free=0))
    ]
    result = replayed(policies(config((1, "^a"))), live, *records)
    assert (result.changed, result.left_out) == (0, {"draining": 1, "source-rate": 1, "no-port": 1})


def test_a_refusal_of_the_deployment_stands() -> None:
    live = policies(config((0, "^a")))
    record = recorded(invite("a", body=VIDEO), live)
    assert replayed(policies(config((1, "^a"))), live, record).changed == 0
    closed = replayed(policies(config((0, "^a"), ranges=())), live, record)
    assert moves(closed) == {(Destination("refused", "no-common-codec"), STRANGER): 1}


def test_strangers_are_replayed_as_far_as_they_are_known() -> None:
    live, draft = policies(config((0, "^a"), ranges=())), policies(config((0, "^a")))
    alone, folded = recorded(invite("a"), live), recorded(invite("a"), live, count=17)
    assert moves(replayed(draft, live, alone, folded)) == {
        (STRANGER, ONE): 1,
        (STRANGER, Destination("source_admitted")): 17,
    }


def test_examples_and_moves_are_limited() -> None:
    live, draft = policies(config()), policies(config((0, ".*")))
    result = replayed(draft, live, *(recorded(invite(f"u{n}"), live) for n in range(50)))
    assert [len(move.examples) for move in result.moves] == [EXAMPLES_MAX]
    many: dict[tuple[Destination, Destination], int] = {}
    for number in range(MOVES_MAX + 50):
        many = added(many, NOBODY, Destination("agent", str(number)), 1)
    assert len(many) == MOVES_MAX
    assert added(many, NOBODY, Destination("agent", "1"), 2)[NOBODY, Destination("agent", "1")] == 3
    assert len(agent_changes(many)) == MOVES_MAX

    class Elsewhere(Judge):
        def would_go(self, past: Past) -> Destination:
            return Destination("agent", past.to_uri)

    replay = Replay(Elsewhere(live), Judge(live))
    replay.take([past_of(recorded(invite(f"u{n}"), live)) for n in range(MOVES_MAX + 7)])
    assert (len(replay.result().moves), replay.result().further) == (MOVES_MAX, 7)


@settings(max_examples=100, deadline=None)
@given(rules=CONFIGS, attempt=ATTEMPTS)
def test_a_recipe_that_has_travelled_decides_the_same(rules: SipConfig, attempt: Attempt) -> None:
    live = policies(rules, to_user_from="request_uri", trusted_proxies=("10.0.0.0/8",))
    recipe = msgspec.json.decode(msgspec.json.encode(recipe_of(live, "acc")), type=Recipe)
    assert "'secret'" not in repr(recipe)
    assert destination_of(decide(attempt, recipe.policies(), ROOM)) == destination_of(decide(attempt, live, ROOM))
