import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialects.chat_completions import (
    ANSWER_CHARACTERS_MAX,
    ARGUMENTS_CHARACTERS_MAX,
    TOOL_CALLS_MAX,
    AnswerStream,
    AnswerUnreadable,
    ToolCall,
    audio_part,
    message,
    request,
    text_part,
    tool_calls_message,
    tool_definition,
    tool_result_message,
    user_message,
)


def test_a_request_holds_what_it_is_given() -> None:
    call = ToolCall("c1", "book", '{"day":"Monday"}')
    body = request(
        "ultravox",
        [
            message("system", "Be kind."),
            user_message([audio_part(b"RIFF"), text_part("and this")]),
            tool_calls_message("", [call]),
            tool_result_message("c1", "booked"),
            message("assistant", "Done – \ud800."),
        ],
        tools=[tool_definition("book", "Books.", {"type": "object", "properties": {}})],
        temperature=0.4,
    )
    assert json.loads(body) == {
        "model": "ultravox",
        "stream": True,
        "temperature": 0.4,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "book",
                    "description": "Books.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
        "tool_choice": "auto",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_audio",
                        "input_audio": {"data": base64.b64encode(b"RIFF").decode(), "format": "wav"},
                    },
                    {"type": "text", "text": "and this"},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "book", "arguments": '{"day":"Monday"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "booked"},
            {"role": "assistant", "content": "Done – ?."},
        ],
    }


def test_what_is_not_said_is_left_out() -> None:
    assert json.loads(request("", [message("user", "Hi")])) == {
        "stream": True,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    tools = [tool_definition("t", "", {})]
    assert json.loads(request("", [], tools=tools, may_use_tools=False))["tool_choice"] == "none"


def event(value: Any) -> bytes:
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


def delta(finish: str | None = None, **fields: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]})


def call(index: int | None, name: str | None, arguments: Any, call_id: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"function": {"name": name, "arguments": arguments}, "id": call_id}
    return found if index is None else {**found, "index": index}


@pytest.mark.parametrize(
    ("pieces", "text", "finish", "done"),
    [
        ([delta(role="assistant", content=""), delta(content="Hi "), delta(content="you"), delta("stop")],
         "Hi you", "stop", False),
        ([delta(content=None), delta(content="Hi"), delta("stop", content=None), event("[DONE]")], "Hi", "stop", True),
        ([delta(content="Hi"), event({"choices": [], "usage": {"total_tokens": 3}}), event("[DONE]")], "Hi", "", True),
        ([delta(content=[{"type": "text", "text": "Hi"}, {"type": "other"}]), delta("length")], "Hi", "length", False),
        ([delta(reasoning_content="hm"), delta(content="Hi", refusal=None)], "Hi", "", False),
        ([event({"choices": [{"delta": None}]}), event({"choices": [{}]}), event({"usage": None})], "", "", False),
        ([b": ping\n\n", event("[DONE]"), delta(content="late")], "", "", True),
    ],
)  # fmt: skip
def test_the_text_of_an_answer(pieces: list[bytes], text: str, finish: str, done: bool) -> None:
    stream = AnswerStream()
    assert "".join(map(stream.feed, pieces)) == text
    assert (stream.finish, stream.done, stream.complete) == (finish, done, done or bool(finish))
    assert stream.tool_calls == ()


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        ([[call(0, "a", "", "1")], [call(0, None, '{"x"')], [call(0, None, ":1}")]], [("1", "a", '{"x":1}')]),
        ([[call(0, "a", "{}", "1"), call(1, "b", "{}", "2")]], [("1", "a", "{}"), ("2", "b", "{}")]),
        ([[call(1, "b", "{", "2")], [call(0, "a", "{}", "1")], [call(1, None, "}")]],
         [("2", "b", "{}"), ("1", "a", "{}")]),
        ([[call(0, "a", "{}", "1")], [call(0, "b", "{}", "2")]], [("1", "a", "{}"), ("2", "b", "{}")]),
        ([[call(None, "a", '{"x"', "1")], [call(None, None, ":1}")]], [("1", "a", '{"x":1}')]),
        ([[call(None, "a", {"x": 1})]], [("call_0", "a", '{"x": 1}')]),
        ([[call(0, "a", "{", "1")], [call(0, "a", "}", "1")]], [("1", "a", "{}")]),
        ([[call(0, "a", None, "")]], [("call_0", "a", "{}")]),
        ([[{"index": 0}], [call(0, None, "{}")]], []),
    ],
)  # fmt: skip
def test_uses_of_tools_are_put_together(calls: list[list[Any]], found: list[tuple[str, str, str]]) -> None:
    stream = AnswerStream()
    for pieces in calls:
        stream.feed(delta(tool_calls=pieces))
    stream.feed(delta("tool_calls"))
    assert stream.tool_calls == tuple(ToolCall(*one) for one in found)


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        (event({"error": {"message": "out of memory", "code": 500}}), "the server failed: out of memory"),
        (event({"error": "no"}), "the server failed: no"),
        (event({"object": "error", "message": "too long"}), "the server failed: too long"),
        (event("nonsense"), "a piece that cannot be read"),
        (event({"choices": 5}), "a piece that cannot be read"),
        (event("[" * 100_000), "a piece that cannot be read"),
        (delta(content="x" * (ANSWER_CHARACTERS_MAX + 1)), "more than 32768 characters"),
        (delta(tool_calls=[call(0, "a", "x" * (ARGUMENTS_CHARACTERS_MAX + 1))]), "more than 65536 characters"),
        (delta(tool_calls=[call(n, "a", "{}") for n in range(TOOL_CALLS_MAX + 1)]), "more than 16 uses of tools"),
        (b"x" * 2_000_000, "a line of an event stream is longer"),
    ],
)
def test_what_is_no_answer_is_told(piece: bytes, words: str) -> None:
    with pytest.raises(AnswerUnreadable, match=words):
        AnswerStream().feed(piece)


SCRIPT = b"".join(
    [
        delta(role="assistant"),
        delta(content="Grüße "),
        delta(content="aus Köln.", tool_calls=[call(0, "a", "{", "1")]),
        delta(tool_calls=[call(0, None, "}")]),
        delta("tool_calls"),
        event("[DONE]"),
    ]
)


@given(st.lists(st.integers(0, len(SCRIPT))))
def test_it_does_not_matter_where_it_is_cut(cuts: list[int]) -> None:
    stream, text, at = AnswerStream(), "", 0
    for cut in (*sorted(cuts), len(SCRIPT)):
        text += stream.feed(SCRIPT[at:cut])
        at = cut
    assert (text, stream.tool_calls, stream.done) == ("Grüße aus Köln.", (ToolCall("1", "a", "{}"),), True)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "content", "tool_calls", "function", "name", "arguments", "index", "id", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(
    st.lists(
        st.binary(max_size=50) | values.map(event) | values.map(lambda value: event({"choices": [{"delta": value}]}))
    )
)
def test_nothing_but_the_declared_error_comes_of_nonsense(pieces: list[bytes]) -> None:
    stream = AnswerStream()
    try:
        for piece in pieces:
            assert isinstance(stream.feed(piece), str)
        assert all(call.name for call in stream.tool_calls)
    except AnswerUnreadable:
        pass
