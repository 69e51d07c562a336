"""How many whole calls a second, INVITE to BYE with a media session and the demo agent, with none failed.

Run as ``python -m benchmarks.complete_calls [--rate N] [--seconds N]``. Exits with 1 when a call failed or the bound is
missed.
"""

import argparse
import sys
from typing import Final

from benchmarks.load import a_gate, run_load

RATE_MIN: Final = 100.0


def main() -> int:
    """Measure, print, judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=110)
    arguments.add_argument("--seconds", type=int, default=20)
    given = arguments.parse_args()
    with a_gate() as gate:
        run_load(gate, "complete_call", user="demo", rate=5, seconds=2)  # the first calls find everything cold
        load = run_load(gate, "complete_call", user="demo", rate=given.rate, seconds=given.seconds)
        load.show("complete calls")
        left = [call for call in gate.until(gate.calls) if call["ended"] is None]
    good = load.clean and load.rate >= min(RATE_MIN, 0.9 * given.rate)
    if left:
        print(f"{len(left)} of the last 100 calls have not ended in the API")
    if not good:
        print(f"calls failed, or fewer than {RATE_MIN:.0f} a second")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
