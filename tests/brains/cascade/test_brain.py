"""A whole cascade in a call whose time passes frame by frame, with its servers behind real HTTP."""

import asyncio
import base64
import io
import json
import wave
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from callgate.brains.cascade.brain import TOOL_ROUNDS_MAX, CascadeFactory
from callgate.brains.cascade.servers import Cascade, Patience, Server
from callgate.brains.socket import BrainUnreachable
from callgate.brains.tools.client import ToolClient
from callgate.core.audio.tones import strength, tone
from callgate.entities.json import JsonObject
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.cascade_servers import CascadeServers, Reply
from callgate.testing.tool_server import Answer, ToolServer
from tests.brains.modelled_call import ModelledCall

USER_FIRST: JsonObject = {"firstSpeakerSettings": {"user": {}}}
VOICE = tone(450, 20, rate_hz=16_000)
ENDPOINT_MS = 400
BOOK: JsonObject = {
    "temporaryTool": {
        "modelToolName": "book",
        "description": "Books a table.",
        "dynamicParameters": [
            {"name": "day", "location": "PARAMETER_LOCATION_BODY", "schema": {"type": "string"}, "required": True}
        ],
        "http": {"baseUrlPattern": "http://127.0.0.1/book", "httpMethod": "POST"},
    }
}


@pytest.fixture
async def servers() -> AsyncIterator[CascadeServers]:
    one = CascadeServers()
    await one.start()
    yield one
    await one.stop()


MakeCall = Callable[..., ModelledCall]


@pytest.fixture
async def call(servers: CascadeServers) -> AsyncIterator[MakeCall]:
    made: list[tuple[ModelledCall, CascadeFactory, ToolClient]] = []

    def make(settings: JsonObject | None = None, *, writes: bool = False, **configured: Any) -> ModelledCall:
        guard = AddressGuard(allow_loopback=True)
        cascade = Cascade(
            chat=Server("chat", servers.url, "m", "chat-key"),
            speech=Server("speech", servers.url, "tts", "speech-key"),
            transcription=Server("transcription", servers.url, "asr") if writes else None,
        )
        tools = ToolClient(guard)
        factory = CascadeFactory(replace(cascade, **configured), guard=guard, tools=tools)
        made.append((ModelledCall(factory, USER_FIRST if settings is None else settings), factory, tools))
        return made[-1][0]

    yield make
    for one, factory, tools in made:
        await one.brain.close()
        await factory.let_go()
        await tools.close()


def speaks(one: ModelledCall, ms: int = 400) -> None:
    """The caller says something, and has finished."""
    one.lasts(ms, VOICE)
    one.lasts(ENDPOINT_MS)


async def is_told(one: ModelledCall) -> None:
    """What the agent says is heard to its end."""
    await one.lasts_until(lambda: one.bridge.queued_ms > 0)
    await one.lasts_until(lambda: not one.bridge.queued_ms)


def roles(prompt: dict[str, Any]) -> list[tuple[str, Any]]:
    """The messages of a request: roles and texts, sounds as ``<sound>``, tools by name."""
    found = []
    for message in prompt["messages"]:
        content = message["content"]
        if isinstance(content, list):
            content = [part.get("text", "<sound>") for part in content]
        if "tool_calls" in message:
            content = [call["function"]["name"] for call in message["tool_calls"]]
        found.append((message["role"], content))
    return found


# ------------------------------------------------------------------------------------------------------------ starting


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


# ------------------------------------------------------------------------------------------------------------- talking


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


async def test_the_first_clause_is_spoken_while_the_model_goes_on(servers: CascadeServers, call: MakeCall) -> None:
    waits = asyncio.Event()
    servers.replies.append(Reply(["Good morning. ", "How are you?"], waits=waits))
    one = call()
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms > 0)
    assert [spoken.body["input"] for spoken in servers.spoken[1:]] == ["Good morning."]
    waits.set()
    await is_told(one)
    assert one.messages[1] == ("agent", "Good morning. How are you?")


async def test_two_clauses_are_made_at_a_time_and_heard_in_order(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(["One. Two and three. Four. Five."]))
    one = call()
    await one.begins()
    servers.speaks.clear()
    speaks(one)
    await one.until(lambda: servers.speaking[0] == 2)
    servers.speaks.set()
    await is_told(one)
    assert servers.speaking[1] == 2
    assert len(one.sent) * 20 == pytest.approx(50 * len("One.Two and three.Four.Five."), abs=40)


