"""Requests for speech (``/audio/speech``) and for transcripts (``/audio/transcriptions``), as OpenAI's API has them."""

import json
from typing import Any, Final

import msgspec

from callgate.entities.json import JsonObject

INPUT_CHARACTERS_MAX: Final = 4_096  # the public limit of one request for speech
PCM_RATE_HZ: Final = 24_000  # of what comes without a header
TRANSCRIPT_CHARACTERS_MAX: Final = 20_000  # of one turn; what a user may type in one message is as long


class TranscriptUnreadable(Exception):
    """What came is no transcript; words for the call's events."""


def speech_body(text: str, *, model: str, voice: str, form: str) -> bytes:
    """The body of ``POST …/audio/speech``.

    Args:
        text: to be spoken; what is beyond `INPUT_CHARACTERS_MAX` is not.
        model: as the server calls it; empty: it is not said.
        voice: likewise.
        form: ``pcm`` (int16 little-endian, mono, 24 kHz, without a header) or ``wav``.
    """
    body: JsonObject = {"model": model} if model else {}
    body["input"] = text[:INPUT_CHARACTERS_MAX]
    if voice:
        body["voice"] = voice
    body["response_format"] = form
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def transcription_form(wav: bytes, *, model: str, language: str, boundary: str) -> tuple[str, bytes]:
    """The content type and the body of ``POST …/audio/transcriptions``. RFC 7578 (multipart/form-data).

    Args:
        wav: a file.
        model: as the server calls it; empty: it is not said.
        language: BCP 47, of which the first subtag is told; empty: none.
        boundary: letters and digits that the file does not hold.
    """
    first = language.partition("-")[0].lower()
    fields = {"model": model, "language": first if first.isascii() and first.isalpha() else ""}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode("utf-8", "replace")
        for name, value in {**fields, "response_format": "json"}.items()
        if value
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="turn.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    body = b"".join((*parts, head.encode(), wav, f"\r\n--{boundary}--\r\n".encode()))
    return f"multipart/form-data; boundary={boundary}", body


class _Transcript(msgspec.Struct):
    text: str | None = None
    error: Any = None


_decoder: Final = msgspec.json.Decoder(_Transcript)


def transcript_of(answer: bytes) -> str:
    """The words of an answer; empty: nothing was understood.

    Raises:
        TranscriptUnreadable: see there.
    """
    try:
        found = _decoder.decode(answer)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise TranscriptUnreadable(f"a transcript that cannot be read: {error}"[:300]) from None
    if found.text is None:
        raise TranscriptUnreadable(f"an answer without a transcript: {found.error!r}"[:300])
    return found.text.strip()[:TRANSCRIPT_CHARACTERS_MAX]
