"""The decision on one INVITE: the same pure function for live calls, imagined ones and replays.

Steps 0 to 10 run in order and the first that objects ends it. Each leaves an entry in the trace with what it compared.
The trace is built for every INVITE and read for few, so entries that are the same for every attempt are made once,
with the policy or here, and words are made from them only in `explain`.
"""

from functools import lru_cache
from typing import Final

from callgate.core.admission.capacity import Capacity
from callgate.core.admission.cidr import CidrTable
from callgate.core.admission.policy import AccountPolicy, PolicySet, account_entry
from callgate.core.sdp.negotiate import assess
from callgate.core.sdp.terms import SoundTerms
from callgate.core.sip.uri import host_and_user
from callgate.entities.attempt import Attempt, Proof, Replaced
from callgate.entities.decision import Decision, Step, TraceEntry, Verdict
from callgate.entities.json import Json

_QUIET: Final = TraceEntry(Step.NOISE, "passed")
_NOISY: Final = TraceEntry(Step.NOISE, "refused")
_SPARED: Final = TraceEntry(Step.NOISE, "passed", (("spared", True),))
_WELL_FORMED: Final = TraceEntry(Step.WELL_FORMED, "passed")
_DELAYED_OFFER: Final = TraceEntry(Step.OFFER, "passed", (("offer", False),))
_ALL_AGENTS_OFF: Final = TraceEntry(Step.ALLOW_ALL_AGENTS, "skipped")
_NO_RULES: Final = TraceEntry(Step.ALLOWED_AGENTS, "skipped", (("rules", 0),))
_NO_RANGES: Final = CidrTable(())
_NO_HANDLER: Final = TraceEntry(Step.FALLBACK_HANDLER, "skipped")

_NO_PROOF: Final = Proof("missing")
# What an admitted source is told: never whether it is the username or the password that is wrong.
_TOLD_OF_PROOFS: Final = {
    "missing": "callers must prove themselves",
    "stale": "the credentials have been used, or have waited too long; prove yourself anew",
    "wrong": "the credentials are not those of a caller",
}

_DEFECT_OUTCOMES: Final = {420: "extension-required", 422: "interval-too-small", 482: "merged-request"}

# RFC 3261 section 20.43 (Warning): the agent's name in place of a host, so that no address of ours leaks.
_WARNING_AGENT: Final = "callgate"

# Longer ones are rare, and remembering thousands of them would take memory that strangers choose.
_URI_CHARACTERS_REMEMBERED: Final = 256

# Facts are stored with every record; an address of 64 kB in one would be too.
_FACT_CHARACTERS_MAX: Final = 256


