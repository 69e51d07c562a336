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
KEYS = st.sampled_from(["medium", "selectedTools", "joinTimeout", "voice", "metadata", "initialMessages", "callbacks"])


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
