"""A server of the OpenAI Realtime protocol for tests: scripted by verbs, and strict about what it is sent."""

import asyncio
import base64
import itertools
import json
from typing import Any, Final

from aiohttp import WSMsgType, web

_BYTES_PER_MS: Final = {"audio/pcmu": 8, "audio/pcma": 8, "audio/pcm": 48}
_KNOWN: Final = (
    "session.update",
    "input_audio_buffer.append",
    "conversation.item.create",
    "conversation.item.truncate",
    "response.create",
    "response.cancel",
)


class RealtimeServer:
    """Serves any number of sessions, of which the newest is spoken for.

    Attributes:
        url: to connect to, once started.
        refuses: HTTP status for the next handshakes; 0: none.
        greets: while clear, connections are taken and nothing is said.
        takes: formats it takes; of others it says in ``session.updated`` that it uses ``audio/pcm``.
        sessions: how many there have been.
        headers: of the last handshake.
        session: its configuration as last told.
        received: every message of a client but sound, in order.
        sound: of the caller, since the last session began.
        complaints: what a client did wrong.
    """

    def __init__(self) -> None:
        self.url = ""
        self.refuses = 0
        self.greets = asyncio.Event()
        self.greets.set()
        self.takes = {"audio/pcmu", "audio/pcma", "audio/pcm"}
        self.sessions = 0
        self.headers: dict[str, str] = {}
        self.session: dict[str, Any] = {}
        self.received: list[dict[str, Any]] = []
        self.sound = bytearray()
        self.complaints: list[str] = []
        self._numbers = itertools.count(1)
        self._socket: web.WebSocketResponse | None = None
        self._active = ""
        self._item_ms: dict[str, float] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application()
        app.router.add_get("/v1/realtime", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{self._runner.addresses[0][1]}/v1/realtime"

    async def stop(self) -> None:
        """End."""
        if self._runner is not None:
            await self._runner.cleanup()

    def asked(self, kind: str) -> list[dict[str, Any]]:
        """Messages of one type that have come."""
        return [message for message in self.received if message["type"] == kind]

    # --------------------------------------------------------------------------------------------------- its verbs

    async def begins_response(self) -> str:
        """Begin to answer; the id."""
        self._active = f"resp_{next(self._numbers)}"
        await self.says("response.created", response={"id": self._active, "status": "in_progress"})
        return self._active

    async def speaks(self, sound: bytes, text: str = "", *, item_id: str = "", finishes: bool = True) -> str:
        """Send sound and words as one item of an answer, begun if need be, and finish it; the item's id."""
        if not self._active:
            await self.begins_response()
        item_id = item_id or f"item_{next(self._numbers)}"
        form = self.session["audio"]["output"]["format"]["type"]
        self._item_ms[item_id] = self._item_ms.get(item_id, 0.0) + len(sound) / _BYTES_PER_MS[form]
        about = {"response_id": self._active, "item_id": item_id, "output_index": 0, "content_index": 0}
        await self.says("response.output_audio.delta", **about, delta=base64.b64encode(sound).decode())
        if text:
            await self.says("response.output_audio_transcript.delta", **about, delta=text)
        if finishes:
            await self.says("response.output_audio_transcript.done", **about, transcript=text)
            await self.says("response.output_audio.done", **about)
            await self.finishes()
        return item_id

    async def finishes(self, status: str = "completed") -> None:
        """The answer is done."""
        finished, self._active = self._active, ""
        await self.says("response.done", response={"id": finished, "status": status, "output": []})

    async def calls_tool(self, name: str, arguments: str = "{}") -> str:
        """Call a tool within an answer, and finish it; the call's id."""
        call_id = f"call_{next(self._numbers)}"
        if not self._active:
            await self.begins_response()
        item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
        await self.says("response.output_item.done", response_id=self._active, output_index=0, item=item)
        await self.finishes()
        return call_id

    async def hears_speech(self) -> None:
        """The caller begins to speak; what is being answered is cancelled."""
        await self.says("input_audio_buffer.speech_started", audio_start_ms=0, item_id=f"item_{next(self._numbers)}")
        if self._active:
            await self.finishes("cancelled")

    async def understands(self, text: str) -> None:
        """The caller has finished, and this is what was said."""
        about = {"item_id": f"item_{next(self._numbers)}"}
        await self.says("input_audio_buffer.speech_stopped", **about, audio_end_ms=0)
        await self.says(
            "conversation.item.input_audio_transcription.completed", **about, content_index=0, transcript=text
        )

    async def says(self, kind: str, **fields: Any) -> None:
        """Send any message."""
        assert self._socket is not None
        await self._socket.send_str(json.dumps({"type": kind, "event_id": f"event_{next(self._numbers)}", **fields}))

    async def says_text(self, text: str) -> None:
        """Send what is no message at all."""
        assert self._socket is not None
        await self._socket.send_str(text)

    async def breaks(self) -> None:
        """Let the connection break."""
        assert self._socket is not None
        transport = self._socket._req.transport if self._socket._req else None
        assert transport is not None
        transport.abort()

    # ---------------------------------------------------------------------------------------------------- fragments

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.headers = dict(request.headers)
        if self.refuses:
            return web.Response(status=self.refuses, text="no")
        self._socket = socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.sessions += 1
        self.sound.clear()
        self._active = ""
        await self.greets.wait()
        await self.says("session.created", session={"type": "realtime"})
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await self._take(json.loads(message.data))
            else:
                self.complaints.append(f"a {message.type.name} message")
        return socket

    async def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind not in _KNOWN:
            self.complaints.append(f"unknown type {kind}")
        if kind == "input_audio_buffer.append":
            self.sound += base64.b64decode(message["audio"], validate=True)
            return
        self.received.append(message)
        if kind == "session.update":
            self.session = message["session"]
            for direction in ("input", "output"):
                form = self.session["audio"][direction]["format"]
                if form["type"] not in self.takes:
                    self.session["audio"][direction]["format"] = {"type": "audio/pcm", "rate": 24_000}
            await self.says("session.updated", session=self.session)
        elif kind == "response.create" and self._active:
            await self._refuses("conversation_already_has_active_response")
        elif kind == "response.cancel":
            if self._active:
                await self.finishes("cancelled")
            else:
                await self._refuses("response_cancel_not_active")
        elif kind == "conversation.item.truncate" and message["audio_end_ms"] > self._item_ms[message["item_id"]]:
            self.complaints.append("an item was truncated beyond its end")
            await self._refuses("already_shorter")

    async def _refuses(self, code: str) -> None:
        await self.says("error", error={"type": "invalid_request_error", "code": code, "message": code})
        await asyncio.sleep(0)
