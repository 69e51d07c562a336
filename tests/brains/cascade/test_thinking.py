import asyncio
import json
from typing import Any

import pytest

from callgate.brains.cascade.brain import TOOL_ROUNDS_MAX
from callgate.brains.cascade.servers import Patience
from callgate.entities.json import JsonObject
from callgate.testing.cascade_servers import CascadeServers, Reply
from callgate.testing.tool_server import Answer, ToolServer
from tests.brains.cascade.talk import USER_FIRST, MakeCall, booking, is_told, roles, speaks


async def test_a_tool_is_used_and_its_answer_spoken(servers: CascadeServers, tool: ToolServer, call: MakeCall) -> None:
    tool.answer = Answer("booked")
    servers.replies += [Reply(["Let me see. "], [("book", '{"day": "Monday"}')]), Reply(["It is booked."])]
    one = call({**USER_FIRST, "selectedTools": [booking(tool)]})
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: len(servers.prompts) == 2)
    assert json.loads(tool.asked[0].body) == {"day": "Monday"}
    assert servers.prompts[1]["messages"][1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "call-1-0",
                    "type": "function",
                    "function": {"name": "book", "arguments": '{"day": "Monday"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call-1-0", "content": "booked"},
    ]
    await one.lasts_until(lambda: len([role for role, _ in one.messages if role == "agent"]) == 2)
    assert [text for role, text in one.messages if role == "agent"] == ["Let me see.", "It is booked."]


async def test_a_tool_that_answers_after_an_interruption_is_known_to_the_model(
    servers: CascadeServers, tool: ToolServer, call: MakeCall
) -> None:
    tool.waits.clear()
    servers.replies.append(Reply([], [("book", '{"day": "Monday"}')]))
    one = call({**USER_FIRST, "selectedTools": [booking(tool)]})
    await one.begins()
    speaks(one)
    await one.until(lambda: tool.asked)
    speaks(one)
    await one.until(lambda: len(servers.prompts) == 2)
    assert roles(servers.prompts[1])[1:] == [
        ("assistant", ["book"]),
        ("tool", "(No answer yet.)"),
        ("user", ["<sound>"]),
    ]
    await is_told(one)
    tool.waits.set()
    await one.until(lambda: len(servers.prompts) == 3)
    assert roles(servers.prompts[2])[2] == ("tool", "done")
    assert roles(servers.prompts[2])[-2:] == [("assistant", "Yes."), ("user", "(Go on.)")]


async def test_a_model_that_only_uses_tools_has_to_answer_in_the_end(servers: CascadeServers, call: MakeCall) -> None:
    static: JsonObject = {
        "temporaryTool": {
            "modelToolName": "look",
            "description": "Looks.",
            "staticResponse": {"responseText": "nothing"},
        }
    }
    servers.replies += [Reply([], [("look", "{}")])] * TOOL_ROUNDS_MAX
    one = call({**USER_FIRST, "selectedTools": [static]})
    await one.begins()
    speaks(one)
    await is_told(one)
    chosen = [prompt["tool_choice"] for prompt in servers.prompts]
    assert chosen == ["auto"] * TOOL_ROUNDS_MAX + ["none"]


async def test_tools_are_not_offered_where_they_make_the_model_deaf(servers: CascadeServers, call: MakeCall) -> None:
    one = call({**USER_FIRST, "selectedTools": [{"toolName": "hangUp"}]}, tools=False)
    await one.begins()
    speaks(one)
    await one.until(lambda: servers.prompts)
    assert "tools" not in servers.prompts[0]


async def test_the_agent_hangs_up_after_its_last_word(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(["Good bye."], [("hangUp", "{}")]))
    one = call({**USER_FIRST, "selectedTools": [{"toolName": "hangUp"}]})
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: one.hung_up)
    assert one.hung_up == ["agent-hangup"]
    assert one.messages[-1] == ("agent", "Good bye.")
    assert len(one.sent) * 20 == pytest.approx(450, abs=20)


async def test_a_new_stage_is_another_prompt_and_voice_at_once(
    servers: CascadeServers, tool: ToolServer, call: MakeCall
) -> None:
    stage = {"systemPrompt": "Be stern.", "voice": "Onyx", "temperature": 0.9, "selectedTools": []}
    tool.answer = Answer(json.dumps(stage), headers={"X-Ultravox-Response-Type": "new-stage"})
    servers.replies.append(Reply([], [("book", '{"day": "Monday"}')]))
    one = call({**USER_FIRST, "systemPrompt": "Be kind.", "voice": "Nova", "selectedTools": [booking(tool)]})
    await one.begins()
    speaks(one)
    await is_told(one)
    before, after = servers.prompts
    assert (before["messages"][0]["content"], after["messages"][0]["content"]) == ("Be kind.", "Be stern.")
    assert (after["temperature"], "tools" in after) == (0.9, False)
    assert [spoken.body["voice"] for spoken in servers.spoken] == ["Nova", "Onyx"]


@pytest.mark.parametrize(
    "broken",
    [
        Reply(dies_after=0),
        Reply(error="out of memory"),
        Reply(["a"], waits=asyncio.Event()),
        Reply(status=503),
        Reply(status=429),
    ],
)
async def test_an_answer_that_fails_before_it_is_spoken_is_asked_for_again(
    servers: CascadeServers, call: MakeCall, broken: Reply
) -> None:
    servers.replies.append(broken)
    one = call(patience=Patience(next_word=0.1))
    await one.begins()
    speaks(one)
    await is_told(one)
    assert len(servers.prompts) == 2
    assert one.messages[-1] == ("agent", "Yes.")
    assert one.failures == []


async def test_an_empty_answer_is_an_answer(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply())
    one = call()
    await one.begins()
    speaks(one)
    await one.until(lambda: one.events)
    assert one.events == [("brain_error", "the model answered with nothing")]
    speaks(one)
    await is_told(one)
    assert len(servers.prompts) == 2


async def test_an_answer_that_fails_twice_or_in_its_middle_fails_the_brain(
    servers: CascadeServers, call: MakeCall
) -> None:
    servers.replies += [Reply(dies_after=0), Reply(error="out of memory")]
    one = call()
    await one.begins()
    speaks(one)
    await one.until(lambda: one.failures)
    assert one.failures == ["the server failed: out of memory"]
    servers.replies.append(Reply(["One two three. ", "Four"], dies_after=1))
    other = call()
    await other.begins()
    speaks(other)
    await other.until(lambda: other.failures)
    assert "broke off" in other.failures[0]
    assert len(servers.prompts) == 3
    assert other.messages[0] == ("user", "(the caller spoke for 0.4 s)")


async def test_a_refusal_is_final(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(status=404))
    one = call()
    await one.begins()
    speaks(one)
    await one.until(lambda: one.failures)
    assert one.failures == ["the chat server refused with HTTP 404: not like this"]
    assert len(servers.prompts) == 1


async def test_a_conversation_that_is_too_long_for_the_model_is_shortened(
    servers: CascadeServers, call: MakeCall
) -> None:
    initial: list[Any] = [{"role": "MESSAGE_ROLE_USER", "text": f"word {number}"} for number in range(10)]
    servers.replies.append(Reply(status=400))
    one = call({**USER_FIRST, "initialMessages": initial})
    await one.begins()
    speaks(one)
    await is_told(one)
    before, after = (roles(prompt)[-1][1] for prompt in servers.prompts)
    assert (before[0], len(before)) == ("word 0", 11)
    assert (after[0], after[-1]) == ("word 6", "<sound>")
    assert one.failures == []
