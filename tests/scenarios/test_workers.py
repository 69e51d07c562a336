"""Two processes carry sound: calls are spread, one's death or the control process' stall does no harm to the others."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from callgate.core.rtp.packet import Packet
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[Gate]:
    """A node with two media workers."""
    gate = Gate(tmp_path, settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "2"})
    gate.reset()
    yield gate
    assert gate.stop() == 0


def owner(gate: Gate, port: int) -> int:
    """The worker that has the UDP port."""
    inode = next(
        line.split()[9]
        for line in Path("/proc/net/udp").read_text().splitlines()[1:]
        if int(line.split()[1].rpartition(":")[2], 16) == port
    )
    for pid in gate.workers():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(link) == f"socket:[{inode}]":
                return pid
    raise AssertionError(f"no worker has port {port}")


def missing(came: list[tuple[float, Packet]]) -> int:
    """How many packets of those between the first and the last never came."""
    return (came[-1][1].sequence - came[0][1].sequence & 0xFFFF) + 1 - len(came)


def longest_gap_s(came: list[tuple[float, Packet]]) -> float:
    return max(after - before for (before, _), (after, _) in zip(came, came[1:], strict=False))


def test_calls_are_spread_and_the_death_of_a_worker_ends_its_own_only(two_workers: Gate) -> None:
    gate = two_workers
    assert len(gate.workers()) == 2
    with ExitStack() as calls:
        callers = [calls.enter_context(Caller(gate)) for _ in range(6)]
        by_worker: dict[int, list[Caller]] = {}
        for caller in callers:
            by_worker.setdefault(owner(gate, caller.to[1]), []).append(caller)
        assert sorted(map(len, by_worker.values())) == [3, 3]
        (dead, ended), (alive, going_on) = by_worker.items()
        os.kill(dead, signal.SIGKILL)
        for caller in ended:
            assert caller.is_hung_up_on(10.0) != ""
        for caller in going_on:
            came = caller.hear(0.3)
            assert len(came) >= 12
            assert missing(came) == 0
        for caller in ended:
            call = gate.ended_call(caller.sip_call_id)
            assert call["endReason"] == "system_error"
        assert gate.log().count("outcome=worker-lost") == len(ended)
        # Another one takes its place, and calls again.
        gate.until(lambda: len(gate.workers()) == 2)
        assert alive in gate.workers()
        gate.until(lambda: new_call_is_carried_by_other_than(gate, alive))
    for caller in going_on:
        assert gate.ended_call(caller.sip_call_id)["endReason"] == "hangup"


def new_call_is_carried_by_other_than(gate: Gate, pid: int) -> bool:
    with Caller(gate) as caller:
        return caller.status == 200 and owner(gate, caller.to[1]) != pid and len(caller.hear(0.2)) > 5


def test_a_stall_of_the_control_process_delays_no_packet(two_workers: Gate) -> None:
    """The agent speaks all the while: its greeting lasts for some seconds."""
    with Caller(two_workers) as caller:
        caller.hear(0.3)
        os.kill(two_workers.process_id, signal.SIGSTOP)
        try:
            begun_s = time.monotonic()
            came = caller.hear(0.2)
            assert time.monotonic() - begun_s >= 0.2
        finally:
            os.kill(two_workers.process_id, signal.SIGCONT)
        came += caller.hear(0.3)
    assert missing(came) == 0
    assert len(came) >= 22
    # A packet that waited for the control process would be 180 ms late. Half of that is how late a shared machine may
    # wake anybody up: 50 ms were seen on one.
    assert longest_gap_s(came) < 0.1
    assert any(len(set(packet.payload)) > 20 for _, packet in came), "the agent was silent"
