import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialects import data_messages as dm
from callgate.core.dialects import ultravox
from callgate.core.dialects.data_messages import (
    CLIENT,
    DATA_CONNECTION,
    ClientToolResult,
    DataConnectionToolResult,
    ForcedWords,
    HangUp,
    NotUnderstood,
    OutputMedium,
    Ping,
    SpawnThread,
    ToolResult,
    UserText,
    enabled,
    read,
)
from callgate.entities.json import JsonObject

BOTH = {"pong", "state", "transcript", "client_tool_invocation", "call_started"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(
    (
        "ping",
        "user_text_message",
        "input_text_message",
        "set_output_medium",
        "client_tool_result",
        "data_connection_tool_result",
        "forced_agent_message",
        "hang_up",
        "spawn_thread",
    )
)
FIELDS = st.sampled_from(
    (
        "timestamp",
        "text",
        "urgency",
        "threadId",
        "medium",
        "invocationId",
        "result",
        "responseType",
        "errorType",
        "updateCallState",
        "content",
        "toolCalls",
        "message",
    )
)


def said(**message: Any) -> dm.Said:
    return read(json.dumps(message).encode())


def test_what_is_told_unless_the_owner_says_otherwise() -> None:
    assert enabled(CLIENT, None) == BOTH | {"playback_clear_buffer"}
    assert enabled(DATA_CONNECTION, {}) == BOTH | {"data_connection_tool_invocation"}


def test_flags_say_otherwise() -> None:
    flags: JsonObject = {
        "state": False,
        "debug": True,
        "callEvent": True,
        "toolUsed": True,
        "invokingTool": True,
        "userStartedSpeaking": True,
        "userStoppedSpeaking": False,
        "playbackClearBuffer": True,
        "transcript": None,
        "nonsense": True,
    }
    assert enabled(DATA_CONNECTION, flags) == (BOTH - {"state"}) | {
        "data_connection_tool_invocation",
        "playback_clear_buffer",
        "debug",
        "call_event",
        "tool_used",
        "invoking_tool",
        "user_started_speaking",
    }


def test_every_type_that_is_written_has_its_flag() -> None:
    written = [
        dm.call_started("id"),
        dm.pong(1),
        dm.state("idle"),
        dm.transcript("user", "voice", "Hello", 1),
        dm.tool_invocation(CLIENT, "t", "1", {}),
        dm.tool_invocation(DATA_CONNECTION, "t", "1", {}),
        dm.playback_clear_buffer(),
        dm.debug("words"),
        dm.call_event("info", "a", "b", {}),
        dm.invoking_tool("t", "i", {}),
        dm.tool_used("t", "i", "r"),
        dm.user_started_speaking(),
        dm.user_stopped_speaking(),
    ]
    flags = ("debug", "callEvent", "toolUsed", "userStartedSpeaking", "userStoppedSpeaking", "invokingTool")
    everything = enabled(CLIENT, dict.fromkeys((*flags, "dataConnectionToolInvocation"), True))
    assert {message.type for message in written} == everything
    assert all(json.loads(message.data)["type"] == message.type for message in written)


def test_a_client_reads_what_is_written() -> None:
    spoken = dm.transcript("agent", "voice", "Hallöchen", 7)
    assert ultravox.read(spoken.data) == ultravox.Transcript("agent", "Hallöchen", False, True, 7)
    assert ultravox.read(dm.state("thinking").data) == ultravox.State("thinking")
    assert ultravox.read(dm.playback_clear_buffer().data) == ultravox.Clear()
    used = dm.tool_invocation(CLIENT, "book", "1", {"day": "monday"})
    assert ultravox.read(used.data) == ultravox.ToolCalled("book", "1", {"day": "monday"})


def test_what_a_client_writes_is_read() -> None:
    assert read(ultravox.user_text("Hello", "later")) == UserText("Hello", "later")
    assert read(ultravox.forced_words("Hi", uninterruptible=True)) == ForcedWords("Hi", True, "immediate")
    assert read(ultravox.hang_up()) == HangUp()
    result = read(ultravox.tool_result("1", "done", "listens", failed=False))
    assert result == ClientToolResult("1", "done", "tool-response", "listens")
    failed = read(ultravox.tool_result("1", "broken", "speaks", failed=True))
    assert isinstance(failed, ClientToolResult)
    assert (failed.error_type, failed.error_message) == ("implementation-error", "broken")


def test_what_else_a_party_may_say() -> None:
    assert said(type="ping", timestamp=12.5) == Ping(12.5)
    assert said(type="set_output_medium", medium="text") == OutputMedium("text")
    assert said(type="input_text_message", text="Hi") == UserText("Hi", "soon")
    assert said(type="input_text_message", text="Hi", deferResponse=True) == UserText("Hi", "later")
    assert said(type="hang_up", message="Bye") == HangUp("Bye")
    assert said(type="spawn_thread", newThreadId="x", toolFilter={}) == SpawnThread("x")
    result = said(type="data_connection_tool_result", invocationId="1", result={"a": 1}, updateCallState={"b": 2})
    assert isinstance(result, DataConnectionToolResult)
    assert (result.text, result.update_call_state) == ('{"a": 1}', {"b": 2})


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"no json", "malformed"),
        (b"[]", "Expected `object`"),
        (b'{"type": "dance"}', "dance"),
        (b'{"type": "user_text_message"}', "text"),
        (b'{"type": "user_text_message", "text": ""}', "text"),
        (b'{"type": "user_text_message", "text": "a", "urgency": "now"}', "urgency"),
        (b'{"type": "user_text_message", "text": "a", "threadId": "other"}', "one thread"),
        (b'{"type": "forced_agent_message"}', "content"),
        (b'{"type": "forced_agent_message", "content": "a", "toolCalls": [{}]}', "toolCalls"),
        (b'{"type": "client_tool_result", "result": "a"}', "invocationId"),
        (b'{"type": "set_output_medium", "medium": "smell"}', "medium"),
        (b'{"type": "ping", "timestamp": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", ""),
    ],
)
def test_what_cannot_be_understood_is_told_in_words(message: bytes, words: str) -> None:
    found = read(message)
    assert isinstance(found, NotUnderstood)
    assert words in found.words


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_not_understood(message: bytes) -> None:
    read(message)


@given(TYPES, st.dictionaries(FIELDS, JSON, max_size=5))
def test_any_fields_of_a_known_type_are_read_or_not_understood(kind: str, fields: dict[str, Any]) -> None:
    found = said(**{**fields, "type": kind})
    if isinstance(found, ToolResult):
        assert isinstance(found.text, str)


@given(JSON, st.text(max_size=10))
def test_whatever_is_written_is_json(value: Any, text: str) -> None:
    written = dm.call_event("info", text, text, {"value": value})
    assert json.loads(written.data)["event"]["extras"] == {"value": value}


def test_half_a_character_is_written_as_a_question_mark() -> None:
    assert json.loads(dm.debug("a\ud800").data)["message"] == "a?"
