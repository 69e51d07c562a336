"""SIP over one TCP connection, whoever made it. RFC 3261 section 18 (Transport).

A connection whose call goes on is kept alive: RFC 5626 section 3.5.1 (CRLF Keep-Alive Technique). Whoever has answered
our pings once and then leaves one unanswered has gone, and its connection with it.
"""

import asyncio
from collections import deque
from typing import Final, Protocol, cast

from callgate.core.sip.attempt import unmapped
from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request, Response
from callgate.core.sip.stream import KeepAlive, Pong, StreamFramer
from callgate.ports import Alarm, Alarms, Clock
from callgate.signaling.transport import Listener, Peer, Receiver

# A peer that does not read what it is sent is let go before it costs memory: some hundred messages.
_UNREAD_BYTES_MAX: Final = 256 * 1024
# RFC 5626 section 4.4.1 (Keep-Alive with CRLF): 95 to 120 s where nobody says otherwise; NATs forget after minutes.
PING_S: Final = 100.0
PONG_S: Final = 10.0  # likewise: without a pong within 10 s the flow has failed
_LOOK_S_MIN: Final = 0.1  # sums of floats may ring an alarm a little early; the next look is not due at once
# So many messages of one connection, then it is the others' turn: 16 INVITEs take some 5 ms.
_MESSAGES_A_TURN: Final = 16


class Pool(Protocol):
    """What a connection needs of those it is one of."""

    receiver: Receiver
    clock: Clock
    alarms: Alarms

    def admit(self, connection: "TcpConnection") -> bool:
        """Whether there is room for one more; takes it in when there is."""
        ...

    def life_s(self, connection: "TcpConnection", begun: float, heard: float) -> float:
        """How long it may go on without anything new, in seconds; 0 or less: no longer."""
        ...

    def in_use(self, connection: "TcpConnection") -> bool:
        """Whether a call needs it."""
        ...

    def forget(self, connection: "TcpConnection") -> None:
        """It has gone."""
        ...


class TcpConnection(asyncio.Protocol):
    """One connection.

    Args:
        pool: those it is one of.
        listener: where it came in, or what its peer is told that we listen on.
        made_by_us: whether we connected.
        name: whom we meant to reach; empty: whoever has the address.

    Attributes:
        peer: the other end; ``None`` before it is made.
    """

    transport_name = "tcp"

    def __init__(self, pool: Pool, listener: Listener | None, *, made_by_us: bool = False, name: str = "") -> None:
        self.made_by_us = made_by_us
        self.peer: Peer | None = None
        self._pool = pool
        self._listener = listener
        self._name = name
        self._transport: asyncio.Transport | None = None
        self._framer = StreamFramer()
        self._waiting: deque[Request | Response | KeepAlive | Pong] = deque()
        self._watching: Alarm | None = None
        self._begun = self._heard = 0.0
        self._pinged: float | None = None  # when, while the pong is awaited
        self._pongs = False  # whether the peer has ever answered one

    @property
    def closed(self) -> bool:
        """Whether it is gone."""
        return self._transport is None or self._transport.is_closing()

    @property
    def ready(self) -> bool:
        """Whether messages can be sent."""
        return not self.closed

    async def established(self) -> None:
        """Wait until messages can be sent.

        Raises:
            OSError: they never will.
        """

    def send(self, data: bytes) -> None:
        """Queue bytes; a closed connection swallows them."""
        self._write(data)

    def close(self) -> None:
        """Let go, once what is queued has been sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Let go at once."""
        if self._transport is not None:
            self._transport.abort()

    # ---------------------------------------------------------------------------------------------- called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        # uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        if name is None:  # gone before it was accepted
            self._transport.abort()
            return
        self.peer = Peer(self.transport_name, unmapped(name[0]), name[1], self, self._listener, self._name)
        if self._pool.receiver.unwanted(self.peer, b"") or not self._pool.admit(self):
            self._transport.abort()
            return
        self._begun = self._heard = self._pool.clock.monotonic()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        if self._watching is not None:
            self._watching.cancel()
        self._pool.forget(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._heard = self._pool.clock.monotonic()
        self._read(data)

    # ------------------------------------------------------------------------------------------------------- fragments

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > _UNREAD_BYTES_MAX:
            transport.abort()
            return
        transport.write(data)

    def _read(self, data: bytes) -> None:
        """Take bytes of SIP."""
        assert self.peer is not None
        if self._pool.receiver.unwanted(self.peer, data) and not self._pool.in_use(self):
            self.abort()
            return
        try:
            self._waiting += self._framer.feed(data)
        except ParseError as error:
            self._fail(error)
            return
        self._hand_over()

    def _hand_over(self) -> None:
        """A turn's worth of messages; what is left waits for the next turn, and the peer with it."""
        assert self.peer is not None
        for _ in range(min(_MESSAGES_A_TURN, len(self._waiting))):
            message = self._waiting.popleft()
            if isinstance(message, KeepAlive):
                self.send(b"\r\n")
            elif isinstance(message, Pong):
                self._pinged, self._pongs = None, True
            else:
                # On a stream nobody can be made to answer a third party, so the size of the request does not matter.
                self._pool.receiver.received(message, self.peer, 65_535)
        if self._waiting:
            self._pause()
        elif self._framer.error is not None:
            self._fail(self._framer.error)

    def _pause(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            self._waiting.clear()
            return
        transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            self._waiting.clear()
            return
        self._hand_over()
        if not self._waiting and not transport.is_closing():
            transport.resume_reading()

    def _fail(self, error: ParseError) -> None:
        assert self.peer is not None
        self._pool.receiver.garbled(error, self.peer, 65_535)
        self.close()

    # --------------------------------------------------------------------------------------------- idle or kept alive

    def _watch(self) -> None:
        left = self._pool.life_s(self, self._begun, self._heard)
        quiet_s = self._pool.clock.monotonic() - self._heard
        wait_s = PONG_S if self._pinged is not None else PING_S - quiet_s if quiet_s < PING_S else PING_S
        wait_s = max(min(left, wait_s) if left > 0 else wait_s, _LOOK_S_MIN)
        self._watching = self._pool.alarms.after(wait_s, self._look)

    def _look(self) -> None:
        if self.closed:
            return
        now = self._pool.clock.monotonic()
        used = self._pool.in_use(self)
        if self._pinged is not None and now >= self._pinged + PONG_S:
            self._pinged = None
            self._framer.expect_pong(False)
            if self._pongs and self._heard < now - PONG_S:
                self.abort()  # nobody is there any more: to say goodbye would take minutes
                return
        if not used and self._pool.life_s(self, self._begun, self._heard) <= 0:
            self.close()
            return
        if used and self._pinged is None and now >= self._heard + PING_S:
            self._pinged = now
            self._framer.expect_pong(True)
            self.send(b"\r\n\r\n")
        self._watch()
