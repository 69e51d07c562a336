"""A decision in words that a person understands: what was compared with what, the result, and the nearest miss."""

from collections.abc import Sequence

from callgate.core.admission.patterns import compile_pattern
from callgate.entities.decision import Decision, DecisionRecord, Step, TraceEntry, Verdict
from callgate.entities.json import Json
from callgate.entities.outcomes import OUTCOMES

_PLACES = {"to": "To", "request_uri": "the Request-URI"}


def explain(entry: TraceEntry, dialled: TraceEntry | None = None) -> str:
    """One entry of a trace in words.

    Args:
        entry: of a decision or record.
        dialled: the entry of the step "to_user" of the same trace; with it, rules are explained with the values they
            were tried on and with what would have matched. `explain_trace` passes it along.
    """
    words = _EXPLANATIONS.get(entry.step)
    facts = dict(entry.facts)
    if words is None:
        return f"{entry.step.value}: {entry.result}"
    return words(entry.result, facts, dict(dialled.facts) if dialled is not None else {})


def explain_trace(trace: Sequence[TraceEntry]) -> tuple[str, ...]:
    """Every entry of a trace in words, in order."""
    dialled = next((entry for entry in trace if entry.step is Step.TO_USER), None)
    return tuple(explain(entry, dialled) for entry in trace)


def summary(decision: Decision | DecisionRecord) -> str:
    """What came of it, in one line: who got the call by which rule, or why nobody did."""
    trace = decision.trace
    if decision.verdict is Verdict.ADMIT:
        matched = next((entry for entry in reversed(trace) if entry.result == "matched"), None)
        if matched is None:
            return f"admitted: agent {_code(decision.agent_id)}, by the fallback handler"
        return f"admitted: {explain_trace(trace)[trace.index(matched)]}"
    if decision.verdict is Verdict.ASK:
        return "no rule matched: the fallback handler is asked"
    if decision.verdict is Verdict.IGNORE:
        return "not answered: the source keeps calling without ever being admitted"
    last = explain_trace(trace)[-1] if trace else ""
    row = OUTCOMES.get(decision.outcome or "")
    words = last or (row.words if row is not None else "no reason is recorded")
    if decision.status is None:
        return f"refused: {words}"
    return f"refused with {decision.status}: {words.removesuffix(f': {decision.status}')}"


_Facts = dict[str, Json]


def _code(value: Json) -> str:
    """A value as it stands, marked off from the words around it."""
    return f"`{value}`" if value is not None and value != "" else "nothing"


def _noise(result: str, facts: _Facts, dialled: _Facts) -> str:
    if result == "refused":
        return "the source keeps calling without ever being admitted, and is not answered for a while"
    if facts.get("spared"):
        return "the source has been refused often, but it lies in an account's ranges and is heard"
    return "the source is not known for noise"


def _well_formed(result: str, facts: _Facts, dialled: _Facts) -> str:
    if result == "passed":
        return "the INVITE keeps the rules of SIP"
    return f"the INVITE is refused with {facts.get('status')} before any rule: {facts.get('reason')}"


def _account(result: str, facts: _Facts, dialled: _Facts) -> str:
    request_host, to_host, domain = facts.get("request_uri_host"), facts.get("to_host"), facts.get("domain")
    if result != "passed":
        if request_host == to_host:
            named = f"{_code(request_host)}, the host of the Request-URI and of To, is no account's domain"
            return (
                named if request_host else "neither the Request-URI nor To names a host, and there are several accounts"
            )
        return (
            f"neither the host of the Request-URI, {_code(request_host)}, nor that of To, {_code(to_host)}, "
            "is an account's domain"
        )
    for host, place in ((request_host, "the Request-URI"), (to_host, "To")):
        if isinstance(host, str) and host.lower().removesuffix(".") == domain:
            return f"the host of {place}, {_code(host)}, is the account's domain"
    hosts = " and ".join(dict.fromkeys(_code(host) for host in (request_host, to_host) if host))
    named = f"the host called is {hosts}, not the account's domain {_code(domain)}" if hosts else "no host is named"
    return f"{named}, but there is only one account, so the call is for it"


def _source(result: str, facts: _Facts, dialled: _Facts) -> str:
    if "proxy" in facts:
        return (
            f"{_code(facts['proxy'])} is a proxy of this deployment, but its INVITE does not carry "
            "`X-Callgate-Source` exactly once with one IP address; the proxy's own address is never taken instead"
        )
    address = facts.get("address")
    if result == "passed":
        return f"{_code(address)} lies in the range {_code(facts.get('range'))}"
    if "ranges" not in facts:
        return f"{_code(address)} reached no account, so nobody's ranges admit it"
    count, nearest = facts.get("ranges"), facts.get("nearest")
    if not count:
        return f"{_code(address)} is not admitted: `allowedCidrRanges` is empty, which admits nobody"
    if ":" in str(address):
        return f"{_code(address)} is an IPv6 address; the {count} ranges are IPv4 and never admit it"
    if count == 1:
        return f"{_code(address)} is not in the only range, {_code(nearest)}"
    return f"{_code(address)} is in none of {count} ranges; nearest is {_code(nearest)}"


