"""Whether the node's memory stays flat over many calls: measured after each tenth of them.

The first tenth fills what is meant to be filled (transactions that linger for 32 s, the cache of the store, queues), so
the rest is held against what the second one left. Run as ``python -m benchmarks.memory [--calls N] [--rate N]``. Exits
with 1 when a call failed, or when memory rose by more than 5 %.
"""

import argparse
import sys
from typing import Final

from benchmarks.load import a_gate, memory_mb, run_load

RISE_MAX: Final = 0.05
_PARTS: Final = 10


def main() -> int:
    """Measure, print, judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=100_000)
    arguments.add_argument("--rate", type=int, default=150)
    given = arguments.parse_args()
    seconds = given.calls // _PARTS // given.rate
    held, good = [], True
    with a_gate() as gate:
        for part in range(_PARTS):
            load = run_load(gate, "complete_call", user="demo", rate=given.rate, seconds=seconds)
            good = good and load.clean
            held.append(memory_mb(gate.process_id))
            print(
                f"{(part + 1) * given.rate * seconds:8} calls   {held[-1]:7.1f} MB   {load.rate:6.1f}/s   "
                f"{load.failed} failed",
                flush=True,
            )
    rise = max(held[2:]) / held[1] - 1
    print(f"at most {rise:+.1%} after the first fifth")
    if not good or rise > RISE_MAX:
        print(f"calls failed, or memory rose by more than {RISE_MAX:.0%}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
