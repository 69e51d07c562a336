import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from callgate.store.groups import GroupWriter, call_changes
from callgate.store.rows import call_row, message_row
from callgate.store.tables import metadata
from tests.store.facts import a_call, a_message


@pytest.fixture
async def groups(tmp_path: Path) -> AsyncIterator[GroupWriter]:
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    metadata.create_all(engine)
    engine.dispose()
    groups = GroupWriter(tmp_path / "x.db", lambda raw: None)
    await groups.open()
    yield groups
    await groups.close()


async def test_everything_in_one_transaction(groups: GroupWriter) -> None:
    call = a_call()
    ended = call_changes(call_row(call))
    ended["b_outcome"] = "caller-hangup"
    queued = {"messages": [message_row(a_message(call, 0, "hello"))]}
    lost, errors = await groups.write(queued, [{"calls": [call_row(call)]}, {"ended": [ended]}])
    assert (lost, errors) == ([], [None, None])
    rows = groups._connection.execute("SELECT outcome, text FROM calls JOIN messages USING (call_id)").fetchall()
    assert rows == [("caller-hangup", "hello")]


async def test_of_a_group_all_or_nothing_is_kept(groups: GroupWriter) -> None:
    good, bad = a_call(), a_call(call_id=None)
    lost, errors = await groups.write({}, [{"calls": [call_row(good), call_row(bad)]}, {"calls": [call_row(a_call())]}])
    assert lost == []
    assert errors == ["not null constraint failed: calls.call_id", None]
    assert groups._connection.execute("SELECT count(*) FROM calls").fetchone() == (1,)


async def test_every_spoilt_row_is_counted_once_and_no_other(groups: GroupWriter) -> None:
    call = a_call()
    rows = [message_row(a_message(call, index % 7, "hello")) for index in range(10)]
    lost, errors = await groups.write({"messages": rows}, [])
    assert [count for count, _ in lost] == [1, 1, 1]
    assert errors == []
    assert groups._connection.execute("SELECT count(*) FROM messages").fetchone() == (7,)


async def test_a_folder_that_is_missing_is_an_error_at_once(tmp_path: Path) -> None:
    groups = GroupWriter(tmp_path / "missing" / "x.db", lambda raw: None)
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        await groups.open()
