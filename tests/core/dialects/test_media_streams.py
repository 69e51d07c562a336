import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialects.media_streams import (
    DIALECTS,
    NAME_CHARACTERS_MAX,
    PARAMETER_CHARACTERS_MAX,
    PARAMETERS_MAX,
    Clear,
    Malformed,
    Mark,
    Sound,
    Stream,
    Writer,
    read,
)
from callgate.core.dialects.stream_ids import account_sid, call_id_of, call_sid, stream_sid

STREAM = Stream(stream_id="MZ1", call_id="CA1", account_id="AC1", parameters={"from": "sip:a@b"})
TWILIO = DIALECTS["twilio"]


def test_a_stream_as_twilio_writes_it() -> None:
    writer = Writer("twilio", STREAM)
    connected = writer.connected()
    assert connected is not None
    assert json.loads(connected) == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert json.loads(writer.start()) == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "MZ1",
        "start": {
            "streamSid": "MZ1",
            "accountSid": "AC1",
            "callSid": "CA1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"from": "sip:a@b"},
        },
    }
    writer.media(b"\xff" * 160, 20)
    assert json.loads(writer.media(b"\xff", 20)) == {
        "event": "media",
        "sequenceNumber": "3",
        "streamSid": "MZ1",
        "media": {"track": "inbound", "chunk": "2", "timestamp": "20", "payload": "/w=="},
    }
    assert json.loads(writer.digit("5", 100))["dtmf"] == {"track": "inbound_track", "digit": "5"}
    assert json.loads(writer.marked("m"))["mark"] == {"name": "m"}
    assert json.loads(writer.stop())["stop"] == {"accountSid": "AC1", "callSid": "CA1"}


@pytest.mark.parametrize("name", DIALECTS)
def test_what_a_bot_sends_is_read_in_its_platforms_words(name: str) -> None:
    dialect = DIALECTS[name]
    media = {"event": dialect.media, "media": {"payload": base64.b64encode(b"sound").decode()}}
    assert read(json.dumps(media).encode(), dialect) == Sound(b"sound")
    named = {"name": "m"} if name == "plivo" else {"mark": {"name": "m"}}
    assert read(json.dumps({"event": dialect.mark, **named}).encode(), dialect) == Mark("m")
    assert read(json.dumps({"event": dialect.clear}).encode(), dialect) == Clear()


def test_events_that_are_not_known_are_passed_over() -> None:
    assert read(b'{"event":"weather"}', TWILIO) is None


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b'"media"',
        b'{"event":"media"}',
        b'{"event":"media","media":{"payload":7}}',
        b'{"event":"media","media":{"payload":"*"}}',
        b'{"event":"mark","mark":7}',
        b'{"event":"mark","mark":{"name":"' + b"x" * (NAME_CHARACTERS_MAX + 1) + b'"}}',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_told_in_words(message: bytes) -> None:
    found = read(message, TWILIO)
    assert isinstance(found, Malformed)
    assert found.words


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_no_message_makes_it_fail(message: bytes) -> None:
    for dialect in DIALECTS.values():
        read(message, dialect)


def test_parameters_are_bounded() -> None:
    many = {f"{n}": "x" * 1_000 for n in range(100)}
    writer = Writer("twilio", Stream(stream_id="s", call_id="c", account_id="a", parameters=many))
    told = json.loads(writer.start())["start"]["customParameters"]
    assert len(told) == PARAMETERS_MAX
    assert {len(value) for value in told.values()} == {PARAMETER_CHARACTERS_MAX}


def test_names_are_two_letters_and_32_digits_and_lead_back() -> None:
    call_id = "0192f3a4-1111-7222-8333-123456789abc"
    assert call_sid(call_id) == "CA0192f3a4111172228333123456789abc"
    assert (stream_sid(call_id)[:2], account_sid(call_id)[:2]) == ("MZ", "AC")
    assert call_id_of(call_sid(call_id)) == call_id
    for other in ("", "CA", "CA1", stream_sid(call_id), call_sid(call_id) + "0", "CAzz92f3a4111172228333123456789abc"):
        assert call_id_of(other) is None
