import multiprocessing
import os

import pytest

from callgate.bench.load import BenchFailed, Load

CORE = min(os.sched_getaffinity(0))


def running() -> list[int]:
    """The processes of loads."""
    return [child.pid or 0 for child in multiprocessing.active_children()]


async def test_a_load_listens_on_its_core_until_stopped() -> None:
    load = Load(3, wideband=False, core=CORE, alone=False)
    try:
        await load.ready()
        (pid,) = running()
        assert os.sched_getaffinity(pid) == {CORE}
        assert load.model_port > 0
        assert len(set(load.caller_ports)) == 3
        assert (await load.seen()).sent == 0  # nobody calls yet
    finally:
        await load.stop()
    assert running() == []


async def test_a_load_that_died_is_told_and_can_be_stopped() -> None:
    load = Load(1, wideband=True, core=CORE, alone=False)
    await load.ready()
    (child,) = multiprocessing.active_children()
    child.kill()
    child.join()
    with pytest.raises((BenchFailed, BrokenPipeError)):
        await load.seen()
    await load.stop()
    assert running() == []
