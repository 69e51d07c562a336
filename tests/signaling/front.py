"""An endpoint with the real gate behind it, and callers from several addresses of one machine in front of it."""

import asyncio
from dataclasses import dataclass, field

from callgate.signaling.dialling import Dialling
from callgate.signaling.endpoint import SipEndpoint
from tests.calls.stage import OFFER, Stage
from tests.signaling.conftest import T1_S
from tests.signaling.wire import Caller, TcpWire, UdpWire

SCANNERS = [f"127.0.0.{host}" for host in range(2, 6)]
ADMITTED = "127.0.0.1"
GARBAGE = (b"", b"\xff" * 300, b"GET / HTTP/1.1\r\n\r\n", b"INVITE\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"\0" * 40)


@dataclass
class Front:
    """A real gate, whose agent is reached as `demo` from 127.0.0.1, behind a real endpoint."""

    stage: Stage
    address: tuple[str, int] = ("", 0)
    warnings: list[str] = field(default_factory=list)
    wires: list[UdpWire | TcpWire] = field(default_factory=list)

    async def open(self) -> None:
        stage = self.stage
        self.endpoint = SipEndpoint(
            calls=stage.gate,
            admits_source=stage.gate.admits_source,
            draining=lambda: False,
            clock=stage.clock,
            alarms=stage.clock,
            ids=stage.around.ids,
            tasks=stage.tasks,
            user_agent="Callgate/test",
            t1_s=T1_S,
            strangers=stage.gate.strangers,
            replaces=stage.replaces,
            refers=stage.transfers is not None,
            warn=self.warnings.append,
        )
        if stage.transfers is not None:
            stage.transfers.dialler = Dialling(self.endpoint)
        self.address = await self.endpoint.start("127.0.0.1", 0)

    async def close(self) -> None:
        for wire in self.wires:
            wire.close()
        self.endpoint.close()
        await self.stage.tasks.close()
        await asyncio.sleep(0)  # transports say goodbye on the next turn of the loop
        await asyncio.sleep(0)

    def udp(self, host: str = ADMITTED) -> UdpWire:
        wire = UdpWire(self.address, host)
        self.wires.append(wire)
        return wire

    async def tcp(self, host: str) -> TcpWire:
        wire = TcpWire(*await asyncio.open_connection(*self.address, local_addr=(host, 0)))
        self.wires.append(wire)
        return wire

    def caller(self, host: str = ADMITTED, user: str = "demo", domain: str = "example.org") -> Caller:
        caller = Caller(self.udp(host), self.address)
        caller.target = f"sip:{user}@{domain}"
        return caller

    async def silence(self, *hosts: str) -> None:
        """Have sources send until they are not heard any more."""
        wires = [self.udp(host) for host in hosts]
        for garbage in GARBAGE * 40:
            for wire in wires:
                await wire.send(garbage)
        for _ in range(2_000):
            if all(self.stage.gate.strangers.noisy(host) for host in hosts):
                break
            await asyncio.sleep(0.001)
        else:
            raise AssertionError("they are heard all the same")
        caller = self.caller()
        await caller.send("OPTIONS")
        await caller.response()  # when this has been answered, all that was sent before has come


async def answered(caller: Caller) -> int:
    """The status of the first response to an INVITE."""
    await caller.send("INVITE", body=OFFER)
    return (await caller.response()).status
