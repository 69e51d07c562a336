"""So many calls to models behind the OpenAI Realtime protocol on one core, and what of the delay is ours.

Run it with ``python -m benchmarks.openai_realtime``. Each call is G.711 over RTP on one side and JSON with base64 over
a WebSocket on the other, both ways all the time, a message for each 20 ms: more than any conversation asks for.
"""

import argparse
import asyncio
import sys
from functools import partial
from typing import Final

from benchmarks.realtime_crowd import RealtimeCrowd

from callgate.bench.load import BenchFailed
from callgate.bench.media import Measured, measure, one_core
from callgate.bench.workers import Workers

_CALLS: Final = 200
_SECONDS: Final = 10.0
_ROUNDS: Final = 3


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Calls to models behind the OpenAI Realtime protocol, on one core.")
    parser.add_argument("--calls", type=int, default=_CALLS, help=f"at once (default {_CALLS})")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"(default {_ROUNDS})")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help=f"of each round (default {_SECONDS:g})")
    given = parser.parse_args()
    if given.calls < 1 or given.rounds < 1 or given.seconds < 1:
        parser.error("expected at least 1 call, 1 round and 1 second")
    try:
        asyncio.run(_run(given.calls, given.rounds, given.seconds))
    except BenchFailed as error:
        sys.exit(f"openai_realtime: {error}")


async def _run(calls: int, rounds: int, seconds: float) -> None:
    arrangement = one_core()
    where = "the other core" if arrangement.apart else "the same core"
    print(f"{calls} calls on one core, callers and models on {where}, {rounds} rounds of {seconds:g} s.", flush=True)
    for _ in range(rounds):
        print(_line(await _measured(calls, seconds)), flush=True)


async def _measured(calls: int, seconds: float) -> Measured:
    return await measure(
        calls,
        arrangement=one_core(),
        wideband=False,
        seconds=seconds,
        carrier=partial(Workers, factory="benchmarks.realtime_crowd:factories"),
        crowd=RealtimeCrowd,
    )


def _line(found: Measured) -> str:
    lost = found.lost_to_callers + found.lost_to_models
    return (
        f"  CPU {100 * found.cpu:.0f} % of the core ({100 * found.cpu / found.calls:.2f} % a call), "
        f"there and back {found.delay_ms_p50:.1f} ms (99 of 100 within {found.delay_ms_p99:.1f}), "
        f"frames late at worst {found.lateness_ms_p99:.1f} ms (p99), lost {lost}; the load was late by "
        f"{found.crowd_late_ms:.0f} ms at worst"
    )


if __name__ == "__main__":
    main()
