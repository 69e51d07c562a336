from datetime import timedelta
from typing import Any
from uuid import uuid4

from callgate.entities.call import Call, CallEvent, CallStage, Message, ToolUse
from tests.web.conftest import Api
from tests.web.test_calls import NOW, started

INITIAL = [{"role": "MESSAGE_ROLE_USER", "text": "Earlier."}]


def stage_of(call: Call, position: int, **settings: Any) -> CallStage:
    stage_id = str(uuid4()) if position else call.stage_id
    return CallStage(stage_id, call.call_id, position, NOW + timedelta(seconds=position), settings)


def says(api: Api, stage: CallStage, index: int, stage_index: int, text: str, tool: ToolUse | None = None) -> None:
    api.store.message(
        Message(
            stage.call_id,
            index,
            "MESSAGE_ROLE_AGENT" if tool is None else "MESSAGE_ROLE_TOOL_RESULT",
            text,
            "MESSAGE_MEDIUM_VOICE",
            NOW,
            stage_id=stage.stage_id,
            stage_index=stage_index,
            tool=tool,
        )
    )


async def results(api: Api, path: str) -> Any:
    answer = await api.ask("GET", path)
    assert answer.status == 200, answer.body
    return answer.body["results"]


async def test_a_call_of_two_stages(api: Api) -> None:
    call = await started(api, await api.agent())
    path = f"/api/calls/{call.call_id}"
    tool_id = str(uuid4())
    tool = {"toolId": tool_id, "nameOverride": "look", "temporaryTool": {"client": {}}}
    first = stage_of(call, 0, systemPrompt="First.", selectedTools=[tool], model="fast")
    second = stage_of(call, 1, systemPrompt="Second.", initialMessages=INITIAL, initialState={"a": 1}, model="fast")
    failed = ToolUse("look", "i", tool_id, "out of order", {"a": 1})
    says(api, first, 0, 0, "hello")
    says(api, first, 1, 1, "sorry", failed)
    api.store.call_stage(first)
    api.store.call_stage(second)
    says(api, second, 2, 1, "again")
    api.store.call_event(CallEvent(call.call_id, second.stage_id, NOW, 0.0, "error", "brain_failed", "words"))
    await api.store.written()

    one, two = await results(api, f"{path}/stages")
    assert (one["callStageId"], one["systemPrompt"], one["errorCount"]) == (first.stage_id, "First.", 1)
    assert (two["callStageId"], two["systemPrompt"], two["errorCount"]) == (second.stage_id, "Second.", 1)
    assert (two["initialState"], two["model"], one["initialState"]) == ({"a": 1}, "fast", {})
    assert (await api.ask("GET", f"{path}/stages/{second.stage_id.upper()}")).body == two
    page = (await api.ask("GET", f"{path}/stages?pageSize=1")).body
    assert (page["results"], page["total"]) == ([one], 2)

    said = await results(api, f"{path}/stages/{first.stage_id}/messages")
    assert [(one["text"], one["callStageMessageIndex"]) for one in said] == [("hello", 0), ("sorry", 1)]
    assert said[1]["toolName"] == "look"
    assert (said[1]["invocationId"], said[1]["errorDetails"], said[1]["callState"]) == ("i", "out of order", {"a": 1})
    assert not {"toolName", "invocationId", "errorDetails", "callState"} & said[0].keys()
    last = await results(api, f"{path}/stages/{second.stage_id}/messages")
    assert [(one["text"], one["callStageMessageIndex"]) for one in last] == [("Earlier.", 0), ("again", 1)]
    assert await results(api, f"{path}/messages") == await results(api, f"{path}/messages?mode=last_stage") == last
    both = await results(api, f"{path}/messages?mode=in_call")
    assert [one["text"] for one in both] == ["hello", "sorry", "again"]
    assert await results(api, f"{path}/messages?mode=in_call&pageSize=1") == both[:1]

    (shown,) = (await api.ask("GET", f"{path}/stages/{first.stage_id}/tools")).body
    assert (shown["name"], shown["toolId"], shown["definition"]["client"]) == ("look", tool_id, {})
    assert (await api.ask("GET", f"{path}/tools")).body == []
    assert (await api.ask("GET", path)).body["systemPrompt"] == "Second."

    audio = await api.ask("GET", f"{path}/stages/{first.stage_id}/messages/0/audio")
    assert audio.status == 404
    assert "recording" in audio.body["detail"]


async def test_a_call_of_one_stage_has_one(api: Api) -> None:
    call = await started(api, await api.agent())
    path = f"/api/calls/{call.call_id}"
    (only,) = await results(api, f"{path}/stages")
    assert (only["callStageId"], only["created"], only["errorCount"]) == (call.stage_id, "2026-07-01T12:00:00Z", 0)
    assert await results(api, f"{path}/stages/{call.stage_id}/messages") == []


async def test_what_is_not_there_is_a_404(api: Api) -> None:
    call = await started(api, await api.agent())
    await api.store.create_account("other", "Other", "ijklmnop." + "z" * 32)
    theirs = {"X-API-Key": "ijklmnop." + "z" * 32}
    for end in ("stages", f"stages/{call.stage_id}", f"stages/{call.stage_id}/messages", "tools"):
        assert (await api.ask("GET", f"/api/calls/{call.call_id}/{end}")).status == 200
        assert (await api.ask("GET", f"/api/calls/{call.call_id}/{end}", headers=theirs)).status == 404
    for end in (f"stages/{uuid4()}", f"stages/{uuid4()}/tools", f"stages/{uuid4()}/messages/0/audio"):
        assert (await api.ask("GET", f"/api/calls/{call.call_id}/{end}")).status == 404
    answer = await api.ask("GET", f"/api/calls/{call.call_id}/messages?mode=x")
    assert (answer.status, set(answer.body)) == (400, {"mode"})
