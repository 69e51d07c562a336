"""Calls that others attend: a model's server, an owner's server and a client's messages, and time frame by frame."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from callgate.brains.attended import AttendedBrain, AttendingFactory
from callgate.brains.demo import DemoBrain, DemoFactory
from callgate.brains.openai_realtime import OpenAIRealtimeFactory
from callgate.brains.realtime_server import RealtimeServer as Configured
from callgate.brains.succession import SuccessionFactory
from callgate.brains.tools.client import ToolClient
from callgate.core.audio.codecs import PCMU
from callgate.core.audio.tones import strength, tone
from callgate.entities.json import JsonObject
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.data_connection_server import DataConnectionServer
from callgate.testing.openai_realtime_server import RealtimeServer
from tests.brains.modelled_call import ModelledCall

GUARD = AddressGuard(allow_loopback=True)
SPEECH = PCMU.new_encoder()(tone(450, 20))  # whole waves, so that frames can be put together
VOICE = PCMU.new_encoder()(tone(700, 20))
DEMO = AttendingFactory(DemoFactory(speech=False), GUARD)


class Link:
    """The data messages of a client that has joined."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.heard: Callable[[bytes], None] | None = None

    def send(self, message: bytes) -> None:
        self.told.append(json.loads(message))

    def listen(self, heard: Callable[[bytes], None]) -> None:
        self.heard = heard

    def says(self, kind: str, **fields: Any) -> None:
        assert self.heard is not None
        self.heard(json.dumps({"type": kind, **fields}).encode())

    def messages(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["type"] == kind]

    def states(self) -> list[str]:
        return [message["state"] for message in self.messages("state")]


@pytest.fixture
async def model() -> AsyncIterator[RealtimeServer]:
    one = RealtimeServer()
    await one.start()
    yield one
    await one.stop()
    assert one.complaints == []


@pytest.fixture
async def owner() -> AsyncIterator[DataConnectionServer]:
    one = DataConnectionServer()
    await one.start()
    yield one
    await one.stop()
    assert one.complaints == []


Attended = Callable[..., Any]


@pytest.fixture
async def attended(model: RealtimeServer) -> AsyncIterator[Attended]:
    """Begins a call of the model's with the client it is given, attended."""
    made: list[tuple[ModelledCall, ToolClient]] = []

    async def begin(link: Link | None = None, *, flags: JsonObject | None = None, **settings: Any) -> ModelledCall:
        client = ToolClient(GUARD)
        factory = AttendingFactory(OpenAIRealtimeFactory(Configured(model.url, GUARD), client), GUARD)
        one = joined(
            factory,
            link,
            {
                "firstSpeakerSettings": {"user": {}},
                "medium": {"serverWebSocket": {"inputSampleRate": 8_000, "dataMessages": flags}},
                **settings,
            },
        )
        made.append((one, client))
        await one.begins()
        return one

    yield begin
    for one, client in made:
        await one.brain.close()
        await client.close()


def joined(factory: AttendingFactory, link: Link | None, settings: JsonObject) -> ModelledCall:
    class Joined(ModelledCall):
        client = link

    return Joined(factory, settings, call_id="call-1")


def connected(owner: DataConnectionServer, **fields: Any) -> JsonObject:
    return {"websocketUrl": owner.url, **fields}


def tool(kind: str) -> JsonObject:
    parameter: JsonObject = {
        "name": "day",
        "location": "PARAMETER_LOCATION_BODY",
        "schema": {"type": "string"},
        "required": True,
    }
    return {"temporaryTool": {"modelToolName": "book", kind: {}, "dynamicParameters": [parameter]}}


def outputs(model: RealtimeServer) -> list[str]:
    items = [message["item"] for message in model.asked("conversation.item.create")]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


# ------------------------------------------------------------------------------------------------------ without, with


def test_a_call_that_nobody_attends_has_the_brain_itself() -> None:
    assert isinstance(ModelledCall(DEMO).brain, DemoBrain)
    assert isinstance(ModelledCall(DEMO, {"dataConnection": {}}).brain, DemoBrain)
    assert isinstance(joined(DEMO, Link(), {}).brain, AttendedBrain)
    assert list(DEMO.formats) == list(DemoFactory(speech=False).formats)