async def test_speech_is_not_made_far_ahead(servers: CascadeServers, call: MakeCall) -> None:
    sentence = "This sentence takes some three seconds to be said, as such sentences do. "
    servers.replies.append(Reply([sentence] * 10))
    one = call()
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms > 15_000)
    for _ in range(20):
        await asyncio.sleep(0.002)
    assert len(servers.spoken[1:]) < 8
    await is_told(one)
    assert one.messages[1] == ("agent", (sentence * 10).strip())


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


# -------------------------------------------------------------------------------------------------------- interrupting


async def test_a_caller_who_interrupts_has_silence_and_the_model_knows_what_was_heard(
    servers: CascadeServers, call: MakeCall
) -> None:
    waits = asyncio.Event()
    servers.replies.append(Reply(["One two three. ", "Four five six seven eight. "], waits=waits))
    one = call()
    await one.begins()
    speaks(one)
    # 700 ms of the first clause, then the second, whose text takes 1,300.
    await one.lasts_until(lambda: one.bridge.queued_ms == 50 * len("One two three."))
    waits.set()
    await one.lasts_until(lambda: len(servers.spoken) == 3 and servers.spoken[2].finished)
    played = one.bridge.played_ms
    one.lasts(int(700 + 700 - played) // 20 * 20)
    one.lasts(80, VOICE)
    assert one.bridge.queued_ms > 0
    one.lasts(20, VOICE)
    assert one.bridge.queued_ms == 0
    assert one.messages[1] == ("agent", "One two three. Four five six")
    one.lasts(60, VOICE)
    assert one.heard[-3:] == [None] * 3
    one.lasts(ENDPOINT_MS)
    await one.until(lambda: len(servers.prompts) == 2)
    assert roles(servers.prompts[1])[-2:] == [("assistant", "One two three. Four five six"), ("user", ["<sound>"])]


async def test_what_is_thought_and_made_is_let_go_of_when_the_caller_interrupts(
    servers: CascadeServers, call: MakeCall
) -> None:
    servers.replies.append(Reply(["One two three. ", "Four five six. ", "Seven. "], waits=asyncio.Event()))
    one = call()
    await one.begins()
    servers.speaks.clear()
    speaks(one)
    await one.until(lambda: servers.speaking[0] == 1)
    one.lasts(200, VOICE)
    await one.until(lambda: servers.left == 1 and not servers.speaking[0])
    servers.speaks.set()
    one.lasts(ENDPOINT_MS)
    await is_told(one)
    assert one.messages == [
        ("user", "(the caller spoke for 0.4 s)"),
        ("user", "(the caller spoke for 0.2 s)"),
        ("agent", "Yes."),
    ]
    assert roles(servers.prompts[1]) == [("user", ["<sound>", "<sound>"])]


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


# -------------------------------------------------------------------------------------------------------- transcripts


async def test_a_model_that_cannot_listen_reads(servers: CascadeServers, call: MakeCall) -> None:
    servers.transcripts += ["My name is Ada.", "And you?"]
    servers.writes.clear()
    one = call({**USER_FIRST, "languageHint": "de-DE"}, writes=True, audio_input=False)
    await one.begins()
    speaks(one)
    await one.until(lambda: servers.written)
    assert servers.written[0].fields == {"model": "asr", "language": "de", "response_format": "json"}
    assert servers.written[0].wav[:4] == b"RIFF"
    assert servers.prompts == []
    servers.writes.set()
    await is_told(one)
    assert roles(servers.prompts[0]) == [("user", "My name is Ada.")]
    assert one.messages == [("user", "My name is Ada."), ("agent", "Yes.")]


async def test_turns_in_quick_succession_are_read_together(servers: CascadeServers, call: MakeCall) -> None:
    servers.transcripts += ["My name", "is Ada."]
    servers.writes.clear()
    one = call(writes=True, audio_input=False)
    await one.begins()
    speaks(one)
    speaks(one)
    await one.until(lambda: len(servers.written) == 2)
    servers.writes.set()
    await is_told(one)
    assert [roles(prompt) for prompt in servers.prompts] == [[("user", "My name\nis Ada.")]]


async def test_a_noise_is_no_turn_but_the_agent_goes_on_after_it(servers: CascadeServers, call: MakeCall) -> None:
    servers.transcripts += ["", "Hello.", ""]
    one = call(writes=True, audio_input=False)
    await one.begins()
    speaks(one)
    await one.until(lambda: len(servers.written) == 1)
    one.lasts(200)
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms > 0)
    assert roles(servers.prompts[0]) == [("user", "Hello.")]
    one.lasts(20)
    one.lasts(160, VOICE)
    assert not one.bridge.queued_ms
    one.lasts(ENDPOINT_MS)
    await one.until(lambda: len(servers.prompts) == 2)
    assert "Go on" in servers.prompts[1]["messages"][-1]["content"]
    assert [role for role, _ in one.messages].count("user") == 1


