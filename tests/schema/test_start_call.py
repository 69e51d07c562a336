from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.schema.errors import Invalid
from callgate.schema.start_call import validate_start_agent_call, validate_start_call

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "medium",
        "selectedTools",
        "joinTimeout",
        "voice",
        "metadata",
        "initialMessages",
        "callbacks",
        "dataConnection",
        "sharedSecrets",
    ]
)


def test_only_what_was_given_comes_back_and_null_is_absent() -> None:
    body = {"voice": None, "temperature": 1, "initialState": {"a": None}, "selectedTools": [{"toolName": "hangUp"}]}
    assert validate_start_call(body) == {  # type: ignore[arg-type]
        "temperature": 1.0,
        "initialState": {"a": None},
        "selectedTools": [{"toolName": "hangUp"}],
    }


def test_the_medium_of_a_handlers_answer_is_not_read() -> None:
    assert validate_start_call({"medium": 5, "voice": "Ada"}, ignore_medium=True) == {"voice": "Ada"}
    with pytest.raises(Invalid, match="medium: expected an object: `5`"):
        validate_start_call({"medium": 5})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"joinTimeout": "-3s"}, "joinTimeout: expected a duration from 1s to 600s: `-3s`"),
        ({"joinTimeout": "3"}, "joinTimeout: not a duration"),
        ({"voice": "a", "externalVoice": {"google": {}}}, "expected at most one of `voice`, `externalVoice`"),
        ({"metadata": {"ultravox.x": "y"}}, "metadata: keys may not begin with `ultravox.`"),
        ({"selectedTools": [{"toolName": "a"}, {"toolNam": "a"}]}, r"selectedTools\[1\].toolNam: unknown key"),
        ({"sharedSecrets": ["short"]}, "sharedSecrets.0: shorter than 16 characters"),
        ({"firstSpeaker": "FIRST_SPEAKER_USER", "firstSpeakerSettings": {"agent": {}}}, "same speaker"),
        ({"vadSettings": {"frameActivationThreshold": 0}}, "vadSettings.frameActivationThreshold: expected a number"),
        (5, "expected an object: `5`"),
    ],
)
def test_a_mistake_in_one_line(body: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        validate_start_call(body)


def connected(**fields: Any) -> dict[str, Any]:
    return {"dataConnection": {"websocketUrl": "wss://owner.example/", **fields}}


def test_a_data_connection_is_taken_as_it_is() -> None:
    body = connected(
        headers={"Authorization": "Bearer a b", "X-Tenant": ""},
        audioConfig={"sampleRate": 24_000, "channelMode": "CHANNEL_MODE_MIXED"},
        dataMessages={"debug": True},
    )
    assert validate_start_call(body) == body
    assert validate_start_call({"dataConnection": {}}) == {"dataConnection": {}}  # none, in place of a template's


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"dataConnection": {"audioConfig": {}}}, "`websocketUrl`: required"),
        (connected(audioConfig={"sampleRate": 44_100}), "sampleRate: expected one of 8000, 16000, 24000, 48000"),
        (connected(headers={"bad name": "x"}), "not the name of a header: `bad name`"),
        (connected(headers={"": "x"}), "not the name of a header"),
        (connected(headers={"x-ultravox-signature": "x"}), "sets this header itself"),
        (connected(headers={"Sec-WebSocket-Protocol": "x"}), "sets this header itself"),
        (connected(headers={"Host": "x"}), "sets this header itself"),
        (connected(headers={"Transfer-Encoding": "chunked"}), "sets this header itself"),
        (connected(headers={"A": "x\r\nB: y"}), "printable ASCII characters: `A`"),
        (connected(headers={"A": "x" * 5_000}), "at most 4096 characters: `A`"),
        (connected(headers={f"A{count}": "" for count in range(51)}), "at most 50 headers"),
    ],
)
def test_a_data_connection_that_cannot_be(body: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        validate_start_agent_call(body)


@given(st.dictionaries(st.text("aA-:\r\n \x00é", max_size=6) | st.text(max_size=4), st.text(max_size=8), max_size=3))
def test_headers_that_are_taken_stay_in_their_lines(headers: dict[str, str]) -> None:
    with suppress(Invalid):
        validate_start_call(connected(headers=headers))
        written = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        assert written.isascii()
        assert written.count("\r") == written.count("\n") == len(headers)


def test_the_guard_is_asked_where_a_data_connection_leads() -> None:
    def guard(url: str, *, websocket: bool = False) -> str | None:
        return f"{'websocket' if websocket else 'web'} to {url}"

    with pytest.raises(Invalid, match="websocketUrl: not a URL that can be used: websocket to wss://owner.example/"):
        validate_start_call(connected(), check_url=guard)
    with pytest.raises(Invalid, match="web to https://a.example"):
        validate_start_call({"callbacks": {"joined": {"url": "https://a.example"}}}, check_url=guard)


def test_an_agents_call_takes_no_prompt() -> None:
    with pytest.raises(Invalid, match="unknown key `systemPrompt`"):
        validate_start_agent_call({"systemPrompt": "x"})
    with pytest.raises(Invalid, match="only together with `voice`"):
        validate_start_agent_call({"voiceOverrides": {"google": {}}})
    assert validate_start_agent_call({"templateContext": {"a": 1}}) == {"templateContext": {"a": 1}}


@given(JSON | st.dictionaries(KEYS, JSON))
def test_any_json_is_taken_or_refused_in_words(body: Any) -> None:
    for validate in (validate_start_call, validate_start_agent_call):
        with suppress(Invalid):
            assert isinstance(validate(body), dict)
