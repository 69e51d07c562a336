"""The other end of the wire: plain sockets, a caller that says what a test wants, and whoever it reaches."""

import asyncio
import itertools
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from callgate.core.sip.message import Message, Request, Response
from callgate.core.sip.parse import parse
from callgate.core.sip.refer import Referral
from callgate.core.sip.stream import StreamFramer
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision, Verdict
from callgate.entities.json import JsonObject
from callgate.ports import Considered, ReferAnswer, ReofferAnswer, SipLeg, SoundPath

OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
ANSWER = OFFER.replace(b"40000", b"50000")
_numbers = itertools.count(1)
_PATIENCE_S = 5.0  # for a packet on the loopback; a test that waits so long has failed


class Wire(Protocol):
    name: str
    port: int

    async def send(self, data: bytes) -> None: ...
    async def receive(self) -> Message: ...
    def close(self) -> None: ...


class UdpWire:
    name = "udp"

    def __init__(self, target: tuple[str, int], host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self._target = target
        self.port: int = self._socket.getsockname()[1]

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendto(self._socket, data, self._target)

    async def receive_bytes(self) -> bytes:
        async with asyncio.timeout(_PATIENCE_S):
            return await asyncio.get_running_loop().sock_recv(self._socket, 65_535)

    async def receive(self) -> Message:
        return parse(await self.receive_bytes())

    def close(self) -> None:
        self._socket.close()


class TcpWire:
    name = "tcp"

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._framer = StreamFramer()
        self._ready: deque[Message] = deque()
        self.keep_alives = 0
        self.port: int = writer.get_extra_info("sockname")[1]

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> Message:
        async with asyncio.timeout(_PATIENCE_S):
            while not self._ready:
                data = await self._reader.read(65_535)
                if not data:
                    raise EOFError
                self._ready += [message for message in self._framer.feed(data) if isinstance(message, Message)]
        return self._ready.popleft()

    async def read(self, size: int) -> bytes:
        async with asyncio.timeout(_PATIENCE_S):
            return await self._reader.readexactly(size)

    async def ended(self) -> bool:
        async with asyncio.timeout(_PATIENCE_S):
            return await self._reader.read(1) == b""

    def close(self) -> None:
        self._writer.close()


class Caller:
    """One call of a peer: its identifiers, and requests that carry them."""

    def __init__(self, wire: Any, target: tuple[str, int]) -> None:
        self.wire = wire
        self.call_id = f"call-{next(_numbers)}"
        self.tag = f"from-{next(_numbers)}"
        self.to_tag = ""
        self.sequence = 0
        self.branch = ""
        self.contact_port: int = wire.port
        self.target = f"sip:agent@{target[0]}:{target[1]}"

    def request(
        self,
        method: str,
        *,
        branch: str | None = None,
        sequence: int | None = None,
        to_tag: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        content_type: str = "application/sdp",
        body: bytes = b"",
    ) -> bytes:
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        if branch is None:
            branch = f"z9hG4bK-{next(_numbers)}"
        if method == "INVITE":
            self.branch = branch
        to_tag = self.to_tag if to_tag is None else to_tag
        lines = [
            f"{method} {self.target} SIP/2.0",
            f"Via: SIP/2.0/{self.wire.name.upper()} 127.0.0.1:{self.wire.port};rport;branch={branch}",
            "Max-Forwards: 70",
            f"From: <sip:caller@127.0.0.1>;tag={self.tag}",
            f"To: <{self.target}>{f';tag={to_tag}' if to_tag else ''}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:caller@127.0.0.1:{self.contact_port};transport={self.wire.name}>",
            *(f"{name}: {value}" for name, value in headers),
        ]
        if body:
            lines.append(f"Content-Type: {content_type}")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body

    async def send(self, method: str, **more: Any) -> bytes:
        data = self.request(method, **more)
        await self.wire.send(data)
        return data

    async def response(self) -> Response:
        message = await self.wire.receive()
        assert isinstance(message, Response), message
        if message.status > 100 and message.cseq.method == "INVITE" and message.to.tag:
            self.to_tag = self.to_tag or message.to.tag
        return message

    async def final(self) -> Response:
        while (response := await self.response()).status < 200:
            pass
        return response

    async def incoming(self) -> Request:
        message = await self.wire.receive()
        assert isinstance(message, Request), message
        return message

    async def answer(
        self,
        request: Request,
        status: int = 200,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        to_tag: str = "",
    ) -> None:
        lines = [f"SIP/2.0 {status} Whatever", *(f"Via: {value}" for value in request.headers.all("Via"))]
        lines += [f"{name}: {request.headers.get(name)}" for name in ("From", "Call-ID", "CSeq")]
        lines.append(f"To: {request.headers.get('To')}{f';tag={to_tag}' if to_tag else ''}")
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append("Content-Type: application/sdp")
        await self.wire.send("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)

    async def acknowledge(self, body: bytes = b"", **more: Any) -> None:
        await self.send("ACK", sequence=more.pop("sequence", self.sequence), body=body, **more)

    async def acknowledge_refusal(self) -> None:
        await self.send("ACK", branch=self.branch, sequence=self.sequence)


class Ear:
    """Implements `LegListener` and `CallListener`: what is heard waits in a queue, in order."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.reoffer = ReofferAnswer(200, ANSWER)
        self.refer_answer = ReferAnswer(202)
        self.described = ANSWER

    async def heard(self) -> tuple[Any, ...]:
        async with asyncio.timeout(_PATIENCE_S):
            return await self._heard.get()

    @property
    def silent(self) -> bool:
        return self._heard.empty()

    def cancelled(self, cause: str) -> None:
        self._heard.put_nowait(("cancelled", cause))

    def confirmed(self, body: bytes) -> None:
        self._heard.put_nowait(("confirmed", body))

    def unacknowledged(self) -> None:
        self._heard.put_nowait(("unacknowledged",))

    def no_prack(self) -> None:
        self._heard.put_nowait(("no prack",))

    def offer(self) -> bytes:
        self._heard.put_nowait(("offer wanted",))
        return self.described

    def settled(self, sdp: bytes) -> None:
        self._heard.put_nowait(("settled", sdp))

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        self._heard.put_nowait(("reoffered", sdp))
        return self.reoffer

    def digit(self, digit: str, duration_ms: int) -> None:
        self._heard.put_nowait(("digit", digit, duration_ms))

    def hung_up(self, cause: str) -> None:
        self._heard.put_nowait(("hung up", cause))

    def vanished(self, cause: str) -> None:
        self._heard.put_nowait(("vanished", cause))

    def referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        self._heard.put_nowait(("referred", wanted, tell))
        return self.refer_answer

    def progress(self, status: int, reason: str, sdp: bytes) -> None:
        self._heard.put_nowait(("progress", status))

    def answered(self, sdp: bytes) -> None:
        self._heard.put_nowait(("answered", sdp))

    def refused(self, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> None:
        self._heard.put_nowait(("refused", status))

    def failed(self, reason: str) -> None:
        self._heard.put_nowait(("failed", reason))


class FakeSession:
    """A reservation, counted."""

    rtp_port = 50_000

    def __init__(self) -> None:
        self.closed = 0

    def open(self, brain: object, path: SoundPath | None, listener: object, *, record: bool = False) -> None: ...
    def redirect(self, path: SoundPath) -> None: ...
    def begin(self) -> None: ...
    def digit(self, digit: str, duration_ms: int) -> None: ...
    def say(self, text: str, then_hang_up: str | None = None) -> None: ...
    def tell(self, message: JsonObject) -> None: ...
    def press(self, digits: str) -> None: ...

    def close(self) -> None:
        self.closed += 1


class ScriptedCalls:
    """Implements `IncomingCalls`: decides as it is told, and hands legs to the test."""

    def __init__(self) -> None:
        self.decide: Callable[[Attempt], Decision] = lambda attempt: Decision(Verdict.ADMIT)
        self.begin: Callable[[SipLeg], None] = lambda leg: None
        self.attempts: list[Attempt] = []
        self.sessions: list[FakeSession] = []
        self._legs: asyncio.Queue[tuple[SipLeg, Ear]] = asyncio.Queue()

    def consider(self, attempt: Attempt) -> Considered:
        self.attempts.append(attempt)
        if attempt.defect is not None:
            return Considered(Decision(Verdict.REFUSE, status=attempt.defect.status, stateless=True), None)
        decision = self.decide(attempt)
        if decision.verdict is not Verdict.ADMIT:
            return Considered(decision, None)
        session = FakeSession()
        self.sessions.append(session)
        return Considered(decision, session)

    def arrived(self, leg: SipLeg, considered: Considered) -> None:
        ear = Ear()
        leg.listen(ear)
        self.begin(leg)
        self._legs.put_nowait((leg, ear))

    async def leg(self) -> tuple[SipLeg, Ear]:
        async with asyncio.timeout(_PATIENCE_S):
            return await self._legs.get()

    @property
    def waiting(self) -> int:
        return self._legs.qsize()
