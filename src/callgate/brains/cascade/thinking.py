"""One answer of the chat model: asked for, read as it comes, cut into clauses; asked for again when it fails early."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from callgate.brains.cascade.clauses import ClauseCutter, spoken_text
from callgate.brains.cascade.servers import Cascade, ServerClient, ServerFailed
from callgate.core.dialects.chat_completions import AnswerStream, AnswerUnreadable, ToolCall

_PATH: Final = "/chat/completions"
_ATTEMPTS: Final = 2
_TOO_LONG: Final = (400, 413)  # with which servers refuse a conversation that passes the model's limit
_END_S_MAX: Final = 0.2  # for a server that has said that nothing follows to end its answer


async def read_answer(client: ServerClient, cascade: Cascade, body: bytes, said: Callable[[str], bool]) -> AnswerStream:
    """Ask for an answer and read it.

    Args:
        client: of the worker.
        cascade: as configured.
        body: of the request.
        said: is told the text as it comes, also when none has come with a piece; returns whether more is wanted.

    Raises:
        ServerFailed: there is none, or it breaks off.
    """
    stream, patience = AnswerStream(), cascade.patience
    loop = asyncio.get_running_loop()
    try:
        async with (
            asyncio.timeout(patience.first_word) as waiting,
            aclosing(client.post(cascade.chat, _PATH, body, "application/json")) as pieces,
        ):
            async for piece in pieces:
                moves = stream.moves
                text = stream.feed(piece)
                if not said(text) and stream.begun:
                    return stream
                if stream.done:
                    waiting.reschedule(loop.time() + _END_S_MAX)
                elif stream.moves > moves:
                    waiting.reschedule(loop.time() + patience.next_word)
    except TimeoutError:
        if not stream.done:
            waited = patience.next_word if stream.moves else patience.first_word
            raise ServerFailed(f"the model said nothing for {waited:g} s") from None
    except AnswerUnreadable as error:
        raise ServerFailed(str(error)) from None
    if not stream.complete:
        raise ServerFailed("the model's answer broke off" if stream.begun else "the model did not answer")
    return stream


class Thinking:
    """An answer on its way.

    Its callbacks are called on the event loop: `said` for each clause, and at the end one of `done` and `failed`;
    none of them after `cancel`.

    Args:
        client: of the worker.
        cascade: as configured.
        request: makes the body; called again for the second attempt.
        shorten: makes the next request shorter, if that is possible.
        said: is told a clause, to be spoken.
        done: is told the tools that the model wants.
        failed: is told why there is no answer, or no more of it.
    """

    def __init__(
        self,
        client: ServerClient,
        cascade: Cascade,
        *,
        request: Callable[[], bytes],
        shorten: Callable[[], bool],
        said: Callable[[str], None],
        done: Callable[[tuple[ToolCall, ...]], None],
        failed: Callable[[str], None],
    ) -> None:
        self._client = client
        self._cascade = cascade
        self._request = request
        self._shorten = shorten
        self._said = said
        self._done = done
        self._failed = failed
        self._spoken = False
        self._cutter = ClauseCutter()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="answer of a chat model")

    def cancel(self) -> None:
        """It is not wanted any more: the connection ends, by which the server knows."""
        self._task.cancel()

    async def close(self) -> None:
        """Likewise, and wait until it has."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            self._cutter = ClauseCutter()
            try:
                answer = await read_answer(self._client, self._cascade, self._request(), self._take)
                self._say(self._cutter.finish())
                self._done(answer.tool_calls)
            except ServerFailed as error:
                if self._spoken or attempt == _ATTEMPTS or not self._may_succeed(error.status):
                    self._failed(str(error))
                    return
                continue
            except Exception as error:  # nobody awaits this: the caller must not be left without an answer
                self._failed(f"the answer failed: {error or type(error).__name__}")
            return

    def _may_succeed(self, status: int) -> bool:
        """Whether to ask again: what was refused is refused again, unless it was too long or too much at a time."""
        if status in _TOO_LONG:
            return self._shorten()
        return not 400 <= status < 500 or status in (408, 429)

    def _take(self, text: str) -> bool:
        if text:
            self._say(self._cutter.feed(text))
        return True

    def _say(self, clauses: list[str]) -> None:
        for clause in clauses:
            text = spoken_text(clause)
            if text:
                self._spoken = True
                self._said(text)
