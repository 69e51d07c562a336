from collections.abc import AsyncIterator

import pytest

from callgate.brains.media_streams import MediaStreamsFactory
from callgate.brains.socket import BrainUnreachable
from callgate.core.dialects.media_streams import DIALECTS
from callgate.entities.json import JsonObject
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.media_streams_bot import MediaStreamsBot
from tests.brains.modelled_call import ModelledCall

HERE = AddressGuard(allow_loopback=True)
CALL_ID = "0192f3a4-1111-7222-8333-123456789abc"
ABOUT: JsonObject = {
    "accountId": "0192f3a4-0000-7222-8333-123456789abc",
    "agentId": "agent",
    "from": "sip:alice@example.org",
    "to": "sip:bob@example.org",
    "metadata": {"plan": "gold"},
}


@pytest.fixture(params=list(DIALECTS))
async def bot(request: pytest.FixtureRequest) -> AsyncIterator[MediaStreamsBot]:
    one = MediaStreamsBot(request.param)
    await one.start()
    yield one
    await one.stop()
    assert one.complaints == []


@pytest.fixture
async def call(bot: MediaStreamsBot) -> AsyncIterator[ModelledCall]:
    factory = MediaStreamsFactory(bot.url, guard=HERE, dialect=bot.dialect, auth_token="secret")
    one = ModelledCall(factory, about=ABOUT, call_id=CALL_ID)
    await one.begins()
    await one.until(lambda: bot.events("start"))
    yield one
    await one.brain.close()


only_twilio = pytest.mark.parametrize("bot", ["twilio"], indirect=True)


def voice(call: ModelledCall, ms: int) -> bytes:
    return b"\x20" * (call.format.bytes_per_ms * ms)


async def test_the_bot_hears_the_caller_and_the_keys(bot: MediaStreamsBot, call: ModelledCall) -> None:
    call.lasts(200, voice(call, 20))
    call.brain.digit("5", 100)
    await call.until(lambda: bot.events("dtmf"))
    assert bytes(bot.sound) == voice(call, 200)
    assert bot.events("dtmf")[0]["dtmf"]["digit"] == "5"


async def test_the_caller_hears_the_bot_and_it_is_told_when(bot: MediaStreamsBot, call: ModelledCall) -> None:
    marked = DIALECTS[bot.dialect].marked
    await bot.marks("at once")
    await call.until(lambda: bot.events(marked))
    await bot.speaks(voice(call, 1_000))
    await bot.marks("heard")
    await call.until(lambda: call.bridge.queued_ms == 1_000)
    call.lasts(980)
    await bot.marks("again")  # on its way back this would overtake nothing
    call.lasts(60)
    await call.until(lambda: len(bot.events(marked)) == 3)
    names = [event.get("name") or event["mark"]["name"] for event in bot.events(marked)]
    assert names == ["at once", "heard", "again"]
    assert b"".join(call.sent) == voice(call, 1_000)


async def test_a_clear_silences_it_at_once(bot: MediaStreamsBot, call: ModelledCall) -> None:
    dialect = DIALECTS[bot.dialect]
    await bot.speaks(voice(call, 5_000))
    await bot.marks("never heard")
    await call.until(lambda: call.bridge.queued_ms == 5_000)
    call.lasts(100)
    await bot.clears()
    await call.until(lambda: not call.bridge.queued_ms)
    if dialect.clear_marks:
        await call.until(lambda: bot.events(dialect.marked))
    if dialect.cleared:
        await call.until(lambda: bot.events(dialect.cleared))
    assert len(bot.events(dialect.marked)) == (1 if dialect.clear_marks else 0)
    await bot.speaks(voice(call, 40))
    await bot.marks("after")
    await call.until(lambda: call.bridge.queued_ms)
    call.lasts(60)
    await call.until(lambda: len(bot.events(dialect.marked)) == (2 if dialect.clear_marks else 1))


async def test_a_bot_that_leaves_is_heard_to_its_end(bot: MediaStreamsBot, call: ModelledCall) -> None:
    await bot.speaks(voice(call, 500))
    await call.until(lambda: call.bridge.queued_ms)
    await bot.leaves()
    call.lasts(400)
    assert call.hung_up == []
    await call.lasts_until(lambda: call.hung_up)
    assert (call.hung_up, call.failures) == (["agent-hangup"], [])
    assert b"".join(call.sent) == voice(call, 500)


async def test_a_bot_that_breaks_off_has_failed(bot: MediaStreamsBot, call: ModelledCall) -> None:
    await bot.breaks()
    await call.until(lambda: call.failures)
    assert "the bot is gone" in call.failures[0]


async def test_the_end_of_the_call_is_told(bot: MediaStreamsBot, call: ModelledCall) -> None:
    await call.brain.close()
    await call.until(lambda: bot.events("stop"))
    assert bot.told[-1]["event"] == "stop"


@only_twilio
async def test_it_is_told_of_the_call(bot: MediaStreamsBot, call: ModelledCall) -> None:
    start = bot.events("start")[0]["start"]
    assert start["callSid"] == "CA0192f3a4111172228333123456789abc"
    assert start["accountSid"] == "AC0192f3a4000072228333123456789abc"
    assert start["customParameters"] == {
        "from": "sip:alice@example.org",
        "to": "sip:bob@example.org",
        "callId": CALL_ID,
        "agentId": "agent",
        "plan": "gold",
    }
    assert bot.headers["X-Twilio-Signature"]


@only_twilio
async def test_nothing_is_said_while_the_phone_rings(bot: MediaStreamsBot) -> None:
    one = ModelledCall(MediaStreamsFactory(bot.url, guard=HERE, dialect="twilio"), about=ABOUT, call_id=CALL_ID)
    await one.brain.start()
    await one.until(lambda: bot.headers)
    assert bot.told == []
    assert "X-Twilio-Signature" not in bot.headers
    await one.brain.close()


@only_twilio
async def test_what_it_gets_wrong_is_told_a_few_times(bot: MediaStreamsBot, call: ModelledCall) -> None:
    for _ in range(30):
        await bot.says(event="media", media={"payload": "*"})
    await bot.says(event="something else")
    await bot.speaks(voice(call, 20))
    await call.until(lambda: call.bridge.queued_ms)
    assert [kind for kind, _ in call.events] == ["brain_error"] * 20
    assert call.failures == []


@only_twilio
async def test_last_words_that_it_cannot_speak_end_the_call_after_its_own(
    bot: MediaStreamsBot, call: ModelledCall
) -> None:
    await bot.speaks(voice(call, 200))
    await call.until(lambda: call.bridge.queued_ms)
    call.brain.say("Time is up.", "max-duration")
    call.lasts(100)
    assert call.hung_up == []
    call.lasts(200)
    assert call.hung_up == ["max-duration"]
    assert call.events == [("text_not_spoken", "the agent's protocol has no way to have it speak")]


async def test_a_bot_that_is_not_there_cannot_serve() -> None:
    one = ModelledCall(MediaStreamsFactory("ws://127.0.0.1:1/bot", guard=HERE, dialect="twilio"))
    with pytest.raises(BrainUnreachable):
        await one.brain.start()
