"""How many whole calls a second, INVITE to BYE with a media session and the demo agent, with none failed.

Run as ``python -m benchmarks.complete_calls [--rate N] [--seconds N] [--webhooks N]``; the webhooks hear everything.
Exits with 1 when a call failed, an event was not delivered, or the bound is missed.
"""

import argparse
import os
import sys
import time
from typing import Final

from benchmarks.load import CLIENT_CORE, a_gate, run_load
from tests.peers.receiver import Receiver

from callgate.entities.webhook import EVENTS

RATE_MIN: Final = 100.0


def all_told(receiver: Receiver, wanted: int) -> float:
    """Wait until so many events have come; how long that took, in seconds."""
    begun_s = time.monotonic()
    receiver.until(lambda: len(receiver.received) >= wanted, 60)
    return time.monotonic() - begun_s


def main() -> int:
    """Measure, print, judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=110)
    arguments.add_argument("--seconds", type=int, default=20)
    arguments.add_argument("--webhooks", type=int, default=0)
    given = arguments.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})  # the webhooks' server is on the callers' side
    with Receiver() as receiver, a_gate() as gate:
        for number in range(given.webhooks):
            gate.post("/api/webhooks", {"url": f"{receiver.url}/{number}", "events": list(EVENTS)})
        run_load(gate, "complete_call", user="demo", rate=5, seconds=2)  # the first calls find everything cold
        load = run_load(gate, "complete_call", user="demo", rate=given.rate, seconds=given.seconds)
        load.show("complete calls")
        late_s = all_told(receiver, given.webhooks * len(EVENTS) * (load.succeeded + 10))
        left = [call for call in gate.until(gate.calls) if call["ended"] is None]
    good = load.clean and load.rate >= min(RATE_MIN, 0.9 * given.rate)
    if given.webhooks:
        print(f"{len(receiver.received)} events delivered, the last {late_s:.1f} s after the last call")
    if left:
        print(f"{len(left)} of the last 100 calls have not ended in the API")
    if not good:
        print(f"calls failed, or fewer than {RATE_MIN:.0f} a second")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
