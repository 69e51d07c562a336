"""What the caller said, written down by a transcription server."""

import asyncio
import uuid
from contextlib import aclosing
from typing import Final

from callgate.brains.cascade.servers import Cascade, ServerClient, ServerFailed
from callgate.core.dialects.speech_requests import TranscriptUnreadable, transcript_of, transcription_form

_PATH: Final = "/audio/transcriptions"
_ANSWER_BYTES_MAX: Final = 256 * 1024  # a transcript of half a minute is some hundred bytes
_ATTEMPTS: Final = 2


async def write_down(client: ServerClient, cascade: Cascade, wav: bytes, language: str) -> str:
    """The words of a turn; asked once more when the server fails.

    Args:
        client: of the worker.
        cascade: with a transcription server.
        wav: the turn.
        language: BCP 47; empty: unknown.

    Returns:
        Empty when nothing was understood.

    Raises:
        ServerFailed: the server did not answer.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return await _asked(client, cascade, wav, language)
        except ServerFailed as error:
            if attempt == _ATTEMPTS or 400 <= error.status < 500:
                raise
    raise AssertionError("the last attempt returns or raises")


async def _asked(client: ServerClient, cascade: Cascade, wav: bytes, language: str) -> str:
    server = cascade.transcription
    assert server is not None
    form, body = transcription_form(wav, model=server.model, language=language, boundary=uuid.uuid4().hex)
    answer = bytearray()
    try:
        async with (
            asyncio.timeout(cascade.patience.transcript),
            aclosing(client.post(server, _PATH, body, form)) as pieces,
        ):
            async for piece in pieces:
                answer += piece
                if len(answer) > _ANSWER_BYTES_MAX:
                    raise ServerFailed(f"a transcript is longer than {_ANSWER_BYTES_MAX} bytes")
    except TimeoutError:
        raise ServerFailed(f"no transcript within {cascade.patience.transcript:g} s") from None
    try:
        return transcript_of(bytes(answer))
    except TranscriptUnreadable as error:
        raise ServerFailed(str(error)) from None
