from datetime import timedelta

import pytest

from callgate.entities.call import CallEvent, Message
from tests.web.conftest import Api
from tests.web.test_call_filters import VOICE, kept
from tests.web.test_calls import NOW


async def test_a_tombstone_stays_and_says_neither_who_called_nor_what_was_said(api: Api) -> None:
    agent = await api.agent()
    settings = {"maxDuration": "60s", "recordingEnabled": True, "systemPrompt": "secret"}
    call = await kept(api, agent, "Ada", metadata={"ultravox.sip.caller_id": "+15550100"}, settings=settings)
    message = Message(call.call_id, 0, "MESSAGE_ROLE_USER", "hi", "M", NOW, stage_id=call.stage_id, stage_index=0)
    api.store.message(message)
    api.store.call_event(CallEvent(call.call_id, call.stage_id, NOW, 0.0, "info", "ringing", "It rings."))
    await api.store.written()
    path, stone = f"/api/calls/{call.call_id}", f"/api/deleted_calls/{call.call_id}"
    assert (await api.ask("GET", stone)).status == 404
    assert (await api.ask("DELETE", path)).status == 204
    assert (await api.ask("DELETE", path)).status == 404
    for part in ("", "/messages", "/events", "/stages", "/recording", "/quality", "/tools"):
        assert (await api.ask("GET", path + part)).status == 404, part
    shown = (await api.ask("GET", stone)).body
    assert shown.pop("deletionTime") > shown["created"]
    assert shown == {
        "callId": call.call_id,
        "accountId": api.account.account_id,
        "created": "2026-07-01T12:00:00Z",
        "joined": "2026-07-01T12:00:00Z",
        "ended": "2026-07-01T12:01:00Z",
        "endReason": "hangup",
        "hadSummary": False,
        "maxDuration": "60s",
        "recordingEnabled": True,
    }
    (listed,) = (await api.ask("GET", "/api/deleted_calls")).body["results"]
    assert listed["callId"] == call.call_id


async def test_deleted_calls_are_found_by_what_is_left_of_them(api: Api) -> None:
    ada, bob = await api.agent("Ada"), await api.agent("Bob")
    first = await kept(api, ada, "Ada", settings={"voice": VOICE})
    second = await kept(api, bob, "Bob", after_s=7_200, lasted_s=5)
    for call in (first, second):
        await api.ask("DELETE", f"/api/calls/{call.call_id}")
    for query, expected in (
        ("", [second, first]),  # deleted last, listed first
        (f"agentIds={ada}", [first]),
        ("search=bo", [second]),
        ("fromDate=2026-07-01T13:00:00Z", [second]),
        ("timeOfDayEnd=13:00:00", [first]),
        ("durationMax=5s", [second]),
        (f"voiceId={VOICE}", [first]),
    ):
        found = (await api.ask("GET", f"/api/deleted_calls?{query}")).body
        assert [one["callId"] for one in found["results"]] == [call.call_id for call in expected], query
    refused = await api.ask("GET", "/api/deleted_calls?metadata.order=815")
    assert (refused.status, list(refused.body)) == (400, ["metadata.order"])


@pytest.mark.parametrize("call_id", ["nobody", "%00", "00000000-0000-0000-0000-000000000000"])
async def test_what_was_not_deleted_is_not_there(api: Api, call_id: str) -> None:
    assert (await api.ask("GET", f"/api/deleted_calls/{call_id}")).status == 404


async def test_pages_of_deleted_calls(api: Api) -> None:
    agent = await api.agent()
    for n in range(5):
        call = await kept(api, agent, "Ada", after_s=timedelta(hours=n).total_seconds())
        await api.ask("DELETE", f"/api/calls/{call.call_id}")
    path: str | None = "/api/deleted_calls?pageSize=2"
    seen: list[str] = []
    while path is not None:
        page = (await api.ask("GET", path)).body
        seen += [one["created"][11:13] for one in page["results"]]
        path = page["next"] and page["next"].removeprefix(api.url)
    assert seen == ["16", "15", "14", "13", "12"]
