from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from callgate.runtime.ids import SystemIds
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import BOTH, Databases


@pytest.fixture(params=BOTH)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Where stores are kept: each test runs on both."""
    some = Databases(request.param)
    yield some
    some.drop()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(databases: Databases, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    store = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds())
    yield store
    await store.close()
