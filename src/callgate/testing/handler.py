"""An HTTP server that plays an owner's fallback handler, well or badly, and remembers what it was asked.

It speaks HTTP with its own hands, since servers worth using refuse to behave badly.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

# A question is a few kB; headers of a call are at most 64 kB.
_REQUEST_BYTES_MAX: Final = 1_048_576

_REASONS: Final = {200: "OK", 204: "No Content", 302: "Found", 307: "Temporary Redirect", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class HandlerRequest:
    """One request as it came.

    Attributes:
        method: ``POST`` …
        path: with its query.
        headers: by lower-case name; of several the last.
        body: its bytes.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class _Behaviour:
    """What to do with one request.

    Attributes:
        sent: bytes of the answer; none at all is possible.
        after_s: time to wait first.
        hang: keep the connection open afterwards, until the client leaves.
        reset: end the connection hard rather than properly.
    """

    sent: bytes
    after_s: float = 0.0
    hang: bool = False
    reset: bool = False


class HandlerServer:
    """The server, on a free port of 127.0.0.1.

    Each ``will_…`` says what happens to one further request; the last one said goes on for all that follow. Until one
    is said, every request is answered with a plain rejection.
    """

    def __init__(self) -> None:
        self.requests: list[HandlerRequest] = []
        """What was asked, in order."""
        self.connections = 0
        """How many connections were opened."""
        self.abandoned = asyncio.Event()
        """Set when a client left before it had its answer."""
        self._behaviours: list[_Behaviour] = []
        self._default = _answer({"reject": {}})
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """What to put into `fallbackHandler.url`."""
        return f"http://127.0.0.1:{self.port}/handler"

    async def asked(self) -> HandlerRequest:
        """The next request, once it has come."""
        await self._asked.wait()
        self._asked.clear()
        return self.requests[-1]

    def will_answer(
        self, answer: Any, *, status: int = 200, headers: Sequence[tuple[str, str]] = (), after_s: float = 0.0
    ) -> None:
        """Answer with a JSON value, or with bytes as they are."""
        self._behaviours.append(_answer(answer, status, headers, after_s))

    def will_redirect(self, location: str, *, status: int = 307) -> None:
        """Point elsewhere."""
        self.will_answer(b"", status=status, headers=(("Location", location),))

    def will_send(self, raw: bytes, *, then_hang: bool = False, reset: bool = False) -> None:
        """Send bytes that need not be HTTP, then close the connection, or keep it open in silence."""
        self._behaviours.append(_Behaviour(raw, hang=then_hang, reset=reset))

    def will_hang(self) -> None:
        """Take the question and never answer."""
        self._behaviours.append(_Behaviour(b"", hang=True))

    def will_drop(self, *, reset: bool = False) -> None:
        """Take the question and close the connection without a byte."""
        self._behaviours.append(_Behaviour(b"", reset=reset))

    # ---------------------------------------------------------------------------------------------------- the server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._serve(reader, writer)
        writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _read_request(reader)
        self.requests.append(request)
        self._asked.set()
        behaviours = self._behaviours
        behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0] if behaviours else self._default
        if behaviour.after_s and await self._left(reader, behaviour.after_s):
            return
        writer.write(behaviour.sent)
        await writer.drain()
        if behaviour.hang:
            await self._left(reader, None)
        if behaviour.reset:
            writer.transport.abort()

    async def _left(self, reader: asyncio.StreamReader, timeout_s: float | None) -> bool:
        """Wait; whether the client has gone meanwhile."""
        try:
            async with asyncio.timeout(timeout_s):
                while await reader.read(1024):
                    pass
        except TimeoutError:
            return False
        except OSError:
            pass
        self.abandoned.set()
        return True


def _answer(
    answer: Any, status: int = 200, headers: Sequence[tuple[str, str]] = (), after_s: float = 0.0
) -> _Behaviour:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    lines = [
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return _Behaviour("\r\n".join((*lines, "", "")).encode() + body, after_s)


async def _read_request(reader: asyncio.StreamReader) -> HandlerRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon
    }
    length = min(int(headers.get("content-length", "0")), _REQUEST_BYTES_MAX)
    return HandlerRequest(method, path, headers, await reader.readexactly(length))
