"""For a call that was refused: the smallest changes of the rules that would have let it in.

Each is tried by the function that decides live calls before it is suggested. What else it would let in is for a replay.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Final

from callgate.core.admission.capacity import ROOM
from callgate.core.admission.decide import decide
from callgate.core.admission.moves import destination_of
from callgate.core.admission.patterns import check_pattern, compile_pattern
from callgate.core.admission.policy import AccountPolicy, PolicySet
from callgate.core.admission.replay import Past, attempt_of
from callgate.core.sip.uri import dialled_user
from callgate.entities.decision import Decision
from callgate.entities.destination import AGENT, Destination
from callgate.entities.sip_config import AgentAllowance, SipConfig

SUGGESTIONS_MAX: Final = 6
"""More are no choice but a list."""

# Whose the call is nobody can tell from a number: the likeliest few.
_AGENTS_MAX: Final = 3
# The public limit of `allowedAgents`.
_ALLOWANCES_MAX: Final = 20
# The nearest range is stretched to the source only within what one carrier is usually given.
_STRETCHED_PREFIX_MIN: Final = 24

Compile = Callable[[SipConfig], PolicySet]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One way to let the call in.

    Attributes:
        config: the rules with the change.
        words: what is changed.
        goes: where they send the call.
    """

    config: SipConfig
    words: str
    goes: Destination


@dataclass(frozen=True, slots=True)
class Advice:
    """What can be said of a refused call.

    Attributes:
        goes: where the rules in force would send it.
        reason: why nothing is suggested, in words; empty when something is.
        suggestions: none twice, at most `SUGGESTIONS_MAX`.
    """

    goes: Destination
    reason: str = ""
    suggestions: tuple[Suggestion, ...] = ()


def suggest(past: Past, policies: PolicySet, account_id: str, agents: Mapping[str, str], compile: Compile) -> Advice:
    """What would have let in a call that was refused.

    Args:
        past: its record.
        policies: the rules in force.
        account_id: whose rules may be changed.
        agents: names of the account's living agents, by id.
        compile: the rules of all accounts, with this one's replaced.
    """
    decision = decide(attempt_of(past), policies, ROOM)
    goes = destination_of(decision)
    policy = policies.account(account_id)
    reason = _no_help(past, decision)
    if reason or policy is None:
        return Advice(goes, reason or "the account has no rules")
    found: dict[SipConfig, Suggestion] = {}
    for config, words in _changes(past, decision, policy, policies, agents, compile):
        if config not in found and len(found) < SUGGESTIONS_MAX:
            to = destination_of(decide(attempt_of(past), compile(config), ROOM))
            if to.lets_in and to != goes:
                found[config] = Suggestion(config, words, to)
    if not found:
        return Advice(goes, _nothing_found(past))
    return Advice(goes, "", tuple(found.values()))


def _no_help(past: Past, decision: Decision) -> str:
    """Why no change of rules is to be suggested, in words; empty when one may help."""
    if past.left_out:
        return f"it was refused by {past.left_out}: that depended on the moment, not on the rules"
    if past.stands or past.defect is not None:
        return f"it was refused by {past.went.name}, which no change of the rules alters"
    if past.went.kind == AGENT:
        return "the rules let it in; what went wrong came after them"
    if destination_of(decision).kind == AGENT:
        return "the rules in force would let it in"
    if decision.outcome in ("no-account", "proxy-header-missing"):
        return f"it was refused by {decision.outcome}, before anybody's rules"
    return ""


def _nothing_found(past: Past) -> str:
    if ":" in past.source_address:
        return "the source is an IPv6 address, and ranges are IPv4"
    return "neither To nor the Request-URI has a user that a rule could be made for"


def _changes(
    past: Past,
    decision: Decision,
    policy: AccountPolicy,
    policies: PolicySet,
    agents: Mapping[str, str],
    compile: Compile,
) -> Iterator[tuple[SipConfig, str]]:
    """Rules that may let it in, with what was changed, the smallest first."""
    config = policy.config
    users = _dialled(past, policies.options.to_user_from)
    if decision.outcome not in ("source-not-allowed", "noise"):
        yield from _with_rules(config, users, policy, agents)
        return
    for text in _ranges(past.source_address, policy):
        opened = replace(config, allowed_cidr_ranges=(*config.allowed_cidr_ranges, text))
        words = f"admit the range `{text}`"
        yield opened, words
        if not destination_of(decide(attempt_of(past), compile(opened), ROOM)).lets_in:
            for both, further in _with_rules(opened, users, policy, agents):
                yield both, f"{words}, and {further}"


