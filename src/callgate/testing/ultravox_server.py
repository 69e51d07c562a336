"""A server of the Ultravox API for tests: creates calls, serves their WebSocket, is strict about what it hears."""

import asyncio
import itertools
import json
from typing import Any, Final

from aiohttp import WSMsgType, web

_KNOWN: Final = ("user_text_message", "forced_agent_message", "client_tool_result", "hang_up")
_FIELDS: Final = frozenset(
    (
        "systemPrompt",
        "temperature",
        "model",
        "voice",
        "externalVoice",
        "voiceOverrides",
        "languageHint",
        "initialMessages",
        "firstSpeaker",
        "firstSpeakerSettings",
        "vadSettings",
        "initialState",
        "selectedTools",
        "maxDuration",
        "medium",
    )
)


class UltravoxServer:
    """Creates any number of calls, of which the newest is spoken for.

    Attributes:
        url: of its API, once started.
        refuses: HTTP status for the next creations; 0: none.
        bodies: with which calls were created.
        keys: sent along.
        received: every message of a client but sound, in order.
        sound: of the caller.
        complaints: what a client did wrong.
    """

    def __init__(self) -> None:
        self.url = ""
        self.refuses = 0
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.received: list[dict[str, Any]] = []
        self.sound = bytearray()
        self.complaints: list[str] = []
        self.joined = asyncio.Event()
        self._numbers = itertools.count(1)
        self._socket: web.WebSocketResponse | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application()
        app.router.add_post("/api/calls", self._create)
        app.router.add_get("/calls/{number}/server_web_socket", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """End."""
        if self._runner is not None:
            await self._runner.cleanup()

    def asked(self, kind: str) -> list[dict[str, Any]]:
        """Messages of one type that have come."""
        return [message for message in self.received if message["type"] == kind]

    # --------------------------------------------------------------------------------------------------- its verbs

    async def says(self, kind: str, **fields: Any) -> None:
        """Send any message."""
        assert self._socket is not None
        await self._socket.send_str(json.dumps({"type": kind, **fields}))

    async def speaks(self, sound: bytes, text: str = "") -> None:
        """Send sound, and what it says."""
        assert self._socket is not None
        await self.says("state", state="speaking")
        await self._socket.send_bytes(sound)
        if text:
            await self.says(
                "transcript", role="agent", medium="voice", text=text, final=True, ordinal=next(self._numbers)
            )
        await self.says("state", state="listening")

    async def understands(self, text: str) -> None:
        """The caller has finished, and this is what was said."""
        number = next(self._numbers)
        await self.says("state", state="thinking")
        await self.says("transcript", role="user", medium="voice", text=text, final=True, ordinal=number)

    async def calls_tool(self, name: str, **parameters: Any) -> str:
        """Call a tool; the invocation's id."""
        invocation = f"invocation-{next(self._numbers)}"
        await self.says("client_tool_invocation", toolName=name, invocationId=invocation, parameters=parameters)
        return invocation

    async def leaves(self, code: int = 1000) -> None:
        """End the call."""
        assert self._socket is not None
        await self._socket.close(code=code)

    # ---------------------------------------------------------------------------------------------------- fragments

    async def _create(self, request: web.Request) -> web.Response:
        if self.refuses:
            return web.json_response({"detail": "no"}, status=self.refuses)
        body = await request.json()
        unknown = set(body) - _FIELDS
        if unknown:
            self.complaints.append(f"a call with {', '.join(sorted(unknown))}")
        if "inputSampleRate" not in body.get("medium", {}).get("serverWebSocket", {}):
            self.complaints.append("a call without medium.serverWebSocket.inputSampleRate")
        self.bodies.append(body)
        self.keys.append(request.headers.get("X-API-Key", ""))
        join = f"{self.url.replace('http', 'ws', 1)}/calls/{len(self.bodies)}/server_web_socket"
        return web.json_response({"callId": f"call-{len(self.bodies)}", "joinUrl": join}, status=201)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        self._socket = socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.joined.set()
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                if len(message.data) % 2:
                    self.complaints.append(f"{len(message.data)} bytes of sound")
                self.sound += message.data
                continue
            found = json.loads(message.data)
            if found.get("type") not in _KNOWN:
                self.complaints.append(f"a message {found.get('type')!r}")
            self.received.append(found)
        return socket
