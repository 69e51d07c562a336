from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callgate.runtime.ids import SystemIds
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "callgate.db", clock=clock, ids=SystemIds())
    yield store
    await store.close()
