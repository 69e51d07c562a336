import asyncio
import json
import sys

import pytest


async def bench(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from callgate.cli.main import main; main()",
        "bench",
        "media",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_it_says_how_it_measures_and_what_it_saw() -> None:
    code, out, err = await bench("--scope", "core", "--models", "pcmu", "--calls", "3", "--seconds", "1")
    assert err == ""
    assert "99 of 100 frames leave within 5 ms of their time" in out
    assert "One core" in out
    assert "models speak µ-law at 8,000 Hz" in out
    line = next(line for line in out.splitlines() if line.startswith("      3 calls"))
    # Whether so few calls are carried within 5 ms is the machine's affair: others may be at work on it.
    assert ("  carried" in line, code) in ((True, 0), (False, 1))
    assert "lost   0" in line


async def test_it_prints_json_a_line() -> None:
    _, out, _ = await bench("--scope", "machine", "--models", "pcm16", "--calls", "4", "--seconds", "1", "--json")
    (found,) = [json.loads(line) for line in out.splitlines()]
    assert (found["scope"], found["models"], found["calls"]) == ("machine", "pcm16", 4)
    assert (found["lost_to_callers"], found["lost_to_models"]) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--scope", "moon"), "'moon'; expected core or machine"),
        (("--models", "mp3"), "'mp3'; expected pcm16 or pcmu"),
        (("--seconds", "0"), "--seconds"),
        (("--calls", "-1"), "--calls"),
    ],
)
async def test_what_it_does_not_know(arguments: tuple[str, ...], words: str) -> None:
    code, out, err = await bench(*arguments)
    assert (code, out) == (2, "")
    assert words in err
