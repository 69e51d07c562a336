"""Real processes of real Pipecat bots, and calls with them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from callgate.brains.pipecat.brain import PipecatFactory
from tests.peers.bot_environment import BOTS, bot_environment

Made = Callable[..., PipecatFactory]


@pytest.fixture(scope="session")
def bot_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of the bots' own environment."""
    return bot_environment(tmp_path_factory.mktemp("bots") / "venv")


@pytest.fixture
async def made(bot_python: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Made]:
    """Makes factories; their processes end with the test."""
    # Time in these calls passes faster than in the processes, which are not to be taken for hanging.
    monkeypatch.setattr("callgate.brains.pipecat.bots.ANSWER_S_MAX", 1_000.0)
    factories: list[PipecatFactory] = []

    def make(
        bot: str = "telephone_bots:run_bot", *, path: Path = BOTS, processes: int = 1, calls_per_process: int = 10
    ) -> PipecatFactory:
        factory = PipecatFactory(
            bot, path=str(path), python=bot_python, processes=processes, calls_per_process=calls_per_process
        )
        factories.append(factory)
        return factory

    yield make
    for factory in factories:
        factory.close()
        for process in factory.bots.processes:
            await process.gone.wait()
