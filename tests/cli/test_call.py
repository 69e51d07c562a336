import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from tests.phone.callee import Callee, a_callee


@pytest.fixture
async def callee() -> AsyncIterator[Callee]:
    async with a_callee() as callee:
        yield callee


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from callgate.cli.main import main; main()",
        "call",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def called(*arguments: str) -> tuple[int | None, str, str]:
    process = await start(*arguments)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_an_answered_call_exits_0_and_tells_its_story(callee: Callee) -> None:
    code, out, err = await called(f"sip:echo@127.0.0.1:{callee.port}", "--duration", "0.2", "--header", "X-A: b:c")
    assert (code, err) == (0, "")
    assert "180 Ringing" in out
    assert "we hung up" in out
    assert ("X-A", "b:c") in [(name, value) for name, value in callee.attempts[0].headers]


async def test_a_refused_call_exits_1(callee: Callee) -> None:
    code, out, _ = await called(f"sip:busy@127.0.0.1:{callee.port}", "--json")
    report = json.loads(out)
    assert (code, report["status"], report["ok"]) == (1, 486, False)


async def test_bad_arguments_exit_2_with_one_line(callee: Callee) -> None:
    for arguments in (
        ["tel:1"],
        ["sip:a@127.0.0.1", "--header", "X"],
        ["sip:a@127.0.0.1", "--play", "/no.wav"],
        ["sip:a@127.0.0.1", "--record", "/no/such/folder.wav"],
        ["sip:a@127.0.0.1", "--bind", "192.0.2.1"],
    ):
        code, out, err = await called(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("callgate: ")


async def test_ctrl_c_hangs_up(callee: Callee) -> None:
    process = await start(f"sip:echo@127.0.0.1:{callee.port}", "--duration", "60")
    assert process.stdout is not None
    while b"200 OK" not in (line := await process.stdout.readline()):
        assert line, "the command ended before the answer"
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert b"we hung up" in out
    assert callee.ends == ["hung up"]


async def test_nobody_of_that_name_exits_1_with_one_line() -> None:
    code, out, err = await called("sip:a@nowhere.invalid")
    assert (code, out) == (1, "")
    assert err.startswith("callgate: nowhere.invalid cannot be resolved: ")
    assert err.count("\n") == 1
