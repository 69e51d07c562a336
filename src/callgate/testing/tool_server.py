"""A web server for tests that does what tools do: it answers as told and keeps what it was asked."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came.

    Attributes:
        method: of HTTP.
        target: path and query, as they came.
        headers: by name in lower case.
        body: as it came.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What it says.

    Attributes:
        text: the body.
        status: of HTTP.
        headers: sent along.
    """

    text: str = "done"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class ToolServer:
    """One server on a free port of 127.0.0.1.

    Attributes:
        url: without a path, once started.
        asked: what came, in order.
        answer: what it says to the next requests.
        waits: while clear, no answer goes out.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.answer = Answer()
        self.waits = asyncio.Event()
        self.waits.set()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """End; what waits for an answer gets none."""
        self.waits.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.method, request.raw_path, headers, await request.read()))
        await self.waits.wait()
        return web.Response(text=self.answer.text, status=self.answer.status, headers=self.answer.headers)
