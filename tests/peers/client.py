"""A client that joins calls without a phone: sound and data messages over a WebSocket, by aiohttp."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

import aiohttp

_T = TypeVar("_T")
_S_MAX = 10.0


class Client:
    """One connection, on a thread of its own.

    Attributes:
        sound: all that came, s16le.
        messages: data messages, in order.
        close_code: with which the other side closed; ``None`` before.
        close_words: likewise.
    """

    def __init__(self, url: str) -> None:
        self.sound = bytearray()
        self.messages: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.close_words = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._closed = threading.Event()
        self._run(self._connect(url))

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._leave(None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # ---- the client's verbs

    def says(self, pcm: bytes) -> None:
        """Send sound."""
        self._run(self._socket.send_bytes(pcm))

    def tells(self, message: dict[str, Any]) -> None:
        """Send a data message."""
        self._run(self._socket.send_str(json.dumps(message)))

    def leaves(self) -> None:
        """Close the connection."""
        self._run(self._socket.close())

    def vanishes(self) -> None:
        """Break the connection."""
        self._run(self._leave("abort"))

    def is_dismissed(self) -> tuple[int | None, str]:
        """Wait until the other side has closed: the code, and its words."""
        assert self._closed.wait(_S_MAX), "the connection was not closed"
        return self.close_code, self.close_words

    # ---- fragments

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_S_MAX)

    async def _connect(self, url: str) -> None:
        self._session = aiohttp.ClientSession()
        try:
            self._socket = await self._session.ws_connect(url)
        except BaseException:
            await self._session.close()
            raise
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                self.sound += message.data
            elif message.type is aiohttp.WSMsgType.TEXT:
                self.messages.append(json.loads(message.data))
            else:
                if message.type is aiohttp.WSMsgType.CLOSE:
                    self.close_words = str(message.extra or "")
                break
        self.close_code = self._socket.close_code
        self._closed.set()

    async def _leave(self, how: str | None) -> None:
        if how == "abort":
            connection = self._socket._response.connection
            if connection is not None and connection.transport is not None:
                connection.transport.abort()
        await self._session.close()
        self._reading.cancel()
