"""What a call costs in a media worker, against a bare loop of the same run.

Run it with ``python -m benchmarks.media``. Compare the ratios between machines and versions: a noisy or slow machine
slows both alike, as long as they take turns. How many calls a machine carries is another question, which
``callgate bench media`` answers.
"""

import argparse
import asyncio
import statistics
import sys
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.bare_loop import BareLoop
from benchmarks.clear_to_silence import clears

from callgate.bench.load import BenchFailed
from callgate.bench.media import Carrier, Measured, measure, one_core
from callgate.bench.workers import Workers

_CALLS: Final = 100  # as many as a small office; well below what either of the two can carry
_ROUNDS: Final = 5
_SECONDS: Final = 4.0
_CLEARS: Final = 20

_KINDS: Final[dict[str, tuple[Callable[..., Carrier], bool]]] = {
    "bare": (BareLoop, False),
    "pcmu": (Workers, False),
    "pcm16": (Workers, True),
}
_TITLES: Final = {
    "bare": "bare loop, µ-law passed on",
    "pcmu": "worker, models speak µ-law",
    "pcm16": "worker, models speak 16 kHz PCM",
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="What a call costs in a media worker, against a bare loop.")
    parser.add_argument("--calls", type=int, default=_CALLS, help=f"at once (default {_CALLS})")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"of each (default {_ROUNDS})")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help=f"of each round (default {_SECONDS:g})")
    given = parser.parse_args()
    if given.calls < 1 or given.rounds < 1 or given.seconds < 1:
        parser.error("expected at least 1 call, 1 round and 1 second")
    try:
        asyncio.run(_compare(given.calls, given.rounds, given.seconds))
    except BenchFailed as error:
        sys.exit(f"media: {error}")


async def _compare(calls: int, rounds: int, seconds: float) -> None:
    arrangement = one_core()
    print(_method(calls, rounds, seconds, apart=arrangement.apart), flush=True)
    found: dict[str, list[Measured]] = {kind: [] for kind in _KINDS}
    for _ in range(rounds):
        for kind, (carrier, wideband) in _KINDS.items():
            one = await measure(calls, arrangement=arrangement, wideband=wideband, seconds=seconds, carrier=carrier)
            found[kind].append(one)
    for kind, measured in found.items():
        print(_line(kind, measured, found["bare"]), flush=True)
    for kind, (carrier, wideband) in _KINDS.items():
        if carrier is Workers:
            times = await clears(calls, arrangement=arrangement, wideband=wideband, times=_CLEARS)
            print(_clear_line(kind, times), flush=True)


def _method(calls: int, rounds: int, seconds: float, *, apart: bool) -> str:
    where = "the other core" if apart else "the same core, for there is no other: figures are worse than they need be"
    return (
        f"{calls} two-way calls of G.711 on one core, callers and models on {where}. The bare loop and the worker\n"
        f"take turns, {rounds} rounds of {seconds:g} s each; every figure is the median of the rounds. CPU is what the "
        "process used,\nper call and second. The ratio is taken within a round, then (in brackets) the least and the "
        "greatest of them.\nDelay is from caller to model plus from model to caller: the bare loop has none of the "
        "buffers that a network needs.\nThe bare loop does nothing but pass frames on: it shows what these libraries "
        "cost.\n"
    )


def _line(kind: str, measured: Sequence[Measured], bare: Sequence[Measured]) -> str:
    ratios = sorted(one.cpu / reference.cpu for one, reference in zip(measured, bare, strict=True))
    cpu = statistics.median(one.cpu / one.calls for one in measured)
    lost = sum(one.lost_to_callers + one.lost_to_models for one in measured)
    return (
        f"{_TITLES[kind]:32} {1e6 * cpu:6.0f} µs/s a call ({cpu:.3%} of a core)"
        f"  ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        f"  delay p50 {statistics.median(one.delay_ms_p50 for one in measured):.1f}"
        f"  p99 {statistics.median(one.delay_ms_p99 for one in measured):.1f} ms"
        f"  {statistics.median(one.memory_kb for one in measured):.0f} kB a call  lost {lost}"
    )


def _clear_line(kind: str, times: Sequence[float]) -> str:
    ordered = sorted(1000 * one for one in times)
    return (
        f"{_TITLES[kind]:32} clear to silence: median {statistics.median(ordered):.1f} ms, "
        f"worst of {len(ordered)} {ordered[-1]:.1f} ms"
    )


if __name__ == "__main__":
    main()
