import asyncio

import pytest

from callgate.runtime.tasks import TaskOwner


async def test_a_failure_is_told_and_a_cancellation_is_none() -> None:
    told: list[tuple[str, str]] = []
    owner = TaskOwner(lambda name, error: told.append((name, str(error))))

    async def fail() -> None:
        raise ValueError("no disk")

    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    owner.spawn(fail(), name="write")
    waiting = owner.spawn(wait_for_ever(), name="wait")
    await asyncio.sleep(0)
    await owner.close()
    assert told == [("write", "no disk")]
    assert waiting.cancelled()
    assert len(owner) == 0


async def test_what_has_ended_is_forgotten() -> None:
    owner = TaskOwner(lambda name, error: pytest.fail(f"{name}: {error}"))

    async def nothing() -> None:
        return

    await owner.spawn(nothing(), name="nothing")
    await asyncio.sleep(0)
    assert len(owner) == 0
