"""Findings are true: examples are tried with RE2, and what is said never to be reached is reached by nobody."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from callgate.core.admission.lint import Finding, Slug, counts, lint
from callgate.core.admission.patterns import check_pattern, compile_pattern
from callgate.entities.sip_config import SipConfig
from tests.core.admission.rules import AGENTS, HANDLER, IDS, config
from tests.core.admission.test_pattern_automaton import PATTERN, TEXT

NAMES = {agent_id: agent.name for agent_id, agent in AGENTS.items()}


def findings(rules: SipConfig) -> list[Finding]:
    return [finding for finding in lint(rules, NAMES) if finding is not None]


def found(rules: SipConfig, *slugs: Slug) -> list[tuple[str, str | None]]:
    return [(one.where, one.example) for one in findings(rules) if one.slug in slugs]


def test_rules_without_oddities() -> None:
    everybody = config((0, r"^\+?1555[0-9]{4}$"), (1, "^sales$"), (2, "^support.*"))
    assert findings(everybody) == []


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        (("0.0.0.0/0",), [("range-everyone", 0, "0.0.0.0/0")]),
        (("10.1.0.0/16", "10.0.0.0/8"), [("range-contained", 0, "10.0.0.0/8")]),
        (("10.0.0.0/8", "11.0.0.0/8"), []),
        (
            ("192.0.2.1/32", "0.0.0.0/0"),
            [("range-everyone", 1, "0.0.0.0/0"), ("range-contained", 0, "0.0.0.0/0")],
        ),
        (("10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24"), [("range-contained", n, "10.0.0.0/8") for n in (1, 2)]),
    ],
)
def test_ranges(ranges: tuple[str, ...], expected: list[tuple[str, int, str]]) -> None:
    rules = SipConfig(ranges, fallback_handler=HANDLER)
    told = [(one.slug.value, one.where, one.example) for one in findings(rules)]
    assert told == [(slug, f"allowedCidrRanges[{index}]", example) for slug, index, example in expected]


@pytest.mark.parametrize(
    ("patterns", "unreachable"),
    [
        (("^a$", "^a$"), {1}),
        (("", "x"), {1}),
        ((".*", "^x$", r"\bx"), {1, 2}),
        (("^.", "^[ab]"), {1}),
        (("^.+$", r"\n"), set()),  # a line break can be dialled, percent-encoded
        ((r"^\+1", r"^\+1555$"), {1}),
        (("^a", "^b", "^[ab]c"), {2}),
        (("^a", "^b", "^[abc]c"), set()),
        (("a^",), {0}),
        (("$^",), {0}),
        (("^[0-9]{3}$", "^[0-9]{4}$", "^[0-9]{3,4}$"), {2}),
        (("(?i)^demo$", "^DEMO$"), {1}),
        (("^DEMO$", "(?i)^demo$"), set()),
        ((r"\ba", r"\ba"), {1}),
    ],
)
def test_rules_that_nobody_reaches(patterns: tuple[str, ...], unreachable: set[int]) -> None:
    rules = config(*((0, text) for text in patterns))
    assert found(rules, Slug.PATTERN_UNREACHABLE) == [
        (f"allowedAgents[{index}].toUserPattern", None) for index in sorted(unreachable)
    ]


def test_what_cannot_be_told_is_said() -> None:
    rules = config((0, r"\ba"), (0, "^ab$"), (0, "x.{60}y"), (0, "^c$"))
    assert [where for where, _ in found(rules, Slug.PATTERN_NOT_TOLD)] == [
        "allowedAgents[0].toUserPattern",
        "allowedAgents[1].toUserPattern",  # all that it finds, the one before it finds
        "allowedAgents[2].toUserPattern",
    ]


def test_ends_that_are_open() -> None:
    rules = config((0, "demo"), (1, "^demo[0-9]"), (2, "^sales.*"))
    (first, example), (second, longer) = found(rules, Slug.PATTERN_UNANCHORED)
    assert (first, second) == ("allowedAgents[0].toUserPattern", "allowedAgents[1].toUserPattern")
    assert example is not None
    assert example.endswith("demo")
    assert example != "demo"
    assert longer is not None
    assert len(longer) == 6


def test_rules_for_different_agents_that_share_users() -> None:
    rules = config((0, "^[0-9]{4}$"), (1, "^5[0-9]+$"), (0, "^55"))
    assert found(rules, Slug.PATTERN_OVERLAP) == [
        ("allowedAgents[1].toUserPattern", "5555"),
        ("allowedAgents[2].toUserPattern", "55"),
    ]


def test_a_plus_too_many_or_too_few() -> None:
    assert found(config((0, r"^\+1555[0-9]$")), Slug.PLUS_REQUIRED) == [("allowedAgents[0].toUserPattern", "+15555")]
    assert found(config((0, "^1555[0-9]$")), Slug.PLUS_MISSING) == [("allowedAgents[0].toUserPattern", "15555")]
    both = config((0, r"^\+1555[0-9]$"), (0, "^1555[0-9]$"))
    assert found(both, Slug.PLUS_REQUIRED, Slug.PLUS_MISSING) == []


def test_agents_that_no_call_reaches() -> None:
    rules: dict[str, Any] = {"rules": ((0, "^a"), (1, "^ab"))}
    assert found(config(*rules["rules"]), Slug.AGENT_UNREACHABLE) == [("allowedAgents", IDS[n]) for n in (1, 2)]
    assert found(config(*rules["rules"], allow_all_agents=True), Slug.AGENT_UNREACHABLE) == []
    assert found(config(*rules["rules"], fallback_handler=HANDLER), Slug.AGENT_UNREACHABLE) == []


def test_a_rule_whose_agent_is_gone_is_in_nobodys_way() -> None:
    assert found(config((3, ".*"), (0, "^a$")), Slug.PATTERN_UNREACHABLE) == []


def test_counts_are_in_the_order_of_the_catalogue() -> None:
    assert list(counts(findings(config((0, "a"), (1, "a"), ranges=("0.0.0.0/0",)))).items()) == [
        ("pattern-unanchored", 2),
        ("pattern-unreachable", 1),
        ("agent-unreachable", 2),
        ("range-everyone", 1),
    ]


def test_it_pauses_and_has_an_end_also_for_the_worst_rules() -> None:
    hard = [(n % 3, f"^(a|b|c)*{'ab'[n % 2]}.{{{n % 7}}}[xyz]+{n}") for n in range(20)]
    steps = list(lint(config(*hard), NAMES))
    assert steps.count(None) > 20


@settings(max_examples=400, deadline=None)
@given(patterns=st.lists(PATTERN, min_size=1, max_size=5), users=st.lists(TEXT, max_size=30))
def test_nothing_untrue_is_said(patterns: list[str], users: list[str]) -> None:
    assume(all(check_pattern(text) is None for text in patterns))
    rules = config(*((n % 3, text) for n, text in enumerate(patterns)))
    told = findings(rules)
    compiled = [compile_pattern(text) for text in patterns]
    reached = {next((n for n, one in enumerate(compiled) if one.search(user)), None) for user in users}
    for one in told:
        if one.slug is Slug.PATTERN_UNREACHABLE:
            index = int(one.where.removeprefix("allowedAgents[").partition("]")[0])
            assert index not in reached, one
        elif one.slug is Slug.PATTERN_OVERLAP:
            assert one.example is not None
            assert sum(pattern.search(one.example) is not None for pattern in compiled) >= 2, one
        elif one.slug is Slug.PATTERN_UNANCHORED and one.example is not None:
            index = int(one.where.removeprefix("allowedAgents[").partition("]")[0])
            assert compiled[index].search(one.example), one
