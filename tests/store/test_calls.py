from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from callgate.entities.call import Call, CallStage, ToolUse
from callgate.entities.page import PageFound, PageWanted
from callgate.runtime.ids import SystemIds
from callgate.store.call_filter import CallFilter
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases
from tests.store.facts import START, a_call, a_call_event, a_listener, a_message, a_record, an_event, kept_events


async def test_a_call_from_its_start_to_its_tombstone(store: Store) -> None:
    await a_listener(store)
    call = a_call()
    await store.call_started(call, a_record(call_id=call.call_id), an_event(call, "call.started"))
    store.message(a_message(call, 0, "hello"))
    store.call_event(a_call_event(call, "warning", "speech_engine_missing"))
    store.call_event(a_call_event(call, "debug", "detail"))
    joined = replace(call, joined=START + timedelta(seconds=1))
    await store.call_joined(joined, an_event(call, "call.joined"))
    ended = replace(joined, ended=START + timedelta(seconds=11), end_reason="hangup", outcome="caller-hangup")
    await store.call_ended(ended, an_event(call, "call.ended"))

    assert await store.get_call("account", call.call_id) == ended
    assert await store.get_call("another account", call.call_id) is None
    assert [message.text for message in await store.messages(call.call_id)] == ["hello"]
    events = await store.list_events(call.call_id, PageWanted(10), severities=("info", "warning", "error"))
    assert [event.type for event in events.items] == ["speech_engine_missing"]
    assert [event.event for event in await kept_events(store)] == ["call.started", "call.joined", "call.ended"]
    assert await store.end_orphans() == 0

    assert not await store.delete_call("another account", call.call_id)
    assert await store.delete_call("account", call.call_id)
    assert await store.get_call("account", call.call_id) is None
    assert await store.messages(call.call_id) == []


async def test_what_a_crash_left_open_ends_when_it_was_last_heard_of(
    store: Store, databases: Databases, tmp_path: Path, clock: ManualClock
) -> None:
    account, _ = await store.create_account("default", "Default")
    mine = account.account_id
    await a_listener(store, mine)
    silent, joined, talking = (
        a_call(mine, **more) for more in ({}, {"joined": START + timedelta(seconds=5)}, {"joined": START})
    )
    over = a_call(mine, joined=START, ended=START, end_reason="hangup", outcome="caller-hangup")
    for call in (silent, joined, talking, over):
        await store.call_started(call, a_record(call_id=call.call_id), an_event(call, "call.started"))
    store.message(replace(a_message(talking, 0, "hello"), at=START + timedelta(seconds=40)))
    store.call_event(a_call_event(talking, "info", "detail"))
    await store.call_joined(talking, an_event(talking, "call.joined"))

    await store.written()
    assert await store.end_orphans() == 0  # its own calls are none
    again = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds())
    assert await again.end_orphans() == 3
    assert await again.end_orphans() == 0
    await again.close()

    expected = {silent.call_id: 0, joined.call_id: 5, talking.call_id: 40}
    for call_id, seconds in expected.items():
        ended = await store.get_call(mine, call_id)
        assert ended is not None
        assert (ended.outcome, ended.end_reason) == ("node-lost", "system_error")
        assert ended.ended == START + timedelta(seconds=seconds)
    assert await store.get_call(mine, over.call_id) == over
    told = await kept_events(store)
    assert Counter(event.event for event in told) == {
        "call.started": 4,
        "call.joined": 1,
        "call.ended": 3,
        "call.billed": 3,
    }
    told = [event for event in told if event.event in ("call.ended", "call.billed")]
    assert {event.call_id for event in told} == set(expected)
    assert all(event.payload["endReason"] == "system_error" for event in told)


