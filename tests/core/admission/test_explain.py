"""The words of a trace: the value, the rule, and the nearest miss."""

from dataclasses import replace

import pytest

from callgate.core.admission.capacity import Capacity
from callgate.core.admission.evaluate import evaluate
from callgate.core.admission.explain import explain, explain_trace, summary
from callgate.core.admission.policy import PolicySet
from callgate.entities.attempt import Attempt, Defect, Proof
from callgate.entities.decision import Decision, Step, TraceEntry, Verdict
from callgate.entities.json import Json
from tests.core.admission.rules import DOMAIN, HANDLER, IDS, ROOM, VIDEO, config, invite, policies, policy


def words(attempt: Attempt, rules: PolicySet, capacity: Capacity = ROOM) -> str:
    return "\n".join(evaluate(attempt, rules, capacity).words)


RANGES = ("203.0.113.8/30", "198.51.100.0/24", "10.0.0.0/8")


def test_a_missed_range_names_the_nearest() -> None:
    rules = policies(config((0, "."), ranges=RANGES))
    said = words(invite(source_address="203.0.113.7"), rules)
    assert "`203.0.113.7` is in none of 3 ranges; nearest is `203.0.113.8/30`" in said


@pytest.mark.parametrize(
    ("ranges", "address", "said"),
    [
        ((), "203.0.113.7", "`allowedCidrRanges` is empty, which admits nobody"),
        (("203.0.113.8/30",), "203.0.113.7", "is not in the only range, `203.0.113.8/30`"),
        (RANGES, "2001:db8::1", "is an IPv6 address; the 3 ranges are IPv4"),
        (RANGES, "10.1.2.3", "`10.1.2.3` lies in the range `10.0.0.0/8`"),
    ],
)
def test_sources_in_words(ranges: tuple[str, ...], address: str, said: str) -> None:
    assert said in words(invite(source_address=address), policies(config((0, "."), ranges=ranges)))


@pytest.mark.parametrize(
    ("pattern", "user", "said"),
    [
        ("^\\+1555", "1555123", "`^\\+1555` is not found in `1555123`; `+1555123`, with a leading +, would match"),
        ("^1555", "+1555123", "`1555123`, without the leading +, would match"),
        ("^\\+44", "0044123", "`+44123`, with + in place of the 00, would match"),
        ("^0044", "+44123", "`0044123`, with 00 in place of the +, would match"),
        ("^\\+15551234$", "+1-555-1234", "`+15551234`, without the separators, would match"),
        ("^Sales$", "sales", "`sales` would match but for upper and lower case"),
    ],
)
def test_a_missed_rule_says_what_would_have_matched(pattern: str, user: str, said: str) -> None:
    assert said in words(invite(user), policies(config((0, pattern))))


def test_a_rule_far_from_matching_gives_no_hint() -> None:
    said = words(invite("support"), policies(config((0, "^\\+1555"))))
    assert "rule 1 (agent `agent0`): `^\\+1555` is not found in `support`\n" in said
    assert "would" not in said


def test_a_match_says_in_which_user_it_was_found() -> None:
    rules = policies(config((0, "^9$"), (1, "^\\+1555$")))
    said = words(invite("x", "+1555"), rules)
    assert "dialled is `x` in To and `+1555` in the Request-URI" in said
    assert "rule 1 (agent `agent0`): `^9$` is not found in `x` or `+1555`" in said
    assert "rule 2 (agent `agent1`): `^\\+1555$` is found in `+1555` in the Request-URI" in said


def test_a_narrowed_look_is_told() -> None:
    rules = policies(config((0, "^a$")), to_user_from="to")
    said = words(invite("b", "a"), rules)
    assert "rules look at To only" in said
    assert "is not found in `b`" in said
    assert "or `a`" not in said


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (invite(defect=Defect(400, "two From headers")), "refused with 400 before any rule: two From headers"),
        (invite(noisy=True, source_address="8.8.8.8"), "is not answered for a while"),
        (invite(noisy=True), "has been refused often"),
        (invite(request_uri="sip:x@203.0.113.1", to_uri="sip:x@203.0.113.1"), "there is only one account"),
        (invite(to_uri="sip:x@other.example"), f"the host of the Request-URI, `{DOMAIN}`, is the account's domain"),
        (invite(body=VIDEO), "the offer cannot be taken"),
        (invite(content_type="text/plain"), "`text/plain`"),
        (invite(body=b"", content_type=None), "carries no SDP"),
        (invite(to_uri="tel:", request_uri="tel:"), "neither has a user"),
    ],
)
def test_other_steps_in_words(attempt: Attempt, said: str) -> None:
    assert said in words(attempt, policies(config((3, "."), (0, "^x$"), (0, "."))))


@pytest.mark.parametrize(
    ("capacity", "said"),
    [
        (replace(ROOM, draining=True), "shutting down"),
        (replace(ROOM, calls=500), "the node is full: 500 of at most 500 calls"),
        (replace(ROOM, sessions_free=0), "no media session"),
        (replace(ROOM, account_calls=lambda account_id: 5), "5 of at most 2 calls"),
        (replace(ROOM, source_over_rate=True), "more often than it may"),
        (ROOM, "3 of at most 500 calls, media sessions free: 100"),
    ],
)
def test_capacity_in_words(capacity: Capacity, said: str) -> None:
    assert said in words(invite(), PolicySet((policy(config((0, ".")), calls_max=2),)), capacity)


