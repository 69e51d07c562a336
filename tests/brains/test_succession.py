"""Brains that fail, each behind a real server, and those that take over."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from callgate.brains.demo import DemoBrain, DemoFactory
from callgate.brains.openai_realtime import OpenAIRealtimeFactory
from callgate.brains.realtime_server import RealtimeServer as Configured
from callgate.brains.socket import BrainUnreachable
from callgate.brains.succession import SuccessionFactory
from callgate.brains.tools.client import ToolClient
from callgate.ports.brain import BrainHost, BrainPlan
from callgate.runtime.address_guard import AddressGuard
from callgate.testing.openai_realtime_server import RealtimeServer
from callgate.testing.tool_server import Answer, ToolServer
from tests.brains.modelled_call import ModelledCall

VOICE = b"\x20" * 160
GUARD = AddressGuard(allow_loopback=True)
SORRY = "I am sorry. Goodbye."


@pytest.fixture
async def servers() -> AsyncIterator[list[RealtimeServer]]:
    both = [RealtimeServer(), RealtimeServer()]
    for one in both:
        await one.start()
    yield both
    for one in both:
        await one.stop()
        assert one.complaints == []


@pytest.fixture
async def shop() -> AsyncIterator[ToolServer]:
    one = ToolServer()
    await one.start()
    yield one
    await one.stop()


MakeCall = Callable[..., ModelledCall]


@pytest.fixture
async def call(servers: list[RealtimeServer]) -> AsyncIterator[MakeCall]:
    made: list[ModelledCall] = []
    client = ToolClient(GUARD)

    def make(*, last_words: str = "", silent_s_max: float = 0.0, then: bool = True, **settings: Any) -> ModelledCall:
        candidates = [
            (name, OpenAIRealtimeFactory(Configured(server.url, GUARD), client))
            for name, server in zip(("first", "second") if then else ("first",), servers, strict=False)
        ]
        factory = SuccessionFactory(
            candidates, last=DemoFactory(speech=False), last_words=last_words, silent_s_max=silent_s_max
        )
        made.append(ModelledCall(factory, {"firstSpeakerSettings": {"user": {}}, **settings}))
        return made[-1]

    yield make
    for one in made:
        await one.brain.close()
    await client.close()


async def dies(server: RealtimeServer, one: ModelledCall) -> None:
    """A server goes away for good: the brain reconnects once, in vain."""
    server.refuses = 503
    await server.breaks()
    await one.lasts_until(lambda: any(kind == "brain_failed" for kind, _ in one.events) or one.failures)


async def test_who_cannot_be_reached_is_passed_over_while_the_phone_rings(
    servers: list[RealtimeServer], call: MakeCall
) -> None:
    servers[0].refuses = 401
    one = call()
    await one.begins()
    assert servers[1].sessions == 1
    assert [kind for kind, _ in one.events] == ["brain_unreachable"]
    assert one.failures == []


async def test_when_nobody_can_be_reached_the_call_is_not_answered(
    servers: list[RealtimeServer], call: MakeCall
) -> None:
    for server in servers:
        server.refuses = 401
    with pytest.raises(BrainUnreachable, match="401"):
        await call(last_words=SORRY).brain.start()


async def test_the_next_takes_over_with_the_conversation_so_far(servers: list[RealtimeServer], call: MakeCall) -> None:
    first, second = servers
    one = call(initialMessages=[{"role": "MESSAGE_ROLE_USER", "text": "Earlier."}])
    await one.begins()
    await first.understands("What is the time?")
    await first.speaks(VOICE * 10, "Noon.")
    await one.lasts_until(lambda: ("agent", "Noon.") in one.messages)
    await dies(first, one)
    await one.lasts_until(lambda: second.asked("response.create"))
    known = [item["item"]["content"][0]["text"] for item in second.asked("conversation.item.create")]
    assert known == ["Earlier.", "What is the time?", "Noon."]
    assert "interruption" in second.asked("response.create")[0]["response"]["instructions"]
    assert [kind for kind, _ in one.events][-2:] == ["brain_failed", "brain_replaced"]
    await second.speaks(VOICE * 5, "I am the second.")
    await one.lasts_until(lambda: ("agent", "I am the second.") in one.messages)
    assert one.failures == []


async def test_the_next_takes_over_in_the_stage_and_the_state_that_the_call_is_in(
    servers: list[RealtimeServer], call: MakeCall, shop: ToolServer
) -> None:
    first, second = servers
    known = [("state", "KNOWN_PARAM_CALL_STATE"), ("stage", "KNOWN_PARAM_CALL_STAGE_ID")]
    automatic = [{"name": n, "location": "PARAMETER_LOCATION_BODY", "knownValue": value} for n, value in known]
    tool = {"modelToolName": "go", "http": {"baseUrlPattern": shop.url}, "automaticParameters": automatic}
    one = call(systemPrompt="First.", selectedTools=[{"temporaryTool": tool}])
    await one.begins()
    shop.answer = Answer('{"systemPrompt": "Second."}', headers={"X-Ultravox-Response-Type": "new-stage"})
    await first.calls_tool("go")
    await one.lasts_until(lambda: first.session["instructions"] == "Second.")
    shop.answer = Answer("done", headers={"X-Ultravox-Update-Call-State": '{"a": 1}'})
    await first.calls_tool("go")
    await one.lasts_until(lambda: len(shop.asked) == 2)
    await one.lasts_until(lambda: one.tools[-1].state)
    await dies(first, one)
    await one.lasts_until(lambda: second.asked("response.create"))
    assert second.session["instructions"] == "Second."
    await second.calls_tool("go")
    await one.lasts_until(lambda: len(shop.asked) == 3)
    assert json.loads(shop.asked[2].body) == {"state": {"a": 1}, "stage": "stage 2"}


async def test_what_was_being_said_is_heard_before_the_next_takes_over(
    servers: list[RealtimeServer], call: MakeCall
) -> None:
    first, second = servers
    one = call()
    await one.begins()
    await first.speaks(VOICE * 50, "a second of words")
    await one.until(lambda: one.bridge.queued_ms == 1_000)
    await dies(first, one)
    await one.lasts_until(lambda: second.asked("response.create"))
    assert one.bridge.played_ms == 1_000


async def test_late_sound_of_a_brain_that_has_failed_is_not_heard(call: MakeCall) -> None:
    hosts: list[BrainHost] = []

    class Late(DemoFactory):
        def make(self, plan: BrainPlan, host: BrainHost) -> DemoBrain:
            hosts.append(host)
            return super().make(plan, host)

    factory = SuccessionFactory(
        [("late", Late(speech=False)), ("next", DemoFactory(speech=False))],
        last=DemoFactory(),
        last_words="",
        silent_s_max=0,
    )
    one = ModelledCall(factory, {"firstSpeakerSettings": {"user": {}}})
    await one.begins()
    hosts[0].fail("a server is gone")
    hosts[0].bridge.play(bytes(320))
    hosts[0].bridge.mark("late")
    hosts[0].bridge.send_digits("1")
    assert (one.bridge.queued_ms, hosts[0].bridge.queued_ms) == (0, 0)
    await one.lasts_until(lambda: ("brain_replaced", "next has taken over") in one.events)
    one.brain.say("hello")
    queued_ms = one.bridge.queued_ms
    assert queued_ms > 0
    assert hosts[0].bridge.clear().dropped_ms == 0
    assert one.bridge.queued_ms == queued_ms  # nor can it silence its successor
    await one.brain.close()


async def test_the_caller_is_never_without_a_sound_for_two_seconds(
    servers: list[RealtimeServer], call: MakeCall
) -> None:
    first, second = servers
    one = call()
    await one.begins()
    second.greets.clear()  # it accepts, and takes its time
    await dies(first, one)
    one.heard.clear()
    one.lasts(10_000)
    silent, longest = 0, 0
    for frame in one.heard:
        silent = silent + 20 if frame is None else 0
        longest = max(longest, silent)
    assert 1_000 < longest < 2_000
    second.greets.set()
    await one.lasts_until(lambda: second.asked("response.create"))


async def test_the_last_words_are_said_when_nobody_is_left(servers: list[RealtimeServer], call: MakeCall) -> None:
    one = call(last_words=SORRY, then=False)
    await one.begins()
    await dies(servers[0], one)
    await one.lasts_until(lambda: one.hung_up)
    assert one.hung_up == ["agent-lost"]
    assert one.failures == []
    assert len(one.sent) > 50  # a stock prompt where no engine is installed
    assert one.messages[-1][0] == "agent"


async def test_without_last_words_the_call_fails(servers: list[RealtimeServer], call: MakeCall) -> None:
    one = call(then=False)
    await one.begins()
    await dies(servers[0], one)
    assert len(one.failures) == 1
    assert "gone" in one.failures[0]


async def test_who_falls_silent_is_replaced(servers: list[RealtimeServer], call: MakeCall) -> None:
    first, second = servers
    one = call(silent_s_max=5.0)
    await one.begins()
    await first.understands("Hello?")
    await one.until(lambda: one.messages)
    one.lasts(4_900)
    assert second.sessions == 0
    one.lasts(200)
    await one.lasts_until(lambda: second.asked("response.create"))
    assert ("brain_failed", "first: no answer for 5 s") in one.events


async def test_who_answers_is_not(servers: list[RealtimeServer], call: MakeCall) -> None:
    one = call(silent_s_max=5.0)
    await one.begins()
    await servers[0].understands("Hello?")
    await servers[0].speaks(VOICE * 5, "Yes.")
    await one.lasts_until(lambda: ("agent", "Yes.") in one.messages)
    one.lasts(20_000)
    assert servers[1].sessions == 0


async def test_last_words_asked_for_meanwhile_are_said_by_who_takes_over(
    servers: list[RealtimeServer], call: MakeCall
) -> None:
    first, second = servers
    one = call()
    await one.begins()
    await dies(first, one)
    one.brain.say("Time is up.", "max-duration")
    await one.lasts_until(lambda: len(second.asked("response.create")) == 2)
    assert "Time is up." in second.asked("response.create")[1]["response"]["instructions"]
    await second.speaks(VOICE * 5, "Time is up.")
    await one.lasts_until(lambda: one.hung_up)
    assert one.hung_up == ["max-duration"]


async def test_a_last_resort_that_cannot_speak_ends_the_call(servers: list[RealtimeServer]) -> None:
    class Mute(DemoFactory):
        def make(self, plan: BrainPlan, host: BrainHost) -> DemoBrain:
            raise RuntimeError("no voice")

    factory = SuccessionFactory(
        [("first", OpenAIRealtimeFactory(Configured(servers[0].url, GUARD), ToolClient(GUARD)))],
        last=Mute(speech=False),
        last_words=SORRY,
        silent_s_max=0.0,
    )
    one = ModelledCall(factory, {"firstSpeakerSettings": {"user": {}}})
    await one.begins()
    await dies(servers[0], one)
    await one.lasts_until(lambda: one.failures)
    assert "no voice" in one.failures[0]
    await one.brain.close()
