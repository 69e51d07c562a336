"""Somebody to call: a real SIP endpoint that obeys the dialled user, and sends back the sound it gets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from callgate.calls.deaf import Deaf
from callgate.core.rtp.digits import DigitReceiver
from callgate.core.rtp.packet import unpack
from callgate.core.sdp.negotiate import answer
from callgate.core.sip.uri import parse_uri
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision, Verdict
from callgate.ports import Considered, ReofferAnswer, SipLeg
from callgate.runtime.alarms import LoopAlarms
from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.endpoint import SipEndpoint


class Echo(asyncio.DatagramProtocol):
    """Sends RTP back to where it came from."""

    def __init__(self) -> None:
        self.digits = ""
        self._receiver = DigitReceiver()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        packet = unpack(data)
        if packet is not None and packet.payload_type == 101:
            found = self._receiver.push(packet.timestamp, packet.payload)
            self.digits += found[0] if found else ""
        self.transport.sendto(data, addr)


class Callee:
    """Dial `echo` to be answered, `bye` to be hung up on, `busy` for 486, `ring` to wait for ever.

    Attributes:
        attempts: what came.
        ends: how legs ended: ``cancelled``, ``hung up``.
    """

    def __init__(self, echo: Echo) -> None:
        self.attempts: list[Attempt] = []
        self.ends: list[str] = []
        self.echo = echo
        self.port = 0

    def consider(self, attempt: Attempt) -> Considered:
        self.attempts.append(attempt)
        return Considered(Decision(verdict=Verdict.ADMIT, outcome=None, status=None), None)

    def arrived(self, leg: SipLeg, considered: Considered) -> None:
        leg.listen(_Listener(self, leg))
        user = parse_uri(leg.attempt.request_uri).user
        leg.ring()
        if user == "busy":
            leg.refuse(486, cause='the line is "taken"')
        elif user == "strange":
            leg.answer(b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n")
        elif user != "ring":
            port = self.echo.transport.get_extra_info("sockname")[1]
            leg.answer(answer(leg.attempt.body, address="127.0.0.1", port=port, session_id=1).sdp)


class _Listener(Deaf):
    def __init__(self, callee: Callee, leg: SipLeg) -> None:
        self._callee, self._leg = callee, leg

    def cancelled(self, cause: str) -> None:
        self._callee.ends.append("cancelled")

    def confirmed(self, body: bytes) -> None:
        if parse_uri(self._leg.attempt.request_uri).user == "bye":
            self._leg.hang_up("enough")

    def unacknowledged(self) -> None:
        self._callee.ends.append("unacknowledged")

    def no_prack(self) -> None:
        self._callee.ends.append("no prack")

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        return ReofferAnswer(488)

    def digit(self, digit: str, duration_ms: int) -> None:
        self._callee.echo.digits += digit

    def hung_up(self, cause: str) -> None:
        self._callee.ends.append("hung up")

    def vanished(self, cause: str) -> None:
        self._callee.ends.append("vanished")


@asynccontextmanager
async def a_callee() -> AsyncIterator[Callee]:
    """One, on a free port of 127.0.0.1."""
    loop = asyncio.get_running_loop()
    _, echo = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    callee = Callee(echo)
    endpoint = SipEndpoint(
        calls=callee,
        admits_source=lambda address: True,
        draining=lambda: False,
        clock=SystemClock(),
        alarms=LoopAlarms(loop),
        ids=SystemIds(),
        tasks=TaskOwner(lambda name, error: None),
        user_agent="callee",
    )
    _, callee.port = await endpoint.start("127.0.0.1", 0)
    yield callee
    endpoint.close()
    echo.transport.close()
    await asyncio.sleep(0)
