"""The rules of accounts, compiled into what `decide` reads: immutable, made once for each change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import Final

from callgate.core.admission.cidr import CidrTable
from callgate.core.admission.patterns import PatternList
from callgate.core.sdp.terms import SoundPolicy
from callgate.entities.agent import Agent
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Step, TraceEntry
from callgate.entities.json import Json
from callgate.entities.sip_config import SipConfig

SOURCE_HEADER: Final = "x-callgate-source"
"""Lower-case name of the header in which our own proxy says whom it speaks for; passed on to nobody."""

CALLER_AUTH: Final = ("off", "also", "instead")
TO_USER_FROM: Final = ("both", "to", "request_uri")


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """What the deployment, not an account, says about admission.

    Attributes:
        to_user_from: whose user the rules look at: ``both`` (To first), ``to`` or ``request_uri``.
        no_rule_status: SIP status when no rule lets the dialled user through: 603, 404 or 480.
        account_limit_status: SIP status when account, agent or source have as many calls as they may: 480 or 486.
        retry_after_s: what a 503 tells the peer to wait.
        caller_auth: whether callers must prove themselves: ``off``, ``also`` (those of the ranges too) or ``instead``
            (those who are in no range).
        replaces: whether an INVITE may ask to go on with a call of the same peer.
        trusted_proxies: addresses or networks of the deployment's own proxies, IPv4 or IPv6.
        sound: codecs and encryption that offers are judged by.
    """

    to_user_from: str = "both"
    no_rule_status: int = 603
    account_limit_status: int = 480
    retry_after_s: int = 10
    caller_auth: str = "off"
    replaces: bool = False
    trusted_proxies: tuple[str, ...] = ()
    sound: SoundPolicy = field(default_factory=SoundPolicy)

    def __post_init__(self) -> None:
        if self.to_user_from not in TO_USER_FROM:
            raise ValueError(f"to_user_from must be one of {', '.join(TO_USER_FROM)}: {self.to_user_from!r}")
        if self.caller_auth not in CALLER_AUTH:
            raise ValueError(f"caller_auth must be one of {', '.join(CALLER_AUTH)}: {self.caller_auth!r}")


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """The compiled rules of one account.

    Attributes:
        account_id: whose.
        domain: its SIP domain, lower-case, no dot at the end.
        version: number of the rules.
        config: the rules as their owner gave them.
        ranges: whom it admits.
        patterns: of the allowances whose agent lives, in order.
        rules: for each pattern its index in the owner's list.
        named: what the trace says when both the Request-URI and To name the account's domain.
        missed: for each entry of the owner's list, what the trace says when it was tried in vain.
        matched: the same when it was found, for ``to`` and for ``request_uri``.
        agents_by_user: ``agent_<id>`` → id of every living agent.
        calls_max: how many calls it may have at a time; 0: as many as the node.
        agent_calls_max: how many each of its agents may have at a time; 0: as many as the account.
    """

    account_id: str
    domain: str
    version: int
    config: SipConfig
    ranges: CidrTable
    patterns: PatternList
    rules: tuple[int, ...]
    named: TraceEntry
    missed: tuple[TraceEntry, ...]
    matched: Mapping[str, tuple[TraceEntry, ...]]
    agents_by_user: Mapping[str, str]
    calls_max: int = 0
    agent_calls_max: int = 0


def normal_host(host: str) -> str:
    """A host as domains are compared: lower-case, without the root's dot."""
    return host.lower().removesuffix(".")


def account_entry(request_uri_host: str | None, to_host: str | None, domain: str | None) -> TraceEntry:
    """What the trace says of the step "account"; `domain` is that of the account found."""
    facts: tuple[tuple[str, Json], ...] = (
        ("request_uri_host", request_uri_host),
        ("to_host", to_host),
        ("domain", domain),
    )
    return TraceEntry(Step.ACCOUNT, "missed" if domain is None else "passed", facts)


