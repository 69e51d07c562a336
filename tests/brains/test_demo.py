import asyncio
import os
import signal
import wave
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callgate.brains.demo import UTTERANCE_FRAMES_MAX, DemoFactory
from callgate.brains.prompt import TEXTS, sound
from callgate.entities.json import JsonObject
from tests.brains.conversation import Conversation, tone

VECTORS = Path(__file__).parent / "vectors"

FADE = 320  # what was being said goes down to nothing within the frame that would have been next


@pytest.fixture(scope="module")
def factory() -> DemoFactory:
    return DemoFactory(speech=False, now=lambda: datetime(2026, 1, 1, 14, 5, tzinfo=UTC))


async def greeted(factory: DemoFactory, settings: JsonObject | None = None) -> Conversation:
    talk = Conversation(factory, settings)
    await talk.begins()
    talk.silent(5_000)
    talk.heard()
    return talk


async def test_greets_at_once_and_says_what_to_do(factory: DemoFactory) -> None:
    talk = Conversation(factory)
    await talk.begins()
    talk.silent(5_000)
    assert talk.heard().startswith(sound("greeting"))
    assert talk.messages == [("agent", TEXTS["greeting"])]


async def test_repeats_what_the_caller_said(factory: DemoFactory) -> None:
    talk = await greeted(factory)
    talk.speaks(1_000)
    talk.silent(2_000)
    assert tone(50) in talk.heard()
    assert ("agent", "(repeats what the caller said)") in talk.messages


async def test_repeats_ten_seconds_at_most(factory: DemoFactory) -> None:
    talk = await greeted(factory)
    talk.speaks(14_000)
    talk.heard()
    talk.silent(13_000)
    sent = talk.heard()
    loud = sum(any(sent[at : at + 320]) for at in range(0, len(sent), 320))
    assert 0 < loud <= UTTERANCE_FRAMES_MAX


async def test_a_click_is_not_repeated(factory: DemoFactory) -> None:
    talk = await greeted(factory)
    talk.speaks(40)
    talk.silent(1_000)
    assert not any(talk.heard())


async def test_stops_speaking_when_the_caller_barges_in(factory: DemoFactory) -> None:
    talk = Conversation(factory)
    await talk.begins()
    talk.silent(1_000)
    assert talk.is_speaking()
    talk.speaks(100)
    assert not talk.is_speaking()
    talk.heard()
    talk.speaks(400)
    assert not any(talk.heard())


async def test_an_uninterruptible_greeting_is_said_to_its_end(factory: DemoFactory) -> None:
    talk = Conversation(factory, {"firstSpeakerSettings": {"agent": {"uninterruptible": True}}})
    await talk.begins()
    talk.speaks(1_000)
    talk.silent(1_000)
    assert talk.is_speaking()
    talk.silent(4_000)
    assert talk.heard().startswith(sound("greeting"))
    talk.presses("0")
    talk.speaks(200)
    assert not talk.is_speaking()


async def test_tells_the_time(factory: DemoFactory) -> None:
    talk = await greeted(factory)
    talk.presses("1")
    assert talk.agent_said()[-1] == "It is fourteen oh five universal time."
    talk.silent(500)
    assert any(talk.heard())


async def test_repeating_is_turned_off_and_on(factory: DemoFactory) -> None:
    talk = await greeted(factory)
    talk.presses("2")
    talk.silent(4_000)
    talk.heard()
    talk.speaks(500)
    talk.silent(1_000)
    assert not any(talk.heard())
    talk.presses("2")
    talk.silent(3_000)
    talk.speaks(500)
    talk.silent(2_000)
    assert tone(25) in talk.heard()


async def test_says_goodbye_and_then_hangs_up(factory: DemoFactory) -> None:
    talk = await greeted(factory)
    talk.presses("9")
    talk.silent(1_000)
    assert talk.hung_up == []
    talk.speaks(300)  # it has been decided
    talk.silent(1_000)
    assert talk.heard().startswith(sound("goodbye"))
    assert talk.hung_up == ["agent-hangup"]


@pytest.mark.parametrize("digit", ["0", "3", "*", "#", "A"])
async def test_other_digits_bring_the_menu_over_what_is_being_said(factory: DemoFactory, digit: str) -> None:
    talk = Conversation(factory)
    await talk.begins()
    talk.silent(200)
    talk.heard()
    talk.presses(digit)
    talk.silent(5_000)
    assert talk.heard()[FADE:].startswith(sound("menu"))


async def test_asks_a_silent_caller_and_hangs_up_politely(factory: DemoFactory) -> None:
    talk = await greeted(factory)
    talk.silent(15_000)
    assert talk.agent_said()[-1] == "Are you still there?"
    talk.silent(12_000)
    assert talk.hung_up == []
    talk.silent(8_000)
    assert talk.hung_up == ["inactivity"]
    assert talk.agent_said()[-1] == TEXTS["goodbye"]


async def test_a_caller_who_speaks_starts_the_wait_anew(factory: DemoFactory) -> None:
    talk = await greeted(factory)
    for _ in range(5):
        talk.silent(12_000)
        talk.speaks(400)
    assert "Are you still there?" not in talk.agent_said()
    assert talk.hung_up == []


