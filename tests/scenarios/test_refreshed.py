"""Sessions that we refresh, as a carrier's side sees it: SIPp judges the messages, the test moves the clock."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from callgate.core.sdp.negotiate import answer
from callgate.core.sip.transaction import State
from tests.peers.sipp import Sipp
from tests.signaling.conftest import House

HALF_S = 900

pytestmark = pytest.mark.sipp


@dataclass
class Address:
    """Where an endpoint listens."""

    sip_host: str
    sip_port: int


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    await house.open()
    yield house
    await house.close()
    assert house.warnings == []


async def answered(house: House) -> None:
    """Until no request of ours waits for its response."""
    async with asyncio.timeout(10):
        while any(exchange.state is State.TRYING for exchange in house.endpoint._client.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.mark.rfc("4028", "10", "Performing Refreshes")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("method", ["update", "invite"])
async def test_a_session_is_refreshed_by_us(house: House, tmp_path: Path, method: str, transport: str) -> None:
    if shutil.which("sipp") is None:
        pytest.skip("SIPp is not installed (scripts/install_test_peers.sh)")
    running = Sipp(Address(*house.address), tmp_path).start(f"refreshed_by_{method}", transport=transport)
    leg, ear = await house.calls.leg()
    ear.described = answer(leg.attempt.body, address="127.0.0.1", port=20_000, session_id=1).sdp
    leg.answer(ear.described)
    assert await ear.heard() == ("confirmed", b"")
    for _ in range(2):
        house.clock.advance(HALF_S)
        if method == "invite":
            assert await ear.heard() == ("offer wanted",)
            assert (await ear.heard())[0] == "settled"
        else:
            await answered(house)
    assert await ear.heard() == ("hung up", "")
    run = await asyncio.to_thread(running.finish)
    assert run.ok, run
    assert run.count("UPDATE" if method == "update" else "INVITE") == 2
