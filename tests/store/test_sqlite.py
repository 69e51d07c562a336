import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.store.facts import a_call, a_record, an_event


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "callgate.db", clock=clock, ids=SystemIds())
    yield store
    await store.close()


async def test_what_is_no_database_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    path.write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StoreUnavailable, match="file is not a database"):
        await open_store(path, clock=SystemClock(), ids=SystemIds())


async def test_a_missing_folder_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"missing/callgate\.db: no such file or directory"):
        await open_store(tmp_path / "missing" / "callgate.db", clock=SystemClock(), ids=SystemIds())


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
