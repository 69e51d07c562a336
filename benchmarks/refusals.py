"""How many INVITEs a second are refused, with nothing lost: from a listed source (603) and from a stranger (403).

Run as ``python -m benchmarks.refusals [--rate N] [--seconds N]``. Exits with 1 when one was lost or
the bound is missed.
"""

import argparse
import sys
from typing import Final

from benchmarks.load import a_gate, run_load

RATE_MIN: Final = 500.0


def main() -> int:
    """Measure, print, judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=550)
    arguments.add_argument("--seconds", type=int, default=10)
    given = arguments.parse_args()
    good = True
    with a_gate(CALLGATE_NOISE_REFUSALS_PER_MINUTE="100000000") as gate:
        for name, scenario, ranges in (
            ("refused, listed source (603)", "refused_603", ["127.0.0.0/8"]),
            ("refused, stranger (403)", "refused_403", ["203.0.113.0/24"]),
        ):
            gate.patch_sip({"allowedCidrRanges": ranges})
            load = run_load(gate, scenario, user="nobody", rate=given.rate, seconds=given.seconds)
            load.show(name)
            good = good and load.clean and load.rate >= min(RATE_MIN, 0.9 * given.rate)
    if not good:
        print(f"calls failed, or fewer than {RATE_MIN:.0f} a second")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
