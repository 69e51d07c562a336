"""Fixtures of whole things: a gate, a handler, and the phones that call."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from callgate.testing.handler import HandlerServer
from tests.peers.baresip import Baresip
from tests.peers.databases import EVERYWHERE, Databases
from tests.peers.gate import Gate
from tests.peers.handler import HandlerInThread
from tests.peers.phone import Phone
from tests.peers.sipp import Sipp

# Short timers: a lost ACK is given up after 64 × 50 ms, a slow handler after a second, and it rings meanwhile.
SETTINGS = {
    "CALLGATE_SIP_T1_MS": "50",
    "CALLGATE_HANDLER_TIMEOUT_S": "1",
    "CALLGATE_RING_AFTER_S": "0.3",
    "CALLGATE_NOISE_REFUSALS_PER_MINUTE": "10000",
}


@pytest.fixture(scope="session")
def running_gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """One node for all scenarios."""
    gate = Gate(tmp_path_factory.mktemp("gate"), settings=SETTINGS)
    yield gate
    gate.until(lambda: all(call["ended"] for call in gate.calls()))  # no call outlives its caller
    assert gate.stop() == 0


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Where stores are kept; a parameter says where, as that of the tests of the store and of the API does."""
    some = Databases(getattr(request, "param", EVERYWHERE))
    yield some
    some.drop()


@pytest.fixture
def gate(running_gate: Gate) -> Gate:
    """The node, with the rules of its start."""
    running_gate.reset()
    return running_gate


@pytest.fixture
def phone(gate: Gate) -> Phone:
    """The built-in phone."""
    return Phone(gate)


@pytest.fixture
def sipp(gate: Gate, tmp_path: Path) -> Sipp:
    """SIPp."""
    if shutil.which("sipp") is None:
        pytest.skip("SIPp is not installed (scripts/install_test_peers.sh)")
    return Sipp(gate, tmp_path)


@pytest.fixture
def baresip(gate: Gate, tmp_path: Path) -> Baresip:
    """Another client."""
    if shutil.which("baresip") is None:
        pytest.skip("baresip is not installed (scripts/install_test_peers.sh)")
    return Baresip(gate, tmp_path)


@pytest.fixture
def handler() -> Iterator[HandlerServer]:
    """A fallback handler."""
    running = HandlerInThread()
    yield running.server
    running.stop()
