import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialects import plain

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "websocket.schema.json").read_text())
CHECK = jsonschema.Draft202012Validator(SCHEMA)
TO_CALLGATE = jsonschema.Draft202012Validator({**SCHEMA["$defs"]["toCallgate"]})


@pytest.mark.parametrize(
    "message",
    [
        plain.start("c", "pcmu/8000", {"systemPrompt": "Be kind."}),
        plain.begin(),
        plain.digit("#", 160),
        plain.held(True),
        plain.marked("one"),
        plain.cleared(979.6, 20.4),
        plain.say("Goodbye.", True),
        plain.error("what?"),
    ],
)
def test_what_is_written_is_what_the_schema_says(message: bytes) -> None:
    CHECK.validate(json.loads(message))


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ({"type": "clear"}, plain.Clear()),
        ({"type": "mark", "name": "one"}, plain.Mark("one")),
        ({"type": "hangUp"}, plain.HangUp()),
        ({"type": "digits", "digits": "1#"}, plain.Digits("1#", 200, 100)),
        ({"type": "digits", "digits": "1", "toneMs": 100, "gapMs": 50}, plain.Digits("1", 100, 50)),
        ({"type": "message", "role": "user", "text": "Hi."}, plain.Message("user", "Hi.")),
    ],
)
def test_what_the_schema_says_is_understood(message: dict[str, Any], command: plain.Command) -> None:
    TO_CALLGATE.validate(message)
    assert plain.read(json.dumps(message).encode()) == command


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"type":"fly"}', "Invalid value 'fly'"),
        (b'{"type":"mark"}', "missing required field `name`"),
        (b'{"type":"mark","name":"' + b"n" * 101 + b'"}', "a mark of 101 characters; expected at most 100"),
        (b'{"type":"message","role":"root","text":""}', "role 'root'; expected agent or user"),
        (b'{"type":"message","role":"user","text":"' + b"n" * 10_001 + b'"}', "expected at most 10000"),
        (b"\xff", "byte"),
    ],
)
def test_what_is_not_understood_is_said(message: bytes, words: str) -> None:
    found = plain.read(message)
    assert isinstance(found, plain.Malformed)
    assert words in found.words


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: json.dumps({"type": text}).encode()))
def test_no_message_raises(message: bytes) -> None:
    plain.read(message)
