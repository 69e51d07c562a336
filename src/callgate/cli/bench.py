"""`callgate bench`: what this machine carries, measured on it."""

import asyncio
import dataclasses
import json
import os
import sys
from functools import partial
from typing import Annotated, Any, Final

import typer

from callgate.bench.load import BenchFailed
from callgate.bench.media import (
    LATENESS_MS_MAX,
    SEARCH_CALLS_FIRST,
    Arrangement,
    Measured,
    measure,
    one_core,
    search,
    whole_machine,
)

EXIT_NOT_CARRIED = 1

_MODELS: Final = {"pcm16": "s16le at 16,000 Hz", "pcmu": "µ-law at 8,000 Hz"}
_ARRANGEMENTS: Final = {"core": one_core, "machine": whole_machine}

app = typer.Typer(help="Measure what this machine carries.", no_args_is_help=True, add_completion=False)


@app.callback()
def _several() -> None:
    """Measure what this machine carries."""


@app.command("media")
def media(
    scope: Annotated[list[str] | None, typer.Option(help="core or machine; may be given again. Default: both.")] = None,
    models: Annotated[
        list[str] | None, typer.Option(help="pcm16 or pcmu: what models speak; may be given again. Default: both.")
    ] = None,
    calls: Annotated[int, typer.Option(min=0, max=6_000, help="Try this number only; 0: search the limit.")] = 0,
    seconds: Annotated[float, typer.Option(min=1.0, max=600.0, help="To measure each number for.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line and no words.")] = False,
) -> None:
    """How many two-way calls one core and the whole machine carry. Takes some minutes; nothing else should run."""
    scopes = _known("--scope", scope, _ARRANGEMENTS)
    spoken = _known("--models", models, _MODELS)
    carried = True
    if not as_json:
        print(_method(seconds), flush=True)
    try:
        for one in scopes:
            for model in spoken:
                carried &= asyncio.run(_measure(one, model, calls, seconds, as_json=as_json)) is not None
    except BenchFailed as error:
        print(f"callgate: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_NOT_CARRIED) from None
    raise typer.Exit(0 if carried else EXIT_NOT_CARRIED)


async def _measure(scope: str, model: str, calls: int, seconds: float, *, as_json: bool) -> Measured | None:
    arrangement = _ARRANGEMENTS[scope]()

    def tell(found: Measured) -> None:
        if as_json:
            facts: dict[str, Any] = {"scope": scope, "models": model, "carried": found.carried}
            measured = dataclasses.asdict(found).items()
            known = {name: None if value != value else value for name, value in measured}  # nothing was probed
            print(json.dumps(facts | known), flush=True)
        else:
            print(_line(found), flush=True)

    if not as_json:
        print(f"\n{_title(scope, arrangement)}, models speak {_MODELS[model]}", flush=True)
    attempt = partial(measure, arrangement=arrangement, wideband=model == "pcm16", seconds=seconds)
    if calls:
        found = await attempt(calls)
        tell(found)
        return found if found.carried else None
    best = await search(attempt, first=SEARCH_CALLS_FIRST * len(arrangement.worker_cores), tell=tell)
    if not as_json:
        print(_result(scope, best), flush=True)
    return best


def _method(seconds: float) -> str:
    return (
        "Callers send G.711 over UDP, each is joined with a model over a WebSocket, and both sides send a frame every\n"
        "20 ms. A number of calls is carried when 99 of 100 frames leave within "
        f"{LATENESS_MS_MAX:g} ms of their time and no call\n"
        "misses more frames than are on their way at any moment (3), in either direction, for "
        f"{seconds:g} s. What is not\n"
        "carried is tried again, for machines are noisy; then the limit is searched by halves. Lateness and memory\n"
        "are the workers'; delay is from caller to model plus from model to caller, without the network."
    )


def _title(scope: str, arrangement: Arrangement) -> str:
    if scope == "machine":
        return f"The whole machine: {os.cpu_count()} cores, a worker on each, callers and models on the same cores"
    if arrangement.apart:
        return f"One core: a worker on core {arrangement.worker_cores[0]}, callers and models on another"
    return "One core, which the worker shares with callers and models, since there is no other"


def _line(found: Measured) -> str:
    verdict = "carried" if found.carried else "not carried"
    lost = found.lost_to_callers + found.lost_to_models
    return (
        f"  {found.calls:5} calls  {verdict:11}"
        f"  late p50 {found.lateness_ms_p50:5.2f}  p99 {found.lateness_ms_p99:5.2f} ms  lost {lost:3}"
        f"  delay p50 {found.delay_ms_p50:5.1f}  p99 {found.delay_ms_p99:5.1f} ms"
        f"  {found.cpu:4.2f} cores  {found.memory_kb:4.0f} kB a call"
    )


def _result(scope: str, best: Measured | None) -> str:
    if best is None:
        return "  Not even the first number is carried. Is something else running on this machine?"
    where = "One core carries" if scope == "core" else "The whole machine carries, beside its callers and models,"
    shared = "" if scope == "core" else "; without them there is room for more"
    return f"  {where} {best.calls} calls, with {best.cpu:.2f} cores of workers{shared}."


def _known(option: str, given: list[str] | None, known: dict[str, Any]) -> list[str]:
    for name in given or ():
        if name not in known:
            raise typer.BadParameter(f"{name!r}; expected {' or '.join(known)}", param_hint=option)
    return given or list(known)