def test_an_account_not_found_and_a_proxy_without_its_header_in_words() -> None:
    several = PolicySet((policy(config()), policy(config(), account_id="b", domain="b.example")))
    assert "is an account's domain" in words(invite(request_uri="sip:a@x", to_uri="sip:a@y"), several)
    proxied = policies(config(), trusted_proxies=("192.0.2.7",))
    assert "`192.0.2.7` is a proxy of this deployment" in words(invite(), proxied)


def test_all_agents_in_words() -> None:
    rules = policies(config(allow_all_agents=True))
    assert f"is exactly `agent_{IDS[1]}`" in words(invite(f"agent_{IDS[1]}"), rules)
    assert "not `agent_<id>` of one of the account's 3 agents" in words(invite("x"), rules)
    assert "in lower case" in words(invite(f"agent_{IDS[1].upper()}"), rules)


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (invite("+1555"), "admitted: rule 1 (agent `agent0`): `^\\+1555$` is found in `+1555` in To"),
        (invite("2"), "no rule matched: the fallback handler is asked"),
        (invite(noisy=True, source_address="8.8.8.8"), "not answered: "),
        (invite(source_address="8.8.8.8"), "refused with 403: `8.8.8.8` is not in the only range, `192.0.2.0/24`"),
    ],
)
def test_one_line_for_each_verdict(attempt: Attempt, said: str) -> None:
    rules = policies(config((0, "^\\+1555$"), fallback_handler=HANDLER))
    line = evaluate(attempt, rules).summary
    assert said in line
    assert "\n" not in line


def test_what_two_handlers_did_is_told_apart() -> None:
    def words(result: str, **facts: Json) -> str:
        return explain(TraceEntry(Step.FALLBACK_HANDLER, result, (("url", "https://o.example/"), *facts.items())))

    assert words("missed", which="first", reason="the handler answered 500", ms=3.0) == (
        "first handler `https://o.example/`: the handler answered 500, after 3.0 ms"
    )
    assert words("matched", which="second", answer="startAgentCall", agentId="a1").startswith(
        "the second fallback handler `https://o.example/` gave the call to agent `a1`"
    )
    sent = (("agentOnFailure", "a1"), ("reason", "handler failed: silence; sent to the agent for failures"))
    entry = TraceEntry(Step.FALLBACK_HANDLER, "matched", sent)
    assert explain(entry) == "handler failed: silence; sent to the agent for failures, `a1`"
    assert summary(Decision(Verdict.ADMIT, agent_id="a1", trace=(entry,))) == f"admitted: {explain(entry)}"


def test_what_the_handler_did_is_told() -> None:
    asked = TraceEntry(Step.FALLBACK_HANDLER, "asked", (("url", "https://o.example/"),))
    gave = TraceEntry(
        Step.FALLBACK_HANDLER,
        "matched",
        (("url", "https://o.example/"), ("tries", 2), ("ms", 12.5), ("answer", "startAgentCall"), ("agentId", "a1")),
    )
    failed = TraceEntry(Step.FALLBACK_HANDLER, "refused", (("reason", "the handler answered 500"), ("message", "no")))
    assert explain_trace((asked, gave, failed)) == (
        "no rule matched, so the fallback handler `https://o.example/` is asked",
        "the fallback handler `https://o.example/` gave the call to agent `a1`, after 12.5 ms and 2 tries",
        "the handler answered 500, saying `no`",
    )
    assert summary(Decision(Verdict.ADMIT, trace=(asked, gave))).startswith("admitted: the fallback handler")


def test_a_rule_is_explained_without_its_trace_too() -> None:
    entry = policy(config((0, "^x$"))).missed[0]
    assert explain(entry) == "rule 1 (agent `agent0`): `^x$` is not found"


def test_what_came_after_the_rules_is_not_blamed_on_them() -> None:
    entry = TraceEntry(
        Step.REFUSAL, "refused", (("outcome", "handler-failed"), ("status", 502), ("detail", "connection refused"))
    )
    assert explain(entry) == "the fallback handler failed or gave no valid answer: connection refused"
    assert explain(TraceEntry(Step.REFUSAL, "refused", (("outcome", "caller-cancelled"), ("status", 487)))) == (
        "the caller hung up before the agent answered"
    )


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        (Proof("proved", "alice", "acc"), "the caller has proved to be `alice`"),
        (None, "the INVITE brings no credentials, and the caller is asked for them"),
        (Proof("stale", "alice"), "`alice` with a challenge that is not good any more, and gets another"),
        (
            Proof("wrong", "bob", reason="no caller has this username"),
            "of `bob`, are wrong: no caller has this username",
        ),
        (Proof("proved", "bob", "b"), "of `bob`, are wrong: who has proved itself is no caller of this account"),
    ],
)
def test_credentials_in_words(proof: Proof | None, said: str) -> None:
    attempt = invite(source_address="198.51.100.9", proof=proof)
    spoken = words(attempt, policies(config((0, "."), ranges=("10.0.0.0/8",)), caller_auth="instead"))
    assert said in spoken
    assert "is not in the only range" in spoken
