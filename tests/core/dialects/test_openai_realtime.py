import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from callgate.core.dialects.openai_profiles import PROFILES
from callgate.core.dialects.openai_realtime import (
    AgentSaid,
    AgentSaying,
    CallerSaid,
    Configuration,
    Malformed,
    ResponseCreated,
    ResponseDone,
    ServerError,
    SessionCreated,
    SessionUpdated,
    Sound,
    SoundDone,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    append,
    cancel,
    configure,
    read,
    respond,
    say_exactly,
    tool_definition,
    tool_result,
    truncate,
    words_of,
)

GA = PROFILES["openai"]
BETA = PROFILES["azure-voice-live"]
FULL = Configuration(
    model="gpt-realtime-2.1",
    instructions="Be kind.",
    voice="marin",
    format="pcmu/8000",
    temperature=0.5,
    language="en-GB",
    transcription_model="whisper-1",
    silence_ms=384,
    prefix_ms=200,
    threshold=0.4,
    tools=(tool_definition("hangUp", "End it.", {"type": "object", "properties": {}}),),
)
adapter: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)


@pytest.mark.parametrize(
    "message",
    [
        configure(FULL, GA),
        configure(Configuration(), GA),
        append(b"\xff" * 160),
        respond(),
        respond("Greet."),
        say_exactly('He said "hi" – ümlaut'),
        cancel(),
        truncate("item_1", 0, 1_480),
        words_of("user", "[DTMF] 5", GA),
        words_of("assistant", "Hello.", GA),
        tool_result("call_1", "done"),
    ],
)
def test_what_is_written_is_what_the_author_of_the_protocol_takes(message: bytes) -> None:
    """Validated by the types of the author's own client, which keep what they know and drop what they do not."""
    given = json.loads(message)
    understood = adapter.validate_python(given).model_dump(mode="json", exclude_unset=True, by_alias=True)
    assert understood == given


def test_a_session_in_the_names_of_the_beta() -> None:
    session = json.loads(configure(FULL, BETA))["session"]
    assert session["input_audio_format"] == session["output_audio_format"] == "g711_ulaw"
    assert session["modalities"] == ["audio", "text"]
    assert session["input_audio_transcription"] == {"model": "whisper-1", "language": "en"}
    assert session["turn_detection"]["silence_duration_ms"] == 384
    assert (session["voice"], session["temperature"]) == ("marin", 0.5)
    assert "type" not in session
    assert json.loads(words_of("assistant", "Hi.", BETA))["item"]["content"][0]["type"] == "text"


SOUND = base64.b64encode(b"abc").decode()


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "session.created", "session": {"id": "s"}}, SessionCreated()),
        (
            {
                "type": "session.updated",
                "session": {
                    "audio": {
                        "input": {"format": {"type": "audio/pcmu"}},
                        "output": {"format": {"type": "audio/pcm", "rate": 24000}},
                    }
                },
            },
            SessionUpdated("pcmu/8000", "pcm16/24000"),
        ),
        (
            {"type": "session.updated", "session": {"input_audio_format": "g711_alaw", "output_audio_format": "pcm16"}},
            SessionUpdated("pcma/8000", "pcm16/24000"),
        ),
        ({"type": "session.updated", "session": {}}, SessionUpdated("", "")),
        ({"type": "input_audio_buffer.speech_started", "audio_start_ms": 5, "item_id": "i"}, SpeechStarted()),
        ({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 5, "item_id": "i"}, SpeechStopped()),
        (
            {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "Hi"},
            CallerSaid("Hi"),
        ),
        ({"type": "response.created", "response": {"id": "r"}}, ResponseCreated("r")),
        (
            {
                "type": "response.output_audio.delta",
                "response_id": "r",
                "item_id": "i",
                "content_index": 1,
                "delta": SOUND,
            },
            Sound("r", "i", 1, b"abc"),
        ),
        (
            {"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": SOUND},
            Sound("r", "i", 0, b"abc"),
        ),
        ({"type": "response.audio.done", "item_id": "i"}, SoundDone("i")),
        ({"type": "response.audio_transcript.delta", "item_id": "i", "delta": "He"}, AgentSaying("i", "He")),
        ({"type": "response.output_audio_transcript.done", "item_id": "i", "transcript": "Hey"}, AgentSaid("i", "Hey")),
        (
            {
                "type": "response.output_item.done",
                "item": {"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"},
            },
            ToolCalled("c", "f", "{}"),
        ),
        ({"type": "response.output_item.done", "item": {"type": "message", "id": "m"}}, None),
        (
            {
                "type": "response.done",
                "response": {"id": "r", "status": "failed", "status_details": {"error": {"message": "no money"}}},
            },
            ResponseDone("r", "failed", "no money"),
        ),
        (
            {
                "type": "response.done",
                "response": {"id": "r", "status": "cancelled", "status_details": {"reason": "t"}},
            },
            ResponseDone("r", "cancelled", "t"),
        ),
        ({"type": "error", "error": {"type": "t", "code": None, "message": "m"}}, ServerError("t", "m")),
        ({"type": "rate_limits.updated", "rate_limits": []}, None),
        ({"type": "conversation.item.created", "item": {"id": "i"}}, None),
    ],
)
def test_what_a_server_says(message: dict[str, Any], event: object) -> None:
    assert read(json.dumps(message).encode()) == event


@pytest.mark.parametrize(
    "message",
    [b"", b"no", b"[]", b"{}", b'{"type":1}', b'{"type":"error","error":5}', b"\xff", b"[" * 100_000]
    + [b'{"type":"response.audio.delta","delta":"%"}'],
)
def test_what_is_none_is_said_to_be(message: bytes) -> None:
    assert isinstance(read(message), Malformed)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "session",
                        "audio",
                        "input",
                        "format",
                        "response",
                        "item",
                        "status_details",
                        "error",
                        "delta",
                    ]
                ),
                inner,
            )
        ),
    ),
    st.sampled_from(["session.updated", "response.done", "error", "response.output_item.done", "x"]),
)
def test_no_message_raises(value: Any, kind: str) -> None:
    message = {**value, "type": kind} if isinstance(value, dict) else value
    read(json.dumps(message).encode())


@given(st.binary(max_size=2_000))
def test_sound_goes_out_as_it_is(sound: bytes) -> None:
    assert base64.b64decode(json.loads(append(sound))["audio"]) == sound


def test_every_profile_can_be_configured() -> None:
    for profile in PROFILES.values():
        for form in profile.formats:
            assert json.loads(configure(Configuration(format=form), profile))["type"] == "session.update"
