import asyncio
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
from sqlalchemy import Engine, inspect, text

from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.store.errors import StoreUnavailable
from callgate.store.open import database_at, open_store
from callgate.store.tables import metadata
from tests.peers.databases import Databases
from tests.store.facts import a_call, a_listener, a_message, a_record, an_event, kept_events


def migrate(engine: Engine, revision: str, *, back: bool = False) -> None:
    """Take the tables of a closed database to a revision."""
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(files("callgate.store") / "migrations"))
        config.attributes["connection"] = connection
        (command.downgrade if back else command.upgrade)(config, revision)


async def test_the_migrations_make_the_tables_that_the_code_expects(databases: Databases, tmp_path: Path) -> None:
    store = await open_store(databases.at(tmp_path / "callgate.db"), clock=SystemClock(), ids=SystemIds())
    await store.close()
    engine = databases.engine(tmp_path / "callgate.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


async def test_a_database_goes_back_a_version_and_forward_again(databases: Databases, tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    store = await open_store(databases.at(path), clock=SystemClock(), ids=SystemIds())
    account, _ = await store.create_account("default", "Default")
    call = a_call(account.account_id)
    await store.call_started(call, a_record(account.account_id), an_event(call, "call.started"))
    (first,) = await store.stages(call)
    store.message(a_message(call, 0, "hello"))
    store.call_stage(first)
    store.call_stage(replace(first, stage_id="second", position=1, settings={"systemPrompt": "second"}))
    store.message(replace(a_message(call, 1, "again"), stage_id="second", stage_index=0))
    await store.close()

    engine = databases.engine(path)
    migrate(engine, "0001", back=True)
    assert [column["name"] for column in inspect(engine).get_columns("messages")][-2:] == ["start_s", "end_s"]
    engine.dispose()
    again = await open_store(databases.at(path), clock=SystemClock(), ids=SystemIds())
    assert await again.get_call(account.account_id, call.call_id) == call
    said = await again.messages(call.call_id)
    assert [(one.text, one.stage_id, one.stage_index) for one in said] == [
        ("hello", call.stage_id, 0),
        ("again", call.stage_id, 1),
    ]
    assert await again.stages(call) == [first]
    await again.close()


async def test_a_database_with_rows_goes_back_to_nothing_step_by_step_and_forward_again(
    databases: Databases, tmp_path: Path
) -> None:
    path = tmp_path / "callgate.db"
    store = await open_store(databases.at(path), clock=SystemClock(), ids=SystemIds())
    account, _ = await store.create_account("default", "Default")
    await store.create_tool(account.account_id, "one", {})
    await a_listener(store, account.account_id)
    call = a_call(account.account_id)
    await store.call_started(call, a_record(account.account_id), an_event(call, "call.started"))
    store.message(a_message(call, 0, "hello"))
    await store.close()

    engine = databases.engine(path)
    steps = 0
    while inspect(engine).get_table_names() != ["alembic_version"]:
        migrate(engine, "-1", back=True)
        steps += 1
        assert steps < 100
    migrate(engine, "head")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    again = await open_store(databases.at(path), clock=SystemClock(), ids=SystemIds())
    assert again.snapshot.accounts == ()
    await again.create_account("default", "Default")
    await again.close()


async def test_what_a_newer_callgate_has_migrated_is_left_alone(databases: Databases, tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    store = await open_store(databases.at(path), clock=SystemClock(), ids=SystemIds())
    await store.close()
    engine = databases.engine(path)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreUnavailable, match="a newer Callgate has migrated it"):
        await open_store(databases.at(path), clock=SystemClock(), ids=SystemIds())


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "callgate.store.postgres", None)
    with pytest.raises(StoreUnavailable, match=r"psycopg, which is not installed; .* callgate\[postgresql\]"):
        database_at("postgresql://h/x", tmp_path, node_name="x", synchronous="NORMAL", notify=True)


_CHILD = """
import asyncio, sys
from callgate.entities.sip_config import SipConfig
from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.store.open import open_store
from tests.peers.databases import database_in
from tests.store.facts import a_call, a_listener, a_record, an_event

async def main():
    store = await open_store(database_in(sys.argv[1]), clock=SystemClock(), ids=SystemIds())
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


async def test_what_was_acknowledged_survives_kill_9(databases: Databases, tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, databases.place(path), stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    call_id = (await child.stdout.readline()).decode().strip()
    child.kill()
    await child.wait()
    store = await open_store(databases.at(path), clock=SystemClock(), ids=SystemIds())
    account = store.snapshot.accounts[0]
    assert store.snapshot.sip_config(account.account_id).config.allowed_cidr_ranges == ("192.0.2.0/24",)
    assert [event.event for event in await kept_events(store)] == ["call.started"]
    assert [one.event for one in await store.waiting_deliveries(None, limit=10)] == ["call.started"]
    assert await store.end_orphans() == 1
    call = await store.get_call(account.account_id, call_id)
    assert call is not None
    assert call.outcome == "node-lost"
    await store.close()
