"""RTP ports: bound before they are promised, and left to rest between two calls."""

import socket
from collections import deque
from collections.abc import Iterator
from typing import Final

# What a call's first packets may fill while its session is being opened: two seconds of G.711 and more.
_RECEIVE_BYTES: Final = 128 * 1024


class NoPort(OSError):
    """The range has no port left that can be bound."""


class PortPool:
    """Even ports of a range. A socket, once bound, is kept and used again after its rest.

    Args:
        bind: IP address.
        first: of the range.
        last: likewise.
        rest_s: between two calls, so that late packets of the one never reach the other.
    """

    def __init__(self, bind: str, first: int, last: int, rest_s: float) -> None:
        self._bind = bind
        self._rest_s = rest_s
        self._fresh: Iterator[int] = iter(range(first + first % 2, last, 2))
        self._range = f"{first} to {last}"
        self._resting: deque[tuple[float, socket.socket]] = deque()

    def take(self, now: float) -> socket.socket:
        """A bound socket, nothing in it.

        Args:
            now: seconds on the clock that is also given to `give_back`.

        Raises:
            NoPort: every port is in use, resting, or somebody else's.
        """
        if self._resting and self._resting[0][0] <= now:
            return _emptied(self._resting.popleft()[1])
        for port in self._fresh:
            sock = socket.socket(socket.AF_INET6 if ":" in self._bind else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.bind((self._bind, port))
            except OSError:
                sock.close()  # somebody else's: the next one
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            return sock
        raise NoPort(f"no RTP port is free in {self._range}")

    def give_back(self, sock: socket.socket, now: float) -> None:
        """The call is over: let the port rest."""
        self._resting.append((now + self._rest_s, sock))

    def next_rested(self) -> float | None:
        """When the next port will have rested; ``None`` when none is resting."""
        return self._resting[0][0] if self._resting else None

    def close(self) -> None:
        """Let go of the sockets that are here."""
        while self._resting:
            self._resting.popleft()[1].close()


def _emptied(sock: socket.socket) -> socket.socket:
    while True:
        try:
            sock.recv(1)
        except BlockingIOError:
            return sock
        except OSError:
            continue  # an ICMP error that was waiting to be read
