"""Tools as calls use them: a real model's server on one side, a real web server on the other."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from callgate.brains.openai_realtime import OpenAIRealtimeFactory
from callgate.brains.realtime_server import RealtimeServer as Configured
from callgate.brains.tools.client import ANSWER_BYTES_MAX, ToolClient
from callgate.entities.call import ToolUse
from callgate.entities.json import JsonObject
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.openai_realtime_server import RealtimeServer
from callgate.testing.tool_server import Answer, ToolServer
from tests.brains.modelled_call import ModelledCall

VOICE = b"\x20" * 160


@pytest.fixture
async def model() -> AsyncIterator[RealtimeServer]:
    one = RealtimeServer()
    await one.start()
    yield one
    await one.stop()
    assert one.complaints == []


@pytest.fixture
async def shop() -> AsyncIterator[ToolServer]:
    one = ToolServer()
    await one.start()
    yield one
    await one.stop()


Begun = Callable[..., Any]


@pytest.fixture
async def begun(model: RealtimeServer) -> AsyncIterator[Begun]:
    """A call that has begun, with the tools that it is given."""
    made: list[tuple[ModelledCall, ToolClient]] = []

    async def begin(*tools: JsonObject, reach: bool = True, **settings: Any) -> ModelledCall:
        loopback = AddressGuard(allow_loopback=True)
        client = ToolClient(loopback if reach else AddressGuard())
        factory = OpenAIRealtimeFactory(Configured(model.url, loopback), client)
        one = ModelledCall(
            factory, {"firstSpeakerSettings": {"user": {}}, "selectedTools": list(tools), **settings}, "PCMU"
        )
        made.append((one, client))
        await one.begins()
        return one

    yield begin
    for one, client in made:
        await one.brain.close()
        await client.close()


def http_tool(shop: ToolServer, **fields: Any) -> JsonObject:
    return {
        "temporaryTool": {
            "modelToolName": "book",
            "http": {"baseUrlPattern": f"{shop.url}/book", "httpMethod": "POST"},
            "dynamicParameters": [
                {"name": "day", "location": "PARAMETER_LOCATION_BODY", "schema": {"type": "string"}, "required": True}
            ],
            **fields,
        }
    }


def told(model: RealtimeServer) -> list[str]:
    """What the model was told of tools."""
    items = [message["item"] for message in model.asked("conversation.item.create")]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


async def test_a_tool_is_asked_and_the_model_goes_on_with_its_answer(
    model: RealtimeServer, shop: ToolServer, begun: Begun
) -> None:
    automatic = [
        {"name": "call", "location": "PARAMETER_LOCATION_BODY", "knownValue": "KNOWN_PARAM_CALL_ID"},
        {"name": "said", "location": "PARAMETER_LOCATION_BODY", "knownValue": "KNOWN_PARAM_CONVERSATION_HISTORY"},
        {"name": "state", "location": "PARAMETER_LOCATION_BODY", "knownValue": "KNOWN_PARAM_CALL_STATE"},
    ]
    one = await begun(http_tool(shop, automaticParameters=automatic), initialState={"tries": 1})
    shop.answer = Answer("booked for monday")
    await model.says("conversation.item.input_audio_transcription.completed", transcript="Monday.", item_id="i")
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: model.asked("response.create"))
    assert told(model) == ["booked for monday"]
    assert json.loads(shop.asked[0].body) == {
        "day": "monday",
        "call": "call",
        "said": [{"role": "MESSAGE_ROLE_USER", "text": "Monday."}],
        "state": {"tries": 1},
    }
    assert one.messages[1:] == [("tool_call", '{"day": "monday"}'), ("tool_result", "booked for monday")]
    called, answered = one.tools
    assert called == answered == ToolUse("book", called.invocation_id)
    assert called.invocation_id


async def test_an_answer_may_ask_the_agent_to_listen(model: RealtimeServer, shop: ToolServer, begun: Begun) -> None:
    one = await begun(http_tool(shop))
    shop.answer = Answer("noted", headers={"X-Ultravox-Agent-Reaction": "listens"})
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: told(model))
    await model.calls_tool("nothing")  # answered after it, so that what was to come has come
    await one.until(lambda: model.asked("response.create"))
    assert (len(told(model)), len(model.asked("response.create"))) == (2, 1)


async def test_two_tools_at_a_time_are_answered_once_both_are_done(
    model: RealtimeServer, shop: ToolServer, begun: Begun
) -> None:
    one = await begun(http_tool(shop))
    shop.waits.clear()
    await model.calls_tool("book", '{"day": "monday"}')
    await model.calls_tool("book", '{"day": "tuesday"}')
    await one.until(lambda: len(shop.asked) == 2)
    assert model.asked("response.create") == []
    shop.waits.set()
    await one.until(lambda: model.asked("response.create"))
    assert (len(told(model)), len(model.asked("response.create"))) == (2, 1)


async def test_an_answer_may_end_the_call_after_what_is_being_said(
    model: RealtimeServer, shop: ToolServer, begun: Begun
) -> None:
    one = await begun(http_tool(shop))
    shop.answer = Answer("bye", headers={"X-Ultravox-Response-Type": "hang-up"})
    await model.speaks(VOICE * 10, "Goodbye")
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: told(model) and one.bridge.queued_ms)
    one.lasts(180)
    assert one.hung_up == []
    one.lasts(60)
    assert one.hung_up == ["agent-hangup"]
    assert model.asked("response.create") == []


async def test_an_answer_may_change_the_state_that_the_next_use_is_told(
    model: RealtimeServer, shop: ToolServer, begun: Begun
) -> None:
    automatic = [{"name": "state", "location": "PARAMETER_LOCATION_BODY", "knownValue": "KNOWN_PARAM_CALL_STATE"}]
    one = await begun(http_tool(shop, automaticParameters=automatic), initialState={"a": 1})
    shop.answer = Answer(headers={"X-Ultravox-Update-Call-State": '{"b": 2}'})
    for uses in (1, 2):
        await model.calls_tool("book", '{"day": "monday"}')
        await one.until(lambda uses=uses: len(told(model)) == uses)
    assert json.loads(shop.asked[1].body)["state"] == {"a": 1, "b": 2}
    assert [use.state for use in one.tools] == [None, {"a": 1, "b": 2}, None, {"a": 1, "b": 2}]


NEW_STAGE = {"X-Ultravox-Response-Type": "new-stage"}


async def test_a_state_that_is_too_long_or_none_is_told_and_not_kept(
    model: RealtimeServer, shop: ToolServer, begun: Begun
) -> None:
    one = await begun(http_tool(shop), initialState={"a": "x" * 65_000})
    for uses, state in enumerate(['{"b": "%s"}' % ("y" * 1_000), "[]"], start=1):
        shop.answer = Answer(headers={"X-Ultravox-Update-Call-State": state})
        await model.calls_tool("book", '{"day": "monday"}')
        await one.until(lambda uses=uses: len(told(model)) == uses)
    assert [kind for kind, _ in one.events] == ["tool_state"] * 2
    assert [use.state for use in one.tools] == [None] * 4


async def test_an_answer_may_begin_another_stage(model: RealtimeServer, shop: ToolServer, begun: Begun) -> None:
    automatic = [
        {"name": "stage", "location": "PARAMETER_LOCATION_BODY", "knownValue": "KNOWN_PARAM_CALL_STAGE_ID"},
        {"name": "state", "location": "PARAMETER_LOCATION_BODY", "knownValue": "KNOWN_PARAM_CALL_STATE"},
    ]
    one = await begun(http_tool(shop, automaticParameters=automatic), initialState={"a": 1})
    stage = {"systemPrompt": "You are the second.", "selectedTools": [{"toolName": "hangUp"}, http_tool(shop)]}
    stage["selectedTools"][1]["temporaryTool"]["automaticParameters"] = automatic  # type: ignore[index]
    shop.answer = Answer(json.dumps(stage), headers=NEW_STAGE)
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: len(model.asked("session.update")) == 2)
    await one.until(lambda: model.asked("response.create"))
    assert model.session["instructions"] == "You are the second."
    assert [tool["name"] for tool in model.session["tools"]] == ["hangUp", "book"]
    assert ("call_stage", "the conversation entered a new stage") in one.events
    assert one.stages == [{**stage, "initialState": {"a": 1}}]  # the state goes on
    shop.answer = Answer("done")
    await model.finishes()
    await model.calls_tool("book", '{"day": "tuesday"}')
    await one.until(lambda: len(told(model)) == 2)
    bodies = [json.loads(asked.body) for asked in shop.asked]
    assert [body.get("stage") for body in bodies] == [None, "stage 2"]
    assert bodies[1]["state"] == {"a": 1}


async def test_a_stage_meets_silence_in_its_own_way(model: RealtimeServer, shop: ToolServer, begun: Begun) -> None:
    one = await begun(http_tool(shop), inactivityMessages=[])
    stage = {"inactivityMessages": [{"duration": "5s", "message": "Hello?"}], "initialState": {}}
    shop.answer = Answer(json.dumps(stage), headers={**NEW_STAGE, "X-Ultravox-Agent-Reaction": "listens"})
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: told(model))
    one.lasts(5_100)
    await one.until(lambda: model.asked("response.create"))
    assert "Hello?" in model.asked("response.create")[0]["response"]["instructions"]


@pytest.mark.parametrize(
    ("answer", "refused", "words"),
    [
        ("no json", "", "with no JSON object"),
        ("[]", "", "with no JSON object"),
        ('{"a": NaN}', "", "with no JSON object"),
        ('{"temperature": 7}', "temperature: too hot", "temperature: too hot"),
    ],
)
async def test_a_stage_that_is_refused_is_told_and_the_call_goes_on_in_its_own(
    model: RealtimeServer, shop: ToolServer, begun: Begun, answer: str, refused: str, words: str
) -> None:
    one = await begun(http_tool(shop))
    one.refuses_stages = refused
    shop.answer = Answer(answer, headers=NEW_STAGE)
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: model.asked("response.create"))
    assert words in told(model)[0]
    assert [kind for kind, _ in one.events] == ["tool_stage"]
    assert words in one.tools[-1].error
    assert len(model.asked("session.update")) == 1


async def test_a_use_says_which_stored_tool_it_was(model: RealtimeServer, shop: ToolServer, begun: Begun) -> None:
    one = await begun({**http_tool(shop), "toolId": "stored", "nameOverride": "order"})
    await model.calls_tool("order", '{"day": "monday"}')
    await one.until(lambda: told(model))
    assert [(use.name, use.tool_id) for use in one.tools] == [("order", "stored")] * 2


async def test_a_name_that_no_tool_has_is_told_in_part(model: RealtimeServer, begun: Begun) -> None:
    one = await begun()
    await model.calls_tool("x" * 100, "{")
    await one.until(lambda: told(model))
    assert one.tools[0].name == "x" * 64
    assert one.tools[1].error == one.messages[1][1]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer("out of order", 500), "500: out of order"),
        (Answer("", 302, {"Location": "http://127.0.0.1/"}), "302"),
        (Answer("x" * (ANSWER_BYTES_MAX + 1)), "longer than"),
    ],
)
async def test_a_tool_that_fails_is_told_to_the_model_and_to_the_owner(
    model: RealtimeServer, shop: ToolServer, begun: Begun, answer: Answer, words: str
) -> None:
    one = await begun(http_tool(shop))
    shop.answer = answer
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: model.asked("response.create"))
    assert words in told(model)[0]
    assert [kind for kind, _ in one.events] == ["tool_failed"]
    assert words in one.tools[-1].error


async def test_a_tool_that_takes_too_long_is_given_up(model: RealtimeServer, shop: ToolServer, begun: Begun) -> None:
    one = await begun(http_tool(shop, timeout="0.05s"))
    shop.waits.clear()
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: told(model))
    assert told(model) == ["The tool failed: no answer within 0.05 s"]


async def test_an_address_that_may_not_be_reached_is_not(model: RealtimeServer, shop: ToolServer, begun: Begun) -> None:
    one = await begun(http_tool(shop), reach=False)
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: told(model))
    assert "loopback" in told(model)[0]
    assert shop.asked == []


@pytest.mark.parametrize("arguments", ["{}", "[]", "no json"])
async def test_what_the_model_got_wrong_is_told_to_it(
    model: RealtimeServer, shop: ToolServer, begun: Begun, arguments: str
) -> None:
    one = await begun(http_tool(shop))
    await model.calls_tool("book", arguments)
    await one.until(lambda: model.asked("response.create"))
    assert shop.asked == []
    assert one.messages[-1][0] == "tool_result"


async def test_a_fixed_answer_needs_no_server(model: RealtimeServer, begun: Begun) -> None:
    tool = {"temporaryTool": {"modelToolName": "hours", "staticResponse": {"responseText": "nine to five"}}}
    one = await begun(tool)
    await model.calls_tool("hours")
    await one.until(lambda: told(model))
    assert told(model) == ["nine to five"]


async def test_keys_are_pressed(model: RealtimeServer, begun: Begun) -> None:
    one = await begun({"toolName": "playDtmfSounds"})
    await model.calls_tool("playDtmfSounds", '{"digits": "12#"}')
    await one.until(lambda: told(model))
    assert told(model) == ["Pressed 12#."]
    await model.finishes()
    await model.calls_tool("playDtmfSounds", '{"digits": "1x"}')
    await one.until(lambda: len(told(model)) == 2)
    assert "x" in told(model)[1]


async def test_a_message_is_left_and_the_call_ends(model: RealtimeServer, begun: Begun) -> None:
    one = await begun({"toolName": "leaveVoicemail"})
    await model.calls_tool("leaveVoicemail", '{"message": "Please call back."}')
    await one.until(lambda: model.asked("response.create"))
    assert "Please call back." in model.asked("response.create")[0]["response"]["instructions"]
    one.lasts(200)
    assert one.hung_up == []
    await model.speaks(VOICE * 5, "Please call back.")
    await one.until(lambda: one.bridge.queued_ms)
    await one.lasts_until(lambda: one.hung_up)
    assert one.hung_up == ["agent-hangup"]


async def test_a_hang_up_that_is_not_strict_is_taken_back_by_a_caller_who_speaks(
    model: RealtimeServer, begun: Begun
) -> None:
    one = await begun({"toolName": "hangUp", "parameterOverrides": {"strict": False}})
    await model.speaks(VOICE * 50, "Well, goodbye", finishes=False)
    await model.calls_tool("hangUp")
    await one.until(lambda: told(model))
    one.lasts(100)
    await model.hears_speech()
    await one.until(lambda: not one.bridge.queued_ms)
    one.lasts(2_000)
    assert one.hung_up == []


async def test_tools_that_clients_do_are_not_offered_where_no_client_is(model: RealtimeServer, begun: Begun) -> None:
    one = await begun({"temporaryTool": {"modelToolName": "show", "client": {}}})
    assert one.events == [("tool_unusable", "tool 'show' is done by the caller's client, and there is none")]
    assert "tools" not in model.session
