"""A place where sound arrives: a socket that notes when it does, and whether anything is to be heard."""

import socket
import threading
import time
from types import TracebackType
from typing import Self

_HEADER_BYTES = 12
_SILENCE = frozenset(b"\xff\x7f\xfe\x7e")
"""PCMU of silence, with a bit of rounding."""


class SoundSocket:
    """One address and port. Used in a ``with``.

    Attributes:
        port: of RTP.
        came_s: when each packet came, on the monotonic clock.
        loud_s: likewise, of those that are more than silence.
    """

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(0.1)
        self.port: int = self._socket.getsockname()[1]
        self.came_s: list[float] = []
        self.loud_s: list[float] = []
        self._open = True
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._thread.join()
        self._socket.close()

    def _read(self) -> None:
        while self._open:
            try:
                data = self._socket.recv(2_048)
            except TimeoutError:
                continue
            self.came_s.append(time.monotonic())
            if sum(byte not in _SILENCE for byte in data[_HEADER_BYTES:]) > 40:
                self.loud_s.append(self.came_s[-1])
