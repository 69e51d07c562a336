"""Sockets bound for SIP."""

import socket
from collections.abc import Sequence
from typing import Final

from callgate.signaling.transport import Listener

# Connections that wait to be accepted; the kernel cuts it to its own limit, 4,096 by habit.
_BACKLOG: Final = 1_024
_TRIES: Final = 20  # free UDP ports that may turn out to be taken for TCP


class CannotListen(OSError):
    """An address that cannot be had.

    Attributes:
        wanted: which.
    """

    def __init__(self, wanted: Listener, error: OSError) -> None:
        super().__init__(error.errno, error.strerror or str(error))
        self.wanted = wanted


def bind_both(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same address and port; port 0 picks one that is free for both.

    Raises:
        CannotListen: the address cannot be had.
    """
    for attempt in range(_TRIES):
        udp = bind(Listener("udp", host, port))
        try:
            return udp, bind(Listener("tcp", host, int(udp.getsockname()[1])))
        except CannotListen:
            udp.close()
            if port != 0 or attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def bind(wanted: Listener, *, beside: Sequence[Listener] = ()) -> socket.socket:
    """A bound socket, listening unless it is for UDP.

    Args:
        wanted: what and where.
        beside: what is listened on besides: where one of these has all IPv4 addresses, `::` does not stand for them.

    Raises:
        CannotListen: the address cannot be had.
    """
    stream = wanted.transport != "udp"
    sock = socket.socket(
        socket.AF_INET6 if ":" in wanted.address else socket.AF_INET,
        socket.SOCK_STREAM if stream else socket.SOCK_DGRAM,
    )
    try:
        if sock.family == socket.AF_INET6:  # `::` stands for IPv4 too, whatever the system's habit
            apart = any(
                ":" not in other.address and other.port == wanted.port and (other.transport != "udp") == stream
                for other in beside
            )
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(apart))
        if stream:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((wanted.address, wanted.port))
        if stream:
            sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise CannotListen(wanted, error) from error
    sock.setblocking(False)
    return sock