def compile_policy(
    *,
    account_id: str,
    domain: str,
    config: SipConfig,
    version: int,
    agents: Mapping[str, Agent],
    calls_max: int = 0,
    agent_calls_max: int = 0,
) -> AccountPolicy:
    """Compile the rules of one account.

    Args:
        account_id: whose.
        domain: its SIP domain.
        config: validated rules.
        version: their number.
        agents: the living agents of the account by id. An allowance of any other never matches.
        calls_max: how many calls the account may have at a time; 0: as many as the node.
        agent_calls_max: how many each of its agents may have at a time; 0: as many as the account.

    Raises:
        ValueError: a range or pattern is not valid; `config` was never validated.
    """
    host = normal_host(domain)
    missed: list[TraceEntry] = []
    matched: dict[str, list[TraceEntry]] = {"to": [], "request_uri": []}
    rules: list[int] = []
    patterns: list[str] = []
    for index, allowance in enumerate(config.allowed_agents):
        agent = agents.get(allowance.agent_id)
        living = agent is not None and agent.deleted is None
        facts: tuple[tuple[str, Json], ...] = (
            ("rule", index),
            ("pattern", allowance.to_user_pattern),
            ("agent", allowance.agent_id),
            ("agent_name", agent.name if agent is not None else None),
        )
        missed.append(TraceEntry(Step.ALLOWED_AGENTS, "missed" if living else "skipped", facts))
        for which, entries in matched.items():
            entries.append(TraceEntry(Step.ALLOWED_AGENTS, "matched", (*facts, ("matched", which))))
        if living:
            rules.append(index)
            patterns.append(allowance.to_user_pattern)
    return AccountPolicy(
        account_id=account_id,
        domain=host,
        version=version,
        config=config,
        ranges=CidrTable(config.allowed_cidr_ranges),
        patterns=PatternList(patterns),
        rules=tuple(rules),
        named=account_entry(host, host, host),
        missed=tuple(missed),
        matched=MappingProxyType({which: tuple(entries) for which, entries in matched.items()}),
        agents_by_user=MappingProxyType(
            {f"agent_{agent_id}": agent_id for agent_id, agent in agents.items() if agent.deleted is None}
        ),
        calls_max=calls_max,
        agent_calls_max=agent_calls_max,
    )


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The rules of every account and of the deployment: all that a decision depends on, but for capacity.

    Attributes:
        accounts: in any order; ids and domains are unique.
        options: the deployment's.
    """

    accounts: tuple[AccountPolicy, ...] = ()
    options: AdmissionOptions = field(default_factory=AdmissionOptions)
    _by_domain: Mapping[str, AccountPolicy] = field(init=False, repr=False, compare=False)
    _proxies: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_domain = {policy.domain: policy for policy in self.accounts}
        if len(by_domain) != len(self.accounts):
            raise ValueError("two accounts have the same domain")
        proxies = tuple(ip_network(text, strict=False) for text in self.options.trusted_proxies)
        object.__setattr__(self, "_by_domain", MappingProxyType(by_domain))
        object.__setattr__(self, "_proxies", proxies)

    def account_for(self, request_uri_host: str | None, to_host: str | None) -> AccountPolicy | None:
        """Whose call it is by the host named: that of the Request-URI, else of To; else the only account there is."""
        by_domain = self._by_domain
        # Both are looked up, whatever comes of the first: a stranger must not learn from our time which domains exist.
        by_request = by_domain.get(normal_host(request_uri_host or ""))
        by_to = by_domain.get(normal_host(to_host or ""))
        return by_request or by_to or (self.accounts[0] if len(self.accounts) == 1 else None)

    def account(self, account_id: str) -> AccountPolicy | None:
        """The rules of one account."""
        return next((policy for policy in self.accounts if policy.account_id == account_id), None)

    def without_account(self, account_id: str) -> "PolicySet":
        """The same without one account's rules."""
        return PolicySet(tuple(one for one in self.accounts if one.account_id != account_id), self.options)

    def with_account(self, policy: AccountPolicy) -> "PolicySet":
        """The same with one account's rules replaced, or added."""
        others = tuple(other for other in self.accounts if other.account_id != policy.account_id)
        return PolicySet((*others, policy), self.options)

    def admits_source(self, address: str) -> bool:
        """Whether an address lies in any account's ranges."""
        return any(policy.ranges.contains(address) for policy in self.accounts)

    def is_proxy(self, address: str) -> bool:
        """Whether an address is one of the deployment's own proxies."""
        if not self._proxies:
            return False
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._proxies)

    def source_of(self, attempt: Attempt) -> str | None:
        """Whose address the attempt counts as: the packet's or, from a proxy of ours, what its header says.

        ``None`` when a proxy did not say it exactly once, as one IP address: then the call is nobody's.
        """
        if not self.is_proxy(attempt.source_address):
            return attempt.source_address
        said = [value for name, value in attempt.headers if name.lower() == SOURCE_HEADER]
        if len(said) != 1:
            return None
        try:
            address = ip_address(said[0].strip())
        except ValueError:
            return None
        mapped = getattr(address, "ipv4_mapped", None)
        return str(mapped or address)
