from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from callgate.app.first_start import CannotStart
from callgate.app.policies import Policies
from callgate.config.settings import Settings
from callgate.core.audio.codecs import wire_codec
from callgate.entities.sip_config import SipConfig
from callgate.runtime.ids import SystemIds
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "callgate.db", clock=ManualClock(), ids=SystemIds())
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