async def test_a_client_is_told_of_a_turn(model: RealtimeServer, attended: Attended) -> None:
    link = Link()
    one = await attended(link)
    await model.understands("What is the time?")
    await one.lasts_until(lambda: one.turns)
    await model.speaks(VOICE * 20, "Noon.")
    await one.lasts_until(lambda: link.states()[-1] == "speaking")
    await one.lasts_until(lambda: link.states()[-1] == "listening")
    assert link.told[0] == {"type": "call_started", "callId": "call-1"}
    assert link.states() == ["listening", "thinking", "speaking", "listening"]
    assert link.messages("transcript") == [
        {
            "type": "transcript",
            "role": "user",
            "medium": "voice",
            "text": "What is the time?",
            "final": True,
            "ordinal": 1,
        },
        {"type": "transcript", "role": "agent", "medium": "voice", "text": "Noon.", "final": True, "ordinal": 2},
    ]
    assert one.messages == [("user", "What is the time?"), ("agent", "Noon.")]


async def test_a_turn_that_ends_right_after_the_agents_words_is_thought_of(
    model: RealtimeServer, attended: Attended
) -> None:
    link = Link()
    one = await attended(link)
    await model.speaks(VOICE * 10, "Well?")
    await one.lasts_until(lambda: ("agent", "Well?") in one.messages)
    await model.understands("Well.")
    await one.until(lambda: one.turns)
    assert link.states() == ["listening", "speaking", "listening", "thinking"]


async def test_an_interruption_clears_the_clients_buffer(model: RealtimeServer, attended: Attended) -> None:
    link = Link()
    one = await attended(link)
    await model.speaks(VOICE * 100, "A long story.", finishes=False)
    await one.lasts_until(lambda: link.states()[-1] == "speaking")
    await model.hears_speech()
    await one.lasts_until(lambda: link.messages("playback_clear_buffer"))
    assert link.states() == ["listening", "speaking", "listening"]
    assert one.bridge.queued_ms == 0


async def test_the_callers_voice_is_told_to_who_asks(attended: Attended) -> None:
    link = Link()
    one = await attended(link, flags={"userStartedSpeaking": True, "userStoppedSpeaking": True, "state": False})
    one.lasts(400, said=SPEECH)
    assert [message["type"] for message in link.told] == ["call_started", "user_started_speaking"]
    one.lasts(600)
    assert [message["type"] for message in link.told][2:] == ["user_stopped_speaking"]


# -------------------------------------------------------------------------------------------------- what parties say


async def test_what_a_client_types_is_told_to_the_model(model: RealtimeServer, attended: Attended) -> None:
    link = Link()
    one = await attended(link)
    link.says("ping", timestamp=5)
    link.says("user_text_message", text="I am typing.")
    await one.until(lambda: model.asked("response.create"))
    assert link.messages("pong") == [{"type": "pong", "timestamp": 5}]
    assert one.messages == [("user", "I am typing.")]
    (typed,) = link.messages("transcript")
    assert (typed["medium"], typed["text"]) == ("text", "I am typing.")


async def test_a_client_that_leaves_is_a_caller_that_hangs_up(attended: Attended) -> None:
    link = Link()
    one = await attended(link)
    link.says("hang_up")
    assert one.hung_up == ["caller-hangup"]


async def test_last_words_are_said_first(model: RealtimeServer, attended: Attended) -> None:
    link = Link()
    one = await attended(link)
    link.says("hang_up", message="So long.")
    await one.until(lambda: model.asked("response.create"))
    assert "So long." in model.asked("response.create")[0]["response"]["instructions"]
    await model.speaks(VOICE * 5, "So long.")
    await one.lasts_until(lambda: one.hung_up)
    assert one.hung_up == ["caller-hangup"]
    assert one.bridge.played_ms == 100


async def test_a_client_may_read_instead_of_listen(model: RealtimeServer, attended: Attended) -> None:
    link = Link()
    one = await attended(link, initialOutputMedium="MESSAGE_MEDIUM_TEXT")
    await model.speaks(VOICE * 20, "To be read.")
    await one.lasts_until(lambda: link.messages("transcript"))
    assert link.messages("transcript")[0]["medium"] == "text"
    assert one.sent == []
    link.says("set_output_medium", medium="voice")
    await model.speaks(VOICE * 20, "To be heard.")
    await one.lasts_until(lambda: len(link.messages("transcript")) == 2)
    assert (link.messages("transcript")[1]["medium"], len(one.sent)) == ("voice", 20)
    await model.speaks(VOICE * 20, "Cut.")
    await one.until(lambda: one.bridge.queued_ms)
    link.says("set_output_medium", medium="text")
    assert one.bridge.queued_ms == 0


