"""What a pipeline gets of a call, and what a call gets of a pipeline: a real one, in a process of its own."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from callgate.brains.pipecat.pacing import LEAD_MS
from callgate.core.audio.format import PCM_8K, PCM_16K
from callgate.core.audio.tones import tone
from callgate.entities.json import JsonObject
from callgate.media.bridge import SessionBridge
from tests.brains.pipecat.bot_call import BotCall
from tests.brains.pipecat.conftest import Made

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


async def begun(made: Made, settings: JsonObject | None = None, **metadata: str) -> BotCall:
    call = BotCall(made(), settings, about={"metadata": dict(metadata)})
    await call.begins()
    return call


async def test_what_the_caller_says_comes_back(made: Made) -> None:
    call = await begun(made, echo="")
    assert (call.brain.hears, call.brain.speaks) == (PCM_16K, PCM_16K)
    voice = tone(440, 20, rate_hz=16_000)
    for _ in range(60):
        call.lasts(20, voice)
        await asyncio.sleep(0.005)
    await call.lasts_until(lambda: len(call.sent) > 55)
    assert call.sent.count(voice) > 50  # as it was: nothing is resampled or cut on the way


async def test_the_pipeline_says_at_which_rate_it_runs(made: Made) -> None:
    call = await begun(made, echo="", rate="8000")
    assert (call.brain.hears, call.brain.speaks) == (PCM_8K, PCM_8K)
    with pytest.raises(OSError, match=r"the bot's pipeline: a sample rate of 11025; expected one of 8000"):
        await begun(made, rate="11025")


async def test_a_bot_knows_its_call(made: Made) -> None:
    settings: JsonObject = {"systemPrompt": "Be brief.", "temperature": 0.5, "selectedTools": [{"secret": 1}]}
    about: JsonObject = {
        "from": "sip:me@example.org",
        "to": "sip:you@example.org",
        "agentId": "a-1",
        "accountId": "secret",
        "metadata": {"knows": "", "customer": "7"},
    }
    call = BotCall(made(), settings, call_id="c-1", about=about)
    await call.begins()
    await call.lasts_until(lambda: call.told)
    assert call.told[0]["known"] == {
        "call_id": "c-1",
        "settings": {"systemPrompt": "Be brief.", "temperature": 0.5},
        "caller": "sip:me@example.org",
        "called": "sip:you@example.org",
        "agent_id": "a-1",
        "metadata": {"knows": "", "customer": "7"},
    }
    assert "secret" not in json.dumps(call.told)


async def test_it_speaks_at_the_pace_of_the_telephone(made: Made) -> None:
    call = await begun(made)
    call.presses("3")
    await call.lasts_until(lambda: call.speech_frames())
    most = 0.0
    for _ in range(100):
        call.lasts(20)
        await asyncio.sleep(0.004)
        most = max(most, call.bridge.queued_ms)
    assert LEAD_MS / 2 < most <= LEAD_MS
    assert None not in call.heard[-100:]  # and without a gap


async def test_an_interruption_is_silence_at_once(made: Made) -> None:
    call = await begun(made)
    call.presses("3")
    await call.lasts_until(lambda: call.speech_frames() > 20)
    call.presses("1")
    await call.until(lambda: call.bridge.queued_ms == 0)  # time in the call stands still: thrown away, not played
    call.lasts(20)  # what fades
    before = len(call.heard)
    for _ in range(25):
        call.lasts(20)
        await asyncio.sleep(0.004)
    assert set(call.heard[before:]) == {None}
    call.presses("3")
    await call.lasts_until(lambda: call.heard[-1] is not None)


async def test_keys_go_both_ways(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    pressed: list[str] = []
    monkeypatch.setattr(SessionBridge, "send_digits", lambda bridge, digits: pressed.append(digits))
    call = await begun(made)
    call.presses("A")  # Pipecat has no name for it
    call.presses("2")
    await call.lasts_until(lambda: pressed)
    assert pressed == ["42#"]


async def test_the_end_of_the_pipeline_hangs_up_when_all_has_been_heard(made: Made) -> None:
    call = await begun(made)
    call.presses("9")
    await call.lasts_until(lambda: call.hung_up)
    assert call.hung_up == ["agent-hangup"]
    assert call.speech_frames() >= 19  # of 400 ms
    assert call.bridge.queued_ms == 0
    assert not call.failures


async def test_a_cancelled_pipeline_hangs_up(made: Made) -> None:
    call = await begun(made)
    call.presses("6")
    await call.lasts_until(lambda: call.hung_up)
    assert (call.hung_up, call.failures) == (["agent-hangup"], [])


async def test_a_function_that_returns_hangs_up(made: Made) -> None:
    call = await begun(made)
    call.presses("#")
    await call.lasts_until(lambda: call.hung_up)
    assert (call.hung_up, call.failures) == (["agent-hangup"], [])


async def test_what_is_said_stands_in_the_calls_messages(made: Made) -> None:
    call = await begun(made)
    call.presses("4")
    await call.lasts_until(lambda: len(call.messages) == 2)
    assert sorted(call.messages) == [("user", "down"), ("user", "up")]
    call.brain.tell({"type": "user_text_message", "text": "hello there", "kind": "any"})
    await call.lasts_until(lambda: len(call.messages) == 4)
    assert call.messages[2:] == [("user", "hello there"), ("agent", "you wrote hello there")]
    call.brain.tell({"type": "forced_agent_message", "content": "one two", "urgency": "immediate"})
    await call.lasts_until(lambda: len(call.messages) == 5)
    assert call.messages[4] == ("agent", "one two")


async def test_other_messages_are_the_applications(made: Made) -> None:
    call = await begun(made)
    call.presses("0")
    call.brain.tell({"type": "own", "kind": 5})
    await call.lasts_until(lambda: len(call.told) == 2)
    assert call.told == [{"order": 7}, {"told": {"type": "own", "kind": 5}}]  # those of RTVI are not for a telephone


async def test_the_end_of_a_turn_is_noticed(made: Made) -> None:
    call = await begun(made)
    call.presses("7")
    await call.lasts_until(lambda: call.turns)


async def test_words_of_the_node_are_spoken_over_others(made: Made) -> None:
    call = await begun(made)
    call.presses("3")
    await call.lasts_until(lambda: call.speech_frames() > 10)
    call.brain.say("time is up", "timeout")
    await call.lasts_until(lambda: call.hung_up)
    assert call.hung_up == ["timeout"]
    assert ("agent", "time is up") in call.messages
    assert call.speech_frames() < 100  # of five seconds, most were thrown away


async def test_a_bot_may_take_words_and_holding_upon_itself(made: Made) -> None:
    call = await begun(made, knows="")
    call.brain.held(True)
    call.brain.say("one moment")
    await call.lasts_until(lambda: call.messages and len(call.told) == 2)
    assert call.messages == [("agent", "one moment, last: False")]
    assert call.told[1] == {"held": True}


async def test_a_bot_is_told_that_its_caller_has_left(made: Made, tmp_path: Path) -> None:
    factory = made()
    call = BotCall(factory, call_id="c-1", about={"metadata": {"file": str(tmp_path / "over")}})
    await call.begins()
    assert factory.bots.processes[0].load == 1
    await call.brain.close()
    await call.until(lambda: factory.bots.processes[0].load == 0)
    assert (tmp_path / "over").read_text() == "c-1 is over"


async def test_a_pipeline_without_a_handler_is_cancelled(made: Made) -> None:
    factory = made()
    call = BotCall(factory)
    await call.begins()
    await call.brain.close()
    await call.until(lambda: factory.bots.processes[0].load == 0)
    assert not call.failures


async def test_the_example_is_a_bot(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    call = BotCall(made("pipecat_bot:run_bot", path=EXAMPLES), call_id="c-1", about={"from": "sip:me@example.org"})
    await call.begins()
    assert capfd.readouterr().err.endswith("a call rings: c-1 from sip:me@example.org\n")
    voice = tone(440, 20)
    for _ in range(30):
        call.lasts(20, voice)
        await asyncio.sleep(0.005)
    await call.lasts_until(lambda: call.sent.count(voice) > 5)
    call.presses("9")
    await call.lasts_until(lambda: call.hung_up)
    assert call.hung_up == ["agent-hangup"]


def test_the_workers_side_does_without_pipecat() -> None:
    import callgate.brains.pipecat.brain

    assert callgate.brains.pipecat.brain
    assert "pipecat" not in sys.modules
