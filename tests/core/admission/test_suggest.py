"""What is suggested really lets the call in."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from callgate.calls.records import record_of
from callgate.core.admission.capacity import ROOM, Capacity
from callgate.core.admission.decide import decide
from callgate.core.admission.moves import destination_of
from callgate.core.admission.policy import PolicySet
from callgate.core.admission.replay import attempt_of, past_of
from callgate.core.admission.suggest import SUGGESTIONS_MAX, Advice, suggest
from callgate.entities.attempt import Attempt, Defect
from callgate.entities.sip_config import SipConfig
from tests.core.admission.rules import AGENTS, HANDLER, IDS, VIDEO, config, invite, policies
from tests.core.admission.test_replay import ATTEMPTS, CONFIGS

NAMES = {agent_id: agent.name for agent_id, agent in AGENTS.items()}


def advice(attempt: Attempt, rules: SipConfig, capacity: Capacity = ROOM, **options: Any) -> Advice:
    def compile(draft: SipConfig) -> PolicySet:
        return policies(draft, **options)

    decision = decide(attempt, compile(rules), capacity)
    record = record_of(attempt, decision, decision_id="d", at=datetime(2026, 7, 1, tzinfo=UTC))
    return suggest(past_of(record), compile(rules), "acc", NAMES, compile)


def words(given: Advice) -> list[str]:
    return [one.words for one in given.suggestions]


@settings(max_examples=400, deadline=None)
@given(rules=CONFIGS, attempt=ATTEMPTS)
def test_each_suggestion_lets_the_call_in(rules: SipConfig, attempt: Attempt) -> None:
    live = policies(rules)
    record = record_of(attempt, decide(attempt, live, ROOM), decision_id="d", at=datetime(2026, 7, 1, tzinfo=UTC))
    past = past_of(record)
    given = suggest(past, live, "acc", NAMES, policies)
    assert bool(given.reason) != bool(given.suggestions)
    assert len(given.suggestions) <= SUGGESTIONS_MAX
    assert len({one.config for one in given.suggestions}) == len(given.suggestions)
    for one in given.suggestions:
        assert one.config != rules
        goes = destination_of(decide(attempt_of(past), policies(one.config), ROOM))
        assert goes == one.goes != given.goes
        assert goes.lets_in


def test_a_stranger_is_let_in_by_its_address_or_by_a_stretched_range() -> None:
    rules = config((0, "^a"), ranges=("192.0.2.8/30",))
    assert words(advice(invite("a"), rules)) == [
        "admit the range `192.0.2.7/32`",
        "admit the range `192.0.2.0/28`",
    ]
    far = advice(invite("a", source_address="198.51.100.1"), rules)
    assert words(far) == ["admit the range `198.51.100.1/32`"]


def test_a_stranger_that_no_rule_knows_needs_both() -> None:
    given = advice(invite("b", source_address="198.51.100.1"), config((1, "^a")))
    assert words(given)[0] == "admit the range `198.51.100.1/32`, and add a rule `^b$` for agent `agent1`"


@pytest.mark.parametrize(
    ("user", "pattern", "expected"),
    [
        ("+1555", "^1555$", r"let rule 1 be `^\+?1555$` in place of `^1555$`"),
        ("1555", r"^\+1555$", r"let rule 1 be `^\+?1555$` in place of `^\+1555$`"),
        ("Demo", "^demo$", "let rule 1 be `(?i)^demo$` in place of `^demo$`"),
    ],
)
def test_a_near_miss_widens_its_rule(user: str, pattern: str, expected: str) -> None:
    assert words(advice(invite(user), config((0, pattern))))[0] == expected


def test_an_agents_id_suggests_all_agents() -> None:
    given = advice(invite(f"agent_{IDS[1]}"), config())
    assert given.suggestions[0].config.allow_all_agents
    assert given.suggestions[0].goes.name == IDS[1]


def test_a_rule_means_just_the_user_that_was_dialled() -> None:
    given = advice(invite("a.b%2B(c"), config((0, "^x")))
    assert given.suggestions[0].config.allowed_agents[-1].to_user_pattern == r"^a\.b\+\(c$"


def test_with_no_room_for_a_rule_another_gets_an_alternative() -> None:
    full = config(*((n % 3, f"^x{n}$") for n in range(20)))
    given = advice(invite("b"), full)
    assert words(given)[0] == "let rule 19 be `^x18$|^b$`"
    assert len(given.suggestions[0].config.allowed_agents) == 20


def test_only_the_user_that_rules_look_at_is_of_use() -> None:
    given = advice(invite("a", "b"), config((0, "^x")), to_user_from="request_uri")
    assert words(given)[0] == "add a rule `^b$` for agent `agent0`"


def test_what_the_handler_said_no_to_can_be_let_in_by_a_rule() -> None:
    given = advice(invite("b"), config((0, "^x"), fallback_handler=HANDLER))
    assert given.goes.kind == "handler"
    assert {one.goes.kind for one in given.suggestions} == {"agent"}


@pytest.mark.parametrize(
    ("attempt", "capacity", "reason"),
    [
        (invite("a", body=VIDEO), ROOM, "no-common-codec, which no change of the rules alters"),
        (invite("a", defect=Defect(400, "missing: Contact")), ROOM, "malformed"),
        (invite("a"), Capacity(draining=True), "draining: that depended on the moment"),
        (invite("a", source_address="2001:db8::1"), ROOM, "an IPv6 address"),
        (invite("%00"), ROOM, "neither To nor the Request-URI has a user"),
        (invite("a"), ROOM, "the rules let it in"),
    ],
)
def test_where_no_rule_helps_the_reason_is_told(attempt: Attempt, capacity: Capacity, reason: str) -> None:
    given = advice(attempt, config((0, "^a")), capacity)
    assert given.suggestions == ()
    assert reason in given.reason


def test_rules_that_have_changed_since_may_let_it_in_already() -> None:
    attempt = invite("a")
    record = record_of(
        attempt, decide(attempt, policies(config()), ROOM), decision_id="d", at=datetime(2026, 7, 1, tzinfo=UTC)
    )
    live = policies(replace(config((0, "^a"))))
    assert suggest(past_of(record), live, "acc", NAMES, policies).reason == "the rules in force would let it in"
