import ast
from pathlib import Path

import callgate.store
from callgate.entities.page import PageFound, PageWanted
from callgate.store.call_filter import CallFilter
from callgate.store.open import Store
from tests.store.facts import a_call, a_record, an_event


async def test_what_cannot_be_written_is_found_nowhere(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    call = a_call(account.account_id)
    await store.call_started(call, a_record(), an_event(call, "call.started"))
    assert await store.sip_config_version(account.account_id, 2**70) is None
    assert await store.get_call(account.account_id, "\ud800") is None
    page = PageWanted(10)
    assert await store.list_calls(account.account_id, page, CallFilter(search="\ud800")) == PageFound([], 0)


def test_whatever_is_put_in_force_is_told_to_other_nodes() -> None:
    """A function that swaps the snapshot after a commit changes the configuration by `_change`, which tells them."""
    swapping = []
    for file in sorted(Path(callgate.store.__file__).parent.glob("*.py")):
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.AsyncFunctionDef) and "snapshot.swap(" in ast.unparse(function):
                swapping.append(function.name)
                assert "_writer.run(" not in ast.unparse(function).replace("_writer.run(remove)", ""), function.name
    assert {"create_agent", "change_sip_config", "_changed", "create_webhook", "put_shadow"} <= set(swapping)
