import contextlib
import email.parser
import email.policy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialects.speech_requests import (
    INPUT_CHARACTERS_MAX,
    TranscriptUnreadable,
    speech_body,
    transcript_of,
    transcription_form,
)


def test_a_request_for_speech() -> None:
    assert json.loads(speech_body("Hi – \ud800.", model="tts-1", voice="nova", form="pcm")) == {
        "model": "tts-1",
        "input": "Hi – ?.",
        "voice": "nova",
        "response_format": "pcm",
    }
    assert json.loads(speech_body("Hi", model="", voice="", form="wav")) == {"input": "Hi", "response_format": "wav"}
    long = json.loads(speech_body("x" * 5_000, model="", voice="", form="wav"))
    assert len(long["input"]) == INPUT_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("language", "told"), [("de-DE", "de"), ("EN", "en"), ("", None), ("x\r\ny", None), ("中", None)]
)
def test_a_form_with_a_file(language: str, told: str | None) -> None:
    kind, body = transcription_form(b"RIFF\r\n\0\xff", model="whisper", language=language, boundary="b0unda4y")
    parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    parts = {part.get_param("name", header="content-disposition"): part for part in parsed.iter_parts()}
    assert parts["file"].get_filename() == "turn.wav"
    assert parts["file"].get_content_type() == "audio/wav"
    assert b"\r\n\r\nRIFF\r\n\0\xff\r\n--b0unda4y--\r\n" in body
    fields = {name: part.get_content().strip() for name, part in parts.items() if name != "file"}
    assert fields == {"model": "whisper", "response_format": "json"} | ({"language": told} if told else {})


def test_a_transcript() -> None:
    assert transcript_of(b'{"text":" Hello. ","usage":{}}') == "Hello."
    assert transcript_of(b'{"text":""}') == ""


@pytest.mark.parametrize("answer", [b"", b"Hello.", b"[]", b'{"text":5}', b'{"error":{"message":"no"}}', b"[" * 99_999])
def test_what_is_no_transcript_is_told(answer: bytes) -> None:
    with pytest.raises(TranscriptUnreadable, match="transcript"):
        transcript_of(answer)


@given(st.binary(max_size=100))
def test_nothing_but_the_declared_error_comes_of_nonsense(answer: bytes) -> None:
    with contextlib.suppress(TranscriptUnreadable):
        assert isinstance(transcript_of(answer), str)
