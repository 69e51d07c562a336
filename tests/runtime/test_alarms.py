import asyncio

from callgate.runtime.alarms import LoopAlarms


async def test_an_alarm_rings_once_and_a_cancelled_one_never() -> None:
    alarms = LoopAlarms(asyncio.get_running_loop())
    rung: list[str] = []
    done = asyncio.Event()
    alarms.after(0, lambda: rung.append("cancelled")).cancel()
    alarms.after(0, lambda: rung.append("kept"))
    alarms.after(0.001, done.set)
    await done.wait()
    assert rung == ["kept"]