def decide(attempt: Attempt, policies: PolicySet, capacity: Capacity) -> Decision:
    """Who gets the call, who is to be asked, or how it is refused. Pure; answers every attempt and never raises.

    Args:
        attempt: the INVITE, live or imagined.
        policies: the rules in force.
        capacity: what is left. The slot is reserved by whoever asks, on the verdicts admit and ask.
    """
    options = policies.options

    # 0. Noise.
    if attempt.noisy:
        if not (policies.admits_source(attempt.source_address) or policies.is_proxy(attempt.source_address)):
            return Decision(
                Verdict.IGNORE,
                outcome="noise",
                reason="the source keeps calling without ever being admitted",
                stateless=True,
                trace=(_NOISY,),
            )
        noise = _SPARED
    else:
        noise = _QUIET

    # 1. Well-formed?
    defect = attempt.defect
    if defect is not None:
        facts: tuple[tuple[str, Json], ...] = (("status", defect.status), ("reason", defect.reason))
        return Decision(
            Verdict.REFUSE,
            outcome=_DEFECT_OUTCOMES.get(defect.status, "malformed"),
            status=defect.status,
            reason=defect.reason,
            headers=defect.headers,
            stateless=True,
            trace=(noise, TraceEntry(Step.WELL_FORMED, "refused", facts)),
        )

    # 2. Account.
    source = policies.source_of(attempt)
    known = source is not None and policies.admits_source(source)
    request_host, request_user = _host_and_user(attempt.request_uri, known)
    to_host, to_user = _host_and_user(attempt.to_uri, known)
    policy = policies.account_for(request_host, to_host)

    # 3. Source. The work is the same whether there is an account or not, and so is a stranger's time.
    ranges = policy.ranges if policy is not None else _NO_RANGES
    source_range = ranges.find(source) if source is not None else None
    if policy is None or source is None or source_range is None:
        account = account_entry(request_host, to_host, None if policy is None else policy.domain)
        refusal = _refuse_source(attempt, policy, source, (noise, _WELL_FORMED, account))
        if source is None or options.caller_auth != "instead":
            return refusal
        trace: tuple[TraceEntry, ...] = (*refusal.trace[:-1], refusal.trace[-1]._replace(result="missed"))
    else:
        named = request_host == to_host == policy.domain
        trace = (
            noise,
            _WELL_FORMED,
            policy.named if named else account_entry(request_host, to_host, policy.domain),
            TraceEntry(Step.SOURCE, "passed", (("address", source), ("range", source_range))),
        )

    # Ours, between the source and the offer: callers that prove themselves, instead of their address or besides.
    if options.caller_auth != "off" and (source_range is None or options.caller_auth == "also"):
        entry, result, reason = _proof(attempt, policy)
        trace = (*trace, entry)
        if policy is None or result != "proved":
            return Decision(
                Verdict.REFUSE,
                outcome=f"credentials-{result}",
                status=401,
                reason=reason,
                stateless=source_range is None,
                account_id=None if policy is None else policy.account_id,
                config_version=None if policy is None else policy.version,
                trace=trace,
            )
    assert policy is not None, "without an account nobody is let past the source"

    # 4. Offer.
    offer_entry, offer_refusal = _offer(attempt, options.sound.of(attempt.transport, attempt.source_address))
    trace = (*trace, offer_entry)
    if offer_refusal is not None:
        outcome, status, reason, headers = offer_refusal
        return _refuse(policy, outcome, status, reason, headers, trace)

    # Ours too: an INVITE that goes on with a call needs neither room nor a rule; it must be its peer's.
    if attempt.replaces is not None:
        objection = _objection(attempt.replaces, policy.account_id, source, options.replaces)
        facts = (("call", attempt.replaces.call_id), ("problem", objection and objection[2]))
        trace = (*trace, TraceEntry(Step.REPLACES, "refused" if objection else "matched", facts))
        if objection is not None:
            return _refuse(policy, *objection, (), trace)
        return Decision(Verdict.ADMIT, account_id=policy.account_id, config_version=policy.version, trace=trace)

    # 5. Capacity.
    account_calls = capacity.account_calls(policy.account_id) if policy.calls_max else 0
    shortage = _shortage(capacity, account_calls, policy.calls_max, options.account_limit_status)
    capacity_facts: tuple[tuple[str, Json], ...] = (
        ("calls", capacity.calls),
        ("calls_max", capacity.calls_max),
        ("sessions_free", capacity.sessions_free),
        ("account_calls", account_calls),
        ("account_calls_max", policy.calls_max),
    )
    if shortage is not None:
        outcome, status, reason = shortage
        entry = TraceEntry(Step.CAPACITY, "refused", (*capacity_facts, ("shortage", outcome)))
        retry: tuple[tuple[str, str], ...] = (("Retry-After", str(options.retry_after_s)),) if status == 503 else ()
        return _refuse(policy, outcome, status, reason, retry, (*trace, entry))

    # 6. To-user.
    looked_at = options.to_user_from
    to_user_entry = TraceEntry(
        Step.TO_USER, "passed", (("to", _short(to_user)), ("request_uri", _short(request_user)), ("from", looked_at))
    )
    trace = (*trace, TraceEntry(Step.CAPACITY, "passed", capacity_facts), to_user_entry)
    tried_to = to_user if looked_at != "request_uri" else None
    tried_request = request_user if looked_at != "to" else None
    if tried_request == tried_to:
        tried_request = None

    # 7. allowedAgents: of each rule To is tried first, so To wins where both match the same rule.
    first_to = policy.patterns.first(tried_to)
    first_request = policy.patterns.first(tried_request)
    if first_to is not None or first_request is not None:
        if first_request is None or (first_to is not None and first_to <= first_request):
            matched, found = "to", first_to
        else:
            matched, found = "request_uri", first_request
        assert found is not None
        rule = policy.rules[found]
        trace = trace + policy.missed[:rule] + (policy.matched[matched][rule],)
        agent_id = policy.config.allowed_agents[rule].agent_id
        return _admit(policy, agent_id, matched, trace, capacity, options.account_limit_status)
    trace = trace + (policy.missed or (_NO_RULES,))

    # 8. allowAllAgents.
    if policy.config.allow_all_agents:
        for matched, user in (("to", tried_to), ("request_uri", tried_request)):
            exact = policy.agents_by_user.get(user) if user is not None else None
            if exact is not None:
                entry = TraceEntry(Step.ALLOW_ALL_AGENTS, "matched", (("agent", exact), ("matched", matched)))
                return _admit(policy, exact, matched, (*trace, entry), capacity, options.account_limit_status)
        trace = (*trace, TraceEntry(Step.ALLOW_ALL_AGENTS, "missed", (("agents", len(policy.agents_by_user)),)))
    else:
        trace = (*trace, _ALL_AGENTS_OFF)

    # 9. fallbackHandler.
    handler = policy.config.fallback_handler
    if handler is not None:
        entry = TraceEntry(Step.FALLBACK_HANDLER, "asked", (("url", handler.url),))
        return Decision(Verdict.ASK, account_id=policy.account_id, config_version=policy.version, trace=(*trace, entry))

    # 10. Nobody.
    status = options.no_rule_status
    final = TraceEntry(Step.REFUSAL, "refused", (("status", status),))
    reason = "no rule lets the dialled user through, and no fallback handler is set"
    return _refuse(policy, "no-rule-matched", status, reason, (), (*trace, _NO_HANDLER, final))


