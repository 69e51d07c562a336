from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from callgate.store.groups import GroupWriter, call_changes
from callgate.store.rows import call_row, message_row
from callgate.store.sqlite import SqliteDatabase
from callgate.store.tables import metadata
from tests.peers.databases import Databases
from tests.store.facts import a_call, a_message

NODE = "node"


@pytest.fixture
def engine(databases: Databases, tmp_path: Path) -> Engine:
    engine = databases.engine(tmp_path / "x.db")
    metadata.create_all(engine)
    return engine


@pytest.fixture
async def groups(databases: Databases, engine: Engine, tmp_path: Path) -> AsyncIterator[GroupWriter]:
    database = databases.at(tmp_path / "x.db")
    groups = GroupWriter(database, NODE)
    await groups.open()
    yield groups
    await groups.close()
    await database.close()
    engine.dispose()


def found(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


async def test_everything_in_one_transaction(groups: GroupWriter, engine: Engine) -> None:
    call = a_call()
    ended = call_changes(call_row(call))
    ended["b_outcome"] = "caller-hangup"
    queued = {"messages": [message_row(a_message(call, 0, "hello"))]}
    begun = {**call_row(call), "node_id": NODE}
    lost, errors = await groups.write(queued, [{"calls": [begun]}, {"ended": [ended]}])
    assert (lost, errors) == ([], [None, None])
    rows = found(engine, "SELECT outcome, text FROM calls JOIN messages USING (call_id)")
    assert rows == [("caller-hangup", "hello")]


async def test_of_a_group_all_or_nothing_is_kept(groups: GroupWriter, engine: Engine) -> None:
    good, bad, other = ({**call_row(call), "node_id": NODE} for call in (a_call(), a_call(call_id=None), a_call()))
    lost, errors = await groups.write({}, [{"calls": [good, bad]}, {"calls": [other]}])
    assert lost == []
    assert errors[0] is not None
    assert "null" in errors[0]
    assert errors[1] is None
    assert found(engine, "SELECT count(*) FROM calls") == [(1,)]


async def test_every_spoilt_row_is_counted_once_and_no_other(groups: GroupWriter, engine: Engine) -> None:
    call = a_call()
    rows = [message_row(a_message(call, index % 7, "hello")) for index in range(10)]
    lost, errors = await groups.write({"messages": rows}, [])
    assert [count for count, _ in lost] == [1, 1, 1]
    assert errors == []
    assert found(engine, "SELECT count(*) FROM messages") == [(7,)]


async def test_a_folder_that_is_missing_is_an_error_at_once(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "missing" / "x.db")
    groups = GroupWriter(database, NODE)
    with pytest.raises(database.errors, match="unable to open"):
        await groups.open()
