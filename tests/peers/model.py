"""A speech model's server in a thread of its own, for scenarios that wait for other processes."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Generic, Protocol, TypeVar


class Server(Protocol):
    """One of `callgate.testing`."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


T = TypeVar("T")
S = TypeVar("S", bound=Server)


class ModelInThread(Generic[S]):
    """Starts with the thread; `server` is to be looked at, its verbs are called by `does`."""

    def __init__(self, server: S) -> None:
        self.server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.does(self.server.start())

    def does(self, verb: Coroutine[Any, Any, T]) -> T:
        """Have the server do something, and wait until it has."""
        return asyncio.run_coroutine_threadsafe(verb, self._loop).result(10)

    def stop(self) -> None:
        """End it."""
        self.does(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