async def test_what_is_not_understood_stands_in_the_calls_events(attended: Attended) -> None:
    link = Link()
    one = await attended(link, flags={"callEvent": True, "debug": True})
    link.says("dance")
    assert [kind for kind, _ in one.events] == ["data_message_not_understood"]
    (told,) = link.messages("call_event")
    assert (told["event"]["type"], told["event"]["severity"]) == ("data_message_not_understood", "warning")
    assert len(link.messages("debug")) == 1


async def test_a_brain_that_breaks_over_a_partys_message_ends_the_call(attended: Attended) -> None:
    link = Link()
    one = await attended(link)

    def breaks(message: JsonObject) -> None:
        raise RuntimeError("no room")

    one.brain._brain.tell = breaks
    link.says("user_text_message", text="x")
    assert one.failures == ["the agent failed: no room"]


# ------------------------------------------------------------------------------------------------------------- tools


async def test_a_clients_tool_is_used_and_answered(model: RealtimeServer, attended: Attended) -> None:
    link = Link()
    one = await attended(link, flags={"invokingTool": True, "toolUsed": True}, selectedTools=[tool("client")])
    assert [tool["name"] for tool in model.session["tools"]] == ["book"]
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: link.messages("client_tool_invocation"))
    (asked,) = link.messages("client_tool_invocation")
    assert (asked["toolName"], asked["parameters"]) == ("book", {"day": "monday"})
    link.says("client_tool_result", invocationId=asked["invocationId"], result="booked", agentReaction="listens")
    await one.until(lambda: outputs(model))
    assert outputs(model) == ["booked"]
    assert link.messages("invoking_tool") == [
        {
            "type": "invoking_tool",
            "toolName": "book",
            "invocationId": asked["invocationId"],
            "parameters": {"day": "monday"},
        }
    ]
    assert link.messages("tool_used") == [
        {"type": "tool_used", "toolName": "book", "invocationId": asked["invocationId"], "result": "booked"}
    ]


async def test_a_data_connection_sees_a_clients_tool_and_cannot_answer_for_it(
    model: RealtimeServer, owner: DataConnectionServer, attended: Attended
) -> None:
    link = Link()
    one = await attended(link, dataConnection=connected(owner), selectedTools=[tool("client")])
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: owner.messages("client_tool_invocation"))
    (asked,) = owner.messages("client_tool_invocation")
    assert link.messages("client_tool_invocation") == [asked]
    await owner.says("client_tool_result", invocationId=asked["invocationId"], result="forged")
    await one.until(lambda: one.events)
    assert [kind for kind, _ in one.events] == ["tool_result_unknown"]
    link.says("client_tool_result", invocationId=asked["invocationId"], result="booked")
    await one.until(lambda: outputs(model))
    assert outputs(model) == ["booked"]


async def test_tools_of_parties_that_are_not_there_are_not_offered(model: RealtimeServer, attended: Attended) -> None:
    one = await attended(Link(), selectedTools=[tool("dataConnection")])
    assert "tools" not in model.session or model.session["tools"] == []
    assert [kind for kind, _ in one.events] == ["tool_unusable"]


async def test_a_tool_of_a_data_connection_may_hang_up(
    model: RealtimeServer, owner: DataConnectionServer, attended: Attended
) -> None:
    owner.results["book"] = {"result": "gone", "responseType": "hang-up"}
    one = await attended(dataConnection=connected(owner), selectedTools=[tool("dataConnection")])
    await model.calls_tool("book", '{"day": "monday"}')
    await one.lasts_until(lambda: one.hung_up)
    assert one.hung_up == ["agent-hangup"]
    assert outputs(model) == ["gone"]


async def test_a_tool_fails_at_once_when_its_connection_breaks(
    model: RealtimeServer, owner: DataConnectionServer, attended: Attended
) -> None:
    one = await attended(dataConnection=connected(owner), selectedTools=[tool("dataConnection")])
    await model.calls_tool("book", '{"day": "monday"}')
    await one.until(lambda: owner.messages("data_connection_tool_invocation"))
    await owner.breaks()
    await one.until(lambda: outputs(model))
    assert outputs(model)[0].startswith("The tool failed: the connection")


# -------------------------------------------------------------------------------------------------- data connections


