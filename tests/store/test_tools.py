from pathlib import Path

import pytest

from callgate.entities.json import JsonObject
from callgate.runtime.ids import SystemIds
from callgate.store.errors import NameTaken
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases

DEFINITION: JsonObject = {"modelToolName": "look", "http": {"baseUrlPattern": "https://a.example"}}


async def test_a_tool_is_made_replaced_and_deleted_in_memory_too(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    mine = account.account_id
    tool = await store.create_tool(mine, "look", DEFINITION)
    assert store.snapshot.tools_of(mine) == {tool.tool_id: tool}
    changed = await store.replace_tool(mine, tool.tool_id, "seek", {"client": {}})
    assert changed is not None
    assert (changed.name, changed.definition, changed.created) == ("seek", {"client": {}}, tool.created)
    assert store.snapshot.tools_of(mine)[tool.tool_id] == changed
    assert await store.delete_tool(mine, tool.tool_id)
    assert store.snapshot.tools_of(mine) == {}
    assert not await store.delete_tool(mine, tool.tool_id)
    assert await store.replace_tool(mine, tool.tool_id, "seek", {}) is None


async def test_a_name_is_one_tools_in_its_account(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    other, _ = await store.create_account("other", "Other")
    look = await store.create_tool(account.account_id, "look", {})
    seek = await store.create_tool(account.account_id, "seek", {})
    await store.create_tool(other.account_id, "look", {})
    with pytest.raises(NameTaken):
        await store.create_tool(account.account_id, "look", {})
    with pytest.raises(NameTaken):
        await store.replace_tool(account.account_id, seek.tool_id, "look", {})
    assert await store.replace_tool(account.account_id, look.tool_id, "look", {"client": {}})
    assert await store.replace_tool(other.account_id, look.tool_id, "mine", {}) is None
    assert not await store.delete_tool(other.account_id, look.tool_id)


async def test_tools_are_there_again_when_the_store_is_opened_again(databases: Databases, tmp_path: Path) -> None:
    path = tmp_path / "callgate.db"
    store = await open_store(databases.at(path), clock=ManualClock(), ids=SystemIds())
    account, _ = await store.create_account("default", "Default")
    tool = await store.create_tool(account.account_id, "look", DEFINITION)
    await store.close()
    again = await open_store(databases.at(path), clock=ManualClock(), ids=SystemIds())
    assert again.snapshot.tools_of(account.account_id) == {tool.tool_id: tool}
    await again.close()