async def test_calls_are_found_by_what_is_known_of_them(store: Store) -> None:
    calls = []
    for i in range(3):
        call = a_call(
            created=START + timedelta(hours=i),
            joined=START + timedelta(hours=i),
            ended=START + timedelta(hours=i, seconds=10 * (i + 1)),
            agent_id=f"agent-{i}",
            metadata={"customer": f"c{i}"},
        )
        calls.append(call)
        await store.call_started(call, a_record(), an_event(call, "call.started"))

    async def found(**filter: object) -> list[str | None]:
        page = await store.list_calls("account", PageWanted(10), CallFilter(**filter))  # type: ignore[arg-type]
        return [call.agent_id for call in page.items]

    assert await found() == ["agent-2", "agent-1", "agent-0"]
    assert await found(agent_ids=["agent-0", "agent-2"]) == ["agent-2", "agent-0"]
    assert await found(created_from=START + timedelta(hours=1), created_until=START + timedelta(hours=2)) == ["agent-1"]
    assert await found(duration_s_min=20, duration_s_max=20) == ["agent-1"]
    assert await found(metadata={"customer": "c0"}) == ["agent-0"]
    assert await found(search=calls[1].call_id) == ["agent-1"]
    first = await store.list_calls("account", PageWanted(1), CallFilter(), sort="created")
    page = await store.list_calls("account", PageWanted(1, first.following), CallFilter(), sort="created")
    assert ([call.agent_id for call in page.items], page.total) == (["agent-1"], 3)


async def test_the_stages_of_a_call_and_what_was_said_in_each(store: Store) -> None:
    call = a_call(settings={"systemPrompt": "first"})
    await store.call_started(call, a_record(), an_event(call, "call.started"))
    (only,) = await store.stages(call)
    assert (only.stage_id, only.position, only.created, only.settings) == (call.stage_id, 0, START, call.settings)
    second = CallStage("second", call.call_id, 1, START + timedelta(seconds=9), {"systemPrompt": "second"})
    store.message(a_message(call, 0, "hello"))
    store.call_stage(only)
    store.call_stage(second)
    store.message(replace(a_message(call, 1, "again"), stage_id="second", stage_index=0))
    store.call_event(a_call_event(call, "error", "brain_failed"))
    failed = ToolUse("look", "i", "t", "out of order", {"a": [1]})
    store.message(replace(a_message(call, 2, "sorry"), stage_id="second", stage_index=1, tool=failed))
    await store.written()

    assert await store.stages(call) == [only, second]
    now = await store.get_call("account", call.call_id)
    assert now is not None
    assert (now.stage_id, now.settings) == ("second", second.settings)
    assert [one.text for one in await store.messages(call.call_id)] == ["hello", "again", "sorry"]
    assert [one.text for one in await store.messages(call.call_id, "second")] == ["again", "sorry"]
    assert (await store.messages(call.call_id))[2].tool == failed
    assert (await store.messages(call.call_id))[1].tool is None
    assert await store.stage_errors(call.call_id) == {call.stage_id: 1, "second": 1}
    assert await store.delete_call("account", call.call_id)
    assert await store.stages(call) == [only]  # what the call itself says: nothing is kept of it


async def test_the_calls_that_used_a_tool_newest_first(store: Store) -> None:
    calls: list[Call] = []
    for hours in range(3):
        call = a_call(created=START + timedelta(hours=hours))
        calls.append(call)
        await store.call_started(call, a_record(), an_event(call, "call.started"))
        for index, error in enumerate(["", "no"][: hours + 1]):
            tool = ToolUse("look", f"i{index}", "t" if hours != 1 else "another", error)
            store.message(replace(a_message(call, index, "x"), tool=tool))
    await store.written()
    found = await store.tool_history("account", "t", PageWanted(10))
    assert ([(call.call_id, errors) for call, errors in found.items], found.total) == (
        [(calls[2].call_id, 1), (calls[0].call_id, 0)],
        2,
    )
    first = await store.tool_history("account", "t", PageWanted(1))
    found = await store.tool_history("account", "t", PageWanted(10, first.following))
    assert ([call.call_id for call, _ in found.items], found.total) == ([calls[0].call_id], 2)
    assert await store.tool_history("another account", "t", PageWanted(10)) == PageFound([], 0)
