from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from callgate.brains.socket import BrainUnreachable
from callgate.brains.tools.client import ToolClient
from callgate.brains.ultravox import UltravoxFactory
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.ultravox_server import UltravoxServer
from tests.brains.modelled_call import ModelledCall

VOICE = b"\x10\x20" * 160  # 20 ms
HERE = AddressGuard(allow_loopback=True)


@pytest.fixture
async def server() -> AsyncIterator[UltravoxServer]:
    one = UltravoxServer()
    await one.start()
    yield one
    await one.stop()
    assert one.complaints == []


MakeCall = Callable[..., ModelledCall]


@pytest.fixture
async def call(server: UltravoxServer) -> AsyncIterator[MakeCall]:
    made: list[tuple[ModelledCall, UltravoxFactory]] = []

    def make(*, guard: AddressGuard = HERE, **settings: Any) -> ModelledCall:
        factory = UltravoxFactory(server.url, guard=guard, api_key="k", model="m", client=ToolClient(HERE))
        one = ModelledCall(factory, settings)
        made.append((one, factory))
        return one

    yield make
    for one, factory in made:
        await one.brain.close()
        await factory.let_go()


async def test_the_call_is_created_and_joined_while_the_phone_rings(server: UltravoxServer, call: MakeCall) -> None:
    await call(systemPrompt="Be kind.", maxDuration="600s").brain.start()
    assert server.keys == ["k"]
    assert server.bodies[0]["systemPrompt"] == "Be kind."
    assert (server.bodies[0]["model"], server.bodies[0]["maxDuration"]) == ("m", "660s")
    await server.joined.wait()


async def test_a_greeting_that_comes_too_early_is_kept_for_the_caller(server: UltravoxServer, call: MakeCall) -> None:
    one = call()
    await one.brain.start()
    await server.joined.wait()
    await server.speaks(VOICE * 10, "Hello.")
    await one.until(lambda: one.messages)
    assert one.bridge.queued_ms == 0
    one.brain.begin()
    assert one.bridge.queued_ms == 200


async def test_both_hear_each_other_and_what_was_said_is_kept(server: UltravoxServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    one.lasts(200, VOICE)
    await server.understands("What is the time?")
    await server.speaks(VOICE * 5, "Noon.")
    await one.until(lambda: len(one.messages) == 2)
    assert bytes(server.sound) == VOICE * 10
    assert one.messages == [("user", "What is the time?"), ("agent", "Noon.")]
    one.lasts(100)
    assert b"".join(one.sent) == VOICE * 5


async def test_pieces_of_a_transcript_are_put_together(server: UltravoxServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    for delta, final in (("Good ", False), ("day", False), (".", True)):
        await server.says("transcript", role="agent", text="", delta=delta, final=final, ordinal=1)
    await one.until(lambda: one.messages)
    assert one.messages == [("agent", "Good day.")]


async def test_the_server_says_when_the_caller_interrupts(server: UltravoxServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.speaks(VOICE * 100)
    await one.until(lambda: one.bridge.queued_ms == 2_000)
    await server.says("playback_clear_buffer")
    await one.until(lambda: not one.bridge.queued_ms)


async def test_its_tools_are_done_here(server: UltravoxServer, call: MakeCall) -> None:
    tool = {"temporaryTool": {"modelToolName": "hours", "staticResponse": {"responseText": "nine to five"}}}
    one = call(selectedTools=[tool, {"toolName": "hangUp"}])
    await one.begins()
    names = [entry["temporaryTool"]["modelToolName"] for entry in server.bodies[0]["selectedTools"]]
    assert names == ["hours", "hangUp"]
    invocation = await server.calls_tool("hours")
    await one.until(lambda: server.asked("client_tool_result"))
    (answer,) = server.asked("client_tool_result")
    assert (answer["invocationId"], answer["result"]) == (invocation, "nine to five")
    await server.speaks(VOICE * 10)
    await server.calls_tool("hangUp")
    await one.until(lambda: len(server.asked("client_tool_result")) == 2)
    one.lasts(180)
    assert one.hung_up == []
    one.lasts(60)
    assert one.hung_up == ["agent-hangup"]


async def test_digits_are_one_text(server: UltravoxServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    for digit in "123":
        one.brain.digit(digit, 100)
    one.jumps(2.0)
    await one.until(lambda: server.asked("user_text_message"))
    assert server.asked("user_text_message")[0]["text"] == "123"


async def test_last_words_are_said_before_it_hangs_up(server: UltravoxServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    one.brain.say("Time is up.", "max-duration")
    await one.until(lambda: server.asked("forced_agent_message"))
    one.lasts(200)
    assert one.hung_up == []
    await server.speaks(VOICE * 5, "Time is up.")
    await one.lasts_until(lambda: one.hung_up)
    assert one.hung_up == ["max-duration"]
    assert len(one.sent) == 5


async def test_a_silent_caller_is_asked(server: UltravoxServer, call: MakeCall) -> None:
    one = call(inactivityMessages=[{"duration": "5s", "message": "Are you there?"}])
    await one.begins()
    one.jumps(6.0)
    await one.until(lambda: server.asked("forced_agent_message"))
    assert server.asked("forced_agent_message")[0]["content"] == "Are you there?"


async def test_an_agent_that_leaves_is_heard_to_its_end(server: UltravoxServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.speaks(VOICE * 10)
    await server.leaves()
    await one.until(lambda: one.bridge.queued_ms)
    await one.lasts_until(lambda: one.hung_up)
    assert (one.hung_up, one.failures, len(one.sent)) == (["agent-hangup"], [], 10)


async def test_an_agent_that_is_cut_off_has_failed(server: UltravoxServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.leaves(4_598)
    await one.until(lambda: one.failures)
    assert "4598" in one.failures[0]


@pytest.mark.parametrize("status", [400, 401, 429, 503])
async def test_a_refusal_is_told_with_its_words(server: UltravoxServer, call: MakeCall, status: int) -> None:
    server.refuses = status
    with pytest.raises(BrainUnreachable, match=f'{status}: {{"detail": "no"}}'):
        await call().brain.start()


async def test_an_address_that_may_not_be_reached_is_not(server: UltravoxServer, call: MakeCall) -> None:
    with pytest.raises(BrainUnreachable, match="loopback"):
        await call(guard=AddressGuard()).brain.start()
    assert server.bodies == []
