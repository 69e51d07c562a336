from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from callgate.brains.openai_realtime import OpenAIRealtimeFactory
from callgate.brains.realtime_server import RealtimeServer as Configured
from callgate.brains.socket import BrainUnreachable
from callgate.brains.tools.client import ToolClient
from callgate.core.dialects.openai_profiles import PROFILES
from callgate.entities.json import JsonObject
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.openai_realtime_server import RealtimeServer
from tests.brains.modelled_call import ModelledCall

USER_FIRST: JsonObject = {"firstSpeakerSettings": {"user": {}}}
VOICE = b"\x20" * 160


@pytest.fixture
async def server() -> AsyncIterator[RealtimeServer]:
    one = RealtimeServer()
    await one.start()
    yield one
    await one.stop()
    assert one.complaints == []


MakeCall = Callable[..., ModelledCall]


@pytest.fixture
async def call(server: RealtimeServer) -> AsyncIterator[MakeCall]:
    made: list[ModelledCall] = []

    def make(settings: JsonObject | None = None, codec: str = "PCMU", **configured: Any) -> ModelledCall:
        profile = PROFILES[configured.pop("profile", "openai")]
        guard = AddressGuard(allow_loopback=True)
        factory = OpenAIRealtimeFactory(
            Configured(server.url, guard, profile, **{"api_key": "k", "model": "m", **configured}), ToolClient(guard)
        )
        made.append(ModelledCall(factory, USER_FIRST if settings is None else settings, codec))
        return made[-1]

    yield make
    for one in made:
        await one.brain.close()


def kinds(server: RealtimeServer) -> Iterator[str]:
    return (message["type"] for message in server.received)


async def test_it_is_configured_before_the_call_is_answered(server: RealtimeServer, call: MakeCall) -> None:
    settings: JsonObject = {
        **USER_FIRST,
        "systemPrompt": "Be kind.",
        "voice": "marin",
        "languageHint": "de-DE",
        "vadSettings": {"turnEndpointDelay": "0.384s", "frameActivationThreshold": 0.2},
        "selectedTools": [{"toolName": "hangUp"}],
        "initialMessages": [
            {"role": "MESSAGE_ROLE_USER", "text": "Earlier."},
            {"role": "MESSAGE_ROLE_AGENT", "text": "Yes."},
        ],
    }
    one = call(settings)
    await one.brain.start()
    session = server.session
    assert server.headers["Authorization"] == "Bearer k"
    assert (session["instructions"], session["model"]) == ("Be kind.", "m")
    assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert session["audio"]["input"]["transcription"]["language"] == "de"
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 384
    assert session["audio"]["output"]["voice"] == "marin"
    assert [tool["name"] for tool in session["tools"]] == ["hangUp"]
    await one.until(lambda: len(server.asked("conversation.item.create")) == 2)
    assert [item["item"]["role"] for item in server.asked("conversation.item.create")] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("codec", "takes", "format"),
    [
        ("PCMU", {"audio/pcmu", "audio/pcma", "audio/pcm"}, "pcmu/8000"),
        ("PCMA", {"audio/pcmu", "audio/pcma", "audio/pcm"}, "pcma/8000"),
        ("G722", {"audio/pcmu", "audio/pcma", "audio/pcm"}, "pcm16/24000"),
        ("PCMU", {"audio/pcm"}, "pcm16/24000"),
    ],
)
async def test_sound_goes_straight_through_where_the_server_takes_it(
    server: RealtimeServer, call: MakeCall, codec: str, takes: set[str], format: str
) -> None:
    server.takes = takes
    one = call(codec=codec)
    await one.begins()
    assert str(one.brain.hears) == str(one.brain.speaks) == format
    frame = bytes([7]) * one.format.frame_bytes
    one.lasts(100, frame)
    await one.until(lambda: len(server.sound) == 5 * len(frame))
    assert server.sound == frame * 5
    await server.speaks(frame * 3 + frame[:100], "Hello.")
    await one.until(lambda: one.bridge.queued_ms > 60)
    one.lasts(100)
    assert one.sent[:3] == [frame] * 3
    assert one.messages == [("agent", "Hello.")]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, None),
        ({"firstSpeakerSettings": {"agent": {"text": 'Say "hi".'}}}, '\\"hi\\"'),
        ({"firstSpeakerSettings": {"agent": {"prompt": "Greet warmly."}}}, "Greet warmly."),
    ],
)
async def test_the_agent_speaks_first(
    server: RealtimeServer, call: MakeCall, settings: JsonObject, words: str | None
) -> None:
    one = call(settings)
    await one.begins()
    await one.until(lambda: server.asked("response.create"))
    (asked,) = server.asked("response.create")
    assert ("response" in asked) == (words is not None)
    assert words is None or words in asked["response"]["instructions"]


