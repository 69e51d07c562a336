"""The configuration in memory: immutable values behind one reference, swapped after each commit."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from callgate.entities.account import Account, ApiKey
from callgate.entities.agent import Agent
from callgate.entities.shadow import SipShadow
from callgate.entities.sip_config import SipConfigVersion
from callgate.entities.tool import DurableTool
from callgate.entities.webhook import Webhook


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a call may need to know of accounts, at one moment.

    Attributes:
        accounts: in the order they were made.
        keys: by digest.
        agents: the living, by account and id.
        sip_configs: the version in force, by account.
        tools: by account and id.
        shadows: drafts beside the rules in force, by account.
        webhooks: by account and id, in the order they were made.
        revision: the count of changes by other processes when it was read.
    """

    accounts: tuple[Account, ...] = ()
    keys: Mapping[str, ApiKey] = field(default_factory=dict)
    agents: Mapping[str, Mapping[str, Agent]] = field(default_factory=dict)
    sip_configs: Mapping[str, SipConfigVersion] = field(default_factory=dict)
    tools: Mapping[str, Mapping[str, DurableTool]] = field(default_factory=dict)
    shadows: Mapping[str, SipShadow] = field(default_factory=dict)
    webhooks: Mapping[str, Mapping[str, Webhook]] = field(default_factory=dict)
    revision: int = 0

    def with_account(self, account: Account, key: ApiKey, sip_config: SipConfigVersion) -> "Configuration":
        """One account more."""
        return replace(
            self,
            accounts=(*self.accounts, account),
            keys={**self.keys, key.digest: key},
            agents={**self.agents, account.account_id: MappingProxyType({})},
            sip_configs={**self.sip_configs, account.account_id: sip_config},
        )

    def with_changed_account(self, account: Account) -> "Configuration":
        """An account with another name or other limits."""
        others = {one.account_id: one for one in self.accounts}
        return replace(self, accounts=tuple({**others, account.account_id: account}.values()))

    def by_account(self) -> dict[str, tuple[object, ...]]:
        """What stands here of each account, by its id; but for its keys, which nobody follows."""
        kinds = (self.agents, self.sip_configs, self.tools, self.shadows, self.webhooks)
        return {one.account_id: (one, *(kind.get(one.account_id) or None for kind in kinds)) for one in self.accounts}

    def with_accounts(self, account_ids: Collection[str], read: "Configuration") -> "Configuration":
        """All of some accounts as it has been read; one that has not been found is no more."""
        changed = set(account_ids)
        others = [account for account in self.accounts if account.account_id not in changed]
        found = [account for account in read.accounts if account.account_id in changed]

        def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
            kept = {name: value for name, value in ours.items() if name not in changed}
            return kept | {name: value for name, value in theirs.items() if name in changed}

        by_account: dict[str, Any] = {
            part.name: merged(getattr(self, part.name), getattr(read, part.name))
            for part in fields(self)
            if part.name not in ("accounts", "keys", "revision")
        }
        keys = [key for key in self.keys.values() if key.account_id not in changed]
        keys += [key for key in read.keys.values() if key.account_id in changed]
        return replace(
            self,
            accounts=tuple(sorted([*others, *found], key=lambda account: (account.created, account.account_id))),
            keys={key.digest: key for key in keys},
            **by_account,
        )

    def with_key(self, key: ApiKey) -> "Configuration":
        """A key new or changed."""
        return replace(self, keys={**self.keys, key.digest: key})

    def without_key(self, digest: str) -> "Configuration":
        """A key deleted."""
        return replace(self, keys={name: key for name, key in self.keys.items() if name != digest})

    def with_agent(self, agent: Agent) -> "Configuration":
        """An agent new or changed."""
        agents = {**self.agents.get(agent.account_id, {}), agent.agent_id: agent}
        return replace(self, agents={**self.agents, agent.account_id: MappingProxyType(agents)})

    def without_agent(self, account_id: str, agent_id: str) -> "Configuration":
        """An agent deleted."""
        agents = {name: agent for name, agent in self.agents.get(account_id, {}).items() if name != agent_id}
        return replace(self, agents={**self.agents, account_id: MappingProxyType(agents)})

    def with_tool(self, tool: DurableTool) -> "Configuration":
        """A tool new or changed."""
        tools = {**self.tools.get(tool.account_id, {}), tool.tool_id: tool}
        return replace(self, tools={**self.tools, tool.account_id: MappingProxyType(tools)})

    def without_tool(self, account_id: str, tool_id: str) -> "Configuration":
        """A tool deleted."""
        tools = {name: tool for name, tool in self.tools.get(account_id, {}).items() if name != tool_id}
        return replace(self, tools={**self.tools, account_id: MappingProxyType(tools)})

    def with_webhook(self, webhook: Webhook) -> "Configuration":
        """A webhook new or changed."""
        webhooks = {**self.webhooks.get(webhook.account_id, {}), webhook.webhook_id: webhook}
        return replace(self, webhooks={**self.webhooks, webhook.account_id: MappingProxyType(webhooks)})

    def without_webhook(self, account_id: str, webhook_id: str) -> "Configuration":
        """A webhook deleted."""
        webhooks = {name: one for name, one in self.webhooks.get(account_id, {}).items() if name != webhook_id}
        return replace(self, webhooks={**self.webhooks, account_id: MappingProxyType(webhooks)})

    def with_sip_config(self, version: SipConfigVersion) -> "Configuration":
        """A version newly in force."""
        return replace(self, sip_configs={**self.sip_configs, version.account_id: version})

    def with_shadow(self, shadow: SipShadow) -> "Configuration":
        """A draft put beside an account's rules, in place of the one before."""
        return replace(self, shadows={**self.shadows, shadow.account_id: shadow})

    def without_shadow(self, account_id: str) -> "Configuration":
        """The draft beside an account's rules taken away."""
        return replace(self, shadows={name: one for name, one in self.shadows.items() if name != account_id})


