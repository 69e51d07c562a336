import asyncio
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from callgate.brains.companion import Companion

CHILD = """
    import os
    from callgate.brains.companion import serve

    def answer(question):
        if question == b"die":
            os._exit(1)
        return question[::-1]

    serve(answer)
"""


@pytest.fixture
async def companion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Companion]:
    (tmp_path / "echoing_child.py").write_text(textwrap.dedent(CHILD))
    monkeypatch.setenv("PYTHONPATH", ":".join([str(tmp_path), *filter(None, sys.path)]))
    companion = Companion("echoing_child")
    yield companion
    companion.close()
    await companion.gone.wait()


async def ready(companion: Companion) -> None:
    async with asyncio.timeout(20):
        while not companion.ready:  # noqa: ASYNC110 - a process that starts beside
            await asyncio.sleep(0.01)


async def asked(companion: Companion, question: bytes) -> bytes | None:
    answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    assert companion.ask(question, answer.set_result)
    return await asyncio.wait_for(answer, 10)


async def test_questions_are_answered_in_order(companion: Companion) -> None:
    assert not companion.ask(b"too early", lambda answer: None)
    companion.warm()
    companion.warm()
    await ready(companion)
    answers = await asyncio.gather(*(asked(companion, bytes([65 + number]) * 70_000 + b"!") for number in range(5)))
    assert [answer[:2] if answer else None for answer in answers] == [b"!A", b"!B", b"!C", b"!D", b"!E"]


async def test_one_that_dies_leaves_its_question_unanswered_and_comes_back(companion: Companion) -> None:
    companion.warm()
    await ready(companion)
    assert await asked(companion, b"die") is None
    assert not companion.ready
    await ready(companion)
    assert await asked(companion, b"abc") == b"cba"


def test_it_runs_under_uvloop_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echoing_child.py").write_text(textwrap.dedent(CHILD))
    monkeypatch.setenv("PYTHONPATH", ":".join([str(tmp_path), *filter(None, sys.path)]))

    async def run() -> bytes | None:
        companion = Companion("echoing_child")
        companion.warm()
        await ready(companion)
        answer = await asked(companion, b"abc")
        companion.close()
        await companion.gone.wait()
        return answer

    assert uvloop.run(run()) == b"cba"
