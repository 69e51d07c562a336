"""The pipeline, step by step, and against a reference that does the same thing slowly and plainly."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.calls.records import record_of
from callgate.core.admission.capacity import Capacity
from callgate.core.admission.decide import decide
from callgate.core.admission.explain import explain_trace, summary
from callgate.core.admission.moves import destination_of
from callgate.core.admission.policy import AdmissionOptions, PolicySet
from callgate.core.admission.replay import past_of
from callgate.core.sdp.terms import sound_policy
from callgate.core.sip.uri import dialled_user
from callgate.entities.attempt import Attempt, Defect, Proof, Replaced
from callgate.entities.decision import Decision, Step, TraceEntry, Verdict
from callgate.entities.outcomes import OUTCOMES
from callgate.entities.sip_config import SipConfig
from tests.core.admission.rules import (
    AGENTS,
    DOMAIN,
    HANDLER,
    IDS,
    INVITE,
    ROOM,
    SDP,
    VIDEO,
    config,
    invite,
    policies,
    policy,
)

RULE = config((0, "."))


def refusal(attempt: Attempt, rules: PolicySet, capacity: Capacity = ROOM) -> tuple[str | None, int | None, bool]:
    decision = decide(attempt, rules, capacity)
    assert decision.verdict is Verdict.REFUSE
    return decision.outcome, decision.status, decision.stateless


# -------------------------------------------------------------------------------------------------- before any rule


def test_a_noisy_stranger_is_not_answered() -> None:
    decision = decide(invite(source_address="198.51.100.1", noisy=True), policies(RULE), ROOM)
    assert (decision.verdict, decision.outcome, decision.stateless) == (Verdict.IGNORE, "noise", True)
    assert [entry.step for entry in decision.trace] == [Step.NOISE]


def test_an_address_inside_a_range_or_of_a_proxy_is_never_noise() -> None:
    assert decide(invite(noisy=True), policies(RULE), ROOM).verdict is Verdict.ADMIT
    proxied = invite(source_address="10.0.0.1", noisy=True, headers=(("X-Callgate-Source", "192.0.2.7"),))
    assert decide(proxied, policies(RULE, trusted_proxies=("10.0.0.1",)), ROOM).verdict is Verdict.ADMIT


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, "malformed"), (420, "extension-required"), (482, "merged-request"), (505, "malformed")],
)
def test_a_defect_is_refused_before_the_source_is_asked(status: int, outcome: str) -> None:
    attempt = invite(source_address="198.51.100.1", defect=Defect(status, "why", (("Unsupported", "foo"),)))
    decision = decide(attempt, policies(RULE), ROOM)
    assert (decision.outcome, decision.status, decision.stateless) == (outcome, status, True)
    assert decision.headers == (("Unsupported", "foo"),)
    assert decision.reason == "why"


def test_the_request_uri_names_the_account_before_to_does() -> None:
    first = policy(config((0, "."), ranges=("192.0.2.0/24",)), account_id="a", domain="a.example")
    second = policy(config((1, "."), ranges=("192.0.2.0/24",)), account_id="b", domain="B.example.")
    both = PolicySet((first, second))
    assert decide(invite(request_uri="sip:x@A.EXAMPLE.", to_uri="sip:x@b.example"), both, ROOM).account_id == "a"
    assert decide(invite(request_uri="sip:x@192.0.2.1", to_uri="sip:x@b.example"), both, ROOM).account_id == "b"
    assert refusal(invite(request_uri="sip:x@other.example", to_uri="tel:+1"), both) == ("no-account", 403, True)


def test_the_only_account_gets_every_host() -> None:
    for request_uri in ("sip:x@203.0.113.9", "tel:+1555", "nonsense", ""):
        decision = decide(invite(to_uri="sip:x@elsewhere.example", request_uri=request_uri), policies(RULE), ROOM)
        assert (decision.verdict, decision.account_id) == (Verdict.ADMIT, "acc")


def test_strangers_get_the_same_answer_whatever_exists() -> None:
    several = PolicySet((policy(RULE), policy(RULE, account_id="b", domain="b.example")))
    answers = {
        (decision.verdict, decision.status, decision.stateless, decision.headers)
        for rules in (policies(RULE), policies(config()), PolicySet(()), several)
        for attempt in (
            invite(source_address="198.51.100.1"),
            invite("nobody", source_address="198.51.100.1"),
            invite(source_address="198.51.100.1", request_uri="sip:x@other.example", to_uri="sip:x@other.example"),
            invite(source_address="198.51.100.1", body=VIDEO),
            invite(source_address="2001:db8::1"),
        )
        for decision in [decide(attempt, rules, replace(ROOM, draining=True))]
    }
    assert answers == {(Verdict.REFUSE, 403, True, ())}


def test_an_empty_list_admits_nobody() -> None:
    assert refusal(INVITE, policies(config((0, "."), ranges=()))) == ("source-not-allowed", 403, True)


@pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"])
def test_mapped_addresses_count_as_ipv4(address: str) -> None:
    assert decide(invite(source_address=address), policies(RULE), ROOM).verdict is Verdict.ADMIT


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ((("X-Callgate-Source", "192.0.2.7"),), None),
        ((("x-callgate-source", " 192.0.2.7 "),), None),
        ((("X-Callgate-Source", "::ffff:192.0.2.7"),), None),
        ((("X-Callgate-Source", "198.51.100.1"),), "source-not-allowed"),
        ((), "proxy-header-missing"),
        ((("X-Callgate-Source", "192.0.2.7"), ("x-callgate-source", "192.0.2.7")), "proxy-header-missing"),
        ((("X-Callgate-Source", "192.0.2.7, 192.0.2.8"),), "proxy-header-missing"),
        ((("X-Callgate-Source", ""),), "proxy-header-missing"),
    ],
)
def test_only_our_own_proxy_says_whom_it_speaks_for(headers: tuple[tuple[str, str], ...], outcome: str | None) -> None:
    rules = policies(config((0, "."), ranges=("192.0.2.7/32", "10.0.0.0/8")), trusted_proxies=("10.0.0.1",))
    decision = decide(invite(source_address="10.0.0.1", headers=headers), rules, ROOM)
    assert (decision.outcome, decision.status) == (outcome, 403 if outcome else None)


def test_the_header_of_anyone_else_is_not_believed() -> None:
    attempt = invite(source_address="198.51.100.1", headers=(("X-Callgate-Source", "192.0.2.7"),))
    assert refusal(attempt, policies(RULE, trusted_proxies=("10.0.0.1",)))[0] == "source-not-allowed"


# ---------------------------------------------------------------------------------------------- offer and capacity


def test_an_offer_of_sound_for_nobody_is_488_with_a_warning() -> None:
    sdp = SDP.replace(b"c=IN IP4 192.0.2.7", b"c=IN IP4 127.0.0.1")
    decision = decide(invite(to="1", body=sdp), policies(config((0, "1"))), ROOM)
    assert (decision.outcome, decision.status) == ("no-common-codec", 488)
    assert decision.headers[0][0] == "Warning"
    assert "the connection address is loopback: 127.0.0.1" in decision.headers[0][1]


def test_an_offer_without_usable_audio_is_488_with_a_warning() -> None:
    decision = decide(invite(body=VIDEO), policies(RULE), ROOM)
    assert (decision.outcome, decision.status, decision.stateless) == ("no-common-codec", 488, False)
    [(name, value)] = decision.headers
    assert name == "Warning"
    assert re.fullmatch(r'3\d\d callgate "[^"]+"', value)


@pytest.mark.parametrize(
    ("transport", "words"),
    [
        ("udp", "encryption is required here"),
        ("tcp", ""),
        ("tls", ""),
    ],
)
def test_encryption_is_asked_for_by_the_listener_that_the_invite_came_to(transport: str, words: str) -> None:
    sound = sound_policy(srtp_udp="required", srtp_tcp="preferred", srtp_without_tls=True)
    decision = decide(invite(transport=transport), policies(RULE, sound=sound), ROOM)
    if not words:
        assert decision.verdict is Verdict.ADMIT
    else:
        assert (decision.outcome, decision.status) == ("no-common-codec", 488)
        assert words in dict(decision.headers)["Warning"]


def test_keys_are_in_no_record_of_a_refusal() -> None:
    key = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
    line = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n".encode()
    decision = decide(invite(body=SDP.replace(b"RTP/AVP", b"RTP/SAVP") + line), policies(RULE), ROOM)
    assert decision.outcome == "no-common-codec"
    assert "srtp is off" in (decision.reason or "")
    assert key[:12] not in repr(decision)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("text/plain", SDP), (None, SDP), ("multipart/mixed", SDP), ("application/sdp", b"\x00not sdp")],
)
def test_a_body_that_is_no_sdp_is_415(content_type: str | None, body: bytes) -> None:
    decision = decide(invite(content_type=content_type, body=body), policies(RULE), ROOM)
    assert (decision.outcome, decision.status) == ("offer-not-sdp", 415)
    assert decision.headers == (("Accept", "application/sdp"),)


def test_a_delayed_offer_passes() -> None:
    assert decide(invite(body=b"", content_type=None), policies(RULE), ROOM).verdict is Verdict.ADMIT


@pytest.mark.parametrize(
    ("shortage", "outcome", "status"),
    [
        ({"draining": True}, "draining", 503),
        ({"calls": 500}, "node-full", 503),
        ({"sessions_free": 0}, "no-port", 503),
        ({"account_calls": lambda account_id: 2}, "account-limit", 480),
        ({"source_over_rate": True}, "source-rate", 480),
    ],
)
def test_what_is_missing_decides_the_status(shortage: dict[str, Any], outcome: str, status: int) -> None:
    rules = PolicySet((policy(RULE, calls_max=2),), AdmissionOptions(retry_after_s=12))
    decision = decide(invite("nobody"), rules, replace(ROOM, **shortage))
    assert (decision.outcome, decision.status, decision.stateless) == (outcome, status, False)
    assert decision.headers == ((("Retry-After", "12"),) if status == 503 else ())


def test_the_account_limit_may_be_486() -> None:
    over = replace(ROOM, source_over_rate=True)
    assert refusal(INVITE, policies(RULE, account_limit_status=486), over)[1] == 486


# ---------------------------------------------------------------------------------------------------------- the rules


@pytest.mark.parametrize("by_id", [False, True])
def test_an_agent_with_as_many_calls_as_it_may_refuses_and_nobody_else_is_tried(by_id: bool) -> None:
    rules = config(*(() if by_id else ((1, "555"),)), (2, "."), allow_all_agents=True)
    if by_id:
        rules = replace(rules, allowed_agents=())
    limited = PolicySet((policy(rules, agent_calls_max=2),), AdmissionOptions(account_limit_status=486))
    attempt = invite(f"agent_{IDS[1]}" if by_id else "+15551234")

    def having(calls: int) -> Decision:
        return decide(attempt, limited, replace(ROOM, agent_calls=lambda agent_id: calls * (agent_id == IDS[1])))

    free, busy = having(1), having(2)
    assert (free.verdict, free.agent_id, free.trace[-1].result) == (Verdict.ADMIT, IDS[1], "passed")
    assert (busy.verdict, busy.outcome, busy.status) == (Verdict.REFUSE, "agent-limit", 486)
    assert (busy.reason, busy.stateless) == ("the agent has 2 calls of 2", False)
    assert summary(busy) == f"refused with 486: the agent `{IDS[1]}` is busy: 2 of at most 2 calls"
    assert "has room: 1 of at most 2 calls" in explain_trace(free.trace)[-1]
    assert summary(free).startswith("admitted: ")
    # What rules alone decide is the same, so that replays and shadows see no difference in the moment.
    assert destination_of(busy) == destination_of(free) == destination_of(decide(attempt, limited, ROOM))
    assert past_of(
        record_of(attempt, busy, decision_id="d", at=datetime(2026, 1, 1, tzinfo=UTC))
    ).went == destination_of(free)


def test_without_a_limit_nobody_counts_an_agents_calls() -> None:
    def never(agent_id: str) -> int:
        raise AssertionError("nobody asks")

    decision = decide(invite(), policies(RULE), replace(ROOM, agent_calls=never, account_calls=never))
    assert Step.AGENT_CAPACITY not in [entry.step for entry in decision.trace]


def test_the_first_rule_wins_and_the_rules_before_it_stand_in_the_trace() -> None:
    rules = policies(config((0, "^9"), (1, "555"), (2, ".")))
    decision = decide(invite("+15551234"), rules, ROOM)
    assert (decision.verdict, decision.agent_id, decision.matched) == (Verdict.ADMIT, IDS[1], "to")
    assert [entry.result for entry in decision.trace if entry.step is Step.ALLOWED_AGENTS] == ["missed", "matched"]
    assert decision.config_version == 7


def test_rule_by_rule_to_is_tried_before_the_request_uri() -> None:
    rules = policies(config((0, "^sales$"), (1, "^\\+1555$")))
    # The request-URI matches the earlier rule: rule by rule beats user by user.
    assert decide(invite("+1555", "sales"), rules, ROOM).agent_id == IDS[0]
    assert decide(invite("+1555", "sales"), rules, ROOM).matched == "request_uri"
    same = policies(config((0, ".")))
    assert decide(invite("+1555", "sales"), same, ROOM).matched == "to"


@pytest.mark.parametrize(("looked_at", "agent_id"), [("both", IDS[0]), ("to", IDS[1]), ("request_uri", IDS[0])])
def test_a_setting_narrows_the_dialled_user_to_one(looked_at: str, agent_id: str) -> None:
    rules = policies(config((0, "^sales$"), (1, "^support$")), to_user_from=looked_at)
    assert decide(invite("support", "sales"), rules, ROOM).agent_id == agent_id


def test_an_allowance_of_a_gone_agent_never_matches() -> None:
    decision = decide(INVITE, policies(config((3, "."), (1, "."))), ROOM)
    assert decision.agent_id == IDS[1]
    assert [entry.result for entry in decision.trace if entry.step is Step.ALLOWED_AGENTS] == ["skipped", "matched"]


def test_plus_and_case_differ() -> None:
    rules = policies(config((0, "^\\+1555$"), (1, "^Sales$")))
    assert refusal(invite("1555"), rules)[:2] == ("no-rule-matched", 603)
    assert refusal(invite("sales"), rules)[:2] == ("no-rule-matched", 603)


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("tel:+1555;phone-context=x", "+1555"),
        (f"sip:%2B1555@{DOMAIN}", "+1555"),
        (f"sip:+1555;npdi;rn=1@{DOMAIN}", "+1555"),
        (f"sip:+1555:secret@{DOMAIN}", "+1555"),
    ],
)
def test_the_dialled_user_is_read_from_the_uri(uri: str, user: str) -> None:
    rules = policies(config((0, f"^{re.escape(user)}$")))
    assert decide(invite(to_uri=uri, request_uri="sip:x@y.example"), rules, ROOM).agent_id == IDS[0]


@pytest.mark.parametrize("uri", [f"sip:%zz@{DOMAIN}", f"sip:a%00b@{DOMAIN}", f"sip:{DOMAIN}", "mailto:x@y", ""])
def test_what_is_no_user_matches_nothing(uri: str) -> None:
    rules = policies(config((0, ""), (0, ".*")))
    assert refusal(invite(to_uri=uri, request_uri=uri), rules)[:2] == ("no-rule-matched", 603)


def test_all_agents_are_reached_by_exactly_their_name() -> None:
    rules = policies(config(allow_all_agents=True))
    assert decide(invite(f"agent_{IDS[2]}"), rules, ROOM).agent_id == IDS[2]
    assert decide(invite("x", f"agent_{IDS[2]}"), rules, ROOM).matched == "request_uri"
    assert decide(invite(to_uri=f"sip:agent_{IDS[1]}@any.example"), rules, ROOM).agent_id == IDS[1]
    for user in (f"agent_{IDS[3]}", f"xagent_{IDS[2]}", f"agent_{IDS[2]}x", f"AGENT_{IDS[2]}", IDS[2]):
        assert refusal(invite(user), rules)[0] == "no-rule-matched"
    assert refusal(invite(f"agent_{IDS[2]}"), policies(config()))[0] == "no-rule-matched"


def test_the_handler_is_asked_only_when_no_rule_matched() -> None:
    rules = policies(config((0, "^1$"), fallback_handler=HANDLER))
    assert decide(invite("1"), rules, ROOM).verdict is Verdict.ADMIT
    decision = decide(invite("2"), rules, ROOM)
    assert (decision.verdict, decision.account_id, decision.config_version) == (Verdict.ASK, "acc", 7)
    assert decision.trace[-1].step is Step.FALLBACK_HANDLER


@pytest.mark.parametrize("status", [603, 404, 480])
def test_nobody_gets_it_otherwise(status: int) -> None:
    decision = decide(invite("2"), policies(config(), no_rule_status=status), ROOM)
    assert (decision.outcome, decision.status, decision.agent_id) == ("no-rule-matched", status, None)
    assert decision.trace[-1].step is Step.REFUSAL


# --------------------------------------------------------------------------------------------------------- properties

USERS = st.one_of(
    st.sampled_from(["", "+1555", "1555", "sales", "Sales", "a%00b", "%2B1555", f"agent_{IDS[0]}", f"agent_{IDS[3]}"]),
    st.text(max_size=8),
)
PATTERNS = st.sampled_from(["^\\+1", "555$", "sales", "^Sales$", "", ".", "x|y", "^$", "[0-9]{4}", "(?i)SALES"])
URIS = st.one_of(
    st.builds("sip:{}@{}".format, USERS, st.sampled_from([DOMAIN, DOMAIN.upper() + ".", "203.0.113.1"])),
    st.builds("tel:{}".format, USERS),
    st.text(max_size=20),
)
ATTEMPTS = st.builds(
    Attempt,
    source_address=st.sampled_from(["192.0.2.7", "198.51.100.9", "2001:db8::1", "::ffff:192.0.2.1", "", "x"]),
    source_port=st.just(5060),
    transport=st.just("udp"),
    request_uri=URIS,
    to_uri=URIS,
    from_uri=st.none() | URIS,
    from_display_name=st.none(),
    call_id=st.just("c"),
    headers=st.lists(
        st.tuples(st.sampled_from(["X-Callgate-Source", "X-A"]), st.sampled_from(["192.0.2.7", "?"])), max_size=2
    ).map(tuple),
    content_type=st.sampled_from([None, "application/sdp", "text/plain"]),
    body=st.sampled_from([b"", SDP, VIDEO]) | st.binary(max_size=40),
    defect=st.none() | st.just(Defect(400, "bad")),
    noisy=st.booleans(),
)
CONFIGS = st.builds(
    lambda rules, ranges, everyone, handler: config(
        *rules, ranges=ranges, allow_all_agents=everyone, fallback_handler=handler
    ),
    st.lists(st.tuples(st.integers(0, 3), PATTERNS), max_size=6),
    st.sampled_from([(), ("192.0.2.0/24",), ("198.51.100.9/32", "192.0.2.7/32")]),
    st.booleans(),
    st.none() | st.just(HANDLER),
)
OPTIONS = st.builds(
    AdmissionOptions,
    to_user_from=st.sampled_from(["both", "to", "request_uri"]),
    trusted_proxies=st.sampled_from([(), ("198.51.100.9",)]),
)
CAPACITIES = st.builds(
    Capacity, draining=st.booleans(), sessions_free=st.integers(0, 1), source_over_rate=st.booleans()
)


def reference(attempt: Attempt, rules: SipConfig, options: AdmissionOptions) -> tuple[Verdict, str | None, str | None]:
    """Steps 6 to 10 of the contract, written down once more."""
    users = []
    if options.to_user_from in ("both", "to"):
        users.append(("to", dialled_user(attempt.to_uri)))
    if options.to_user_from in ("both", "request_uri"):
        users.append(("request_uri", dialled_user(attempt.request_uri)))
    for allowance in rules.allowed_agents:
        for which, user in users:
            if allowance.agent_id in AGENTS and user is not None and re.search(allowance.to_user_pattern, user):
                return Verdict.ADMIT, allowance.agent_id, which
    if rules.allow_all_agents:
        for which, user in users:
            for agent_id in AGENTS:
                if user == f"agent_{agent_id}":
                    return Verdict.ADMIT, agent_id, which
    return (Verdict.ASK if rules.fallback_handler is not None else Verdict.REFUSE), None, None


@given(ATTEMPTS, CONFIGS, OPTIONS)
def test_the_rules_decide_as_the_reference_does(attempt: Attempt, rules: SipConfig, options: AdmissionOptions) -> None:
    admitted = replace(
        attempt, source_address="192.0.2.7", body=b"", content_type=None, defect=None, noisy=False, headers=()
    )
    rules = replace(rules, allowed_cidr_ranges=("192.0.2.0/24",))
    decision = decide(admitted, PolicySet((policy(rules),), options), ROOM)
    assert (decision.verdict, decision.agent_id, decision.matched) == reference(admitted, rules, options)


@given(ATTEMPTS, CONFIGS, OPTIONS, CAPACITIES)
def test_every_attempt_gets_one_whole_answer(
    attempt: Attempt, rules: SipConfig, options: AdmissionOptions, capacity: Capacity
) -> None:
    compiled = PolicySet((policy(rules),), options)
    decision = decide(attempt, compiled, capacity)
    assert decision == decide(attempt, compiled, capacity)  # and the same one again
    steps = [list(Step).index(entry.step) for entry in decision.trace]
    assert steps == sorted(steps)
    match decision.verdict:
        case Verdict.ADMIT:
            assert decision.agent_id in AGENTS
            assert decision.matched in ("to", "request_uri")
        case Verdict.ASK:
            assert rules.fallback_handler is not None
        case Verdict.IGNORE:
            assert attempt.noisy
        case Verdict.REFUSE:
            assert decision.outcome in OUTCOMES
            assert decision.status is not None
            assert 400 <= decision.status <= 699
            assert decision.reason
    if decision.verdict is not Verdict.REFUSE:
        assert decision.status is None
    words = explain_trace(decision.trace)
    assert len(words) == len(decision.trace)
    assert all(words)
    assert summary(decision)


# ---------------------------------------------------------------------------------------- callers that prove themselves

PROVED = Proof("proved", "alice", "acc")
ELSEWHERE = "198.51.100.9"


def auth_rules(mode: str) -> PolicySet:
    return policies(config((0, "^\\+1")), caller_auth=mode)


@pytest.mark.parametrize(
    ("mode", "source", "proof", "outcome", "stateless"),
    [
        ("off", "192.0.2.7", None, None, False),
        ("off", ELSEWHERE, PROVED, "source-not-allowed", True),
        ("also", "192.0.2.7", PROVED, None, False),
        ("also", "192.0.2.7", None, "credentials-missing", False),
        ("also", "192.0.2.7", Proof("missing"), "credentials-missing", False),
        ("also", "192.0.2.7", Proof("wrong", "alice"), "credentials-wrong", False),
        ("also", "192.0.2.7", Proof("stale", "alice"), "credentials-stale", False),
        ("also", ELSEWHERE, PROVED, "source-not-allowed", True),
        ("also", ELSEWHERE, None, "source-not-allowed", True),
        ("instead", "192.0.2.7", None, None, False),
        ("instead", "192.0.2.7", Proof("wrong", "alice"), None, False),
        ("instead", ELSEWHERE, PROVED, None, False),
        ("instead", "2001:db8::1", PROVED, None, False),
        ("instead", ELSEWHERE, None, "credentials-missing", True),
        ("instead", ELSEWHERE, Proof("wrong", "alice"), "credentials-wrong", True),
        ("instead", ELSEWHERE, Proof("stale", "alice"), "credentials-stale", True),
        ("instead", ELSEWHERE, Proof("proved", "bob", "another account"), "credentials-wrong", True),
    ],
)
def test_who_must_prove_itself(
    mode: str, source: str, proof: Proof | None, outcome: str | None, stateless: bool
) -> None:
    decision = decide(invite(source_address=source, proof=proof), auth_rules(mode), ROOM)
    assert (decision.outcome, decision.stateless) == (outcome, stateless)
    assert decision.verdict is (Verdict.ADMIT if outcome is None else Verdict.REFUSE)
    if outcome is not None and outcome.startswith("credentials"):
        assert decision.status == OUTCOMES[outcome].status == 401


def test_without_an_account_strangers_are_challenged_alike() -> None:
    rules = PolicySet(
        (policy(config()), policy(config(), account_id="b", domain="b.example")),
        AdmissionOptions(caller_auth="instead"),
    )
    there = decide(invite(source_address=ELSEWHERE), rules, ROOM)
    nowhere = decide(
        invite(source_address=ELSEWHERE, request_uri="sip:x@y", to_uri="sip:x@y", proof=PROVED), rules, ROOM
    )
    assert (there.status, there.stateless) == (nowhere.status, nowhere.stateless) == (401, True)
    assert nowhere.outcome == "credentials-wrong"
    assert nowhere.account_id is None


def test_a_proxy_that_does_not_say_whom_it_speaks_for_is_not_challenged() -> None:
    rules = policies(config(), caller_auth="instead", trusted_proxies=(ELSEWHERE,))
    assert decide(invite(source_address=ELSEWHERE), rules, ROOM).outcome == "proxy-header-missing"


def test_the_record_names_who_has_proved_itself_and_the_refusal_does_not_say_what_was_wrong() -> None:
    decision = decide(invite(source_address=ELSEWHERE, proof=PROVED), auth_rules("instead"), ROOM)
    assert TraceEntry(Step.CALLER_AUTH, "passed", (("username", "alice"),)) in decision.trace
    results = {entry.step: entry.result for entry in decision.trace}
    assert (results[Step.SOURCE], results[Step.CALLER_AUTH]) == ("missed", "passed")
    wrong = [
        Proof("wrong", "alice", reason="the password"),
        Proof("wrong", "bob", reason="no caller has this username"),
    ]
    told = {decide(invite(proof=proof), auth_rules("also"), ROOM).reason for proof in wrong}
    assert len(told) == 1


# ------------------------------------------------------------------------------------ calls that go on over another leg

HERS = Replaced("joined", "acc", "call", INVITE.source_address)


@pytest.mark.parametrize(
    ("replaced", "offered", "outcome", "status"),
    [
        (HERS, True, None, None),
        (HERS, False, "replaces-refused", 403),
        (Replaced(), True, "replaces-nothing", 481),
        (replace(HERS, state="early"), True, "replaces-nothing", 481),
        (replace(HERS, early_only=True), True, "replaces-nothing", 486),
        (replace(HERS, account_id="other"), True, "replaces-refused", 403),
        (replace(HERS, source_address="192.0.2.8"), True, "replaces-refused", 403),
        (replace(HERS, source_address=None), True, "replaces-refused", 403),
        (Replaced(problem="not a Call-ID"), False, "malformed", 400),
    ],
)
def test_who_may_go_on_with_a_call(replaced: Replaced, offered: bool, outcome: str | None, status: int | None) -> None:
    full = replace(ROOM, calls=500)
    decision = decide(invite(to="whoever", replaces=replaced), policies(config(), replaces=offered), full)
    assert (decision.outcome, decision.status, decision.stateless) == (outcome, status, False)
    assert decision.trace[-1].step is Step.REPLACES
    said = summary(decision)
    assert ("`call` goes on" in said) == (outcome is None)


def test_who_is_refused_by_its_source_is_not_told_of_calls() -> None:
    attempt = invite(source_address=ELSEWHERE, replaces=HERS)
    assert decide(attempt, policies(config(), replaces=True), ROOM).outcome == "source-not-allowed"
