from collections.abc import AsyncIterator

import pytest

from tests.calls.stage import Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.tasks.close()
