"""What a demo brain costs: one made and started, and one frame heard.

Run as ``python -m benchmarks.demo_brain``. Ratios to a fixed loop in the same run tell a slower program from a slower
machine.
"""

import asyncio
import statistics
from time import perf_counter_ns

from callgate.brains.demo import DemoFactory
from callgate.core.audio.g711 import SILENCE
from callgate.core.audio.tones import tone
from callgate.entities.call import ToolUse
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.bridge import SessionBridge
from callgate.media.playout import Playout
from callgate.ports.brain import BrainPlan, ClientLink, NewStage, StageRefused, ToolChannel


class Host:
    """A host that listens to nobody."""

    def __init__(self) -> None:
        playout = Playout(lambda name: None)
        self.playout = playout
        self.bridge = SessionBridge(playout, lambda digits, tone_ms, gap_ms: None, SoundQuality)
        self.codec = "PCMU"
        self.now = 0.0

    def monotonic(self) -> float:
        """Moved by the benchmark."""
        return self.now

    def message(
        self,
        role: str,
        text: str,
        start_ms: float | None = None,
        end_ms: float | None = None,
        *,
        tool: ToolUse | None = None,
    ) -> None:
        """Nobody reads it."""

    async def stage(self, settings: JsonObject) -> NewStage:
        """Never asked for."""
        raise StageRefused("a measured call has one stage")

    def event(self, severity: str, type: str, text: str, **extras: object) -> None:
        """Likewise."""

    client: ClientLink | None = None

    def channel(self, kind: str) -> ToolChannel | None:
        """The demo agent uses no tools."""
        return None

    def refit(self) -> None:
        """Its formats never change."""

    def turn_ended(self) -> None:
        """Not measured here."""

    def hang_up(self, outcome: str) -> None:
        """Likewise."""

    def fail(self, reason: str) -> None:
        """Likewise."""


def _reference() -> int:
    counts: dict[int, int] = {}
    for value in range(100):
        counts[value & 15] = counts.get(value & 15, 0) + value
    return counts[0]


async def main() -> None:
    """Measure and print."""
    factory = DemoFactory(speech=False)
    times: dict[str, list[float]] = {"reference loop": [], "made and started": [], "a frame heard": []}

    def note(name: str, begin: int) -> None:
        times[name].append((perf_counter_ns() - begin) / 1_000)

    for _ in range(1_000):
        begin = perf_counter_ns()
        _reference()
        note("reference loop", begin)
        begin = perf_counter_ns()
        brain = factory.make(BrainPlan("demo", "call", {}), Host())
        await brain.start()
        note("made and started", begin)
    host = Host()
    brain = factory.make(BrainPlan("demo", "call", {}), host)
    await brain.start()
    brain.begin()
    voice = tone(300, 20)
    for number in range(20_000):
        host.now += 0.02
        begin = perf_counter_ns()
        brain.hear(voice if number % 100 < 30 else SILENCE)
        note("a frame heard", begin)
        host.playout.take()
        host.playout.ring()
    reference = statistics.median(times["reference loop"])
    for name, spent in times.items():
        median, p99 = statistics.median(spent), sorted(spent)[len(spent) * 99 // 100]
        print(f"{name:18} median {median:7.2f} us   p99 {p99:8.2f} us   {median / reference:5.2f} x reference")
    factory.close()


if __name__ == "__main__":
    asyncio.run(main())