def _caller_auth(result: str, facts: _Facts, dialled: _Facts) -> str:
    username = _code(facts.get("username"))
    if result == "passed":
        return f"the caller has proved to be {username}"
    if facts.get("credentials") == "missing":
        words = "the INVITE brings no credentials, and the caller is asked for them"
    elif facts.get("credentials") == "stale":
        words = f"the caller has proved to be {username} with a challenge that is not good any more, and gets another"
    else:
        words = f"the credentials, of {username}, are wrong"
    return f"{words}: {facts['reason']}" if facts.get("reason") else words


def _offer(result: str, facts: _Facts, dialled: _Facts) -> str:
    if facts.get("offer") is False:
        return "the INVITE carries no SDP; our answer to it will make the offer"
    if result == "passed":
        codecs = facts.get("codecs")
        names = ", ".join(str(codec) for codec in codecs) if isinstance(codecs, list) else ""
        return f"the offer has audio that can be taken: {names or 'unnamed'}"
    if "content_type" in facts:
        return f"the body is {_code(facts['content_type'])} by its Content-Type; `application/sdp` is expected"
    return f"the offer cannot be taken: {facts.get('reason')}"


def _replaces(result: str, facts: _Facts, dialled: _Facts) -> str:
    if result == "matched":
        return f"the call {_code(facts.get('call'))} goes on over this INVITE"
    return f"the INVITE wants to go on with another call, and may not: {facts.get('problem')}"


def _capacity(result: str, facts: _Facts, dialled: _Facts) -> str:
    room = f"{facts.get('calls')} of at most {facts.get('calls_max')} calls"
    if result == "passed":
        return f"there is room: {room}, media sessions free: {facts.get('sessions_free')}"
    shortage = facts.get("shortage")
    if shortage == "draining":
        return "the node is shutting down and takes no new calls"
    if shortage == "node-full":
        return f"the node is full: {room}"
    if shortage == "no-port":
        return f"no media session with an RTP port is free ({room})"
    if shortage == "account-limit":
        return f"the account is full: {facts.get('account_calls')} of at most {facts.get('account_calls_max')} calls"
    return "the source calls more often than it may (mean of the last ten seconds)"


def _tried(dialled: _Facts) -> list[tuple[str, str]]:
    """The dialled users that rules look at, with the place each comes from."""
    looked_at = dialled.get("from", "both")
    tried: list[tuple[str, str]] = []
    for place in ("to", "request_uri"):
        user = dialled.get(place)
        if looked_at in ("both", place) and isinstance(user, str) and user not in [known for _, known in tried]:
            tried.append((place, user))
    return tried


def _to_user(result: str, facts: _Facts, dialled: _Facts) -> str:
    to_user, request_user = facts.get("to"), facts.get("request_uri")
    if to_user == request_user:
        words = f"dialled is {_code(to_user)}, in To as in the Request-URI"
    else:
        words = f"dialled is {_code(to_user)} in To and {_code(request_user)} in the Request-URI"
    if not _tried(facts):
        words += "; neither has a user that rules can be tried on"
    looked_at = facts.get("from")
    if looked_at in _PLACES:
        words += f"; rules look at {_PLACES[str(looked_at)]} only"
    return words


def _rule(result: str, facts: _Facts, dialled: _Facts) -> str:
    if "rule" not in facts:
        return "`allowedAgents` is empty: there is no rule to try"
    number = facts["rule"]
    assert isinstance(number, int)
    name = facts.get("agent_name")
    agent = f"agent {_code(name)}" if name else f"agent {_code(facts.get('agent'))}"
    head = f"rule {number + 1} ({agent}): "
    pattern = str(facts.get("pattern"))
    if result == "skipped":
        return f"{head}never matches, because its agent is gone"
    if result == "matched":
        place = str(facts.get("matched"))
        user = dialled.get(place)
        value = f"{_code(user)} in {_PLACES[place]}" if isinstance(user, str) else f"the user of {_PLACES[place]}"
        return f"{head}{_code(pattern)} is found in {value}"
    tried = _tried(dialled)
    if not tried:
        return f"{head}{_code(pattern)} is not found"
    words = f"{head}{_code(pattern)} is not found in {' or '.join(_code(user) for _, user in tried)}"
    hint = next(filter(None, (_nearly(pattern, user) for _, user in tried)), None)
    return f"{words}; {hint}" if hint is not None else words


