import asyncio

from callgate.brains.pipecat.pacing import LEAD_MS, Pacing

FRAME = b"\1" * 640  # 20 ms at 16 kHz
LEAD_FRAMES = LEAD_MS // 20


class Wire:
    """What a bot sends, and what the worker's queue would hold of it."""

    def __init__(self) -> None:
        self.sent = 0
        self.clears = 0
        self.pacing = Pacing(self._take, self._clear)
        self.pacing.begin(32)

    def _take(self, sound: bytes) -> None:
        self.sent += len(sound) // 640

    def _clear(self) -> None:
        self.clears += 1


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def fill(wire: Wire) -> None:
    for _ in range(LEAD_FRAMES):
        assert await wire.pacing.write(FRAME)


async def test_a_bot_is_no_further_ahead_than_its_lead() -> None:
    wire = Wire()
    await fill(wire)
    waiting = asyncio.ensure_future(wire.pacing.write(FRAME))
    await settled()
    assert not waiting.done()
    wire.pacing.heard(640)
    assert await waiting
    assert wire.sent == LEAD_FRAMES + 1


async def test_what_was_heard_never_becomes_less() -> None:
    wire = Wire()
    await fill(wire)
    wire.pacing.heard(3 * 640)
    wire.pacing.heard(640)
    for _ in range(3):
        assert await wire.pacing.write(FRAME)
    waiting = asyncio.ensure_future(wire.pacing.write(FRAME))
    await settled()
    assert not waiting.done()
    waiting.cancel()


async def test_an_interruption_drops_who_waits_and_makes_room() -> None:
    wire = Wire()
    await fill(wire)
    waiting = asyncio.ensure_future(wire.pacing.write(FRAME))
    await settled()
    wire.pacing.interrupt()
    assert not await waiting
    assert (wire.sent, wire.clears) == (LEAD_FRAMES, 1)
    await fill(wire)


async def test_what_must_be_heard_is_not_thrown_away() -> None:
    wire = Wire()
    assert await wire.pacing.write(FRAME, interruptible=False)
    wire.pacing.interrupt()
    assert wire.clears == 0
    wire.pacing.heard(640)
    wire.pacing.interrupt()
    assert wire.clears == 1
    for _ in range(LEAD_FRAMES):
        await wire.pacing.write(FRAME, interruptible=False)
    waiting = asyncio.ensure_future(wire.pacing.write(FRAME, interruptible=False))
    await settled()
    wire.pacing.interrupt()
    await settled()
    assert not waiting.done()
    wire.pacing.heard(640 * 2)
    assert await waiting


async def test_nobody_waits_for_a_caller_who_is_gone() -> None:
    wire = Wire()
    await fill(wire)
    waiting = asyncio.ensure_future(wire.pacing.write(FRAME))
    await settled()
    wire.pacing.close()
    assert not await waiting
    assert not await wire.pacing.write(FRAME)
    assert wire.sent == LEAD_FRAMES