async def test_the_agent_waits_for_a_caller_who_speaks_first(server: RealtimeServer, call: MakeCall) -> None:
    one = call({"firstSpeakerSettings": {"user": {"fallback": {"delay": "2s", "text": "Anybody there?"}}}})
    await one.begins()
    one.lasts(1_900)
    assert server.asked("response.create") == []
    one.lasts(200)
    await one.until(lambda: server.asked("response.create"))
    other = call({"firstSpeakerSettings": {"user": {"fallback": {"delay": "2s", "text": "Anybody there?"}}}})
    await other.begins()
    await server.hears_speech()
    await server.understands("Good morning.")
    await other.until(lambda: other.messages)
    other.lasts(3_000)
    await other.until(lambda: server.asked("session.update")[1:])
    assert len(server.asked("response.create")) == 1
    assert other.messages == [("user", "Good morning.")]


async def test_a_caller_who_interrupts_has_silence_and_the_model_knows_what_was_heard(
    server: RealtimeServer, call: MakeCall
) -> None:
    one = call()
    await one.begins()
    item = await server.speaks(VOICE * 100, "one two three four five six seven eight nine ten", finishes=False)
    await one.until(lambda: one.bridge.queued_ms == 2_000)
    one.lasts(980)
    await server.hears_speech()
    await one.until(lambda: server.asked("conversation.item.truncate"))
    assert one.bridge.queued_ms == 0
    (told,) = server.asked("conversation.item.truncate")
    assert (told["item_id"], told["content_index"], told["audio_end_ms"]) == (item, 0, 980)
    assert one.messages == [("agent", "one two three four five")]
    assert one.spans == [(0.0, 980.0)]
    # What was on its way is not wanted any more.
    await server.speaks(VOICE * 10, "eleven", item_id=item)
    await server.speaks(VOICE * 5, "Yes?")
    await one.until(lambda: one.bridge.queued_ms == 100)
    one.lasts(200)
    assert one.messages[1:] == [("agent", "Yes?")]


