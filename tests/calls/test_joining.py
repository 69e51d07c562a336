import asyncio
from typing import Any

import pytest

from callgate.calls.joining import Joining
from callgate.core.templates.errors import TemplateUnfit
from callgate.entities.account import AccountLimits
from callgate.entities.call import Call
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.ports import NoRoom
from tests.calls.stage import ACCOUNT, AGENT, Stage, StageSession

MEDIUM: JsonObject = {"serverWebSocket": {"inputSampleRate": 8_000}}


class StageClient(StageSession):
    """The session of a client; what it does is said by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.left: Any = None

    def on_left(self, left: Any) -> None:
        self.left = left

    def dismiss(self, code: int, words: str) -> None:
        self.did.append(("dismiss", code, words))


def joining(stage: Stage, **limits: Any) -> Joining:
    return Joining(
        registry=stage.registry,
        around=stage.around,
        calls_max=limits.get("calls_max", 10),
        limits_of=lambda account_id: AccountLimits(limits.get("account_calls_max"), limits.get("agent_calls_max")),
        draining=lambda: bool(limits.get("draining")),
        join_url=lambda call_id: f"ws://here/{call_id}",
    )


async def requested(door: Joining, stage: Stage, **body: Any) -> Call:
    return await door.request(ACCOUNT, stage.snapshot.agent(AGENT), {"medium": MEDIUM, **body})


async def joined(door: Joining, stage: Stage, **body: Any) -> StageClient:
    call = await requested(door, stage, **body)
    client = StageClient()
    door.knocked(call.call_id, client)
    assert client.listener is not None
    client.listener.ready()
    stage.clock.advance(0)
    await stage.settle()
    assert stage.facts() == ["started", "joined"]
    return client


async def test_the_call_is_committed_before_it_is_answered_and_then_waits(stage: Stage) -> None:
    call = await requested(joining(stage), stage, templateContext={"a": 1}, metadata={"k": "v"})
    assert (call.join_url, call.settings["medium"]) == (f"ws://here/{call.call_id}", MEDIUM)
    assert (call.request_context, call.metadata) == ({"a": 1}, {"k": "v"})
    assert stage.facts() == ["started"]
    assert [event.event for event in stage.store.outbox] == ["call.started"]
    assert stage.store.records == []  # admission had nothing to decide
    assert stage.registry.of_account(ACCOUNT) == 1


async def test_a_client_comes_talks_and_leaves(stage: Stage) -> None:
    client = await joined(joining(stage), stage)
    assert [done[0] for done in client.did] == ["open", "begin"]
    client.left(True, "bye")
    client.listener.closed(SoundQuality(packets_received=3))  # type: ignore[union-attr]
    await stage.settle()
    assert (stage.facts()[-1], stage.call.outcome) == ("ended", "caller-hangup")
    assert client.did[-1] == ("close",)
    assert len(stage.registry) == 0


async def test_a_connection_that_breaks(stage: Stage) -> None:
    client = await joined(joining(stage), stage)
    client.left(False, "the connection broke")
    client.listener.closed(SoundQuality())  # type: ignore[union-attr]
    await stage.settle()
    assert (stage.call.outcome, stage.call.end_reason) == ("connection-lost", "connection_error")


async def test_the_agent_hangs_up(stage: Stage) -> None:
    client = await joined(joining(stage), stage)
    client.listener.hang_up_requested("agent-hangup")  # type: ignore[union-attr]
    assert client.did[-2:] == [("dismiss", 1000, "The agent hung up."), ("close",)]


async def test_nobody_joins_in_time(stage: Stage) -> None:
    await requested(joining(stage), stage, joinTimeout="5s")
    stage.clock.advance(4.9)
    await stage.settle()
    assert stage.facts() == ["started"]
    stage.clock.advance(0.2)
    await stage.settle()
    assert (stage.call.outcome, stage.call.end_reason) == ("not-joined", "unjoined")
    assert len(stage.registry) == 0


async def test_a_brain_that_fails_while_the_client_waits_for_it(stage: Stage) -> None:
    door = joining(stage)
    call = await requested(door, stage)
    client = StageClient()
    door.knocked(call.call_id, client)
    client.listener.brain_failed("no answer")  # type: ignore[union-attr]
    assert client.did[-2:] == [("dismiss", 4480, "The agent's brain is unreachable or refuses."), ("close",)]


async def test_a_client_that_leaves_before_the_brain_is_there(stage: Stage) -> None:
    door = joining(stage)
    call = await requested(door, stage)
    client = StageClient()
    door.knocked(call.call_id, client)
    client.left(True, "")
    client.listener.closed(SoundQuality())  # type: ignore[union-attr]
    await stage.settle()
    assert stage.call.outcome == "caller-cancelled"


async def test_clients_of_no_call_of_a_joined_one_and_of_one_that_is_over_are_sent_away(stage: Stage) -> None:
    door = joining(stage)
    await joined(door, stage)
    for call_id in ("nobody", stage.call.call_id):
        late = StageClient()
        door.knocked(call_id, late)
        assert [done[0] for done in late.did] == ["dismiss", "close"]
        assert late.did[0][1] == 4404


async def test_the_store_refuses_the_call(stage: Stage) -> None:
    stage.store.broken = True
    with pytest.raises(OSError, match="disk full"):
        await requested(joining(stage), stage)
    await stage.settle()
    assert len(stage.registry) == 0
    assert stage.store.records == []


async def test_a_node_that_drains_ends_what_nobody_has_joined(stage: Stage) -> None:
    await requested(joining(stage), stage)
    await stage.registry.drain(0)
    await stage.settle()
    assert stage.call.outcome == "drained"


@pytest.mark.parametrize(
    ("limits", "status", "words"),
    [
        ({"draining": True}, 503, "shutting down"),
        ({"calls_max": 1}, 503, "carries 1 calls"),
        ({"account_calls_max": 1}, 429, "the account has 1 calls"),
        ({"agent_calls_max": 1}, 429, "the agent has 1 calls of 1"),
    ],
)
async def test_limits(stage: Stage, limits: JsonObject, status: int, words: str) -> None:
    await requested(joining(stage), stage)
    with pytest.raises(NoRoom, match=words) as refusal:
        await requested(joining(stage, **limits), stage)
    assert (refusal.value.status, refusal.value.retry_after_s) == (status, 10)
    assert len(stage.registry) == 1


async def test_a_template_that_does_not_fit_leaves_nothing_behind() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    stage = Stage(systemPrompt="Hello {{name}}", contextSchema=schema)
    with pytest.raises(TemplateUnfit, match="name"):
        await requested(joining(stage), stage)
    assert len(stage.registry) == 0
    call = await requested(joining(stage), stage, templateContext={"name": "Ada"})
    assert call.settings["systemPrompt"] == "Hello Ada"
    await asyncio.sleep(0)
