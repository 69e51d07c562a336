"""A whole cascade in a call whose time passes frame by frame, with its servers behind real HTTP."""

import asyncio
import base64
import io
import wave
from typing import Any

import pytest

from callgate.brains.cascade.brain import CascadeFactory
from callgate.brains.cascade.servers import Cascade, Patience, Server
from callgate.brains.socket import BrainUnreachable
from callgate.brains.tools.client import ToolClient
from callgate.core.audio.tones import strength
from callgate.entities.json import JsonObject
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.cascade_servers import CascadeServers, Reply
from tests.brains.cascade.talk import ENDPOINT_MS, USER_FIRST, VOICE, MakeCall, is_told, roles, speaks
from tests.brains.modelled_call import ModelledCall


async def test_every_server_proves_that_it_works_while_the_phone_rings(servers: CascadeServers, call: MakeCall) -> None:
    one = call({**USER_FIRST, "systemPrompt": "Be kind.", "selectedTools": [{"toolName": "hangUp"}]}, writes=True)
    await one.brain.start()
    (asked,) = servers.warm_ups
    assert asked["messages"][0] == {"role": "system", "content": "Be kind."}
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["hangUp"]
    assert servers.keys == {"Bearer chat-key", "Bearer speech-key", ""}
    assert [spoken.body["model"] for spoken in servers.spoken] == ["tts"]
    assert (str(one.brain.hears), str(one.brain.speaks)) == ("pcm16/16000", "pcm16/24000")


@pytest.mark.parametrize("path", ["/chat/completions", "/audio/speech", "/audio/transcriptions"])
async def test_a_server_that_refuses_is_told_without_its_key(
    servers: CascadeServers, call: MakeCall, path: str
) -> None:
    servers.refuses[path] = 401
    with pytest.raises(BrainUnreachable, match="server refused with HTTP 401: no") as error:
        await call(writes=True).brain.start()
    assert "key" not in str(error.value)


async def test_a_server_that_is_not_there_is_told(servers: CascadeServers, call: MakeCall) -> None:
    one = call()
    await servers.stop()
    with pytest.raises(BrainUnreachable, match="server could not be reached"):
        await one.brain.start()


async def test_a_server_that_does_not_answer_is_told(servers: CascadeServers, call: MakeCall) -> None:
    servers.speaks.clear()
    with pytest.raises(BrainUnreachable, match=r"no answer within 0\.1 s"):
        await call(patience=Patience(start=0.1)).brain.start()


async def test_addresses_are_guarded(servers: CascadeServers) -> None:
    server = Server("chat", servers.url)
    guard = AddressGuard()
    factory = CascadeFactory(Cascade(chat=server, speech=server), guard=guard, tools=ToolClient(guard))
    one = ModelledCall(factory, USER_FIRST)
    with pytest.raises(BrainUnreachable, match="loopback"):
        await one.brain.start()
    await factory.let_go()


async def test_a_turn_is_heard_answered_and_spoken(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(["Good ", "mor", "ning. ", "How can I ", "help you?"]))
    one = call({**USER_FIRST, "systemPrompt": "Be kind.", "temperature": 0.3})
    await one.begins()
    one.lasts(600)
    one.lasts(400, VOICE)
    one.lasts(380)
    assert servers.prompts == []
    one.lasts(20)
    assert one.turns == 1
    await is_told(one)
    (prompt,) = servers.prompts
    assert (prompt["model"], prompt["stream"], prompt["temperature"]) == ("m", True, 0.3)
    assert roles(prompt) == [("system", "Be kind."), ("user", ["<sound>"])]
    wav = base64.b64decode(prompt["messages"][1]["content"][0]["input_audio"]["data"])
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        pcm = file.readframes(file.getnframes())
    assert len(pcm) / 32 == 300 + 400 + 100  # before, turn and after
    assert strength(pcm[32 * 300 : 32 * 700], 450, 16_000) > 0.99
    assert set(pcm[: 32 * 300]) == {0}
    assert [spoken.body["input"] for spoken in servers.spoken[1:]] == ["Good morning.", "How can I help you?"]
    assert strength(b"".join(one.sent), servers.hz, 24_000) > 0.99
    assert one.messages == [("user", "(the caller spoke for 0.4 s)"), ("agent", "Good morning. How can I help you?")]
    assert one.spans[0] == (600.0, 1_000.0)
    assert (one.events, one.failures) == ([], [])