async def test_an_interruption_after_the_end_truncates_nothing(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.speaks(VOICE * 5, "Hello.")
    await one.until(lambda: one.bridge.queued_ms == 100)
    one.lasts(200)
    await server.hears_speech()
    await server.understands("Hi.")
    await one.until(lambda: len(one.messages) == 2)
    assert one.messages == [("agent", "Hello."), ("user", "Hi.")]
    assert server.asked("conversation.item.truncate") == []


async def test_who_may_not_interrupt_is_not_listened_to(server: RealtimeServer, call: MakeCall) -> None:
    one = call({"firstSpeakerSettings": {"agent": {"text": "Listen.", "uninterruptible": True}}})
    await one.begins()
    await server.speaks(VOICE * 10, "Listen.")
    await one.until(lambda: one.bridge.queued_ms == 200)
    one.lasts(100, b"\x05" * 160)
    one.lasts(200, b"\x05" * 160)
    one.lasts(100, b"\x06" * 160)
    await one.until(lambda: b"\x06" in server.sound)
    assert server.sound[: 160 * 9] == b"\xff" * 160 * 9


async def test_digits_become_words_when_the_caller_pauses(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    for digit in "12#":
        one.brain.digit(digit, 100)
        one.lasts(500)
    assert server.asked("conversation.item.create") == []
    one.lasts(1_000)
    await one.until(lambda: server.asked("response.create"))
    (item,) = server.asked("conversation.item.create")
    assert item["item"]["content"][0]["text"] == "[DTMF] 12#"
    assert one.messages == [("user", "[DTMF] 12#")]


async def test_the_model_hangs_up_when_it_has_said_goodbye(server: RealtimeServer, call: MakeCall) -> None:
    one = call({**USER_FIRST, "selectedTools": [{"toolName": "hangUp"}]})
    await one.begins()
    await server.speaks(VOICE * 50, "Goodbye.", finishes=False)
    await server.says("response.output_audio.done", item_id="item_2")
    await server.calls_tool("hangUp")
    await one.until(lambda: server.asked("conversation.item.create"))
    one.lasts(900)
    assert one.hung_up == []
    one.lasts(10_000)
    assert one.hung_up == ["agent-hangup"]


async def test_a_tool_it_was_not_given_is_answered_and_told(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    call_id = await server.calls_tool("launch")
    await one.until(lambda: server.asked("response.create"))
    (answer,) = server.asked("conversation.item.create")
    assert answer["item"]["call_id"] == call_id
    assert "no tool called 'launch'" in answer["item"]["output"]
    assert one.events[0][0] == "tool_unknown"


async def test_it_says_what_it_is_told_and_hangs_up(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.speaks(VOICE * 100, "a long story", finishes=False)
    await one.until(lambda: one.bridge.queued_ms == 2_000)
    one.brain.say("Our time is up.", "max-duration")
    assert one.bridge.queued_ms == 0
    await one.until(lambda: server.asked("response.create"))
    assert "Our time is up." in server.asked("response.create")[0]["response"]["instructions"]
    assert list(kinds(server)).index("response.cancel") < list(kinds(server)).index("response.create")
    await server.speaks(VOICE * 20, "Our time is up.")
    await one.until(lambda: one.bridge.queued_ms == 400)
    one.lasts(380)
    assert one.hung_up == []
    one.lasts(100)
    assert one.hung_up == ["max-duration"]


async def test_a_model_that_says_nothing_does_not_keep_the_line(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    one.brain.say("Bye.", "max-duration")
    one.lasts(9_000)
    assert one.hung_up == []
    one.lasts(1_200)
    assert one.hung_up == ["max-duration"]


async def test_two_answers_at_a_time_are_not_asked_for(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.begins_response()
    await server.understands("marker")
    await one.until(lambda: one.messages)
    one.brain.digit("1", 100)
    one.lasts(1_500)
    await one.until(lambda: server.asked("conversation.item.create"))
    assert server.asked("response.create") == []
    await server.finishes()
    await one.until(lambda: server.asked("response.create"))


async def test_silent_callers_are_asked(server: RealtimeServer, call: MakeCall) -> None:
    steps: list[Any] = [
        {"duration": "5s", "message": "Still there?"},
        {"duration": "5s", "message": "Bye.", "endBehavior": "END_BEHAVIOR_HANG_UP_SOFT"},
    ]
    one = call({**USER_FIRST, "inactivityMessages": steps})
    await one.begins()
    one.lasts(4_000)
    one.brain.held(True)
    one.lasts(20_000)
    one.brain.held(False)
    assert server.asked("response.create") == []
    one.lasts(1_200)
    await one.until(lambda: server.asked("response.create"))
    await server.speaks(VOICE * 5, "Still there?")
    await one.until(lambda: one.bridge.queued_ms == 100)
    one.lasts(5_200)
    await one.until(lambda: len(server.asked("response.create")) == 2)
    await server.speaks(VOICE * 5, "Bye.")
    await one.until(lambda: one.bridge.queued_ms == 100)
    one.lasts(300)
    assert one.hung_up == ["inactivity"]


async def test_a_server_that_cannot_serve_is_told(server: RealtimeServer, call: MakeCall) -> None:
    server.refuses = 401
    with pytest.raises(BrainUnreachable, match="refused with HTTP 401"):
        await call().brain.start()


async def test_errors_and_nonsense_end_nothing(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.says("error", error={"type": "t", "code": "c", "message": "m"})
    await server.says_text("nonsense")
    await server.says("response.output_audio.delta", item_id="i", response_id="r", delta="%%%")
    await server.says("something.new", field=1)
    await server.speaks(VOICE, "On.")
    await one.until(lambda: one.bridge.queued_ms == 20)
    assert [type for type, _ in one.events] == ["brain_error"] * 3
    assert one.events[0][1] == "c: m"
    assert one.failures == []


async def test_a_broken_connection_is_made_again_once_with_what_was_said(
    server: RealtimeServer, call: MakeCall
) -> None:
    one = call()
    await one.begins()
    await server.understands("My name is Ada.")
    await server.speaks(VOICE, "Hello Ada.")
    await one.until(lambda: one.bridge.queued_ms == 20)
    one.lasts(100)
    server.received.clear()
    await server.breaks()
    await one.until(lambda: len(server.asked("conversation.item.create")) == 2)
    said = [item["item"]["content"][0]["text"] for item in server.asked("conversation.item.create")]
    assert said == ["My name is Ada.", "Hello Ada."]
    assert server.sessions == 2
    one.lasts(100, VOICE)
    await one.until(lambda: VOICE in server.sound)
    assert one.failures == []
    await server.breaks()
    await one.until(lambda: one.failures)
    assert "the speech model is gone" in one.failures[0]


async def test_a_session_is_replaced_before_the_server_ends_it(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.understands("Remember me.")
    await one.until(lambda: one.messages)
    one.jumps(57 * 60)
    assert server.sessions == 1
    one.jumps(2 * 60)
    await one.until(lambda: len(server.asked("conversation.item.create")) == 1)
    assert server.sessions == 2
    one.lasts(100, VOICE)
    await one.until(lambda: VOICE in server.sound)
    assert (one.failures, one.events) == ([], [])


@pytest.mark.parametrize(
    ("urgency", "cleared", "answers"), [("immediate", True, True), ("soon", False, True), ("later", False, False)]
)
async def test_a_text_of_the_user_is_told_in_its_urgency(
    server: RealtimeServer, call: MakeCall, urgency: str, cleared: bool, answers: bool
) -> None:
    one = call()
    await one.begins()
    await server.speaks(VOICE * 50, "a second of words")
    await one.until(lambda: one.bridge.queued_ms == 1_000)
    one.brain.tell({"type": "user_text_message", "text": "My number is 7.", "urgency": urgency})
    await one.until(lambda: server.asked("conversation.item.create"))
    assert (not one.bridge.queued_ms) is cleared
    assert ("user", "My number is 7.") in one.messages
    one.brain.tell({"type": "forced_agent_message", "content": "Done."})  # what comes before it has been answered
    await one.until(lambda: len(server.asked("response.create")) == 1)
    asked = "Done." in str(server.asked("response.create")[0])
    assert asked is not answers


async def test_words_that_it_is_forced_to_say(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.speaks(VOICE * 50, "a second of words")
    await one.until(lambda: one.bridge.queued_ms == 1_000)
    words: JsonObject = {
        "type": "forced_agent_message",
        "content": "Fire!",
        "urgency": "immediate",
        "uninterruptible": True,
    }
    one.brain.tell(words)
    await one.until(lambda: server.asked("response.create"))
    assert "Fire!" in server.asked("response.create")[0]["response"]["instructions"]
    assert not one.bridge.queued_ms
    one.lasts(20, VOICE)
    await one.until(lambda: len(server.sound) >= 160)
    assert bytes(server.sound[-160:]) == one.format.silence  # nobody interrupts this


async def test_the_end_of_a_turn_is_told_for_measuring(server: RealtimeServer, call: MakeCall) -> None:
    one = call()
    await one.begins()
    await server.understands("Hello.")
    await one.until(lambda: one.messages)
    assert one.turns == 1
