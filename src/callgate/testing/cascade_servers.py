"""A web server for tests that answers, speaks and writes down as the servers of a cascade do, by OpenAI's interfaces.

What it says is scripted; its speech is a tone whose length tells that of its text. It can refuse, stall and die.
"""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import BodyPartReader, web

from callgate.brains.cascade.brain import WARM_UP
from callgate.core.audio.tones import tone
from callgate.core.audio.wav import write_wav

RATE_HZ: Final = 24_000
MS_PER_CHARACTER: Final = 50


@dataclass(slots=True)
class Reply:
    """One answer of the chat model.

    Attributes:
        pieces: of its text, each a chunk of the stream.
        tools: names and arguments of tools it wants.
        waits: while clear, nothing is said after the first piece.
        dies_after: so many pieces, the connection breaks; ``None``: never.
        error: said in the stream instead of an end; empty: none.
        status: of HTTP; other than 200, it is refused.
    """

    pieces: Sequence[str] = ()
    tools: Sequence[tuple[str, str]] = ()
    waits: asyncio.Event | None = None
    dies_after: int | None = None
    error: str = ""
    status: int = 200


@dataclass(slots=True)
class Spoken:
    """A request for speech.

    Attributes:
        body: as it came.
        finished: whether all of its sound was taken; ``None``: not yet known.
    """

    body: dict[str, Any]
    finished: bool | None = None


@dataclass(slots=True)
class Written:
    """A request for a transcript.

    Attributes:
        fields: but the file.
        wav: the file.
    """

    fields: dict[str, str] = field(default_factory=dict)
    wav: bytes = b""


