from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.entities.call import CallStage
from callgate.entities.json import JsonObject
from callgate.schema.errors import Invalid
from callgate.schema.stage import inherited, read_stage, render_initial_messages, render_stage

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["systemPrompt", "selectedTools", "voice", "initialMessages", "maxDuration", "initialState"])


def test_what_a_stage_cannot_change_is_named_and_left_out() -> None:
    body: JsonObject = {"systemPrompt": "x", "maxDuration": "nonsense", "medium": {}, "model": "m", "voice": None}
    assert read_stage(body) == ({"systemPrompt": "x"}, ["maxDuration", "medium", "model"])


def test_what_it_may_change_must_be_right() -> None:
    with pytest.raises(Invalid, match="temperature: .* selectedTools.1.: expected exactly one") as caught:
        read_stage({"temperature": 7, "selectedTools": [{"toolName": "a"}, {}]})
    assert set(caught.value.errors) == {"temperature", "selectedTools"}


def test_what_it_does_not_say_it_inherits() -> None:
    before: JsonObject = {"voice": "Ada", "systemPrompt": "a", "initialMessages": [{"text": "x"}], "selectedTools": []}
    after = inherited(before, {"externalVoice": {"lmnt": {}}, "systemPrompt": "b"})
    assert after == {"externalVoice": {"lmnt": {}}, "systemPrompt": "b", "selectedTools": []}
    assert inherited(after, {"voice": "Ada"}) == {"voice": "Ada", "systemPrompt": "b", "selectedTools": []}


def test_all_that_is_required_is_shown() -> None:
    shown = render_stage(CallStage("s", "c", 0, NOW, {"externalVoice": {"lmnt": {}}, "initialState": {"a": 1}}), 3)
    assert shown["externalVoice"] == {"lmnt": {}}
    assert "voiceOverrides" not in shown
    assert (shown["errorCount"], shown["initialState"], shown["created"]) == (3, {"a": 1}, "2026-07-01T12:00:00Z")
    required = ("experimentalSettings", "initialTokenCount", "latestTokenCount", "temperature", "callId", "callStageId")
    assert set(required) <= shown.keys()


def test_initial_messages_come_first_and_have_no_times() -> None:
    stage = CallStage("s", "c", 0, NOW, {"initialMessages": [{"role": "MESSAGE_ROLE_USER", "text": "a"}, 7, {}]})
    assert render_initial_messages(stage) == [
        {"role": "MESSAGE_ROLE_USER", "text": "a", "callStageMessageIndex": 0, "callStageId": "s"},
        {"callStageMessageIndex": 1, "callStageId": "s"},
    ]


@given(st.dictionaries(KEYS | st.text(max_size=5), JSON, max_size=4))
def test_any_object_is_taken_or_refused_in_words(body: Any) -> None:
    with suppress(Invalid):
        own, in_vain = read_stage(body)
        assert own.keys() <= body.keys()
        assert not own.keys() & set(in_vain)