async def test_obeys_the_inactivity_messages_of_the_call(factory: DemoFactory) -> None:
    steps: JsonObject = {
        "inactivityMessages": [
            {"duration": "2s", "message": "Hm?"},
            {"duration": "3s", "message": "Bye", "endBehavior": "END_BEHAVIOR_HANG_UP_SOFT"},
        ]
    }
    talk = await greeted(factory, steps)
    talk.silent(5_500)
    assert talk.events == [("warning", "speech_engine_missing")]
    talk.speaks(300)  # a soft end is taken back by a caller who speaks
    talk.silent(1_500)
    assert talk.hung_up == []
    talk.silent(12_000)
    assert talk.hung_up == ["inactivity"]


async def test_a_strict_end_is_not_taken_back(factory: DemoFactory) -> None:
    step: JsonObject = {"duration": "1s", "message": "Bye", "endBehavior": "END_BEHAVIOR_HANG_UP_STRICT"}
    talk = await greeted(factory, {"inactivityMessages": [step]})
    talk.silent(1_000)
    talk.speaks(3_000)
    assert talk.hung_up == ["inactivity"]


async def test_an_empty_list_of_messages_asks_for_none(factory: DemoFactory) -> None:
    talk = await greeted(factory, {"inactivityMessages": []})
    talk.silent(120_000)
    assert talk.agent_said() == [TEXTS["greeting"]]
    assert talk.hung_up == []


async def test_text_without_an_engine_is_a_stock_prompt_and_one_warning(factory: DemoFactory) -> None:
    talk = await greeted(factory)
    talk.brain.say("Your parcel has arrived.")
    talk.brain.say("Time is up.", "max-duration")
    talk.silent(500)
    assert talk.heard()[FADE:].startswith(sound("time-exceeded")[:3_200])
    assert talk.hung_up == []
    talk.silent(3_000)
    assert talk.hung_up == ["max-duration"]
    assert talk.events == [("warning", "speech_engine_missing")]


@pytest.mark.parametrize("text", ["", "Bye."])
async def test_a_hang_up_is_never_lost(factory: DemoFactory, text: str) -> None:
    talk = await greeted(factory)
    talk.brain.say(text, "api-hangup")
    talk.bridge.clear()
    talk.silent(40)
    assert talk.hung_up == ["api-hangup"]


async def test_a_hang_up_before_the_call_has_begun_is_not_lost(factory: DemoFactory) -> None:
    talk = Conversation(factory)
    talk.brain.say("", "api-hangup")
    assert talk.hung_up == ["api-hangup"]


async def test_waits_for_a_caller_who_is_to_speak_first(factory: DemoFactory) -> None:
    talk = Conversation(factory, {"firstSpeakerSettings": {"user": {}}})
    await talk.begins()
    talk.silent(10_000)
    assert not any(talk.heard())


async def test_speaks_first_after_all_when_the_caller_does_not(factory: DemoFactory) -> None:
    talk = Conversation(factory, {"firstSpeakerSettings": {"user": {"fallback": {"delay": "2s"}}}})
    await talk.begins()
    talk.silent(1_960)
    assert not any(talk.heard())
    talk.silent(500)
    assert any(talk.heard())


@pytest.fixture
async def speaking() -> AsyncIterator[DemoFactory]:
    pytest.importorskip("espeakng_loader", reason="the extra callgate[demo] is not installed")
    pytest.importorskip("pocketsphinx", reason="the extra callgate[demo] is not installed")
    factory = DemoFactory()
    factory.speech.warm()
    async with asyncio.timeout(20):
        while not factory.speech.ready():  # noqa: ASYNC110 - processes that start beside
            await asyncio.sleep(0.02)
    yield factory
    factory.close()
    await factory.speech.gone()


@pytest.mark.speech
async def test_free_text_is_spoken_by_the_engine(speaking: DemoFactory) -> None:
    talk = Conversation(speaking, {"firstSpeakerSettings": {"agent": {"text": "Good morning, Bob."}}})
    await talk.begins()
    await talk.waits(1_000)
    assert talk.agent_said() == ["Good morning, Bob."]
    assert talk.events == []
    assert any(talk.heard())


@pytest.mark.speech
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("goodbye", "goodbye"),
        ("what_time_is_it", "what time is it"),
        ("the_weather_is_nice_today", "(1.7 s of speech)"),
    ],
)
async def test_phrases_are_understood_and_other_speech_is_repeated(
    speaking: DemoFactory, name: str, message: str
) -> None:
    with wave.open(str(VECTORS / f"{name}.wav")) as file:
        voice: bytes = file.readframes(file.getnframes())
    talk = Conversation(speaking)
    await talk.begins()
    talk.silent(5_000)
    talk.says(voice)
    talk.silent(500)
    await talk.waits(700)
    assert ("user", message) in talk.messages
    await talk.waits(2_500)
    assert talk.hung_up == (["agent-hangup"] if name == "goodbye" else [])


@pytest.mark.speech
async def test_an_engine_that_dies_costs_a_stock_prompt_and_comes_back(speaking: DemoFactory) -> None:
    talk = Conversation(speaking)
    await talk.begins()
    talk.silent(5_000)
    process = speaking.speech.speaker_process_id()
    assert process is not None
    os.kill(process, signal.SIGKILL)
    talk.brain.say("Your parcel has arrived.")
    await talk.waits(500)
    talk.silent(3_000)
    assert talk.agent_said()[-1] == TEXTS["no-engine"]
    async with asyncio.timeout(20):
        while not speaking.speech.ready():  # noqa: ASYNC110 - a process that starts beside
            await asyncio.sleep(0.02)
    talk.brain.say("Your parcel has arrived.")
    await talk.waits(500)
    assert talk.agent_said()[-1] == "Your parcel has arrived."
