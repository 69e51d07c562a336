"""An agent in thirty lines: it repeats what it hears half a second later, and hangs up at the key 9.

Needs aiohttp. Run it, and configure `[models.echo]` with ``kind = "websocket"`` and ``url = "ws://127.0.0.1:9000/"``.
"""

import sys

from aiohttp import WSMsgType, web


async def serve(request: web.Request) -> web.WebSocketResponse:
    """One call."""
    call = web.WebSocketResponse()
    await call.prepare(request)
    waiting: list[bytes] = []
    async for message in call:
        if message.type == WSMsgType.BINARY:  # 20 ms of the caller
            waiting.append(message.data)
            if len(waiting) > 25:
                await call.send_bytes(waiting.pop(0))
            continue
        event = message.json()
        if event["type"] == "start":
            print("a call rings:", event["callId"], event["encoding"], event["sampleRate"], flush=True)
        elif event["type"] == "digit" and event["digit"] == "9":
            await call.send_json({"type": "message", "role": "agent", "text": "Goodbye."})
            await call.send_json({"type": "hangUp"})
    return call


app = web.Application()
app.router.add_get("/", serve)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 9_000)
