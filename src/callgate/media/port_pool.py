"""RTP ports: bound before they are promised, and left to rest between two calls."""

import socket
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

# What a call's first packets may fill while its session is being opened: two seconds of G.711 and more.
_RECEIVE_BYTES: Final = 128 * 1024


class NoPort(OSError):
    """The range has no port left that can be bound."""


class PortPair(NamedTuple):
    """The two sockets of a call, RFC 3550 section 11 (RTP over Network and Transport Protocols).

    Attributes:
        rtp: bound to an even port.
        rtcp: bound to the odd one above.
    """

    rtp: socket.socket
    rtcp: socket.socket

    @property
    def rtp_port(self) -> int:
        """The even one."""
        return int(self.rtp.getsockname()[1])

    def close(self) -> None:
        """Let go of both."""
        self.rtp.close()
        self.rtcp.close()


class PortPool:
    """Pairs of ports of a range. Sockets, once bound, are kept and used again after their rest.

    Args:
        bind: IP address.
        first: of the range.
        last: likewise; one that has no partner within the range is left out.
        rest_s: between two calls, so that late packets of the one never reach the other.
    """

    def __init__(self, bind: str, first: int, last: int, rest_s: float) -> None:
        self._bind = bind
        self._family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        self._rest_s = rest_s
        self._fresh: Iterator[int] = iter(range(first + first % 2, last, 2))
        self._range = f"{first} to {last}"
        self._resting: deque[tuple[float, PortPair]] = deque()

    def take(self, now: float) -> PortPair:
        """Two bound sockets, nothing in them.

        Args:
            now: seconds on the clock that is also given to `give_back`.

        Raises:
            NoPort: every pair is in use, resting, or somebody else's.
        """
        if self._resting and self._resting[0][0] <= now:
            pair = self._resting.popleft()[1]
            for sock in pair:
                empty(sock)
            return pair
        for port in self._fresh:
            if (rtp := self._bound(port)) is None:
                continue
            if (rtcp := self._bound(port + 1)) is None:
                rtp.close()
                continue
            return PortPair(rtp, rtcp)
        raise NoPort(f"no pair of RTP ports is free in {self._range}")

    def _bound(self, port: int) -> socket.socket | None:
        """A socket on `port`; ``None`` when that is somebody else's."""
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            sock.bind((self._bind, port))
        except OSError:
            sock.close()
            return None
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        return sock

    def give_back(self, pair: PortPair, now: float) -> None:
        """The call is over: let the ports rest."""
        self._resting.append((now + self._rest_s, pair))

    def next_rested(self) -> float | None:
        """When the next pair will have rested; ``None`` when none is resting."""
        return self._resting[0][0] if self._resting else None

    def close(self) -> None:
        """Let go of the sockets that are here."""
        while self._resting:
            self._resting.popleft()[1].close()


def empty(sock: socket.socket) -> None:
    """Throw away what waits to be read: late packets of a call that is over, or a stranger's who tries every port."""
    while True:
        try:
            sock.recv(1)
        except BlockingIOError:
            return
        except OSError:
            continue  # an ICMP error that was waiting to be read
