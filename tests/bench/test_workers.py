import asyncio
import os
import socket

import pytest

from callgate.bench.load import BenchFailed, Load
from callgate.bench.workers import Workers

CORE = min(os.sched_getaffinity(0))


@pytest.mark.parametrize("wideband", [False, True])
async def test_calls_are_carried_both_ways_and_ended(wideband: bool) -> None:
    workers = Workers(3, cores=[CORE], wideband=wideband)
    load = Load(3, wideband=wideband, core=max(os.sched_getaffinity(0)), alone=False)
    try:
        await workers.start()
        await load.ready()
        ports = await workers.carry(load)
        assert len(set(ports)) == 3
        load.go(ports)
        received, heard, there, back = 0, 0.0, 0, 0
        for _ in range(100):  # each asks a process, and is answered after some of the sound
            seen = await load.seen()
            received, heard = received + seen.received_least, heard + seen.heard_least
            there, back = there + len(seen.there_s), back + len(seen.back_s)
            if min(received, heard) >= 20 and there and back:
                break
            await wait_for_sound()
        assert received >= 20
        assert heard >= 20
        assert there > 0
        assert back > 0
        (inspected,) = await workers.inspect()
        assert inspected.sessions == 3
        assert sum(inspected.lateness) > 0
        assert inspected.cpu_s > 0
    finally:
        await workers.close()
        await load.stop()


async def wait_for_sound() -> None:
    """Half a dozen frames' time."""
    await asyncio.sleep(0.12)


async def test_a_model_that_cannot_be_reached_fails_the_measurement() -> None:
    workers = Workers(1, cores=[CORE], wideband=False)
    load = Load(1, wideband=False, core=CORE, alone=False)
    try:
        await workers.start()
        await load.ready()
        with socket.create_server(("127.0.0.1", 0)) as closed:
            load.model_port = closed.getsockname()[1]
        with pytest.raises(BenchFailed, match="could not be started"):
            await workers.carry(load)
    finally:
        await workers.close()
        await load.stop()
