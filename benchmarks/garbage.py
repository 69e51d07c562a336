"""What a flood of strangers costs admitted callers: INVITE to 200, in quiet and beside 2,000 packets a second.

Run as ``python -m benchmarks.garbage [--rate N] [--seconds N] [--garbage N] [--sources N]``. The strangers send what
scanners send and noise, from so many addresses of this machine; at the beginning each is still answered. Exits with 1
when a call failed or the 99th percentile is over a fifth worse than in quiet; the runs take turns, for a machine that
others use is quiet at one time and not at another.
"""

import argparse
import subprocess
import sys
from typing import Final

from benchmarks.load import Load, a_gate, run_load
from tests.peers.gate import Gate

WORSE_MAX: Final = 1.2
_ROUNDS: Final = 3
_TALK_MS: Final = 1_000
_CLIENT_CORE: Final = "1"


def _flood(gate: Gate, garbage: int, sources: int, seconds: int) -> subprocess.Popen[str]:
    command = ["taskset", "-c", _CLIENT_CORE, sys.executable, "-m", "tests.peers.flood"]
    return subprocess.Popen(
        [*command, gate.sip_host, str(gate.sip_port), str(garbage), str(seconds), str(sources)],
        stdout=subprocess.PIPE,
        text=True,
    )


def _p99(load: Load) -> float:
    return load.answer_ms[min(len(load.answer_ms) - 1, len(load.answer_ms) * 99 // 100)] if load.answer_ms else 0.0


def main() -> int:
    """Measure, print, judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=20)
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--garbage", type=int, default=2_000)
    arguments.add_argument("--sources", type=int, default=16)
    given = arguments.parse_args()
    quiet: list[Load] = []
    besieged: list[Load] = []
    with a_gate() as gate:
        gate.patch_sip({"allowedCidrRanges": ["127.0.0.1/32"]})
        run_load(gate, "complete_call", user="demo", rate=5, seconds=2)  # the first calls find everything cold
        for number in range(_ROUNDS):
            load = run_load(
                gate, "complete_call", user="demo", rate=given.rate, seconds=given.seconds, talk_ms=_TALK_MS
            )
            load.show(f"in quiet, {number + 1}")
            quiet.append(load)
            flood = _flood(gate, given.garbage, given.sources, given.seconds + 5)
            load = run_load(
                gate, "complete_call", user="demo", rate=given.rate, seconds=given.seconds, talk_ms=_TALK_MS
            )
            load.show(f"beside the flood, {number + 1}")
            besieged.append(load)
            sent = int(flood.communicate()[0])
            print(f"  flood: {sent} packets, {sent / (given.seconds + 5):.0f} a second, from {given.sources} addresses")
    for name, loads in (("in quiet", quiet), ("beside the flood", besieged)):
        middle = [f"{load.answer_ms[len(load.answer_ms) // 2]:.1f}" for load in loads if load.answer_ms]
        ends = [f"{_p99(load):.1f}" for load in loads]
        print(f"INVITE to 200, {name:17} p50 {' / '.join(middle)} ms   p99 {' / '.join(ends)} ms")
    ratio = min(map(_p99, besieged)) / max(1e-9, min(map(_p99, quiet)))
    print(f"p99 beside the flood is {ratio:.2f} of that in quiet (the best of {_ROUNDS} each)")
    if not all(load.clean for load in quiet + besieged) or ratio > WORSE_MAX:
        print(f"calls failed, or p99 over {WORSE_MAX} of that in quiet")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