def _nearly(pattern: str, user: str) -> str | None:
    """What small change of the dialled user, of those that people and trunks get wrong, would have matched."""
    try:
        if user.startswith("+"):
            variants = [(user[1:], "without the leading +"), ("00" + user[1:], "with 00 in place of the +")]
        elif user.startswith("00"):
            variants = [("+" + user[2:], "with + in place of the 00"), ("+" + user, "with a leading +")]
        elif user[:1].isdigit():
            variants = [("+" + user, "with a leading +")]
        else:
            variants = []
        visual = user.translate({ord(separator): None for separator in "-.() "})
        if visual != user:
            variants.append((visual, "without the separators"))
        expression = compile_pattern(pattern)
        for variant, how in variants:
            if expression.search(variant):
                return f"`{variant}`, {how}, would match"
        if compile_pattern(f"(?i:{pattern})").search(user):
            return f"`{user}` would match but for upper and lower case"
        stripped = user.strip()
        if stripped != user and expression.search(stripped):
            return f"`{stripped}`, without the spaces around it, would match"
    except (ValueError, UnicodeEncodeError):
        pass  # a pattern or user that cannot be tried has no near miss
    return None


def _all_agents(result: str, facts: _Facts, dialled: _Facts) -> str:
    if result == "skipped":
        return "`allowAllAgents` is off"
    if result == "matched":
        place = str(facts.get("matched"))
        return f"`allowAllAgents`: the user of {_PLACES.get(place, place)} is exactly `agent_{facts.get('agent')}`"
    tried = " or ".join(_code(user) for _, user in _tried(dialled)) or "the dialled user"
    words = f"`allowAllAgents`: {tried} is not `agent_<id>` of one of the account's {facts.get('agents')} agents"
    if any(user.lower().startswith("agent_") and user != user.lower() for _, user in _tried(dialled)):
        words += "; ids are written in lower case"
    return words


def _agent_capacity(result: str, facts: _Facts, dialled: _Facts) -> str:
    has = f"{facts.get('agent_calls')} of at most {facts.get('agent_calls_max')} calls"
    agent = f"the agent {_code(facts.get('agent'))}"
    return f"{agent} has room: {has}" if result == "passed" else f"{agent} is busy: {has}"


def _handler(result: str, facts: _Facts, dialled: _Facts) -> str:
    if result == "skipped":
        return "no fallback handler is set"
    url = _code(facts.get("url"))
    if result == "asked":
        return f"no rule matched, so the fallback handler {url} is asked"
    which = facts.get("which")
    if "agentOnFailure" in facts:
        words = f"{facts.get('reason')}, {_code(facts['agentOnFailure'])}"
    elif "reason" in facts:
        words = f"{which} handler {url}: {facts['reason']}" if which else str(facts["reason"])
    elif facts.get("answer") == "startAgentCall":
        words = f"the {_named(which)} {url} gave the call to agent {_code(facts.get('agentId'))}"
    else:
        words = f"the {_named(which)} {url} answered with {_code(facts.get('answer'))}"
    if facts.get("message"):
        words += f", saying {_code(facts['message'])}"
    if facts.get("ms") is not None:
        words += f", after {facts['ms']} ms"
    tries = facts.get("tries")
    return f"{words} and {tries} tries" if isinstance(tries, int) and tries > 1 else words


def _named(which: Json) -> str:
    return f"{which} fallback handler" if which else "fallback handler"


def _refusal(result: str, facts: _Facts, dialled: _Facts) -> str:
    row = OUTCOMES.get(str(facts.get("outcome")))
    if row is not None:  # the end of an attempt that the rules had let in
        words = row.words[0].lower() + row.words[1:].rstrip(".")
        return f"{words}: {facts['detail']}" if facts.get("detail") else words
    return f"no rule lets the dialled user through, and no fallback handler is set: {facts.get('status')}"


_EXPLANATIONS = {
    Step.NOISE: _noise,
    Step.WELL_FORMED: _well_formed,
    Step.ACCOUNT: _account,
    Step.SOURCE: _source,
    Step.CALLER_AUTH: _caller_auth,
    Step.OFFER: _offer,
    Step.REPLACES: _replaces,
    Step.CAPACITY: _capacity,
    Step.TO_USER: _to_user,
    Step.ALLOWED_AGENTS: _rule,
    Step.ALLOW_ALL_AGENTS: _all_agents,
    Step.AGENT_CAPACITY: _agent_capacity,
    Step.FALLBACK_HANDLER: _handler,
    Step.REFUSAL: _refusal,
}