async def test_a_model_that_listens_is_given_old_turns_as_text(servers: CascadeServers, call: MakeCall) -> None:
    servers.transcripts += ["My name is Ada.", "And you?"]
    servers.writes.clear()
    one = call(writes=True)
    await one.begins()
    speaks(one)
    await is_told(one)  # an answer does not wait for the transcript; the messages keep their order
    assert one.messages == []
    servers.writes.set()
    await one.until(lambda: one.messages)
    assert one.messages == [("user", "My name is Ada."), ("agent", "Yes.")]
    speaks(one)
    await one.until(lambda: len(servers.prompts) == 2)
    assert roles(servers.prompts[1]) == [("user", "My name is Ada."), ("assistant", "Yes."), ("user", ["<sound>"])]


async def test_a_transcript_that_fails_is_missed_only_by_who_needs_it(servers: CascadeServers, call: MakeCall) -> None:
    listener, reader = call(writes=True), call(writes=True, audio_input=False)
    await listener.begins()
    await reader.begins()
    servers.refuses["/audio/transcriptions"] = 500
    speaks(listener)
    await is_told(listener)
    await listener.until(lambda: listener.messages)
    assert listener.messages == [("user", "(the caller spoke for 0.4 s)"), ("agent", "Yes.")]
    assert [type for type, _ in listener.events] == ["brain_error"]
    speaks(reader)
    await reader.until(lambda: reader.failures)
    assert "the transcription server refused with HTTP 500" in reader.failures[0]


# -------------------------------------------------------------------------------------------------------------- tools


async def test_a_tool_is_used_and_its_answer_spoken(servers: CascadeServers, call: MakeCall) -> None:
    tool = ToolServer()
    await tool.start()
    tool.answer = Answer("booked")
    url = {"baseUrlPattern": f"{tool.url}/book", "httpMethod": "POST"}
    book: JsonObject = {"temporaryTool": {**BOOK["temporaryTool"], "http": url}}  # type: ignore[dict-item]
    servers.replies += [Reply(["Let me see. "], [("book", '{"day": "Monday"}')]), Reply(["It is booked."])]
    one = call({**USER_FIRST, "selectedTools": [book]})
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
    await tool.stop()


async def test_a_tool_that_answers_after_an_interruption_is_known_to_the_model(
    servers: CascadeServers, call: MakeCall
) -> None:
    tool = ToolServer()
    await tool.start()
    tool.waits.clear()
    url = {"baseUrlPattern": f"{tool.url}/book", "httpMethod": "POST"}
    book: JsonObject = {"temporaryTool": {**BOOK["temporaryTool"], "http": url}}  # type: ignore[dict-item]
    servers.replies.append(Reply([], [("book", '{"day": "Monday"}')]))
    one = call({**USER_FIRST, "selectedTools": [book]})
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
    await tool.stop()


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


async def test_a_new_stage_is_another_prompt_and_voice_at_once(servers: CascadeServers, call: MakeCall) -> None:
    tool = ToolServer()
    await tool.start()
    stage = {"systemPrompt": "Be stern.", "voice": "Onyx", "temperature": 0.9, "selectedTools": []}
    tool.answer = Answer(json.dumps(stage), headers={"X-Ultravox-Response-Type": "new-stage"})
    url = {"baseUrlPattern": f"{tool.url}/book", "httpMethod": "POST"}
    book: JsonObject = {"temporaryTool": {**BOOK["temporaryTool"], "http": url}}  # type: ignore[dict-item]
    servers.replies.append(Reply([], [("book", '{"day": "Monday"}')]))
    one = call({**USER_FIRST, "systemPrompt": "Be kind.", "voice": "Nova", "selectedTools": [book]})
    await one.begins()
    speaks(one)
    await is_told(one)
    before, after = servers.prompts
    assert (before["messages"][0]["content"], after["messages"][0]["content"]) == ("Be kind.", "Be stern.")
    assert (after["temperature"], "tools" in after) == (0.9, False)
    assert [spoken.body["voice"] for spoken in servers.spoken] == ["Nova", "Onyx"]
    await tool.stop()


# ------------------------------------------------------------------------------------------------- keys, messages, time


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
    one.lasts(8_000, VOICE)
    one.lasts(ENDPOINT_MS)
    await is_told(one)
    assert [text for _, text in one.messages] == ["(the caller spoke for 8.0 s)", "Yes."]


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


