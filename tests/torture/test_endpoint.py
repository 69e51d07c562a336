"""The same messages before a whole endpoint: what leaves it, and that nothing stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Response
from callgate.core.sip.parse import parse
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.endpoint import SipEndpoint
from callgate.signaling.transport import Peer
from callgate.testing.clock import ManualClock
from tests.signaling.wire import ScriptedCalls
from tests.simulation.play import SeededIds
from tests.torture.manifest import ACCEPT, DROP, VECTORS, Vector
from tests.torture.test_torture import read


class Overheard(SipEndpoint):
    """An endpoint whose messages are looked at and not sent."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.sent: list[Response] = []

    def deliver(self, data: bytes, peer: Peer, failed: Callable[[str], None]) -> None:
        message = parse(data)
        assert isinstance(message, Response)
        self.sent.append(message)


SOURCE = Peer("udp", "192.0.2.200", 5060)


def owed_by_the_endpoint(vector: Vector) -> list[int]:
    """The first answer: none, what the message layer says, or what its method gets here."""
    if vector.owed == DROP:
        return []
    if vector.owed != ACCEPT:
        return [int(vector.owed)]
    message = parse(read(vector.path))
    if isinstance(message, Response) or message.method == "ACK":
        return []
    if message.to.tag is not None:
        return [481]  # whatever it is, there is no such dialog
    return [{"INVITE": 100, "OPTIONS": 200}.get(message.method, 405)]


@pytest.mark.parametrize("vector", [pytest.param(vector, id=Path(vector.path).stem) for vector in VECTORS])
async def test_each_message_gets_one_answer_and_leaves_nothing(vector: Vector) -> None:
    clock, calls, warnings = ManualClock(), ScriptedCalls(), list[str]()
    calls.begin = lambda leg: leg.refuse(480)
    tasks = TaskOwner(lambda name, error: warnings.append(f"{name}: {error!r}"))
    endpoint = Overheard(
        calls=calls,
        admits_source=lambda address: True,
        draining=lambda: False,
        clock=clock,
        alarms=clock,
        ids=SeededIds(vector.path),
        tasks=tasks,
        user_agent="Callgate/test",
        warn=warnings.append,
    )
    await endpoint.start("127.0.0.1", 0)
    data = read(vector.path)
    try:
        try:
            endpoint.received(parse(data), SOURCE, len(data))
        except ParseError as error:
            endpoint.garbled(error, SOURCE, len(data))
        assert [response.status for response in endpoint.sent][:1] == owed_by_the_endpoint(vector)
        assert {response.status for response in endpoint.sent} <= {100, 480, *owed_by_the_endpoint(vector)}
        clock.advance(100)
        assert endpoint.busy == (0, 0, 0)
        assert warnings == []
    finally:
        endpoint.close()
        await tasks.close()
