"""The two sockets of a session, RTP and RTCP: what is read and sent, where to, and under which keys."""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final

from callgate.core.rtp.latching import Address, Latch
from callgate.media.line import unheard
from callgate.media.port_pool import PortPair, empty
from callgate.media.srtp import Srtp
from callgate.media.unconnect import unconnect
from callgate.ports import SoundPath

_DATAGRAM_BYTES_MAX: Final = 2_048  # 20 ms of G.711 is 172; the longest packet times anybody uses stay under this
# How sockets for both families name IPv4 peers, RFC 4291 section 2.5.5.2 (IPv4-Mapped IPv6 Address).
_MAPPED: Final = "::ffff:"
_NOWHERE: Final = ("0.0.0.0", "::")  # RFC 2543's way to hold: names no address  # noqa: S104


def shown(address: Address) -> Address:
    """An address of a latch as people know it, IPv4-mapped IPv6 undone."""
    return address[0].removeprefix(_MAPPED), address[1]


class Wire:
    """Sends and reads; understands no more of a packet than what RTP and RTCP are told apart by.

    Args:
        pair: bound; not closed here.
        loop: of the worker.
        rtp: told of each datagram that may be RTP, opened if there are keys, and its source: ``None`` for the proved
            one while nothing else is let through.
        rtcp: told of RTCP, opened likewise, from the host that sound comes from.

    Attributes:
        latch: learns where sound really comes from; ``None`` before an SDP said where to expect it.
        srtp: what opens and closes packets; ``None``: they are plain.
        unsent: packets the system did not take.
    """

    __slots__ = (
        "_connected",
        "_loop",
        "_pair",
        "_path",
        "_recv",
        "_recvfrom",
        "_rtcp",
        "_rtcp_target",
        "_rtp",
        "_send",
        "_sendto",
        "latch",
        "srtp",
        "unsent",
    )

    def __init__(
        self,
        pair: PortPair,
        loop: asyncio.AbstractEventLoop,
        rtp: Callable[[bytes, Address | None], None],
        rtcp: Callable[[bytes], None],
    ) -> None:
        self._pair = pair
        self._loop = loop
        self._rtp = rtp
        self._rtcp = rtcp
        self._path: SoundPath | None = None
        self._rtcp_target: Address | None = None
        self._connected = False
        self._send, self._sendto = pair.rtp.send, pair.rtp.sendto
        self._recv, self._recvfrom = pair.rtp.recv, pair.rtp.recvfrom
        self.latch: Latch | None = None
        self.srtp: Srtp | None = None
        self.unsent = 0

    def open(self) -> None:
        """Begin to read; what waits there already is not of this call, of whose port nobody has been told yet."""
        empty(self._pair.rtp)
        empty(self._pair.rtcp)
        self._loop.add_reader(self._pair.rtp.fileno(), self._read_rtp)
        self._loop.add_reader(self._pair.rtcp.fileno(), self._read_rtcp)

    def close(self) -> None:
        """Read no more; the sockets stay bound, for another call."""
        self.disconnect(0.0)
        self._loop.remove_reader(self._pair.rtp.fileno())
        self._loop.remove_reader(self._pair.rtcp.fileno())
        self._rtp = self._rtcp = unheard

    def redirect(self, path: SoundPath) -> None:
        """An SDP said where and how sound flows."""
        signalled = (self._named(path.remote_address), path.remote_port)
        if self.latch is None:
            self.latch = Latch(signalled)
        elif path.remote_address not in _NOWHERE and signalled != self.latch.signalled:
            self.disconnect(0.0)
            self.latch.redirect(signalled)
        self._path = path
        if path.crypto is None:
            self.srtp = None
        elif self.srtp is None:
            self.srtp = Srtp(path.crypto)
        else:
            self.srtp.rekey(path.crypto)
        self._rtcp_target = None

    def _named(self, address: str) -> str:
        """An address as our socket names it when something comes from there."""
        if self._pair.rtp.family != socket.AF_INET6:
            return address
        return str(IPv6Address(address)) if ":" in address else f"{_MAPPED}{address}"

    def connect(self) -> None:
        """The source is proved: have the system let nothing else through, which makes each packet cheaper."""
        if not self._connected and self.latch is not None:
            try:
                self._pair.rtp.connect(self.latch.target)
            except OSError:
                return  # no route any more: packets will tell
            self._connected = True

    def disconnect(self, heard_s: float) -> None:
        """Let others through again, since the source has been silent since `heard_s`, or the SDP names another."""
        if self._connected:
            self._connected = False
            unconnect(self._pair.rtp)
            if self.latch is not None:
                self.latch.heard_s = heard_s

    def send(self, packet: bytes) -> bool:
        """Send RTP; whether the system took it."""
        latch = self.latch
        if latch is None:
            return False
        if self.srtp is not None:
            protected = self.srtp.protect(packet)
            if protected is None:
                self.unsent += 1
                return False
            packet = protected
        try:
            if self._connected:
                self._send(packet)
            else:
                self._sendto(packet, latch.target)
        except OSError:
            self.unsent += 1  # a full buffer, or an address nobody can send to
            return False
        return True

    def send_rtcp(self, packet: bytes) -> None:
        """Send RTCP: to where it came from, else to where the SDP says."""
        path, latch = self._path, self.latch
        if path is None or latch is None:
            return
        if self.srtp is not None:
            protected = self.srtp.protect_rtcp(packet)
            if protected is None:
                self.unsent += 1
                return
            packet = protected
        try:
            if path.rtcp_mux:
                self._sendto(packet, latch.target)
            else:
                host, port = latch.target
                self._pair.rtcp.sendto(packet, self._rtcp_target or (host, path.rtcp_port or port + 1))
        except (OSError, OverflowError):  # also: RTP at port 65535
            self.unsent += 1

    def _read_rtp(self) -> None:
        # One datagram a turn: the loop wakes us again for the next, which costs less than asking in vain.
        source: Address | None = None
        try:
            if self._connected:
                data = self._recv(_DATAGRAM_BYTES_MAX)
            else:
                data, source = self._recvfrom(_DATAGRAM_BYTES_MAX)
        except OSError:
            return  # nothing there; or the peer's port was closed when we sent: RTP goes on regardless
        if len(data) > 1 and 192 <= data[1] < 224:  # RFC 5761 section 4 (Distinguishable RTP and RTCP Packets)
            if self.latch is not None:
                self._take_rtcp(data, self.latch.target if source is None else source[:2])
            return
        if self.srtp is not None:
            opened = self.srtp.unprotect(data)
            if opened is None:
                return
            data = opened
        self._rtp(data, source)

    def _read_rtcp(self) -> None:
        try:
            data, source = self._pair.rtcp.recvfrom(_DATAGRAM_BYTES_MAX)
        except OSError:
            return
        self._take_rtcp(data, source[:2])

    def _take_rtcp(self, data: bytes, source: Address) -> None:
        # RTCP has no numbering to prove a source by: it must come from the host that sound comes from.
        if self.latch is None or source[0] != self.latch.target[0]:
            return
        if self.srtp is not None:
            opened = self.srtp.unprotect_rtcp(data)
            if opened is None:
                return
            data = opened
        self._rtcp_target = source
        self._rtcp(data)