class ConfigurationSnapshot:
    """The reference. Implements `ports.Snapshot`."""

    def __init__(self, configuration: Configuration, failed: Callable[[str], None]) -> None:
        """`failed` is told in words when a listener could not follow a change."""
        self._now = configuration
        self._failed = failed
        self._listeners: list[Callable[[str], None]] = []

    @property
    def now(self) -> Configuration:
        """The values in force."""
        return self._now

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All accounts."""
        return self._now.accounts

    def account(self, account_id: str) -> Account | None:
        """One account."""
        return next((one for one in self._now.accounts if one.account_id == account_id), None)

    def agent(self, agent_id: str) -> Agent | None:
        """A living agent of any account."""
        for agents in self._now.agents.values():
            found = agents.get(agent_id)
            if found is not None:
                return found
        return None

    def agents_of(self, account_id: str) -> Mapping[str, Agent]:
        """The living agents of one account, by id."""
        return self._now.agents.get(account_id, {})

    def tools_of(self, account_id: str) -> Mapping[str, DurableTool]:
        """The tools that one account keeps, by id."""
        return self._now.tools.get(account_id, {})

    def webhooks_of(self, account_id: str) -> Mapping[str, Webhook]:
        """The webhooks of one account, by id; those retired too."""
        return self._now.webhooks.get(account_id, {})

    def sip_config(self, account_id: str) -> SipConfigVersion:
        """The rules of one account.

        Raises:
            KeyError: there is no such account.
        """
        return self._now.sip_configs[account_id]

    def shadow(self, account_id: str) -> SipShadow | None:
        """The draft beside the rules of one account."""
        return self._now.shadows.get(account_id)

    def on_change(self, changed: Callable[[str], None]) -> None:
        """Have `changed` called with the id of each account that a swap changes or takes away.

        Before whoever caused it is answered.
        """
        self._listeners.append(changed)

    def swap(self, configuration: Configuration, *account_ids: str) -> None:
        """Put new values in force; those of `account_ids` are others than before."""
        self._now = configuration
        for account_id in account_ids:
            for changed in self._listeners:
                try:
                    changed(account_id)
                except Exception as error:  # the change is committed; the others must follow it all the same
                    self._failed(f"a change of account {account_id} was not followed: {error!r}")

    def reload(self, configuration: Configuration) -> tuple[str, ...]:
        """Put what was read anew in force; ids of the accounts that it changes, those that are gone first."""
        before, after = self._now.by_account(), configuration.by_account()
        gone = [account_id for account_id in before if account_id not in after]
        differ = [account_id for account_id, all_of_it in after.items() if before.get(account_id) != all_of_it]
        self.swap(configuration, *gone, *differ)
        return (*gone, *differ)
