"""A bot for tests, as written for a telephone platform's media streams: scripted by verbs, strict about its caller."""

import base64
import json
from typing import Any, Final

from aiohttp import WSMsgType, web

# The fields that a message must have, by dialect and event; written from the platforms' descriptions.
_EXPECTED: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "twilio": {
        "connected": ("protocol", "version"),
        "start": ("sequenceNumber", "streamSid", "start.callSid", "start.accountSid", "start.mediaFormat.encoding"),
        "media": ("sequenceNumber", "streamSid", "media.track", "media.chunk", "media.timestamp", "media.payload"),
        "dtmf": ("sequenceNumber", "streamSid", "dtmf.digit"),
        "mark": ("sequenceNumber", "streamSid", "mark.name"),
        "stop": ("sequenceNumber", "streamSid", "stop.callSid", "stop.accountSid"),
    },
    "telnyx": {
        "connected": ("version",),
        "start": ("sequence_number", "stream_id", "start.call_control_id", "start.media_format.encoding"),
        "media": ("sequence_number", "stream_id", "media.track", "media.payload"),
        "dtmf": ("stream_id", "dtmf.digit"),
        "mark": ("stream_id", "mark.name"),
        "stop": ("stream_id", "stop.call_control_id"),
    },
    "plivo": {
        "start": ("streamId", "start.callId", "start.streamId", "start.mediaFormat.encoding"),
        "media": ("streamId", "media.track", "media.payload"),
        "dtmf": ("streamId", "dtmf.digit"),
        "playedStream": ("streamId", "name"),
        "clearedAudio": ("streamId",),
        "stop": ("streamId",),
    },
    "exotel": {
        "connected": (),
        "start": ("stream_sid", "start.call_sid", "start.media_format.encoding"),
        "media": ("stream_sid", "media.chunk", "media.payload"),
        "dtmf": ("stream_sid", "dtmf.digit"),
        "mark": ("stream_sid", "mark.name"),
        "stop": ("stream_sid", "stop.call_sid"),
    },
}
_FIRST: Final = {"twilio": "connected", "telnyx": "connected", "plivo": "start", "exotel": "connected"}


class MediaStreamsBot:
    """Serves any number of streams, of which the newest is spoken for.

    Attributes:
        dialect: whose words it speaks.
        url: to connect to, once started.
        headers: of the last handshake.
        told: every message but sound, of the last stream, in order.
        sound: of its caller.
        complaints: what the platform did wrong.
    """

    def __init__(self, dialect: str = "twilio") -> None:
        self.dialect = dialect
        self.url = ""
        self.headers: dict[str, str] = {}
        self.told: list[dict[str, Any]] = []
        self.sound = bytearray()
        self.complaints: list[str] = []
        self._sequence = 0
        self._socket: web.WebSocketResponse | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application()
        app.router.add_get("/bot", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{self._runner.addresses[0][1]}/bot"

    async def stop(self) -> None:
        """End."""
        if self._runner is not None:
            await self._runner.cleanup()

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Messages of one kind that have come."""
        return [message for message in self.told if message["event"] == kind]

    # --------------------------------------------------------------------------------------------------- its verbs

    async def says(self, **message: Any) -> None:
        """Send any message."""
        assert self._socket is not None
        await self._socket.send_str(json.dumps(message))

    async def speaks(self, sound: bytes) -> None:
        """Send sound, in the format of the stream."""
        payload = base64.b64encode(sound).decode()
        if self.dialect == "plivo":
            media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": payload}
            await self.says(event="playAudio", media=media)
        else:
            await self.says(event="media", **self._names(), media={"payload": payload})

    async def marks(self, name: str) -> None:
        """Ask to be told when all so far has been heard."""
        if self.dialect == "plivo":
            await self.says(event="checkpoint", **self._names(), name=name)
        else:
            await self.says(event="mark", **self._names(), mark={"name": name})

    async def clears(self) -> None:
        """Throw away what has not been heard."""
        await self.says(event="clearAudio" if self.dialect == "plivo" else "clear", **self._names())

    async def leaves(self) -> None:
        """Close the stream."""
        assert self._socket is not None
        await self._socket.close()

    async def breaks(self) -> None:
        """Let the connection break."""
        assert self._socket is not None
        assert self._socket._req is not None
        transport = self._socket._req.transport
        assert transport is not None
        transport.abort()

    # ---------------------------------------------------------------------------------------------------- fragments

    def _names(self) -> dict[str, str]:
        name = {"twilio": "streamSid", "plivo": "streamId", "exotel": "stream_sid"}.get(self.dialect)
        return {name: str(self.told[-1].get(name, ""))} if name else {}

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        self.headers = dict(request.headers)
        self.told.clear()
        self.sound.clear()
        self._sequence = 0
        self._socket = socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                self._take(json.loads(message.data))
            else:
                self.complaints.append(f"a {message.type.name} message")
        return socket

    def _take(self, message: dict[str, Any]) -> None:
        event = message.get("event", "")
        expected = _EXPECTED[self.dialect].get(event)
        if expected is None:
            self.complaints.append(f"an event {event!r}")
            return
        if not self.told and event != _FIRST[self.dialect]:
            self.complaints.append(f"{event} comes first")
        for path in expected:
            found: Any = message
            for name in path.split("."):
                found = found.get(name) if isinstance(found, dict) else None
            if found is None:
                self.complaints.append(f"{event} without {path}")
        self._count(event, message)
        if event == "media":
            self.sound += base64.b64decode(message["media"]["payload"], validate=True)
        else:
            self.told.append(message)

    def _count(self, event: str, message: dict[str, Any]) -> None:
        if event == "connected":
            return
        self._sequence += 1
        number = message.get("sequenceNumber", message.get("sequence_number"))
        if str(number) != str(self._sequence):
            self.complaints.append(f"{event} is number {number}; expected {self._sequence}")
        if self.dialect == "twilio" and not isinstance(number, str):
            self.complaints.append(f"{event}: sequenceNumber is not a string")