def _ranges(source: str, policy: AccountPolicy) -> Iterator[str]:
    try:
        address = IPv4Address(source)
    except AddressValueError:
        return
    yield f"{address}/32"
    nearest = policy.ranges.nearest(source)
    if nearest is not None:
        network = IPv4Network(nearest)
        while address not in network:
            network = network.supernet()
        if _STRETCHED_PREFIX_MIN <= network.prefixlen < 32:
            yield str(network)


def _dialled(past: Past, looked_at: str) -> list[str]:
    uris = {"both": (past.to_uri, past.request_uri), "to": (past.to_uri,), "request_uri": (past.request_uri,)}
    users = [dialled_user(uri) for uri in uris[looked_at]]
    return list(dict.fromkeys(user for user in users if user is not None))


def _with_rules(
    config: SipConfig, users: list[str], policy: AccountPolicy, agents: Mapping[str, str]
) -> Iterator[tuple[SipConfig, str]]:
    nearly: list[str] = []
    for user in users:
        for index, allowance in enumerate(config.allowed_agents):
            pattern = _widened(allowance.to_user_pattern, user)
            if pattern is not None and allowance.agent_id in agents:
                nearly.append(allowance.agent_id)
                words = f"let rule {index + 1} be `{pattern}` in place of `{allowance.to_user_pattern}`"
                yield _with_pattern(config, index, pattern), words
        if user in policy.agents_by_user:
            yield (
                replace(config, allow_all_agents=True),
                "set `allowAllAgents`, which lets every agent be reached by id",
            )
    likely = dict.fromkeys((*nearly, *(one.agent_id for one in config.allowed_agents), *agents))
    for user in users:
        for agent_id in [one for one in likely if one in agents][:_AGENTS_MAX]:
            yield from _with_entry(config, agent_id, agents[agent_id], f"^{_escaped(user)}$")


def _with_entry(config: SipConfig, agent_id: str, name: str, pattern: str) -> Iterator[tuple[SipConfig, str]]:
    """A rule for this one user; where there is no room for one, another alternative of the agent's last rule."""
    if len(config.allowed_agents) < _ALLOWANCES_MAX:
        entry = AgentAllowance(agent_id, pattern)
        words = f"add a rule `{pattern}` for agent `{name}`"
        yield replace(config, allowed_agents=(*config.allowed_agents, entry)), words
        return
    own = [index for index, one in enumerate(config.allowed_agents) if one.agent_id == agent_id]
    if own:
        joined = f"{config.allowed_agents[own[-1]].to_user_pattern}|{pattern}"
        if check_pattern(joined) is None:
            yield _with_pattern(config, own[-1], joined), f"let rule {own[-1] + 1} be `{joined}`"


def _with_pattern(config: SipConfig, index: int, pattern: str) -> SipConfig:
    allowances = list(config.allowed_agents)
    allowances[index] = replace(allowances[index], to_user_pattern=pattern)
    return replace(config, allowed_agents=tuple(allowances))


def _widened(pattern: str, user: str) -> str | None:
    """A pattern for what people and trunks get wrong: a leading + too many or too few, upper and lower case."""
    candidates = []
    if user.startswith("+") and pattern.startswith("^") and _found(pattern, user[1:]):
        candidates.append(rf"^\+?{pattern[1:]}")
    if not user.startswith("+") and pattern.startswith(r"^\+") and _found(pattern, f"+{user}"):
        candidates.append(rf"^\+?{pattern[3:]}")
    candidates.append(f"(?i){pattern}")
    return next((one for one in candidates if not _found(pattern, user) and _found(one, user)), None)


def _found(pattern: str, user: str) -> bool:
    try:
        return compile_pattern(pattern).search(user) is not None
    except (ValueError, UnicodeEncodeError):
        return False


def _escaped(user: str) -> str:
    """A user as an expression that means just this user."""
    return "".join(c if c.isalnum() or c == "_" or not c.isascii() else f"\\{c}" for c in user)
