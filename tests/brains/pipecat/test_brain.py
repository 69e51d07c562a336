"""How a bot's failures look from its call, and what sees to it that a call ends."""

import os
import signal
import sys
from pathlib import Path

import pytest

from callgate.brains.catalogue import factories
from callgate.brains.pipecat.brain import PipecatFactory
from callgate.entities.json import Json
from tests.brains.pipecat.bot_call import BotCall
from tests.brains.pipecat.conftest import Made
from tests.peers.bot_environment import BOTS, PIPECAT

MODEL: dict[str, Json] = {
    "kind": "pipecat",
    "bot": "telephone_bots:run_bot",
    "path": str(BOTS),
    "python": "",
    "processes": 1,
    "calls_per_process": 1,
    "then": [],
    "silent_s_max": 0,
}


async def begun(factory: PipecatFactory, **metadata: str) -> BotCall:
    call = BotCall(factory, about={"metadata": dict(metadata)})
    await call.begins()
    return call


async def test_a_bot_that_raises_fails_its_call_in_words(made: Made) -> None:
    factory = made()
    call, other = await begun(factory), await begun(factory)
    call.presses("*")
    await call.lasts_until(lambda: call.failures)
    assert call.failures == ["the bot failed: RuntimeError: a star"]
    await call.lasts_until(lambda: factory.bots.processes[0].load == 1)
    other.presses("9")
    await other.lasts_until(lambda: other.hung_up)  # of the same process: it goes on
    assert (call.hung_up, other.failures) == ([], [])


async def test_a_bot_may_give_its_call_up(made: Made) -> None:
    factory = made()
    call = await begun(factory)
    call.presses("8")
    await call.lasts_until(lambda: call.failures)
    assert call.failures == ["the bot failed: out of ideas"]
    await call.until(lambda: factory.bots.processes[0].load == 0)  # it is told that it is over


async def test_one_that_raises_while_the_phone_rings_is_passed_over(made: Made) -> None:
    factory = made()
    call = BotCall(factory, about={"metadata": {"fails": "no credit"}})
    with pytest.raises(OSError, match="the bot failed: RuntimeError: no credit"):
        await call.brain.start()
    assert call.failures == []


async def test_a_killed_process_fails_its_calls_and_comes_back(made: Made) -> None:
    factory = made()
    (process,) = factory.bots.processes
    call, other = await begun(factory), await begun(factory)
    first = process.process_id
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await call.lasts_until(lambda: call.failures and other.failures)
    assert call.failures == other.failures == ["the bot's process has died"]
    late = BotCall(factory)
    with pytest.raises(OSError, match="the bot's process has died"):
        await late.brain.start()
    await call.until(lambda: process.ready)
    again = await begun(factory)
    assert process.process_id != first
    again.presses("9")
    await again.lasts_until(lambda: again.hung_up)


async def test_a_process_that_hangs_is_ended(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.brains.pipecat.bots.ANSWER_S_MAX", 10.0)
    factory = made()
    (process,) = factory.bots.processes
    call = await begun(factory)
    call.lasts(100)
    call.presses("5")
    await call.lasts_until(lambda: not process.answers)
    call.jumps(8.5)
    assert not call.failures
    call.jumps(1.6)
    await call.until(lambda: call.failures)
    assert call.failures == ["the bot's process has not answered for 10 s"]


async def test_what_is_too_long_for_a_bot_is_not_sent(made: Made) -> None:
    factory = made()
    call = BotCall(factory, {"systemPrompt": "x" * 5_000_000})
    with pytest.raises(ValueError, match="a body of 50"):
        await call.brain.start()
    assert factory.bots.processes[0].load == 0
    call = await begun(factory)
    call.brain.tell({"type": "own", "text": "x" * 5_000_000})
    assert [type for type, _ in call.events] == ["brain_error"]
    call.presses("9")
    await call.lasts_until(lambda: call.hung_up)


async def test_a_call_that_is_to_end_ends_though_the_bot_does_not_answer(made: Made) -> None:
    call = await begun(made(), knows="")  # it takes words upon itself, and does not hang up
    call.brain.say("time is up", "timeout")
    await call.lasts_until(lambda: call.messages)
    call.jumps(9.0)
    assert call.hung_up == []
    call.jumps(1.0)
    assert call.hung_up == ["timeout"]


async def test_a_process_takes_so_many_calls_and_no_more(made: Made) -> None:
    factory = made(processes=2, calls_per_process=1)
    calls = [await begun(factory), await begun(factory)]
    assert [process.load for process in factory.bots.processes] == [1, 1]
    with pytest.raises(OSError, match="the bot has 2 calls, as many as it takes"):
        await BotCall(factory).brain.start()
    await calls[0].brain.close()
    await calls[0].until(lambda: sum(process.load for process in factory.bots.processes) == 1)
    await begun(factory)


async def test_a_pipeline_that_does_not_run_is_given_up(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = made("telephone_bots:run_nothing")
    call = BotCall(factory)
    await call.until(lambda: factory.bots.processes[0].ready)
    monkeypatch.setattr("callgate.brains.pipecat.brain.START_S_MAX", 0.2)
    with pytest.raises(OSError, match=r"the bot's pipeline did not run within 0\.2 s"):
        await call.brain.start()


@pytest.mark.parametrize(
    ("bot", "words"),
    [
        ("telephone_bots:no_such", "AttributeError: module 'telephone_bots' has no attribute 'no_such'"),
        ("telephone_bots:not_async", "expected an async function"),
        ("no_such:run_bot", "ModuleNotFoundError: No module named 'no_such'"),
        ("leaves:run_bot", "SystemExit: 3"),
    ],
)
async def test_a_bot_that_cannot_be_imported_says_why(
    made: Made, tmp_path: Path, bot: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    factory = made(bot, path=tmp_path if bot.startswith("leaves") else BOTS)
    with pytest.raises(OSError, match=f"the bot {bot} cannot be imported: ") as error:
        await BotCall(factory).brain.start()
    assert words in str(error.value)
    assert f"callgate: the bot {bot} cannot be imported: " in capfd.readouterr().err  # when the node starts


def test_what_can_be_seen_without_importing_is_said_at_once(tmp_path: Path) -> None:
    def refused(**changes: Json) -> str:
        with pytest.raises(ValueError, match="expected|there is no module") as error:
            factories({"models": {"voice": {**MODEL, **changes}}, "demoSpeech": False})
        return str(error.value)

    assert refused(python="/no/such") == "[models.voice]: python is '/no/such'; expected an interpreter"
    assert refused().startswith("[models.voice]: there is no module pipecat: pip install 'callgate[pipecat]'")
    (tmp_path / "pipecat").mkdir()
    (tmp_path / "pipecat" / "__init__.py").touch()
    assert refused(path=str(tmp_path)) == "[models.voice]: there is no module telephone_bots: see bot and path"


async def test_the_interpreter_may_be_callgates_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PIPECAT))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    factory = PipecatFactory("telephone_bots:run_bot", path=str(BOTS), python="", processes=1, calls_per_process=1)
    call = await begun(factory)
    call.presses("9")
    await call.lasts_until(lambda: call.hung_up)
    factory.close()
    await factory.bots.processes[0].gone.wait()
