"""What the transports have in common: whom a message is for, and who takes what comes."""

from dataclasses import dataclass
from typing import Final, Protocol

from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request, Response
from callgate.core.sip.uri import SipUri

TRANSPORTS: Final = ("udp", "tcp", "tls")
# RFC 3261 section 19.1.2 (Character Escaping Requirements), table 1: the port of a URI that names none.
USUAL_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}


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
class Listener:
    """Where we listen.

    Attributes:
        transport: ``udp``, ``tcp`` or ``tls``.
        address: IP text as bound, ``0.0.0.0`` or ``::`` for all.
        port: 1 to 65535; as something to be bound also 0, for a free one.
    """

    transport: str
    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.transport}:{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a packet or connection.

    Attributes:
        transport: ``udp``, ``tcp`` or ``tls``.
        address: IP text, IPv4-mapped IPv6 undone.
        port: 1 to 65535.
        connection: for reliable transports; ``None``: one is to be made.
        listener: where its packets or connection came in; ``None``: a fitting one is found.
        name: whose certificate is expected of it over TLS; empty: one of its address.
    """

    transport: str
    address: str
    port: int
    connection: Connection | None = None
    listener: Listener | None = None
    name: str = ""

    @property
    def reliable(self) -> bool:
        """Whether nothing sent gets lost on the way."""
        return self.transport != "udp"

    @property
    def connected(self) -> bool:
        """Whether there is a connection to send over."""
        return self.connection is not None and not self.connection.closed


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a request goes that a URI says, and what is found only when the request is sent.

    Attributes:
        uri: of a route or Contact; its host may be a name.
        last: where the peer's last message came from: the way when `uri` leads nowhere.
        routed: whether `uri` is a route, which is followed anywhere, and not a Contact, which must be like the source.
        guess: for the Via until it is found.
    """

    uri: SipUri
    last: Peer
    routed: bool
    guess: Peer


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
