import asyncio
from functools import partial

import pytest

from callgate.testing.cascade_servers import CascadeServers, Reply
from tests.brains.cascade.talk import ENDPOINT_MS, VOICE, MakeCall, is_told, roles, speaks


async def test_the_first_clause_is_spoken_while_the_model_goes_on(servers: CascadeServers, call: MakeCall) -> None:
    waits = asyncio.Event()
    servers.replies.append(Reply(["Good morning. ", "How are you?"], waits=waits))
    one = call()
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms > 0)
    assert [spoken.body["input"] for spoken in servers.spoken[1:]] == ["Good morning."]
    waits.set()
    await is_told(one)
    assert one.messages[1] == ("agent", "Good morning. How are you?")


async def test_two_clauses_are_made_at_a_time_and_heard_in_order(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(["One. Two and three. Four. Five."]))
    one = call()
    await one.begins()
    servers.speaks.clear()
    speaks(one)
    await one.until(lambda: servers.speaking[0] == 2)
    servers.speaks.set()
    await is_told(one)
    assert servers.speaking[1] == 2
    assert len(one.sent) * 20 == pytest.approx(50 * len("One.Two and three.Four.Five."), abs=40)


def _has_spoken(servers: CascadeServers, times: int) -> bool:
    return len(servers.spoken[1:]) >= times


async def test_speech_is_not_made_far_ahead(servers: CascadeServers, call: MakeCall) -> None:
    sentence = "This sentence takes some three seconds to be said, as such sentences do. "
    servers.replies.append(Reply([sentence] * 10))
    one = call()
    await one.begins()
    speaks(one)
    await one.until(lambda: one.bridge.queued_ms > 15_000)  # time stands still while servers are at work
    for _ in range(20):
        await asyncio.sleep(0.002)
    made = len(servers.spoken[1:])
    assert made < 8
    for more in range(made + 1, 11):
        one.lasts(4_000)
        await one.until(partial(_has_spoken, servers, more))
    await one.until(lambda: servers.speaking[0] == 0)
    one.lasts(int(one.bridge.queued_ms) - 200)
    await is_told(one)
    assert one.messages[1] == ("agent", (sentence * 10).strip())


async def test_a_caller_who_interrupts_has_silence_and_the_model_knows_what_was_heard(
    servers: CascadeServers, call: MakeCall
) -> None:
    waits = asyncio.Event()
    servers.replies.append(Reply(["One two three. ", "Four five six seven eight. "], waits=waits))
    one = call()
    await one.begins()
    speaks(one)
    # 700 ms of the first clause, then the second, whose text takes 1,300.
    await one.lasts_until(lambda: one.bridge.queued_ms == 50 * len("One two three."))
    waits.set()
    await one.lasts_until(lambda: len(servers.spoken) == 3 and servers.spoken[2].finished)
    played = one.bridge.played_ms
    one.lasts(int(700 + 700 - played) // 20 * 20)
    one.lasts(80, VOICE)
    assert one.bridge.queued_ms > 0
    one.lasts(20, VOICE)
    assert one.bridge.queued_ms == 0
    assert one.messages[1] == ("agent", "One two three. Four five six")
    one.lasts(60, VOICE)
    assert one.heard[-3:] == [None] * 3
    one.lasts(ENDPOINT_MS)
    await one.until(lambda: len(servers.prompts) == 2)
    assert roles(servers.prompts[1])[-2:] == [("assistant", "One two three. Four five six"), ("user", ["<sound>"])]


async def test_what_is_thought_and_made_is_let_go_of_when_the_caller_interrupts(
    servers: CascadeServers, call: MakeCall
) -> None:
    servers.replies.append(Reply(["One two three. ", "Four five six. ", "Seven. "], waits=asyncio.Event()))
    one = call()
    await one.begins()
    servers.speaks.clear()
    speaks(one)
    await one.until(lambda: servers.speaking[0] == 1)
    one.lasts(200, VOICE)
    await one.until(lambda: servers.left == 1 and not servers.speaking[0])
    servers.speaks.set()
    one.lasts(ENDPOINT_MS)
    await is_told(one)
    assert one.messages == [
        ("user", "(the caller spoke for 0.4 s)"),
        ("user", "(the caller spoke for 0.2 s)"),
        ("agent", "Yes."),
    ]
    assert roles(servers.prompts[1]) == [("user", ["<sound>", "<sound>"])]


async def test_what_was_said_is_told_before_the_failure(servers: CascadeServers, call: MakeCall) -> None:
    waits = asyncio.Event()
    servers.replies.append(Reply(["One two three. ", "Four"], waits=waits, dies_after=1))
    one = call()
    await one.begins()
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms == 50 * len("One two three."))
    waits.set()
    await one.until(lambda: one.failures)
    assert one.messages[-1] == ("agent", "One two three.")
    assert one.bridge.queued_ms > 0  # it is heard to its end


async def test_nothing_goes_on_after_the_end(servers: CascadeServers, call: MakeCall) -> None:
    servers.replies.append(Reply(["One two three. ", "Four"], waits=asyncio.Event()))
    one = call()
    await one.begins()
    servers.speaks.clear()
    speaks(one)
    await one.until(lambda: servers.speaking[0] == 1)
    await one.brain.close()
    await one.until(lambda: servers.left == 1 and not servers.speaking[0])
    one.lasts(1_000, VOICE)
    one.lasts(ENDPOINT_MS)
    assert (len(servers.prompts), one.failures) == (1, [])