def _admit(
    policy: AccountPolicy,
    agent_id: str,
    matched: str,
    trace: tuple[TraceEntry, ...],
    capacity: Capacity,
    limit_status: int,
) -> Decision:
    """The call is for this agent, unless it has as many as it may: then no other rule is tried, as the first one wins.

    Ours, and the only step between the rules and the call: before the rules nobody knows whose it will be.
    """
    shortage = None
    if policy.agent_calls_max:
        calls = capacity.agent_calls(agent_id)
        shortage = agent_shortage(calls, policy.agent_calls_max)
        facts: tuple[tuple[str, Json], ...] = (
            ("agent", agent_id),
            ("agent_calls", calls),
            ("agent_calls_max", policy.agent_calls_max),
        )
        trace = (*trace, TraceEntry(Step.AGENT_CAPACITY, "refused" if shortage else "passed", facts))
    return Decision(
        Verdict.REFUSE if shortage else Verdict.ADMIT,
        outcome="agent-limit" if shortage else None,
        status=limit_status if shortage else None,
        reason=shortage,
        account_id=policy.account_id,
        config_version=policy.version,
        agent_id=agent_id,
        matched=matched,
        trace=trace,
    )


def agent_shortage(calls: int, calls_max: int) -> str | None:
    """Why an agent with so many calls can take no other, in words; ``None`` when it can. `calls_max` 0: no limit."""
    return f"the agent has {calls} calls of {calls_max}" if calls_max and calls >= calls_max else None


def _refuse(
    policy: AccountPolicy,
    outcome: str,
    status: int,
    reason: str,
    headers: tuple[tuple[str, str], ...],
    trace: tuple[TraceEntry, ...],
) -> Decision:
    return Decision(
        Verdict.REFUSE,
        outcome=outcome,
        status=status,
        reason=reason,
        headers=headers,
        account_id=policy.account_id,
        config_version=policy.version,
        trace=trace,
    )


def _refuse_source(
    attempt: Attempt, policy: AccountPolicy | None, source: str | None, trace: tuple[TraceEntry, ...]
) -> Decision:
    """The refusal of strangers: the same 403 whether the domain, the agent or nothing exists; the record differs."""
    ranges = policy.ranges if policy is not None else _NO_RANGES
    nearest = ranges.nearest(source) if source is not None else None
    if source is None:
        outcome, reason = "proxy-header-missing", "our proxy did not say exactly once whom it speaks for"
        facts: tuple[tuple[str, Json], ...] = (("proxy", attempt.source_address),)
    elif policy is None:
        outcome, reason = "no-account", "neither the Request-URI nor To names an account's domain"
        facts = (("address", source),)
    else:
        outcome, reason = "source-not-allowed", "the source address is in none of the account's ranges"
        facts = (
            ("address", source),
            ("ranges", ranges.count),
            ("nearest", nearest),
        )
    return Decision(
        Verdict.REFUSE,
        outcome=outcome,
        status=403,
        reason=reason,
        stateless=True,
        account_id=None if policy is None else policy.account_id,
        config_version=None if policy is None else policy.version,
        trace=(*trace, TraceEntry(Step.SOURCE, "refused", facts)),
    )


def _objection(replaced: Replaced, account_id: str, source: str, offered: bool) -> tuple[str, int, str] | None:
    """Why an INVITE may not go on with a call: outcome, status, words.

    RFC 3891 section 3 (User Agent Server Behavior: Receiving a Replaces Header).

    Whoever knows its Call-ID and tags could have seen them on the way; so it must come from where the call came from.
    """
    if replaced.problem is not None:
        return "malformed", 400, f"Replaces: {replaced.problem}"
    if not offered:
        return "replaces-refused", 403, "calls are not taken over here"
    if replaced.state == "none":
        return "replaces-nothing", 481, "no call has these tags and this Call-ID"
    if replaced.account_id != account_id or replaced.source_address != source:
        return "replaces-refused", 403, "the call is of another account, or its peer calls from elsewhere"
    if replaced.state == "early":
        return "replaces-nothing", 481, "a call that its peer has begun goes on only once it has been answered"
    if replaced.early_only:
        return "replaces-nothing", 486, "the call has been answered, and is wanted only if it has not"
    return None


