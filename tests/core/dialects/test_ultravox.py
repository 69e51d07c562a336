import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialects.ultravox import (
    Clear,
    ClientTool,
    Malformed,
    State,
    ToolCalled,
    Transcript,
    call_body,
    forced_words,
    read,
    tool_result,
    user_text,
)
from callgate.entities.json import JsonObject


def test_a_call_is_created_with_what_the_server_keeps_and_without_what_we_keep() -> None:
    tool = ClientTool("book", "Books.", {"day": {"type": "string"}}, frozenset(("day",)), 2.5)
    settings: JsonObject = {
        "systemPrompt": "Be kind.",
        "voice": "Mark",
        "inactivityMessages": [{"duration": "10s", "message": "Hello?"}],
        "timeExceededMessage": "Bye.",
        "metadata": {"a": "b"},
        "selectedTools": [{"toolName": "secret", "authTokens": {"k": "v"}}],
        "temperature": None,
    }
    assert call_body(settings, [tool], model="ultravox-v0.7", max_duration_s=660) == {
        "systemPrompt": "Be kind.",
        "voice": "Mark",
        "model": "ultravox-v0.7",
        "maxDuration": "660s",
        "selectedTools": [
            {
                "temporaryTool": {
                    "modelToolName": "book",
                    "description": "Books.",
                    "dynamicParameters": [
                        {
                            "name": "day",
                            "location": "PARAMETER_LOCATION_BODY",
                            "schema": {"type": "string"},
                            "required": True,
                        }
                    ],
                    "timeout": "2.5s",
                    "client": {},
                }
            }
        ],
        "medium": {"serverWebSocket": {"inputSampleRate": 8000, "outputSampleRate": 8000, "clientBufferSizeMs": 30000}},
    }


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "playback_clear_buffer"}, Clear()),
        ({"type": "state", "state": "thinking"}, State("thinking")),
        (
            {"type": "transcript", "role": "user", "medium": "voice", "text": "Hi.", "final": True, "ordinal": 3},
            Transcript("user", "Hi.", False, True, 3),
        ),
        (
            {"type": "transcript", "role": "agent", "text": "", "delta": " you", "final": False, "ordinal": 4},
            Transcript("agent", " you", True, False, 4),
        ),
        (
            {"type": "client_tool_invocation", "toolName": "t", "invocationId": "i", "parameters": {"a": 1}},
            ToolCalled("t", "i", {"a": 1}),
        ),
        ({"type": "pong", "timestamp": 1}, None),
    ],
)
def test_messages_are_read(message: dict[str, object], event: object) -> None:
    assert read(json.dumps(message).encode()) == event


@pytest.mark.parametrize("message", [b"", b"[]", b"{}", b'{"type":7}', b'{"type":"transcript","ordinal":"x"}'])
def test_what_cannot_be_read_is_said(message: bytes) -> None:
    assert isinstance(read(message), Malformed)


@given(st.binary())
def test_no_message_makes_it_fail(message: bytes) -> None:
    read(message)


def test_messages_are_written() -> None:
    assert json.loads(user_text("hi", "later")) == {"type": "user_text_message", "text": "hi", "urgency": "later"}
    assert json.loads(forced_words("hi"))["content"] == "hi"
    assert json.loads(tool_result("i", "done", "listens", failed=False)) == {
        "type": "client_tool_result",
        "invocationId": "i",
        "result": "done",
        "responseType": "tool-response",
        "agentReaction": "listens",
    }
    assert json.loads(tool_result("i", "broken", "speaks", failed=True))["errorType"] == "implementation-error"
