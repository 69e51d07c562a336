"""What the transports have in common: whom a message is for, and who takes what comes."""

from dataclasses import dataclass
from typing import Protocol

from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request, Response


class Connection(Protocol):
    """A connection of a reliable transport."""

    def send(self, data: bytes) -> None:
        """Queue bytes; a closed connection swallows them."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a packet or connection.

    Attributes:
        transport: ``udp`` or ``tcp``.
        address: IP text, IPv4-mapped IPv6 undone.
        port: 1 to 65535.
        connection: for reliable transports; ``None``: one is to be made.
    """

    transport: str
    address: str
    port: int
    connection: Connection | None = None

    @property
    def reliable(self) -> bool:
        """Whether nothing sent gets lost on the way."""
        return self.transport != "udp"


class Receiver(Protocol):
    """Who takes what a transport brings; must not raise."""

    def unwanted(self, peer: Peer, data: bytes) -> bool:
        """Whether bytes are to be dropped unread, because their source is a noisy stranger; counts them if so."""
        ...

    def received(self, message: Request | Response, peer: Peer, size: int) -> None:
        """A message of `size` bytes."""
        ...

    def garbled(self, error: ParseError, peer: Peer, size: int) -> None:
        """Bytes that are no message."""
        ...

    def disconnected(self, connection: Connection) -> None:
        """A connection has gone."""
        ...
