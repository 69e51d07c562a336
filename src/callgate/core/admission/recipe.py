"""Rules as plain values that can be sent to another process and compiled there: expressions of RE2 cannot be sent."""

from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Final

from callgate.core.admission.policy import AdmissionOptions, PolicySet, compile_policy
from callgate.entities.agent import Agent
from callgate.entities.sip_config import SipConfig

_NO_DATE: Final = datetime(1970, 1, 1, tzinfo=UTC)  # rules ask whether an agent lives, not since when


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainOptions:
    """What `AdmissionOptions` says of rules; what it says of sound is not asked again."""

    to_user_from: str
    no_rule_status: int
    account_limit_status: int
    retry_after_s: int
    caller_auth: str
    replaces: bool
    trusted_proxies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the rules of one account are made from.

    Attributes:
        account_id: whose.
        domain: its SIP domain.
        version: number of the rules.
        config: the rules, without secrets: nobody is asked where they are sent to.
        agents: ids of the living agents.
        options: the deployment's.
    """

    account_id: str
    domain: str
    version: int
    config: SipConfig
    agents: tuple[str, ...]
    options: PlainOptions

    def policies(self) -> PolicySet:
        """The rules, compiled, as those of the only account: what they decide about its own calls is the same."""
        agents = {agent_id: Agent(agent_id, self.account_id, "", _NO_DATE, None, None) for agent_id in self.agents}
        policy = compile_policy(
            account_id=self.account_id, domain=self.domain, config=self.config, version=self.version, agents=agents
        )
        return PolicySet((policy,), AdmissionOptions(**asdict(self.options)))


def recipe_of(policies: PolicySet, account_id: str) -> Recipe:
    """The recipe of an account's rules.

    Raises:
        KeyError: there is no such account.
    """
    policy = policies.account(account_id)
    if policy is None:
        raise KeyError(account_id)
    config, handler = policy.config, policy.config.fallback_handler
    if handler is not None:
        config = replace(config, fallback_handler=replace(handler, secrets=()))
    agents = tuple(policy.agents_by_user.values())
    options = PlainOptions(**{one.name: getattr(policies.options, one.name) for one in fields(PlainOptions)})
    return Recipe(policy.account_id, policy.domain, policy.version, config, agents, options)