def _proof(attempt: Attempt, policy: AccountPolicy | None) -> tuple[TraceEntry, str, str | None]:
    """The entry of the step "caller_auth", what the proof is worth to this account, and why."""
    proof = attempt.proof or _NO_PROOF
    result, reason = proof.result, proof.reason
    if result == "proved" and (policy is None or proof.account_id != policy.account_id):
        result, reason = "wrong", "who has proved itself is no caller of this account"
    if result == "proved":
        return TraceEntry(Step.CALLER_AUTH, "passed", (("username", _short(proof.username)),)), result, None
    facts: tuple[tuple[str, Json], ...] = (
        ("credentials", result),
        ("username", _short(proof.username)),
        ("reason", reason),
    )
    return TraceEntry(Step.CALLER_AUTH, "refused", facts), result, _TOLD_OF_PROOFS[result]


_OfferRefusal = tuple[str, int, str, tuple[tuple[str, str], ...]]


def _offer(attempt: Attempt, terms: SoundTerms) -> tuple[TraceEntry, _OfferRefusal | None]:
    if not attempt.body:
        return _DELAYED_OFFER, None
    if attempt.content_type != "application/sdp":
        reason = f"the body is {_short(attempt.content_type) or 'of no stated type'}, not application/sdp"
        facts: tuple[tuple[str, Json], ...] = (("content_type", _short(attempt.content_type)),)
        return TraceEntry(Step.OFFER, "refused", facts), ("offer-not-sdp", 415, reason, _ACCEPT_SDP)
    offer = assess(attempt.body, terms)
    if offer.outcome is None:
        return _offer_passed(offer.codecs), None
    reason = offer.reason or "the offer cannot be taken"
    entry = TraceEntry(Step.OFFER, "refused", (("reason", reason),))
    if offer.outcome == "offer-not-sdp":
        return entry, ("offer-not-sdp", 415, reason, _ACCEPT_SDP)
    code = offer.warning_code or 399  # 399: miscellaneous, RFC 3261 section 20.43 (Warning)
    quoted = _quotable(reason)
    return entry, ("no-common-codec", 488, reason, (("Warning", f'{code} {_WARNING_AGENT} "{quoted}"'),))


_ACCEPT_SDP: Final = (("Accept", "application/sdp"),)


@lru_cache(maxsize=256)  # phones and trunks of one make offer the same lists
def _offer_passed(codecs: tuple[str, ...]) -> TraceEntry:
    return TraceEntry(Step.OFFER, "passed", (("codecs", list(codecs)),))


@lru_cache(maxsize=4_096)  # a deployment has few numbers, and To and Request-URI mostly agree
def _remembered(uri: str) -> tuple[str | None, str | None]:
    return host_and_user(uri)


def _host_and_user(uri: str, known: bool) -> tuple[str | None, str | None]:
    """What a URI says of whose call it is and who was dialled; ``None`` for what it does not say.

    Only what a `known` source says is remembered: a scanner would push out what is useful, and learn from our time
    what others have dialled.
    """
    if known and len(uri) <= _URI_CHARACTERS_REMEMBERED:
        return _remembered(uri)
    return host_and_user(uri)


def _shortage(
    capacity: Capacity, account_calls: int, account_calls_max: int, account_limit_status: int
) -> tuple[str, int, str] | None:
    if capacity.draining:
        return "draining", 503, "the node is shutting down"
    if capacity.calls >= capacity.calls_max:
        return "node-full", 503, f"the node carries {capacity.calls} calls of {capacity.calls_max}"
    if capacity.sessions_free <= 0:
        return "no-port", 503, "no media session with an RTP port is free"
    if account_calls_max and account_calls >= account_calls_max:
        reason = f"the account has {account_calls} calls of {account_calls_max}"
        return "account-limit", account_limit_status, reason
    if capacity.source_over_rate:
        return "source-rate", account_limit_status, "the source calls more often than it may"
    return None


def _short(text: str | None) -> str | None:
    if text is None or len(text) <= _FACT_CHARACTERS_MAX:
        return text
    return text[:_FACT_CHARACTERS_MAX] + "…"


def _quotable(words: str) -> str:
    """Words fit for a quoted string on the wire: printable, nothing to escape, not long."""
    return "".join(c if c.isprintable() and c not in '"\\' else "'" for c in words[:_FACT_CHARACTERS_MAX])