@pytest.mark.parametrize(
    ("settings", "said", "asked"),
    [
        ({"firstSpeakerSettings": {"agent": {"text": "Hi there."}}}, "Hi there.", None),
        ({}, "Yes.", "(The caller is on the telephone. Greet the caller.)"),
        ({"firstSpeakerSettings": {"agent": {"prompt": "Greet warmly."}}}, "Yes.", "Greet warmly."),
    ],
)
async def test_the_agent_speaks_first(
    servers: CascadeServers, call: MakeCall, settings: JsonObject, said: str, asked: str | None
) -> None:
    one = call(settings)
    await one.begins()
    await is_told(one)
    assert one.messages == [("agent", said)]
    assert [role for prompt in servers.prompts for role, _ in roles(prompt)] == (["user"] if asked else [])
    assert asked is None or asked in servers.prompts[0]["messages"][0]["content"]
    speaks(one)
    await one.until(lambda: len(servers.prompts) == 1 + (asked is not None))
    assert roles(servers.prompts[-1]) == [
        ("user", "(The call begins.)"),
        ("assistant", said),
        ("user", ["<sound>"]),
    ]


async def test_a_caller_who_speaks_first_takes_the_greeting_away(servers: CascadeServers, call: MakeCall) -> None:
    settings: JsonObject = {"firstSpeakerSettings": {"user": {"fallback": {"delay": "2s", "text": "Anybody there?"}}}}
    one = call(settings)
    await one.begins()
    one.lasts(1_900)
    one.lasts(200, VOICE)
    one.lasts(400)
    await is_told(one)
    one.lasts(3_000)
    assert one.messages[1:] == [("agent", "Yes.")]
    other = call(settings)
    await other.begins()
    other.lasts(2_000)
    await is_told(other)
    assert other.messages == [("agent", "Anybody there?")]


async def test_what_is_said_of_old_goes_along(servers: CascadeServers, call: MakeCall) -> None:
    initial: list[Any] = [
        {"role": "MESSAGE_ROLE_USER", "text": "Earlier."},
        {"role": "MESSAGE_ROLE_AGENT", "text": "Indeed."},
    ]
    one = call({**USER_FIRST, "initialMessages": initial})
    await one.begins()
    speaks(one)
    await one.until(lambda: servers.prompts)
    assert roles(servers.prompts[0]) == [("user", "Earlier."), ("assistant", "Indeed."), ("user", ["<sound>"])]


async def test_a_sound_too_short_for_an_interruption_changes_nothing(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(["One two three four five six seven."]))
    one = call({**USER_FIRST, "vadSettings": {"minimumInterruptionDuration": "0.3s"}})
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms > 1_000)
    one.lasts(200, VOICE)
    one.lasts(500)
    assert one.bridge.queued_ms > 0
    await is_told(one)
    assert (one.turns, len(servers.prompts)) == (1, 1)


async def test_words_that_may_not_be_interrupted_are_not(servers: CascadeServers, call: MakeCall) -> None:
    one = call({"firstSpeakerSettings": {"agent": {"text": "Calls are recorded.", "uninterruptible": True}}})
    await one.begins()
    await one.lasts_until(lambda: one.bridge.queued_ms > 500)
    one.lasts(300, VOICE)
    assert one.bridge.queued_ms > 0
    one.lasts(400)
    assert one.turns == 0
    await one.lasts_until(lambda: not one.bridge.queued_ms)
    assert one.messages == [("agent", "Calls are recorded.")]
    speaks(one)
    await is_told(one)
    assert one.messages[2:] == [("agent", "Yes.")]


async def test_who_speaks_on_after_such_words_is_listened_to(servers: CascadeServers, call: MakeCall) -> None:
    one = call({"firstSpeakerSettings": {"agent": {"text": "Hold it.", "uninterruptible": True}}})
    await one.begins()
    await one.lasts_until(lambda: one.bridge.queued_ms > 300)
    one.lasts(800, VOICE)
    one.lasts(ENDPOINT_MS)
    await one.until(lambda: servers.prompts)
    assert one.turns == 1


