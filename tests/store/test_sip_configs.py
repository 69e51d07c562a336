import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from callgate.entities.account import Account
from callgate.entities.page import PageWanted
from callgate.entities.sip_config import BreakerTerms, FallbackHandler, Safeguards, SipConfig
from callgate.runtime.ids import SystemIds
from callgate.store.errors import VersionConflict
from callgate.store.open import Store, open_store
from callgate.store.rows import config_json, config_of
from callgate.store.sip_configs import difference_of
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases


@pytest.fixture
async def account(store: Store) -> Account:
    return (await store.create_account("default", "Default"))[0]


async def test_a_change_is_in_force_when_it_returns_and_listeners_know_before(store: Store, account: Account) -> None:
    seen: list[int] = []
    store.snapshot.on_change(lambda account_id: seen.append(store.snapshot.sip_config(account_id).number))
    version = await store.change_sip_config(
        account.account_id, "abcdefgh", lambda config: replace(config, allow_all_agents=True)
    )
    assert seen == [2]
    assert version.number == 2
    assert version.changed_by == "abcdefgh"
    assert version.difference == {"allowAllAgents": {"from": False, "to": True}}
    assert store.snapshot.sip_config(account.account_id) == version


async def test_a_listener_that_fails_spoils_neither_the_change_nor_the_other_listeners(
    databases: Databases, tmp_path: Path, clock: ManualClock
) -> None:
    told: list[str] = []
    store = await open_store(databases.at(tmp_path / "other.db"), clock=clock, ids=SystemIds(), failed=told.append)
    account, _ = await store.create_account("default", "Default")
    seen: list[str] = []

    def fail(account_id: str) -> None:
        raise RuntimeError("a pattern that cannot be compiled")

    store.snapshot.on_change(fail)
    store.snapshot.on_change(seen.append)
    version = await store.change_sip_config(
        account.account_id, "k", lambda config: replace(config, allow_all_agents=True)
    )
    assert version.number == store.snapshot.sip_config(account.account_id).number == 2
    assert seen == [account.account_id]
    assert len(told) == 1
    assert "a pattern that cannot be compiled" in told[0]
    await store.close()


async def test_a_change_that_changes_nothing_makes_no_version(store: Store, account: Account) -> None:
    version = await store.change_sip_config(account.account_id, "abcdefgh", lambda config: config)
    assert version.number == 1
    assert (await store.sip_config_versions(account.account_id, PageWanted(10))).total == 1


async def test_a_change_for_another_version_is_refused(store: Store, account: Account) -> None:
    with pytest.raises(VersionConflict) as caught:
        await store.change_sip_config(account.account_id, "k", lambda config: SipConfig(("10.0.0.0/8",)), 7)
    assert caught.value.current.number == 1


async def test_concurrent_changes_build_on_each_other(store: Store, account: Account) -> None:
    await asyncio.gather(
        *(
            store.change_sip_config(
                account.account_id,
                "k",
                lambda config, i=i: replace(  # type: ignore[misc]
                    config, allowed_cidr_ranges=(*config.allowed_cidr_ranges, f"10.0.{i}.0/24")
                ),
            )
            for i in range(20)
        )
    )
    version = store.snapshot.sip_config(account.account_id)
    assert version.number == 21
    assert len(version.config.allowed_cidr_ranges) == 20


async def test_what_an_edit_raises_comes_out_and_changes_nothing(store: Store, account: Account) -> None:
    def edit(config: SipConfig) -> SipConfig:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.change_sip_config(account.account_id, "k", edit)
    assert store.snapshot.sip_config(account.account_id).number == 1


def test_secrets_never_stand_in_a_difference() -> None:
    before = SipConfig(fallback_handler=FallbackHandler("https://example.org", ("one-secret",)))
    after = SipConfig(fallback_handler=FallbackHandler("https://example.org", ("other-secret",)))
    difference = difference_of(before, after)
    assert "secret" not in str(difference).replace("'secrets': 'changed'", "")
    assert difference["fallbackHandler"] == {
        "from": {"url": "https://example.org"},
        "to": {"url": "https://example.org", "secrets": "changed"},
    }


async def test_safeguards_are_kept_with_the_rules(store: Store, account: Account) -> None:
    safeguards = Safeguards("https://second.example/", "an-agent", BreakerTerms(3, 10.0, 20.5))
    made = await store.change_sip_config(account.account_id, "k", lambda config: replace(config, safeguards=safeguards))
    kept = await store.sip_config_version(account.account_id, made.number)
    assert kept is not None
    assert kept.config.safeguards == safeguards
    assert kept == made


def test_rules_of_before_there_were_safeguards_have_none() -> None:
    stored = config_json(SipConfig(("10.0.0.0/8",)))
    del stored["fallback"]
    assert config_of(stored) == SipConfig(("10.0.0.0/8",))
