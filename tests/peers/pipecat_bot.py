"""A bot made of Pipecat's own parser and serializers: it says what it hears, and obeys two keys.

Runs as a program of its own, with Pipecat in its path. Prints one JSON object a line: what it found.
`0`: it interrupts itself, `9`: it hangs up by the REST interface that its serializer knows.
"""

import asyncio
import json
import os
import sys
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import web
from pipecat.frames.frames import (
    EndFrame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
)
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.exotel import ExotelFrameSerializer
from pipecat.serializers.plivo import PlivoFrameSerializer
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer

RATE_HZ = 16_000


class Texts:
    """A WebSocket as Pipecat's parser wants it."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def iter_text(self) -> Any:
        async for message in self._socket:
            if message.type == aiohttp.WSMsgType.TEXT:
                yield message.data


def serializer_for(platform: str, call: Any) -> Any:
    if platform == "twilio":
        account = os.environ.get("ACCOUNT_SID", "")
        return TwilioFrameSerializer(
            call["stream_id"],
            call_sid=call["call_id"],
            account_sid=account or None,
            auth_token=os.environ.get("AUTH_TOKEN") or None,
            base_url=os.environ.get("BASE_URL"),
            params=TwilioFrameSerializer.InputParams(sample_rate=RATE_HZ, auto_hang_up=bool(account)),
        )
    if platform == "telnyx":
        params = TelnyxFrameSerializer.InputParams(sample_rate=RATE_HZ, auto_hang_up=False)
        return TelnyxFrameSerializer(call["stream_id"], call["outbound_encoding"], "PCMU", params=params)
    if platform == "plivo":
        params = PlivoFrameSerializer.InputParams(sample_rate=RATE_HZ, auto_hang_up=False)
        return PlivoFrameSerializer(call["stream_id"], params=params)
    return ExotelFrameSerializer(call["stream_id"], params=ExotelFrameSerializer.InputParams(sample_rate=RATE_HZ))


async def serve(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    texts = Texts(socket)
    platform, call = await parse_telephony_websocket(texts)
    tell(platform=platform, call=call["call_id"], body=call.get("body") or {})
    serializer = serializer_for(platform, call)
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=RATE_HZ))
    async for text in texts.iter_text():
        frame = await serializer.deserialize(text)
        answer = None
        if isinstance(frame, InputAudioRawFrame):
            answer = OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
        elif isinstance(frame, InputDTMFFrame):
            tell(key=str(frame.button.value))
            answer = {"0": InterruptionFrame, "9": EndFrame}.get(str(frame.button.value), lambda: None)()
        if answer is not None and (message := await serializer.serialize(answer)) is not None:
            await socket.send_str(message if isinstance(message, str) else message.decode())
    tell(over=True)
    return socket


def tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def main() -> None:
    app = web.Application()
    app.router.add_get("/bot", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ.get("PORT", "0"))).start()
    tell(url=f"ws://127.0.0.1:{runner.addresses[0][1]}/bot")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it lets go


if __name__ == "__main__":
    asyncio.run(main())