# ------------------------------------------------------------------------------------------------------------- voices


async def test_the_voice_of_the_call_is_spoken_with_where_it_is_known(servers: CascadeServers, call: MakeCall) -> None:
    known = call({**USER_FIRST, "voice": "Nova"}, voice="alloy")
    await known.begins()
    assert known.events == []
    servers.refused_voices = {"Mark"}
    unknown = call({**USER_FIRST, "voice": "Mark"}, voice="alloy")
    await unknown.begins()
    assert [type for type, _ in unknown.events] == ["voice_not_taken"]
    speaks(unknown)
    await is_told(unknown)
    assert [spoken.body["voice"] for spoken in servers.spoken] == ["Nova", "alloy", "alloy"]


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 44_100])
async def test_a_server_that_speaks_wav_only_is_understood(
    servers: CascadeServers, call: MakeCall, rate_hz: int
) -> None:
    servers.forms, servers.speech_rate_hz = {"wav"}, rate_hz
    one = call()
    await one.begins()
    speaks(one)
    await is_told(one)
    assert len(one.sent) * 20 == pytest.approx(50 * len("Yes."), abs=20)
    assert strength(b"".join(one.sent), servers.hz, 24_000) > 0.97


# ------------------------------------------------------------------------------------------------------------- failing


@pytest.mark.parametrize(
    "broken", [Reply(dies_after=0), Reply(error="out of memory"), Reply([]), Reply(["a"], waits=asyncio.Event())]
)
async def test_an_answer_that_fails_before_it_is_spoken_is_asked_for_again(
    servers: CascadeServers, call: MakeCall, broken: Reply
) -> None:
    servers.replies.append(broken)
    one = call(patience=Patience(next_word=0.1, first_word=0.2))
    await one.begins()
    speaks(one)
    if not broken.pieces and broken.dies_after is None and not broken.error:
        await one.until(lambda: one.events)  # it answered with nothing, and that is an answer
        assert one.events == [("brain_error", "the model answered with nothing")]
        return
    await is_told(one)
    assert len(servers.prompts) == 2
    assert one.messages[-1] == ("agent", "Yes.")


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


async def test_what_was_said_is_told_before_the_failure(servers: CascadeServers, call: MakeCall) -> None:
    waits = asyncio.Event()
    servers.replies.append(Reply(["One two three. ", "Four"], waits=waits, dies_after=1))
    one = call()
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms == 50 * len("One two three."))
    waits.set()
    await one.until(lambda: one.failures)
    assert one.messages[-1] == ("agent", "One two three.")
    assert one.bridge.queued_ms > 0  # it is heard to its end


async def test_a_refusal_is_final_but_a_conversation_that_is_too_long_is_shortened(
    servers: CascadeServers, call: MakeCall
) -> None:
    initial: list[Any] = [{"role": "MESSAGE_ROLE_USER", "text": f"word {number}"} for number in range(10)]
    one = call({**USER_FIRST, "initialMessages": initial})
    await one.begins()
    servers.refuses["/chat/completions"] = 400
    servers.replies.clear()
    speaks(one)
    await one.until(lambda: one.failures)
    assert "refused with HTTP 400" in one.failures[0]
    other = call()
    servers.refuses.clear()
    await other.begins()
    servers.refuses["/chat/completions"] = 404
    speaks(other)
    await other.until(lambda: other.failures)
    assert "refused with HTTP 404" in other.failures[0]


async def test_a_speech_server_that_fails_fails_the_brain(servers: CascadeServers, call: MakeCall) -> None:
    one = call()
    await one.begins()
    servers.refuses["/audio/speech"] = 503
    speaks(one)
    await one.until(lambda: one.failures)
    assert "the speech server refused with HTTP 503" in one.failures[0]
    other = call(patience=Patience(first_sound=0.1))
    servers.refuses.clear()
    await other.begins()
    servers.speaks.clear()
    speaks(other)
    await other.until(lambda: other.failures)
    assert other.failures == ["the speech server sent nothing for 0.1 s"]
    assert servers.speaking[1] <= 2


async def test_nothing_goes_on_after_the_end(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(["One two three. ", "Four"], waits=asyncio.Event()))
    one = call()
    await one.begins()
    servers.speaks.clear()
    speaks(one)
    await one.until(lambda: servers.speaking[0] == 1)
    await one.brain.close()
    await one.until(lambda: servers.left == 1 and not servers.speaking[0])
    one.lasts(1_000, VOICE)
    one.lasts(ENDPOINT_MS)
    assert (len(servers.prompts), one.failures) == (1, [])
