import asyncio
import sqlite3
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store, open_store
from callgate.store.tables import metadata
from tests.store.facts import a_call, a_message, a_record, an_event, kept_events


async def test_the_migrations_make_the_tables_that_the_code_expects(store: Store, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'callgate.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def go_back(path: Path, revision: str) -> None:
    """Take the tables of a closed database back to a revision."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(files("callgate.store") / "migrations"))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


async def test_a_database_goes_back_a_version_and_forward_again(tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    store = await open_store(path, clock=SystemClock(), ids=SystemIds())
    account, _ = await store.create_account("default", "Default")
    call = a_call(account.account_id)
    await store.call_started(call, a_record(account.account_id), an_event(call, "call.started"))
    (first,) = await store.stages(call)
    store.message(a_message(call, 0, "hello"))
    store.call_stage(first)
    store.call_stage(replace(first, stage_id="second", position=1, settings={"systemPrompt": "second"}))
    store.message(replace(a_message(call, 1, "again"), stage_id="second", stage_index=0))
    await store.close()

    go_back(path, "0001")
    with sqlite3.connect(path) as raw:
        assert [row[1] for row in raw.execute("PRAGMA table_info(messages)")][-2:] == ["start_s", "end_s"]
    raw.close()
    again = await open_store(path, clock=SystemClock(), ids=SystemIds())
    assert await again.get_call(account.account_id, call.call_id) == call
    said = await again.messages(call.call_id)
    assert [(one.text, one.stage_id, one.stage_index) for one in said] == [
        ("hello", call.stage_id, 0),
        ("again", call.stage_id, 1),
    ]
    assert await again.stages(call) == [first]
    await again.close()


async def test_what_is_no_database_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    path.write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StoreUnavailable, match="file is not a database"):
        await open_store(path, clock=SystemClock(), ids=SystemIds())


async def test_a_missing_folder_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no such file or directory"):
        await open_store(tmp_path / "missing" / "callgate.db", clock=SystemClock(), ids=SystemIds())


_CHILD = """
import asyncio, sys
from pathlib import Path
from callgate.entities.sip_config import SipConfig
from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.store.open import open_store
from tests.store.facts import a_call, a_listener, a_record, an_event

async def main():
    store = await open_store(Path(sys.argv[1]), clock=SystemClock(), ids=SystemIds())
    account, _ = await store.create_account("default", "Default")
    edit = lambda config: SipConfig(allowed_cidr_ranges=("192.0.2.0/24",))
    await store.change_sip_config(account.account_id, "test", edit)
    await a_listener(store, account.account_id)
    call = a_call(account.account_id)
    await store.call_started(call, a_record(account.account_id), an_event(call, "call.started"))
    print(call.call_id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _CHILD, str(path), stdout=subprocess.PIPE)
    assert child.stdout is not None
    call_id = (await child.stdout.readline()).decode().strip()
    child.kill()
    await child.wait()
    store = await open_store(path, clock=SystemClock(), ids=SystemIds())
    account = store.snapshot.accounts[0]
    assert store.snapshot.sip_config(account.account_id).config.allowed_cidr_ranges == ("192.0.2.0/24",)
    assert [event.event for event in await kept_events(store)] == ["call.started"]
    assert [one.event for one in await store.waiting_deliveries(None, limit=10)] == ["call.started"]
    assert await store.end_orphans() == 1
    call = await store.get_call(account.account_id, call_id)
    assert call is not None
    assert call.outcome == "node-lost"
    await store.close()


def modes_in(folder: Path) -> dict[str, str]:
    return {file.name: oct(file.stat().st_mode & 0o777) for file in folder.iterdir()}


async def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    path.touch(0o666)
    path.chmod(0o666)  # whatever the umask made of it
    store = await open_store(path, clock=SystemClock(), ids=SystemIds())
    await store.create_account("default", "Default")
    assert modes_in(tmp_path) == {"callgate.db": "0o600", "callgate.db-wal": "0o600", "callgate.db-shm": "0o600"}
    await store.close()


async def test_the_file_is_in_wal_mode(store: Store, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "callgate.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


async def test_the_log_is_moved_into_the_database_and_grows_no_further(store: Store, tmp_path: Path) -> None:
    for _ in range(3):
        for _ in range(20):
            call = a_call()
            await store.call_started(call, a_record(), an_event(call, "call.started"))
        await store.checkpoint()
    connection = sqlite3.connect(tmp_path / "callgate.db")
    busy, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    connection.close()
    assert busy == 0
    assert pages == moved
