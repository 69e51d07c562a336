from dataclasses import replace
from pathlib import Path

import pytest

from callgate.runtime.ids import SystemIds
from callgate.store import accounts
from callgate.store.accounts import is_key
from callgate.store.errors import TooMany
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases


async def test_an_account_admits_nobody_and_its_key_is_told_once(store: Store) -> None:
    account, key = await store.create_account("default", "Default")
    assert is_key(key)
    found = store.account_of_key(key)
    assert found is not None
    assert found[0] == account
    assert found[1].prefix == key[:8]
    assert store.account_of_key(key[:-1] + "?") is None
    assert store.snapshot.sip_config(account.account_id).config.allowed_cidr_ranges == ()


async def test_a_key_can_be_fixed_and_further_ones_added(store: Store) -> None:
    mine = "abcdefgh." + "x" * 32
    account, key = await store.create_account("default", "Default", mine)
    assert key == mine
    await store.add_key(account.account_id, "ijklmnop." + "y" * 32, "second")
    found = store.account_of_key("ijklmnop." + "y" * 32)
    assert found is not None
    assert found[0] == account


async def test_the_last_use_of_a_key_and_its_end_outlive_a_restart(databases: Databases, tmp_path: Path) -> None:
    clock = ManualClock()
    store = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds())
    account, _ = await store.create_account("default", "Default")
    made, key = await store.create_key(account.account_id, "mine", creator="abcdefgh", expires=None, read_only=True)
    store.key_used(made)
    used = clock.now()
    clock.advance(59)
    store.key_used(made)  # not worth a write
    assert store.keys_of(account.account_id)[0].last_used == used
    await store.revoke_key(account.account_id, made.prefix)
    await store.close()

    again = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds())
    kept = replace(made, revoked=True, last_used=used)
    assert again.account_of_key(key) == (account, kept)
    clock.advance(1)
    again.key_used(kept)
    assert again.keys_of(account.account_id)[0].last_used == clock.now()
    await again.delete_key(account.account_id, made.prefix)
    assert again.account_of_key(key) is None
    await again.close()


async def test_an_account_has_so_many_keys(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    account, _ = await store.create_account("default", "Default")
    monkeypatch.setattr(accounts, "KEYS_MAX", 2)
    await store.create_key(account.account_id, "second", creator="abcdefgh", expires=None, read_only=False)
    with pytest.raises(TooMany, match="2"):
        await store.create_key(account.account_id, "third", creator="abcdefgh", expires=None, read_only=False)
    assert len(store.keys_of(account.account_id)) == 2


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


async def test_the_key_itself_is_nowhere_in_the_file(databases: Databases, tmp_path: Path) -> None:
    store = await open_store(databases.at(tmp_path / "callgate.db"), clock=ManualClock(), ids=SystemIds())
    _, key = await store.create_account("default", "Default")
    await store.close()
    assert key.encode() not in b"".join(contents(tmp_path))


def test_the_shape_of_a_key() -> None:
    assert is_key("Abcdef12." + "z" * 32)
    assert not is_key("Abcdef12" + "z" * 32)
    assert not is_key("Abcdef1." + "z" * 32)
    assert not is_key("Abcdef12." + "é" * 32)
