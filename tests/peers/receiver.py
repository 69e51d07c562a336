"""An owner's web server in threads of its own, which takes events and does what a test wants at each step of it."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from callgate.core.webhook.signature import verify
from tests.compatibility.answers import check_call


@dataclass(frozen=True)
class Received:
    """One request.

    Attributes:
        path: with its query.
        headers: by lower-case name.
        body: as it came.
    """

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        """What happened."""
        return str(json.loads(self.body)["event"])

    @property
    def call(self) -> dict[str, Any]:
        """To which call."""
        call: dict[str, Any] = json.loads(self.body)["call"]
        check_call(call)
        return call

    @property
    def event_id(self) -> str:
        """The same for every try."""
        return self.headers["x-callgate-event-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Whether one of its signatures was made with a secret."""
        timestamp = self.headers["x-ultravox-webhook-timestamp"]
        return verify(self.body, timestamp, self.headers["x-ultravox-webhook-signature"], (secret,))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients of these tests are killed."""


class Receiver:
    """The server, on a free port of 127.0.0.1. Used in a ``with``.

    Attributes:
        received: what came, in order, whatever was answered.
        connected: called when a client has connected, before anything is read.
        answer: the status for a request, once it has been read.
        answered: called when the answer is on its way.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.connected: Callable[[], None] = lambda: None
        self.answer: Callable[[Received], int] = lambda received: 204
        self.answered: Callable[[Received], None] = lambda received: None
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                owner.connected()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.path, headers, body)
                owner.received.append(received)
                self.send_response(owner.answer(received))
                self.send_header("Content-Length", "0")
                self.end_headers()
                self.wfile.flush()
                owner.answered(received)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def events(self, path: str | None = None) -> list[str]:
        """The names of what came, in order; to this path only."""
        return [one.event for one in tuple(self.received) if path in (None, one.path)]

    def until(self, condition: Callable[[], object], timeout_s: float = 20.0) -> None:
        """Wait for something that other processes do."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s} s; came: {self.events()}"
            time.sleep(0.01)
