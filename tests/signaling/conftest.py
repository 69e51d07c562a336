import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from callgate.runtime.ids import SystemIds
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.endpoint import SipEndpoint
from callgate.signaling.sip_log import SipLogOptions
from callgate.signaling.transport import Listener
from callgate.signaling.transports import TransportOptions
from callgate.testing.clock import ManualClock
from tests.signaling.wire import Caller, ScriptedCalls, TcpWire, UdpWire

T1_S = 0.5


@dataclass
class House:
    """An endpoint with a clock that stands still, scripted calls behind it, and callers in front of it."""

    clock: ManualClock = field(default_factory=ManualClock)
    calls: ScriptedCalls = field(default_factory=ScriptedCalls)
    warnings: list[str] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)
    draining: bool = False
    refers: bool = False
    sip_logs: SipLogOptions | None = None
    address: tuple[str, int] = ("", 0)
    wires: list[Any] = field(default_factory=list)

    async def open(
        self, port: int = 0, host: str = "127.0.0.1", further: Sequence[Listener] = (), **options: Any
    ) -> None:
        self.tasks = TaskOwner(lambda name, error: self.warnings.append(f"{name}: {error!r}"))
        self.endpoint = SipEndpoint(
            calls=self.calls,
            admits_source=lambda address: address not in self.strangers,
            draining=lambda: self.draining,
            clock=self.clock,
            alarms=self.clock,
            ids=SystemIds(),
            tasks=self.tasks,
            user_agent="Callgate/test",
            t1_s=T1_S,
            refers=self.refers,
            sip_logs=self.sip_logs,
            warn=self.warnings.append,
            transports=TransportOptions(**options),
        )
        bound = await self.endpoint.start(host, port, further)
        self.address = ("127.0.0.1", bound[1])

    async def udp(self) -> UdpWire:
        wire = UdpWire(self.address)
        self.wires.append(wire)
        return wire

    async def tcp(self) -> TcpWire:
        wire = TcpWire(*await asyncio.open_connection(*self.address))
        self.wires.append(wire)
        return wire

    async def tls(self, context: ssl.SSLContext, name: str = "localhost") -> TcpWire:
        """A connection to the first listener for TLS."""
        port = next(listener.port for listener in self.endpoint.transports.listeners if listener.transport == "tls")
        wire = TcpWire(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name))
        wire.name = "tls"
        self.wires.append(wire)
        return wire

    async def caller(self, transport: str = "udp") -> Caller:
        return Caller(await (self.udp() if transport == "udp" else self.tcp()), self.address)

    async def close(self) -> None:
        for wire in self.wires:
            wire.close()
        self.endpoint.close()
        await self.tasks.close()
        await asyncio.sleep(0)  # transports say goodbye on the next turn of the loop
        await asyncio.sleep(0)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    await house.open()
    yield house
    await house.close()
    assert house.warnings == []


@pytest.fixture(params=["udp", "tcp"])
async def caller(house: House, request: pytest.FixtureRequest) -> Caller:
    return await house.caller(request.param)