async def test_keys_become_words_when_the_caller_pauses(servers: CascadeServers, call: MakeCall) -> None:
    one = call()
    await one.begins()
    for digit in "42#":
        one.brain.digit(digit, 100)
    one.lasts(1_300)
    await is_told(one)
    assert roles(servers.prompts[0]) == [("user", "[DTMF] 42#")]
    assert one.messages == [("user", "[DTMF] 42#"), ("agent", "Yes.")]


@pytest.mark.parametrize(
    ("urgency", "cleared", "answers"), [("immediate", True, True), ("soon", False, True), ("later", False, False)]
)
async def test_a_text_of_the_user_is_told_in_its_urgency(
    servers: CascadeServers, call: MakeCall, urgency: str, cleared: bool, answers: bool
) -> None:
    servers.replies.append(Reply(["Something that takes a second or two."]))
    one = call()
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms > 1_000)
    one.lasts(600)
    one.brain.tell({"type": "user_text_message", "text": "My number is 7.", "urgency": urgency})
    assert (not one.bridge.queued_ms) is cleared
    await one.lasts_until(lambda: ("user", "My number is 7.") in one.messages)
    await one.lasts_until(lambda: len(one.messages) == 3 + answers)
    assert len(servers.prompts) == 1 + answers
    one.brain.digit("1", 100)
    one.lasts(1_300)
    await one.until(lambda: len(servers.prompts) == 2 + answers)
    assert "My number is 7." in str(roles(servers.prompts[-1]))


async def test_words_that_it_is_forced_to_say(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(["Something that takes a second or two."]))
    one = call()
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms > 500)
    words: JsonObject = {
        "type": "forced_agent_message",
        "content": "The house is on fire, please leave it.",
        "urgency": "immediate",
    }
    one.brain.tell({**words, "uninterruptible": True})
    assert not one.bridge.queued_ms
    await one.lasts_until(lambda: one.bridge.queued_ms > 100)
    one.lasts(140, VOICE)
    await one.lasts_until(lambda: ("agent", "The house is on fire, please leave it.") in one.messages)
    one.brain.tell({"type": "forced_agent_message", "content": "All is well again."})
    await is_told(one)
    assert one.messages[-1] == ("agent", "All is well again.")


async def test_silent_callers_are_asked_and_hung_up_on(servers: CascadeServers, call: MakeCall) -> None:
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
    one.lasts(1_200)
    await is_told(one)
    one.lasts(5_000)
    await one.lasts_until(lambda: one.hung_up)
    assert one.messages == [("agent", "Still there?"), ("agent", "Bye.")]
    assert one.hung_up == ["inactivity"]


async def test_a_caller_who_speaks_for_long_is_not_asked(servers: CascadeServers, call: MakeCall) -> None:
    one = call({**USER_FIRST, "inactivityMessages": [{"duration": "5s", "message": "Still there?"}]})
    await one.begins()
    one.lasts(40_000, VOICE)
    one.lasts(ENDPOINT_MS)
    await is_told(one)
    assert [text for _, text in one.messages] == ["(the caller spoke for 40.0 s)", "Yes."]
    sound = servers.prompts[0]["messages"][0]["content"][0]["input_audio"]["data"]
    assert len(sound) / 4 * 3 / 32_000 == pytest.approx(30, abs=0.5)


async def test_last_words_are_said_over_everything_and_to_their_end(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(["Something that takes a second or two."], waits=asyncio.Event()))
    one = call()
    await one.begins()
    speaks(one)
    await one.until(lambda: servers.prompts)
    one.brain.say("Our time is up.", "max-duration")
    await one.lasts_until(lambda: one.bridge.queued_ms > 500)
    one.lasts(200, VOICE)
    await one.lasts_until(lambda: one.hung_up)
    assert one.hung_up == ["max-duration"]
    assert one.messages[-1] == ("agent", "Our time is up.")
    assert servers.left == 1
