"""An operator of the running gate."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.cli.operator import Operator
from tests.peers.gate import Gate, Refused


@pytest.fixture
def operator(gate: Gate) -> Operator:
    return Operator(gate.url)


@pytest.fixture
def sales(gate: Gate) -> Iterator[str]:
    """The id of an agent called Sales."""
    agent_id = gate.make_agent("Sales", systemPrompt="You sell bicycles.")
    yield agent_id
    with suppress(Refused):  # the test may have deleted it
        gate.delete(f"/api/agents/{agent_id}")
