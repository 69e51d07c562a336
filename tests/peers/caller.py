"""A caller whose sound is in the test's hands: what it sends, from where, and when each packet came."""

import itertools
import re
import socket
import time
from types import TracebackType
from typing import Self

from callgate.core.rtp.packet import Packet, pack, unpack
from tests.peers.gate import Reachable

_ANSWER_S_MAX = 10.0
_numbers = itertools.count(1)


class Caller:
    """One call, from INVITE to BYE, over UDP. Used in a ``with``, it hangs up at the end unless it was hung up on.

    Args:
        gate: whom to call.
        user: whom there.

    Attributes:
        rtp: its socket, bound; ``sends`` nothing by itself.
        to: where the gate wants its sound.
        sip_call_id: of the dialog.
        status: of the final answer.
        headers: of that answer, as text.
    """

    def __init__(self, gate: Reachable, user: str = "demo") -> None:
        self._gate = gate
        self._uri = gate.uri(user)
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.bind(("127.0.0.1", 0))
        self._sip.settimeout(_ANSWER_S_MAX)
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.to = ("", 0)
        self.sip_call_id = f"caller-{next(_numbers)}-{self._sip.getsockname()[1]}"
        self.status = 0
        self.headers = ""
        self._to_tag = ""
        self._cseq = 0
        self._sequence = 0
        self._ended = False

    def __enter__(self) -> Self:
        answer = self._invite("sendrecv")
        if self.status == 200:
            port = re.search(r"m=audio (\d+)", answer)
            assert port is not None
            self.to = ("127.0.0.1", int(port[1]))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.status == 200 and not self._ended:
            self._request("BYE")
            self._answer("BYE")
        self._sip.close()
        self.rtp.close()

    # --------------------------------------------------------------------------------------------------------- sound

    def say(self, payload: bytes = b"\x10" * 160, source: socket.socket | None = None) -> None:
        """Send one packet of sound, from its own socket or from another."""
        number, self._sequence = self._sequence, self._sequence + 1
        (source or self.rtp).sendto(pack(0, False, number & 0xFFFF, 160 * number & 0xFFFF_FFFF, 77, payload), self.to)

    def press(self, digit: str) -> None:
        """Press a key for 100 ms: RFC 4733 section 2.5.1.2 (Transmission of Event Packets)."""
        event, stamp = "0123456789*#ABCD".index(digit), 160 * self._sequence & 0xFFFF_FFFF
        for step in range(8):
            ends, duration = (0x80, 800) if step >= 5 else (0, 160 * (step + 1))
            payload = bytes((event, ends | 10)) + duration.to_bytes(2, "big")
            number, self._sequence = self._sequence, self._sequence + 1
            self.rtp.sendto(pack(101, step == 0, number & 0xFFFF, stamp, 77, payload), self.to)

    def hear(self, seconds: float) -> list[tuple[float, Packet]]:
        """The packets of the next so many seconds, each with the time it came."""
        came = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.rtp.settimeout(left)
            try:
                data = self.rtp.recv(2_048)
            except TimeoutError:
                break
            packet = unpack(data)
            if packet is not None and packet.payload_type == 0:
                came.append((time.monotonic(), packet))
        return came

    # ----------------------------------------------------------------------------------------------------------- SIP

    def hold(self, on: bool) -> None:
        """Hold, or come back."""
        self._invite("sendonly" if on else "sendrecv")
        assert self.status == 200, self.headers

    def is_hung_up_on(self, within_s: float) -> str:
        """Wait for a BYE, and answer it; its ``Reason``."""
        until = time.monotonic() + within_s
        while True:
            self._sip.settimeout(max(0.01, until - time.monotonic()))
            try:
                text = self._sip.recv(65_536).decode()
            except TimeoutError:
                raise AssertionError(f"no BYE within {within_s} s") from None
            if text.startswith("BYE "):
                break
        head, _, _ = text.partition("\r\n\r\n")
        kept = [line for line in head.split("\r\n") if re.match(r"(Via|From|To|Call-ID|CSeq):", line, re.I)]
        self._sip.sendto("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]).encode(), self._address())
        self._ended = True
        reason = re.search(r"(?im)^Reason: *(.*?)\r?$", head)
        return reason[1] if reason else ""

    def _invite(self, direction: str) -> str:
        host, port = self.rtp.getsockname()
        sdp = (
            f"v=0\r\no=- 1 {self._cseq + 1} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
        )
        self._request("INVITE", sdp)
        answer = self._answer("INVITE")
        self.status = int(answer.split()[1])
        self.headers, _, body = answer.partition("\r\n\r\n")
        tag = re.search(r"(?im)^To:.*;tag=([^;\s]+)", self.headers)
        self._to_tag = f";tag={tag[1]}" if tag else ""
        self._request("ACK")
        return body

    def _request(self, method: str, sdp: str = "") -> None:
        if method != "ACK":
            self._cseq += 1
        host, port = self._sip.getsockname()
        lines = [
            f"{method} {self._uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{self.sip_call_id}-{self._cseq}"
            f"{'-ack' if method == 'ACK' and self.status == 200 else ''}",
            "Max-Forwards: 70",
            f"From: <sip:caller@127.0.0.1>;tag={self.sip_call_id}",
            f"To: <{self._uri}>{self._to_tag}",
            f"Call-ID: {self.sip_call_id}",
            f"CSeq: {self._cseq} {method}",
            f"Contact: <sip:caller@{host}:{port}>",
            *(["Content-Type: application/sdp"] if sdp else []),
            f"Content-Length: {len(sdp)}",
            "",
            sdp,
        ]
        self._sip.sendto("\r\n".join(lines).encode(), self._address())

    def _answer(self, method: str) -> str:
        """The final answer to the last request."""
        self._sip.settimeout(_ANSWER_S_MAX)
        while True:
            text = self._sip.recv(65_536).decode()
            if re.search(rf"(?im)^CSeq: *{self._cseq} {method}\r?$", text) and not text.startswith("SIP/2.0 1"):
                return text

    def _address(self) -> tuple[str, int]:
        return self._gate.sip_host, self._gate.sip_port
