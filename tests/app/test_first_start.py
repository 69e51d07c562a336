import asyncio
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callgate.app.first_start import CannotStart, demo_agent, first_account, make_folder, node_name
from callgate.runtime.ids import SystemIds
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import POSTGRESQL, Databases

NOW = datetime(2026, 7, 1, tzinfo=UTC)
FIXED = "abcdefgh." + "x" * 32


@pytest.fixture
async def store(databases: Databases, tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(databases.at(tmp_path / "callgate.db"), clock=ManualClock(), ids=SystemIds())
    yield store
    await store.close()


async def test_the_first_start_makes_an_account_that_admits_nobody_and_keeps_its_key_safe(
    store: Store, tmp_path: Path
) -> None:
    account, key = await first_account(store, tmp_path, "", NOW)
    file = tmp_path / "api-key"
    assert file.read_text().strip() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert store.snapshot.sip_config(account.account_id).config.allowed_cidr_ranges == ()
    again, same = await first_account(store, tmp_path, "", NOW)
    assert (again, same) == (account, key)


async def test_a_key_fixed_by_a_setting_is_the_accounts_and_is_written_nowhere(store: Store, tmp_path: Path) -> None:
    account, key = await first_account(store, tmp_path, FIXED, NOW)
    assert key == FIXED
    assert not (tmp_path / "api-key").exists()
    other = "ijklmnop." + "y" * 32
    await first_account(store, tmp_path, other, NOW)
    for known in (FIXED, other):
        found = store.account_of_key(known)
        assert found is not None
        assert found[0] == account


async def test_a_key_that_was_revoked_does_not_come_back_by_a_restart(store: Store, tmp_path: Path) -> None:
    account, key = await first_account(store, tmp_path, "", NOW)
    await store.add_key(account.account_id, FIXED, "fixed by setting")
    await store.revoke_key(account.account_id, key[:8])
    assert (await first_account(store, tmp_path, "", NOW))[1] == f"(the one in {tmp_path / 'api-key'} is good no more)"
    await store.add_key(account.account_id, "ijklmnop." + "y" * 32, "third")
    await store.revoke_key(account.account_id, FIXED[:8])
    with pytest.raises(CannotStart, match="has been revoked; expected a key that is good, or none"):
        await first_account(store, tmp_path, FIXED, NOW)


async def test_what_is_no_key_is_refused_without_being_shown(store: Store, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="expected 8 letters or digits, a dot and 32 letters or digits") as caught:
        await first_account(store, tmp_path, "hunter2", NOW)
    assert "hunter2" not in str(caught.value)


async def test_the_demo_agent_is_reached_by_name_and_id_from_this_machine_and_made_once(
    store: Store, tmp_path: Path
) -> None:
    account, _ = await first_account(store, tmp_path, "", NOW)
    await demo_agent(store, account)
    await demo_agent(store, account)
    config = store.snapshot.sip_config(account.account_id).config
    assert [agent.name for agent in store.snapshot.agents_of(account.account_id).values()] == ["demo"]
    assert config.allowed_cidr_ranges == ("127.0.0.0/8",)
    assert config.allow_all_agents
    assert [entry.to_user_pattern for entry in config.allowed_agents] == ["^demo$"]


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="cannot write into the data folder .*: not a directory"):
        make_folder(tmp_path / "file" / "folder")


def test_a_node_has_one_name_over_its_restarts_and_its_folder_to_itself(tmp_path: Path) -> None:
    name, file = node_name(tmp_path, SystemIds())
    asking = "import sys; from pathlib import Path; from callgate.app.first_start import *; "
    asking += "from callgate.runtime.ids import SystemIds; node_name(Path(sys.argv[1]), SystemIds())"
    other = subprocess.run([sys.executable, "-c", asking, str(tmp_path)], capture_output=True, text=True, check=False)
    assert f"another node uses the data folder {tmp_path}" in other.stderr
    file.close()
    again, file = node_name(tmp_path, SystemIds())
    file.close()
    assert again == name
    with pytest.raises(CannotStart, match="cannot write .*: not a directory|no such file"):
        node_name(tmp_path / "missing", SystemIds())


@pytest.mark.parametrize("databases", [POSTGRESQL], indirect=True)
async def test_two_nodes_that_start_at_once_on_an_empty_database_have_one_account(
    databases: Databases, tmp_path: Path
) -> None:
    place = tmp_path / "shared.db"
    one, two = [
        await open_store(databases.at(place, node=name), clock=ManualClock(), ids=SystemIds()) for name in ("a", "b")
    ]
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    found = await asyncio.gather(
        *(first_account(store, folder, FIXED, NOW) for store, folder in zip((one, two), folders, strict=True))
    )
    assert found[0] == found[1]
    assert len(one.snapshot.now.keys) == 1
    await one.close()
    await two.close()
