"""SIP over UDP: a datagram, a message. RFC 3261 section 18 (Transport)."""

import asyncio
import socket
from contextlib import suppress
from typing import Any, Final, cast

from callgate.core.sip.attempt import unmapped
from callgate.core.sip.errors import ParseError
from callgate.core.sip.parse import parse
from callgate.signaling.transport import Listener, Peer, Receiver

# A burst of INVITEs must wait here while the loop does something else: some 3,000 of them. The system may grant less.
_BUFFER_BYTES: Final = 4 * 1024 * 1024
# How a socket for IPv6 reaches IPv4 peers, RFC 4291 section 2.5.5.2 (IPv4-Mapped IPv6 Address).
_MAPPED: Final = "::ffff:"


class UdpTransport(asyncio.DatagramProtocol):
    """One UDP socket."""

    def __init__(self, receiver: Receiver, listener: Listener | None = None) -> None:
        self._receiver = receiver
        self._listener = listener
        self._transport: asyncio.DatagramTransport | None = None
        self._maps = False

    @classmethod
    async def open(cls, sock: socket.socket, receiver: Receiver, listener: Listener) -> "UdpTransport":
        """Take a bound socket over."""
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(lambda: cls(receiver, listener), sock=sock)
        protocol._maps = sock.family == socket.AF_INET6
        return protocol

    def send(self, data: bytes, address: str, port: int) -> None:
        """Send one datagram; what cannot be sent is lost, as it could be on the way."""
        if self._transport is not None and not self._transport.is_closing():
            # An address that the socket cannot reach (another family, port 0 …) is a lost datagram too.
            with suppress(OSError, ValueError):
                self._transport.sendto(
                    data, (f"{_MAPPED}{address}" if self._maps and "." in address else address, port)
                )

    def close(self) -> None:
        """Stop receiving and sending."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        # uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Called by the loop."""
        if len(data) <= 4 and not data.strip(b"\r\n\0 "):
            return  # a keep-alive, RFC 5626 section 3.5.1 (CRLF Keep-Alive Technique), and what phones make of it
        peer = Peer("udp", unmapped(addr[0]), addr[1], None, self._listener)
        if self._receiver.unwanted(peer, data):
            return
        try:
            message = parse(data)
        except ParseError as error:
            self._receiver.garbled(error, peer, len(data))
            return
        self._receiver.received(message, peer, len(data))

    def error_received(self, exc: Exception) -> None:
        """Called by the loop: a port was unreachable. Transactions find out by their timers."""
