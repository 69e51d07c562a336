"""An owner's server for tests, to which calls connect: it checks who calls, keeps what it is told, answers tools."""

import asyncio
import json
from typing import Any, Final

from aiohttp import WSMsgType, web

from callgate.core.webhook.signature import verify

# The fields that each message must have; none may have others.
_FIELDS: Final[dict[str, frozenset[str]]] = {
    kind: frozenset(fields)
    for kind, fields in {
        "call_started": ("callId",),
        "pong": ("timestamp",),
        "state": ("state",),
        "transcript": ("role", "medium", "text", "final", "ordinal"),
        "client_tool_invocation": ("toolName", "invocationId", "parameters"),
        "data_connection_tool_invocation": ("toolName", "invocationId", "parameters"),
        "playback_clear_buffer": (),
        "debug": ("message",),
        "call_event": ("event",),
        "invoking_tool": ("toolName", "invocationId", "parameters"),
        "tool_used": ("toolName", "invocationId", "result"),
        "user_started_speaking": (),
        "user_stopped_speaking": (),
        "thread_rejected": ("threadId", "reason"),
    }.items()
}


class DataConnectionServer:
    """Serves any number of connections, of which the newest is spoken for.

    Attributes:
        url: to connect to, once started.
        secrets: with which calls are expected to sign; empty: they are not.
        refuses: HTTP status for the next handshakes; 0: none.
        results: what it answers when a tool is to be used, by the tool's name: fields of the result.
        reads: while clear, nothing of what comes is read.
        connections: how many there have been.
        headers: of the last handshake.
        told: every data message, in order.
        sound: that came since the last connection.
        complaints: what a call did wrong.
    """

    def __init__(self, *secrets: str) -> None:
        self.url = ""
        self.secrets = secrets
        self.refuses = 0
        self.results: dict[str, dict[str, Any]] = {}
        self.reads = asyncio.Event()
        self.reads.set()
        self.connections = 0
        self.headers: dict[str, str] = {}
        self.told: list[dict[str, Any]] = []
        self.sound = bytearray()
        self.complaints: list[str] = []
        self._socket: web.WebSocketResponse | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application()
        app.router.add_get("/data", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{self._runner.addresses[0][1]}/data"

    async def stop(self) -> None:
        """End."""
        self.reads.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def messages(self, kind: str) -> list[dict[str, Any]]:
        """Messages of one type that have come."""
        return [message for message in self.told if message["type"] == kind]

    # --------------------------------------------------------------------------------------------------- its verbs

    async def says(self, kind: str, **fields: Any) -> None:
        """Send any message."""
        await self.says_text(json.dumps({"type": kind, **fields}))

    async def says_text(self, text: str) -> None:
        """Send what may be no message at all."""
        assert self._socket is not None
        await self._socket.send_str(text)

    async def leaves(self, code: int = 1000) -> None:
        """Close the connection."""
        assert self._socket is not None
        await self._socket.close(code=code)

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
        refusal = self._unproved()
        if refusal:
            self.complaints.append(refusal)
            return web.Response(status=401, text=refusal)
        self._socket = socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.connections += 1
        self.sound.clear()
        await self.reads.wait()
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                self.sound += message.data
            else:
                await self._take(json.loads(message.data))
            await self.reads.wait()
        return socket

    def _unproved(self) -> str:
        """What is wrong with a handshake."""
        signature = self.headers.get("X-Ultravox-Signature")
        if not self.secrets:
            return "a signature, and no secret" if signature is not None else ""
        call_id = self.headers.get("X-Ultravox-Call-ID", "")
        timestamp = self.headers.get("X-Ultravox-Signature-Timestamp", "")
        return "" if verify(call_id.encode(), timestamp, signature or "", self.secrets) else "a wrong signature"

    async def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if _FIELDS.get(kind) != frozenset(message) - {"type"}:
            self.complaints.append(f"a message that is not as described: {message}")
        self.told.append(message)
        if kind == "data_connection_tool_invocation" and message["toolName"] in self.results:
            fields = self.results[message["toolName"]]
            await self.says("data_connection_tool_result", invocationId=message["invocationId"], **fields)