async def test_both_parties_are_told_and_both_are_heard(
    model: RealtimeServer, owner: DataConnectionServer, attended: Attended
) -> None:
    link = Link()
    one = await attended(link, dataConnection=connected(owner, dataMessages={"state": False}))
    await one.until(lambda: owner.told)
    await owner.says("user_text_message", text="The caller is Ada.", urgency="later")
    await one.until(lambda: owner.messages("transcript"))
    assert [message["type"] for message in owner.told] == ["call_started", "transcript"]
    assert link.messages("transcript") == owner.messages("transcript")
    await owner.says("hang_up")
    await one.until(lambda: one.hung_up)
    assert one.hung_up == ["api-hangup"]


async def test_a_data_connection_that_fails_leaves_the_call_alone(
    model: RealtimeServer, owner: DataConnectionServer, attended: Attended
) -> None:
    owner.refuses = 500
    one = await attended(dataConnection=connected(owner, audioConfig={}))
    await one.lasts_until(lambda: one.events)
    await model.speaks(VOICE * 10, "Still here.")
    await one.lasts_until(lambda: ("agent", "Still here.") in one.messages)
    assert (one.events[0][0], one.failures, one.hung_up) == ("data_connection_failed", [], [])


async def test_the_sound_of_both_sides_is_sent_as_it_was_heard(
    model: RealtimeServer, owner: DataConnectionServer, attended: Attended
) -> None:
    one = await attended(dataConnection=connected(owner, audioConfig={"sampleRate": 8_000}))
    await one.lasts_until(lambda: owner.told and owner.sound)
    await model.speaks(PCMU.new_encoder()(tone(700, 2_000)), "A tone.", finishes=False)
    await one.until(lambda: one.bridge.queued_ms)
    owner.sound.clear()
    one.lasts(1_000, said=SPEECH)
    await model.hears_speech()
    await one.until(lambda: not one.bridge.queued_ms)
    one.lasts(1_000)
    await one.until(lambda: len(owner.sound) == 2_000 * 32)
    both = np.frombuffer(bytes(owner.sound), "<i2").reshape(-1, 2)
    left, right = (np.ascontiguousarray(both[:, side]).tobytes() for side in (0, 1))
    assert strength(left[:16_000], 450) > 0.95
    assert strength(right[800:16_000], 700) > 0.95
    assert strength(right[:16_000], 450) < 0.01
    assert not any(left[16_320:])  # the filters have rung out
    assert not any(right[16_640:])  # what was cleared was never heard


async def test_another_brain_takes_over_and_its_sound_is_sent_too(owner: DataConnectionServer) -> None:
    """From G.711 at 8 kHz to the demo agent's 16-bit PCM, in the middle of a call."""
    server = RealtimeServer()
    await server.start()
    client = ToolClient(GUARD)
    first = ("first", OpenAIRealtimeFactory(Configured(server.url, GUARD), client))
    second = ("second", DemoFactory(speech=False))
    succession = SuccessionFactory([first, second], last=second[1], last_words="", silent_s_max=0.0)
    settings = {"dataConnection": connected(owner, audioConfig={"sampleRate": 16_000})}
    one = ModelledCall(AttendingFactory(succession, GUARD), {"firstSpeakerSettings": {"user": {}}, **settings})
    await one.begins()
    await one.lasts_until(lambda: owner.sound)
    server.refuses = 503
    await server.breaks()
    await one.lasts_until(lambda: ("brain_replaced", "second has taken over") in one.events)
    owner.sound.clear()
    one.lasts(1_000)
    await one.until(lambda: len(owner.sound) == 1_000 * 64)
    both = np.frombuffer(bytes(owner.sound), "<i2").reshape(-1, 2)
    assert np.abs(both[:, 1].astype(float)).max() > 1_000  # its greeting
    await one.brain.close()
    await client.close()
    await server.stop()


async def test_the_demo_agent_is_attended_like_any_other(owner: DataConnectionServer) -> None:
    one = ModelledCall(DEMO, {"dataConnection": connected(owner)}, call_id="call-1")
    await one.begins()
    one.brain.held(True)
    one.brain.held(False)
    await one.lasts_until(lambda: len(owner.messages("state")) == 3)
    assert [message["state"] for message in owner.messages("state")] == ["listening", "speaking", "listening"]
    one.brain.digit("9", 100)
    await one.lasts_until(lambda: one.hung_up)
    assert one.hung_up == ["agent-hangup"]
    await one.lasts_until(lambda: len(owner.messages("transcript")) == 3)
    said = [(message["role"], message["text"]) for message in owner.messages("transcript")]
    assert said[1] == ("user", "(pressed 9)")
    await one.brain.close()
