"""The servers of a cascade, as configured, and the one way to ask them: guarded, streamed, with words for failures."""

import io
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.http import forbidden_cause, http_session

_WORDS_BYTES_MAX: Final = 2_000  # read of what a server says when it refuses
_WORDS_CHARACTERS_MAX: Final = 300  # told of it


class ServerFailed(Exception):
    """A server did not do what it was asked.

    Attributes:
        status: of HTTP, when it refused; 0 otherwise.
    """

    def __init__(self, words: str, status: int = 0) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Server:
    """One server.

    Attributes:
        role: what it does here, in words about it: ``chat``, ``speech`` or ``transcription``.
        url: ``http://`` or ``https://``, to which a path such as ``/chat/completions`` is added.
        model: as the server calls it; empty: the server knows.
        api_key: empty: none is sent.
    """

    role: str
    url: str
    model: str = ""
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long servers may take, in seconds.

    Attributes:
        start: for all of them to prove that they work, while the phone rings.
        first_word: of an answer. Twice as long is less than the 15 s after which a successor is called.
        next_word: between two of them.
        first_sound: of a clause.
        next_sound: between two pieces of it.
        transcript: of a turn.
    """

    start: float = 5.0
    first_word: float = 7.0
    next_word: float = 7.0
    first_sound: float = 5.0
    next_sound: float = 5.0
    transcript: float = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """What a cascade is made of.

    Attributes:
        chat: answers.
        speech: speaks.
        voice: of the speech server, for calls that name none; empty: the server knows.
        transcription: writes down what the caller says; ``None``: nobody does.
        audio_input: whether the chat model listens to the caller itself; else it reads transcripts.
        tools: whether tools are offered to it.
        patience: with all of them.
    """

    chat: Server
    speech: Server
    voice: str = ""
    transcription: Server | None = None
    audio_input: bool = True
    tools: bool = True
    patience: Patience = Patience()


class ServerClient:
    """Asks servers; one for a worker and model.

    Args:
        guard: which addresses may be reached.
    """

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._session: aiohttp.ClientSession | None = None

    async def post(self, server: Server, path: str, body: bytes, content_type: str) -> AsyncGenerator[bytes, None]:
        """Ask, and have the answer in pieces as they come; how long and how much is for the caller to bound.

        To be closed (`contextlib.aclosing`) by who does not read it to its end: the connection ends with it, by which
        a server knows that nobody listens.

        Raises:
            ServerFailed: it cannot be reached, answers with another status than 200, or breaks off.
        """
        if self._session is None:
            self._session = http_session(self._guard)
        headers = {"Content-Type": content_type}
        if server.api_key:
            headers["Authorization"] = f"Bearer {server.api_key}"
        begun = False
        try:
            async with self._session.post(
                server.url.rstrip("/") + path, data=io.BytesIO(body), headers=headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    words = (await response.content.read(_WORDS_BYTES_MAX)).decode("utf-8", "replace")
                    if server.api_key:
                        words = words.replace(server.api_key, "…")  # some servers repeat it
                    words = f"the {server.role} server refused with HTTP {response.status}: {words}"
                    raise ServerFailed(words[:_WORDS_CHARACTERS_MAX], response.status)
                begun = True
                async for piece in response.content.iter_any():
                    yield piece
        except (aiohttp.ClientError, OSError, ValueError) as error:
            what = "broke off" if begun else "could not be reached"
            words = f"the {server.role} server {what}: {forbidden_cause(error) or error or type(error).__name__}"
            raise ServerFailed(words[:_WORDS_CHARACTERS_MAX]) from error

    async def close(self) -> None:
        """Let go of the connections. A worker's own live as long as its process."""
        if self._session is not None:
            await self._session.close()
