"""A fallback handler in a thread of its own, for scenarios that wait for other processes."""

import asyncio
import threading

from callgate.testing.handler import HandlerServer


class HandlerInThread:
    """Starts with the thread; `server` has the verbs."""

    def __init__(self) -> None:
        self.server = HandlerServer()
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        """End it."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self.server:
            self._started.set()
            await self._stop.wait()
