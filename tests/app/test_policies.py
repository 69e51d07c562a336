import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from callgate.app.first_start import CannotStart
from callgate.app.policies import Policies
from callgate.config.settings import Settings
from callgate.core.audio.codecs import wire_codec
from callgate.entities.account import AccountLimits
from callgate.entities.json import JsonObject
from callgate.entities.shadow import SipShadow
from callgate.entities.sip_config import AgentAllowance, SipConfig
from callgate.runtime.ids import SystemIds
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases


@pytest.fixture
async def store(databases: Databases, tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(databases.at(tmp_path / "callgate.db"), clock=ManualClock(), ids=SystemIds())
    yield store
    await store.close()


async def test_a_change_is_compiled_before_it_is_acknowledged(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    policies = Policies(store.snapshot, Settings())
    told: list[bool] = []
    policies.on_change(lambda: told.append(policies.current.admits_source("192.0.2.1")))
    assert not policies.current.admits_source("192.0.2.1")
    await store.change_sip_config(
        account.account_id, "key", lambda config: replace(config, allowed_cidr_ranges=("192.0.2.0/24",))
    )
    assert told == [True]


async def test_a_draft_changes_nothing_in_force(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    policies = Policies(store.snapshot, Settings())
    draft = policies.drafted(account, SipConfig(allowed_cidr_ranges=("192.0.2.0/24",)))
    assert draft.admits_source("192.0.2.1")
    assert not policies.current.admits_source("192.0.2.1")


async def test_accounts_have_a_domain_of_their_own_below_the_deployments(store: Store) -> None:
    first, _ = await store.create_account("first", "First")
    policies = Policies(store.snapshot, Settings(sip_domain="calls.example.org"))
    await store.create_account("second", "Second")
    assert policies.domain_of(first) == "first.calls.example.org"
    found = policies.current.account_for("second.calls.example.org", None)
    assert found is not None
    assert policies.current.account_for("elsewhere.example.org", None) is None


async def test_without_a_domain_of_the_deployment_several_accounts_are_told_apart_below_the_machines_name(
    store: Store,
) -> None:
    machine = socket.gethostname().lower()
    first, _ = await store.create_account("first", "First")
    policies = Policies(store.snapshot, Settings())
    assert policies.domain_of(first) == machine
    told: list[int] = []
    policies.on_change(lambda: told.append(len(policies.current.accounts)))

    second, _ = await store.create_account("second", "Second")
    for account in (first, second):
        found = policies.current.account_for(f"{account.slug}.{machine}", None)
        assert found is not None
        assert found.account_id == account.account_id
    assert policies.current.account_for(machine, None) is None

    await store.delete_account(second.account_id)
    assert told == [2, 1]
    found = policies.current.account_for("anything.example", None)  # the only one there is
    assert found is not None
    assert (found.account_id, found.domain) == (first.account_id, machine)


async def test_an_account_that_goes_is_in_nobodys_rules_any_more(store: Store) -> None:
    settings = Settings(sip_domain="calls.example.org")
    first, _ = await store.create_account("first", "First")
    second, _ = await store.create_account("second", "Second")
    policies = Policies(store.snapshot, settings)
    now = store.snapshot.sip_config(first.account_id).created
    for account in (first, second):
        await store.put_shadow(SipShadow("s", account.account_id, now, "key", now, 1, {"allowAllAgents": True}))
    assert len(policies.shadows) == 2
    await store.delete_account(second.account_id)
    assert [rules.account_id for rules in policies.current.accounts] == [first.account_id]
    (shadow,) = policies.shadows.values()
    assert [rules.account_id for rules in shadow.policies.accounts] == [first.account_id]
    assert policies.domain_of(first) == "first.calls.example.org"


async def test_an_accounts_own_limits_stand_over_those_of_the_settings(store: Store) -> None:
    settings = Settings(account_calls_max=9, agent_calls_max=2, http_calls_per_s=7)
    account, _ = await store.create_account("first", "First", None, AccountLimits(calls_max=4))
    policies = Policies(store.snapshot, settings)
    limits = policies.limits_of_id(account.account_id)
    assert limits == AccountLimits(4, 2, 500, 200, 7, 0)
    await store.change_account(account.account_id, limits={"calls_max": None, "agent_calls_max": 1})
    rules = policies.current.account(account.account_id)
    assert rules is not None
    assert (rules.calls_max, rules.agent_calls_max) == (9, 1)
    assert policies.limits_of_id("nobody").calls_max == 9


async def test_offers_are_judged_by_the_settings(store: Store) -> None:
    settings = Settings(sound_codecs=("G722",), sound_codec_order="own", srtp_udp="required", srtp_without_tls=True)
    sound = Policies(store.snapshot, settings).current.options.sound
    assert (sound.of("udp").codecs, sound.of("udp").own_order) == (("G722",), True)
    assert (sound.of("udp").srtp, sound.of("tcp").srtp) == ("required", "preferred")
    assert sound.of("udp").srtp_barred == ""
    assert sound.of("tls").srtp_barred == ""  # nobody on the way can read a key
    barred = Policies(store.snapshot, Settings()).current.options.sound.of("udp").srtp_barred
    assert "srtp.without_tls is off" in barred


async def test_a_codec_that_is_not_installed_is_told_at_the_start(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callgate.app.policies.available", lambda: (wire_codec("PCMU"),))
    with pytest.raises(CannotStart, match=r"OPUS, which is not installed; Opus comes with callgate\[opus\]"):
        Policies(store.snapshot, Settings(sound_codecs=("PCMU", "OPUS")))


async def test_a_draft_beside_the_rules_stands_over_those_in_force(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    agent = await store.create_agent(account.account_id, "Ada", None)
    settings = Settings(sip_domain="calls.example.org")
    policies = Policies(store.snapshot, settings)
    now = store.snapshot.sip_config(account.account_id).created
    changes: JsonObject = {"allowedAgents": [{"agentId": agent.agent_id, "toUserPattern": "x"}]}
    await store.put_shadow(SipShadow("s", account.account_id, now, "key", now, 1, changes))
    await store.change_sip_config(
        account.account_id, "key", lambda config: replace(config, allowed_cidr_ranges=("192.0.2.0/24",))
    )
    draft = policies.shadows[account.account_id].policies.account(account.account_id)
    assert draft is not None
    assert draft.config.allowed_cidr_ranges == ("192.0.2.0/24",)
    assert draft.config.allowed_agents == (AgentAllowance(agent.agent_id, "x"),)
    assert draft.rules == (0,)
    await store.create_account("second", "Second")
    assert len(policies.shadows[account.account_id].policies.accounts) == 2
    await store.delete_agent(account.account_id, agent.agent_id, "key")
    draft = policies.shadows[account.account_id].policies.account(account.account_id)
    assert draft is not None
    assert draft.rules == ()
    assert Policies(store.snapshot, settings).shadows.keys() == {account.account_id}
    await store.drop_shadow(account.account_id, "s")
    assert policies.shadows == {}