class CascadeServers:
    """All three on one free port of 127.0.0.1.

    Attributes:
        url: to be configured, once started: ``http://127.0.0.1:…/v1``.
        replies: what the chat model says to the next requests; ``Yes.`` when there is none.
        transcripts: likewise of the next turns; nothing is understood when there is none.
        refuses: by path (``/chat/completions`` …), the HTTP status of the next requests.
        refused_voices: that the speech server does not know.
        forms: that it speaks in.
        hz: of its tone.
        speech_rate_hz: of its WAV files.
        mute: how many of the next requests for speech it breaks off.
        speaks: while clear, it sends no sound.
        writes: while clear, no transcript goes out.
        prompts: the bodies of requests for answers, but for those that only warm up.
        warm_ups: the bodies of these.
        spoken: the requests for speech.
        speaking: how many of them are under way, and the most there have been.
        written: the requests for transcripts, but for those of silence, which only warm up.
        left: how many answers were let go of before their end.
        keys: what the ``Authorization`` headers said.
    """

    def __init__(self) -> None:
        self.url = ""
        self.replies: deque[Reply] = deque()
        self.transcripts: deque[str] = deque()
        self.refuses: dict[str, int] = {}
        self.refused_voices: set[str] = set()
        self.forms = {"pcm", "wav"}
        self.hz = 700
        self.speech_rate_hz = RATE_HZ
        self.mute = 0
        self.speaks = asyncio.Event()
        self.speaks.set()
        self.writes = asyncio.Event()
        self.writes.set()
        self.prompts: list[dict[str, Any]] = []
        self.warm_ups: list[dict[str, Any]] = []
        self.spoken: list[Spoken] = []
        self.speaking = [0, 0]
        self.written: list[Written] = []
        self.left = 0
        self.keys: set[str] = set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_post("/v1/audio/speech", self._speak)
        app.router.add_post("/v1/audio/transcriptions", self._write)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        """End; what waits for an answer gets none."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def script(self, *replies: Reply) -> None:
        """What the chat model says next; a coroutine, so that it can be told from another thread."""
        self.replies.extend(replies)

    # ---------------------------------------------------------------------------------------------------- the servers

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request, "/chat/completions")) is not None:
            return refusal
        body = await request.json()
        if body["messages"][-1]["content"] == WARM_UP:
            self.warm_ups.append(body)
            reply = Reply(["Hello"])
        else:
            self.prompts.append(body)
            reply = self.replies.popleft() if self.replies else Reply(["Yes."])
        if reply.status != 200:
            return web.Response(status=reply.status, text="not like this")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._stream(request, response, reply)
        except ConnectionResetError:
            self.left += 1
        except asyncio.CancelledError:
            self.left += 1
            raise
        return response

    async def _stream(self, request: web.Request, response: web.StreamResponse, reply: Reply) -> None:
        await _send(response, _chunk({"role": "assistant", "content": ""}))
        for number, piece in enumerate(reply.pieces):
            if reply.dies_after is not None and number >= reply.dies_after:
                break
            await _send(response, _chunk({"content": piece}))
            if reply.waits is not None:
                await reply.waits.wait()
        if reply.dies_after is not None:
            if request.transport is not None:
                request.transport.abort()
            return
        for index, (name, arguments) in enumerate(reply.tools):
            half = len(arguments) // 2
            call = {"index": index, "id": f"call-{len(self.prompts)}-{index}", "type": "function"}
            await _send(
                response, _chunk({"tool_calls": [{**call, "function": {"name": name, "arguments": arguments[:half]}}]})
            )
            await _send(
                response, _chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]})
            )
        if reply.error:
            await _send(response, {"error": {"message": reply.error}})
            return
        await _send(response, _chunk({}, "tool_calls" if reply.tools else "stop"))
        await _send(response, {"choices": [], "usage": {"total_tokens": 1}})
        await response.write(b"data: [DONE]\n\n")

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request, "/audio/speech")) is not None:
            return refusal
        body = await request.json()
        if body["response_format"] not in self.forms:
            return web.Response(status=400, text=f"no {body['response_format']}")
        if body.get("voice") in self.refused_voices:
            return web.Response(status=400, text="no such voice")
        spoken = Spoken(body)
        self.spoken.append(spoken)
        self.speaking[0] += 1
        self.speaking[1] = max(self.speaking)
        try:
            await self.speaks.wait()
            response = web.StreamResponse()
            if self.mute and request.transport is not None:
                self.mute -= 1
                request.transport.abort()
                return response
            await response.prepare(request)
            for piece in self._sound(body["input"], body["response_format"]):
                await response.write(piece)
            await response.write_eof()
            spoken.finished = True
        finally:
            self.speaking[0] -= 1
            spoken.finished = spoken.finished or False
        return response

    def _sound(self, text: str, form: str) -> list[bytes]:
        rate_hz = RATE_HZ if form == "pcm" else self.speech_rate_hz
        pcm = tone(self.hz, MS_PER_CHARACTER * len(text), rate_hz=rate_hz)
        whole = pcm if form == "pcm" else write_wav(pcm, rate_hz)
        return [whole[at : at + 5_001] for at in range(0, len(whole), 5_001)]

    async def _write(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request, "/audio/transcriptions")) is not None:
            return refusal
        written = Written()
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            data = bytes(await part.read())
            if part.name == "file":
                written.wav = data
            else:
                written.fields[str(part.name)] = data.decode()
        if not any(written.wav[len(write_wav(b"", RATE_HZ)) :]):
            return web.json_response({"text": ""})  # of silence: it only warms up
        self.written.append(written)
        await self.writes.wait()
        return web.json_response({"text": self.transcripts.popleft() if self.transcripts else ""})

    def _refusal(self, request: web.Request, path: str) -> web.Response | None:
        key = request.headers.get("Authorization", "")
        self.keys.add(key)
        status = self.refuses.get(path)
        return None if status is None else web.Response(status=status, text=f"no, {key or 'you'}")


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


async def _send(response: web.StreamResponse, data: dict[str, Any]) -> None:
    await response.write(f"data: {json.dumps(data)}\n\n".encode())
