"""How long a caller waits for the demo agent: INVITE to 200 at 20 calls a second.

Run as ``python -m benchmarks.ring_to_answer [--rate N] [--seconds N]``. Exits with 1 when a call failed or the bound is
missed.
"""

import argparse
import sys
from typing import Final

from benchmarks.load import a_gate, run_load

P99_MS_MAX: Final = 50.0
_TALK_MS: Final = 1_000


def main() -> int:
    """Measure, print, judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=20)
    arguments.add_argument("--seconds", type=int, default=10)
    given = arguments.parse_args()
    with a_gate() as gate:
        run_load(gate, "complete_call", user="demo", rate=5, seconds=2)  # the first calls find everything cold
        load = run_load(gate, "complete_call", user="demo", rate=given.rate, seconds=given.seconds, talk_ms=_TALK_MS)
    load.show("calls of a second")
    times = load.answer_ms
    if not times:
        print("no call was answered")
        return 1
    p50, p99 = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    print(f"INVITE to 200                    p50 {p50:.1f} ms   p99 {p99:.1f} ms   most {times[-1]:.1f} ms")
    if not load.clean or p99 > P99_MS_MAX:
        print(f"calls failed, or p99 over {P99_MS_MAX:.0f} ms")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
