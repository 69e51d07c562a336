"""Delivery over a real store and real sockets; hours pass in a line."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callgate.core.webhook.retry import TRIES_MAX
from callgate.core.webhook.signature import verify
from callgate.entities.call import Call, OutboxEvent
from callgate.entities.page import PageWanted
from callgate.entities.webhook import EVENTS, Delivery, DeliveryState, Webhook
from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.http import http_session
from callgate.runtime.ids import SystemIds
from callgate.store.open import open_store
from callgate.testing.clock import ManualClock
from callgate.testing.handler import HandlerRequest, HandlerServer
from callgate.testing.tool_server import ToolServer
from callgate.webhooks import deliver
from callgate.webhooks.deliver import Deliverer
from tests.peers.databases import Databases
from tests.store.facts import AGENT_ID, IDS, START, a_call, a_record


class Post:
    """A node's post office: its store, its deliverer, and what came to the log."""

    def __init__(self, databases: Databases, path: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.log: list[tuple[str, dict[str, Any]]] = []
        self._databases = databases
        self._path = path
        self._session: aiohttp.ClientSession

    async def open(self, **settings: Any) -> None:
        self.store = await open_store(self._databases.at(self._path), clock=self.clock, ids=SystemIds())
        if not self.store.snapshot.accounts:
            await self.store.create_account("default", "Default")
        self.account_id = self.store.snapshot.accounts[0].account_id
        self._session = http_session(AddressGuard(allow_loopback=True))
        self.deliverer = self.make(**settings)
        self.store.on_waiting = self.deliverer.waits
        self.deliverer.start()

    def make(self, **settings: Any) -> Deliverer:
        usual: dict[str, Any] = {
            "store": self.store,
            "webhooks": self.store.snapshot,
            "session": self._session,
            "clock": self.clock,
            "alarms": self.clock,
            "chance": lambda: 0.5,
            "log": lambda event, **fields: self.log.append((event, fields)),
            "timeout_s": 5.0,
            "requests_max": 4,
            "waiting_max": 100,
        }
        return Deliverer(**{**usual, **settings})

    async def close(self) -> None:
        await self.deliverer.close()
        await self._session.close()
        await self.store.close()

    async def again(self, **settings: Any) -> None:
        """As after a start anew."""
        await self.close()
        await self.open(**settings)

    async def idle(self) -> None:
        """Wait until nothing is being tried, and all that came of it is written."""
        await self.deliverer._tasks.finish()
        await self.store.written()

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.idle()

    async def webhook(self, url: str, **more: Any) -> Webhook:
        usual: dict[str, Any] = {"agent_id": None, "secrets": ("one", "two"), "events": EVENTS}
        return await self.store.create_webhook(self.account_id, url=url, **{**usual, **more})

    async def happens(self, call: Call, *names: str, **payload: Any) -> list[str]:
        """Have these happen to a call; the ids of the events."""
        ids = []
        for name in names:
            shown = {"callId": call.call_id, "agentId": call.agent_id, **payload}
            event = OutboxEvent(IDS.sortable(), self.account_id, call.call_id, name, self.clock.now(), shown)
            ids.append(event.event_id)
            if name == "call.started":
                await self.store.call_started(call, a_record(), event)
            elif name == "call.joined":
                await self.store.call_joined(call, event)
            else:
                await self.store.call_ended(call, event)
        return ids

    async def states(self, webhook: Webhook) -> list[tuple[str, str, int]]:
        """What became of what a webhook was to hear, oldest first."""
        await self.store.written()
        found = (await self.store.list_deliveries(webhook.webhook_id, PageWanted(1_000), state=None)).items
        return [(one.event, one.state.value, one.tries) for one, _ in reversed(found)]

    def logged(self, name: str) -> list[dict[str, Any]]:
        return [fields for event, fields in self.log if event == name]


@pytest.fixture
async def post(databases: Databases, tmp_path: Path) -> AsyncIterator[Post]:
    office = Post(databases, tmp_path / "callgate.db", ManualClock())
    await office.open()
    yield office
    await office.close()


@pytest.fixture
async def servers() -> AsyncIterator[list[HandlerServer]]:
    """Three, each taking whatever comes until it is told otherwise."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(HandlerServer()) for _ in range(3)]


@pytest.fixture
def server(servers: list[HandlerServer]) -> HandlerServer:
    return servers[0]


@pytest.fixture
async def slow() -> AsyncIterator[ToolServer]:
    """One that answers when it is let."""
    one = ToolServer()
    await one.start()
    one.waits.clear()
    yield one
    await one.stop()


def heard(server: HandlerServer) -> list[str]:
    return [request.json()["event"] for request in server.requests]


def says(server: HandlerServer, *statuses: int) -> None:
    """From now on, and the last for ever."""
    server._behaviours.clear()
    for status in statuses:
        server.will_answer({}, status=status)


def event_id(request: HandlerRequest) -> str:
    return request.headers["x-callgate-event-id"]


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what another end of a socket does cannot be awaited
            await asyncio.sleep(0.005)


# ------------------------------------------------------------------------------------------------------------- in order


async def test_a_webhook_hears_of_a_call_signed_and_in_order(post: Post, server: HandlerServer) -> None:
    webhook = await post.webhook(server.url)
    ids = await post.happens(a_call(), *EVENTS)
    await post.idle()
    assert heard(server) == list(EVENTS)
    assert [event_id(request) for request in server.requests] == ids
    for request in server.requests:
        timestamp = request.headers["x-ultravox-webhook-timestamp"]
        assert verify(request.body, timestamp, request.headers["x-ultravox-webhook-signature"], ("two",))
        assert request.json().keys() == {"event", "call"}
    assert await post.states(webhook) == [(name, "delivered", 1) for name in EVENTS]
    await post.pass_time(100_000)
    assert len(server.requests) == 4


async def test_what_follows_waits_for_what_failed_before_it_in_the_same_call_only(
    post: Post, server: HandlerServer
) -> None:
    webhook = await post.webhook(server.url)
    says(server, 503, 200)
    first, second = a_call(), a_call()
    await post.happens(first, "call.started")
    await post.idle()
    await post.happens(first, "call.joined", "call.ended")
    await post.happens(second, "call.started", "call.joined")
    await post.idle()
    calls = [request.json()["call"]["callId"] for request in server.requests]
    assert calls == [first.call_id, second.call_id, second.call_id]
    await post.pass_time(29)
    assert len(server.requests) == 3
    await post.pass_time(1)
    assert heard(server)[3:] == ["call.started", "call.joined", "call.ended"]
    assert (await post.states(webhook))[0] == ("call.started", "delivered", 2)


async def test_ten_tries_doubling_from_half_a_minute_then_the_next_of_the_call_has_its_turn(
    post: Post, server: HandlerServer
) -> None:
    webhook = await post.webhook(server.url)
    says(server, 500)
    await post.happens(a_call(), "call.started", "call.joined")
    await post.idle()
    for tries, pause_s in enumerate((30, 60, 120, 240, 480, 960, 1_920, 3_840, 7_680), start=1):
        assert len(server.requests) == tries
        await post.pass_time(pause_s - 1)
        assert len(server.requests) == tries
        await post.pass_time(1)
    assert heard(server)[:TRIES_MAX] == ["call.started"] * TRIES_MAX
    assert len({event_id(request) for request in server.requests[:TRIES_MAX]}) == 1
    assert len({request.body for request in server.requests[:TRIES_MAX]}) == 1
    assert heard(server)[TRIES_MAX:] == ["call.joined"]  # given up, and the next begins
    assert (await post.states(webhook))[0] == ("call.started", "failed", 10)
    (line,) = post.logged("webhook.given_up")
    assert (line["webhook"], line["tries"], line["detail"]) == (webhook.webhook_id, 10, "answered 500")


async def test_a_redirect_is_a_failure_and_not_followed(post: Post, servers: list[HandlerServer]) -> None:
    webhook = await post.webhook(servers[0].url)
    servers[0].will_redirect(servers[1].url)
    await post.happens(a_call(), "call.started")
    await post.idle()
    assert servers[1].requests == []
    found = (await post.store.list_deliveries(webhook.webhook_id, PageWanted(9), state=DeliveryState.WAITING)).items
    assert [(one.failure, one.due) for one, _ in found] == [("answered 307", START + timedelta(seconds=30))]


# ------------------------------------------------------------------------------------------------------ whom it goes to


async def test_only_what_happens_after_a_webhook_was_made(post: Post, server: HandlerServer) -> None:
    call = a_call()
    await post.happens(call, "call.started")
    await post.webhook(server.url)
    await post.happens(call, "call.joined")
    await post.idle()
    assert heard(server) == ["call.joined"]


async def test_of_an_agent_and_of_events_it_asked_for(post: Post, servers: list[HandlerServer]) -> None:
    await post.webhook(servers[0].url, agent_id="other")
    await post.webhook(servers[1].url, agent_id=AGENT_ID)
    await post.webhook(servers[2].url, events=("call.billed",))
    await post.happens(a_call(), *EVENTS)
    await post.idle()
    assert [heard(one) for one in servers] == [[], list(EVENTS), ["call.billed"]]


async def test_the_callbacks_of_a_call_itself(post: Post, servers: list[HandlerServer]) -> None:
    callbacks = {
        "joined": {"url": servers[0].url, "secrets": ["mine"]},
        "ended": {"url": servers[1].url},
        "billed": {"url": servers[0].url + "?billed"},
    }
    await post.happens(a_call(), *EVENTS, callbacks=callbacks)
    await post.idle()
    assert [heard(one) for one in servers] == [["call.joined", "call.billed"], ["call.ended"], []]
    joined, ended = servers[0].requests[0], servers[1].requests[0]
    timestamp = joined.headers["x-ultravox-webhook-timestamp"]
    assert verify(joined.body, timestamp, joined.headers["x-ultravox-webhook-signature"], ("mine",))
    assert "x-ultravox-webhook-signature" not in ended.headers
    assert servers[0].requests[1].path == "/handler?billed"


async def test_a_callback_that_fails_is_tried_again_also_after_a_start_anew(post: Post, server: HandlerServer) -> None:
    server.will_drop()
    server.will_answer({})
    await post.happens(a_call(), *EVENTS, callbacks={"ended": {"url": server.url, "secrets": ["mine"]}})
    await post.idle()
    await post.again()
    await post.pass_time(30)
    first, second = server.requests
    assert (first.body, event_id(first)) == (second.body, event_id(second))
    assert "x-ultravox-webhook-signature" in second.headers


async def test_a_deleted_webhook_hears_nothing_more_and_a_changed_one_hears_it_elsewhere(
    post: Post, servers: list[HandlerServer]
) -> None:
    for one in servers:
        says(one, 500, 200)
    gone, moved = [await post.webhook(one.url) for one in servers[:2]]
    await post.happens(a_call(), "call.started")
    await post.idle()
    assert await post.store.delete_webhook(post.account_id, gone.webhook_id)
    assert await post.store.update_webhook(
        post.account_id, moved.webhook_id, {"url": servers[2].url, "secrets": ("new",)}
    )
    await post.pass_time(30)
    await post.pass_time(30)  # the new one, too, says no first
    await post.pass_time(30)
    assert [len(one.requests) for one in servers] == [1, 1, 2]
    request = servers[2].requests[0]
    timestamp = request.headers["x-ultravox-webhook-timestamp"]
    assert verify(request.body, timestamp, request.headers["x-ultravox-webhook-signature"], ("new",))
    assert post.logged("webhook.given_up") == []  # its owner did not want it
    assert post.deliverer._queues == {}


async def test_the_webhook_of_a_deleted_agent_hears_how_its_last_calls_end(post: Post, server: HandlerServer) -> None:
    agent = await post.store.create_agent(post.account_id, "demo", {})
    webhook = await post.webhook(server.url, agent_id=agent.agent_id)
    call = a_call(agent_id=agent.agent_id)
    await post.happens(call, "call.started")
    assert await post.store.delete_agent(post.account_id, agent.agent_id, "k")
    assert await post.store.get_webhook(post.account_id, webhook.webhook_id) is None
    assert not await post.store.delete_webhook(post.account_id, webhook.webhook_id)
    await post.again()  # it is not forgotten by a start anew
    await post.happens(call, "call.ended")
    await post.idle()
    assert heard(server) == ["call.started", "call.ended"]
    post.clock.advance(8 * 86_400)
    assert await post.store.prune_webhooks(days=7) == 1
    assert post.store.snapshot.webhooks_of(post.account_id) == {}


# ----------------------------------------------------------------------------------------------- none waits for another


async def test_a_dead_endpoint_beside_a_living_one_delays_nobody(
    post: Post, servers: list[HandlerServer], slow: ToolServer
) -> None:
    await post.again(timeout_s=30.0)
    await post.webhook(slow.url)  # takes everything and never answers
    living = await post.webhook(servers[0].url)
    for _ in range(20):
        await post.happens(a_call(), *EVENTS)
    await until(lambda: len(servers[0].requests) == 80)
    await until(lambda: post.deliverer._trying == 4)  # those that hang
    assert [state for _, state, _ in await post.states(living)] == ["delivered"] * 80
    assert len(slow.asked) == 4


async def test_calls_with_callbacks_to_a_dead_server_share_its_queue(post: Post, slow: ToolServer) -> None:
    for number in range(20):
        callbacks = {"ended": {"url": f"{slow.url}/call/{number}?token={number}"}}
        await post.happens(a_call(), "call.started", "call.ended", callbacks=callbacks)
    await until(lambda: len(slow.asked) == 4)
    await asyncio.sleep(0.05)  # for a fifth to come, if one were to
    assert len(slow.asked) == 4
    slow.waits.set()
    await post.idle()
    assert {one.target for one in slow.asked} == {f"/call/{n}?token={n}" for n in range(20)}


async def test_an_endpoint_that_fails_is_tried_one_at_a_time_until_it_works_again(post: Post, slow: ToolServer) -> None:
    slow.answer = slow.answer.__class__(status=500)
    slow.waits.set()
    await post.webhook(slow.url)
    await post.happens(a_call(), "call.started")
    await post.idle()
    slow.waits.clear()
    for _ in range(10):
        await post.happens(a_call(), "call.started")
    await until(lambda: len(slow.asked) == 2)
    await asyncio.sleep(0.05)  # for a third to come, if one were to
    assert len(slow.asked) == 2
    slow.answer = slow.answer.__class__(status=204)
    slow.waits.set()
    await post.idle()
    assert len(slow.asked) == 11


async def test_a_hundred_tries_at_a_time_and_whoever_was_held_up_has_its_turn(
    post: Post, slow: ToolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_TRYING_MAX", 3)
    webhooks = [await post.webhook(f"{slow.url}/{number}") for number in range(5)]
    for _ in range(2):
        await post.happens(a_call(), "call.started")
    await until(lambda: len(slow.asked) == 3)
    await asyncio.sleep(0.05)  # for a fourth to come, if one were to
    assert len(slow.asked) == 3
    slow.waits.set()
    await post.idle()
    for webhook in webhooks:
        assert await post.states(webhook) == [("call.started", "delivered", 1)] * 2


async def test_too_many_waiting_are_given_up_at_once_and_can_be_asked_for(post: Post, server: HandlerServer) -> None:
    await post.again(waiting_max=2)
    webhook = await post.webhook(server.url)
    says(server, 500, 500, 200)
    for _ in range(3):
        await post.happens(a_call(), "call.started")
    await post.idle()
    assert [state for _, state, _ in await post.states(webhook)] == ["waiting", "waiting", "failed"]
    (line,) = post.logged("webhook.given_up")
    assert line["detail"] == "2 events wait for the endpoint already"
    found = (await post.store.list_deliveries(webhook.webhook_id, PageWanted(9), state=DeliveryState.FAILED)).items
    assert await post.store.redeliver(webhook.webhook_id, found[0][0].event_id)
    await post.idle()
    assert [state for _, state, _ in await post.states(webhook)] == ["waiting", "waiting", "delivered"]


# ------------------------------------------------------------------------------------------------------ nothing is lost


async def test_what_was_in_flight_when_the_node_ended_is_sent_again_as_the_same_event(
    post: Post, slow: ToolServer, server: HandlerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_LAST_TRIES_S", 0.05)
    await post.webhook(slow.url)
    failing = await post.webhook(server.url)
    says(server, 500, 200)
    (first, second) = await post.happens(a_call(), "call.started", "call.joined")
    await until(lambda: slow.asked and server.requests)
    await post.again()
    slow.waits.set()
    await post.idle()
    ids = [one.headers["x-callgate-event-id"] for one in slow.asked]
    assert ids == [first, first, second]
    assert len(server.requests) == 1  # that one is not due yet
    assert await post.states(failing) == [("call.started", "waiting", 1), ("call.joined", "waiting", 0)]
    await post.pass_time(30)
    assert await post.states(failing) == [("call.started", "delivered", 2), ("call.joined", "delivered", 1)]


async def test_nothing_leaves_before_all_that_waits_has_been_read(
    post: Post, server: HandlerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_READ_AT_A_TIME", 1)
    await post.webhook(server.url)
    says(server, 500)
    calls = [a_call() for _ in range(5)]
    for call in calls:
        await post.happens(call, "call.started", "call.joined")
    await post.idle()
    says(server, 200)
    await post.again()
    await post.happens(calls[4], "call.ended")
    await post.pass_time(40)
    for call in calls:
        names = [one.json()["event"] for one in server.requests if one.json()["call"]["callId"] == call.call_id]
        assert list(dict.fromkeys(names)) == list(EVENTS[: 3 if call == calls[4] else 2])


async def test_a_store_that_cannot_be_read_is_no_try_and_loses_nothing(
    post: Post, server: HandlerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = await post.webhook(server.url)
    monkeypatch.setattr(deliver, "_EVENTS_KEPT", 0)  # so that each is read

    async def broken(event_id: str) -> OutboxEvent | None:
        raise OSError("disk on fire")

    with monkeypatch.context() as patched:
        patched.setattr(post.store, "outbox_event", broken)
        await post.happens(a_call(), "call.started", "call.joined")
        await post.idle()
    assert server.requests == []
    assert [fields["detail"] for fields in post.logged("webhook.stalled")] == ["disk on fire"]
    await post.pass_time(5)
    assert await post.states(webhook) == [("call.started", "delivered", 1), ("call.joined", "delivered", 1)]


async def test_a_store_that_cannot_be_read_at_the_start_is_read_later(
    post: Post, server: HandlerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_STORE_PAUSE_S", 0.01)
    await post.idle()
    await post.webhook(server.url)
    store, failures = post.store, iter([OSError("locked"), OSError("locked")])

    class Locked:
        """The store, locked for a while."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def waiting_deliveries(self, after: Delivery | None, *, limit: int) -> Sequence[Delivery]:
            if (error := next(failures, None)) is not None:
                raise error
            return await store.waiting_deliveries(after, limit=limit)

    other = post.make(store=Locked())
    store.on_waiting = other.waits
    other.start()
    await post.happens(a_call(), "call.started")
    await other._tasks.finish()
    assert heard(server) == ["call.started"]
    assert [fields["detail"] for fields in post.logged("webhook.stalled")] == ["locked", "locked"]
    await other.close()


async def test_a_clock_that_was_set_back_holds_nothing_up_for_days(post: Post, server: HandlerServer) -> None:
    webhook = await post.webhook(server.url)
    says(server, 500, 200)
    await post.happens(a_call(), "call.started")
    await post.idle()
    await post.close()
    post.clock._start -= timedelta(days=100)
    await post.open()
    await post.idle()
    await post.pass_time(3 * 3_600)
    assert await post.states(webhook) == [("call.started", "delivered", 2)]


async def test_an_event_that_is_no_longer_kept_is_given_up(post: Post, server: HandlerServer) -> None:
    webhook = await post.webhook(server.url)
    delivery = Delivery(IDS.sortable(), webhook.webhook_id, post.account_id, "call", "call.started", START)
    post.deliverer.waits(delivery, None)
    await post.idle()
    assert [fields["detail"] for fields in post.logged("webhook.given_up")] == ["the event is no longer kept"]


# --------------------------------------------------------------------------------------------------------- how it fares


async def test_a_webhook_becomes_unhealthy_and_normal_again_and_says_why(post: Post, server: HandlerServer) -> None:
    webhook = await post.webhook(server.url)
    says(server, 500)
    call = a_call()
    await post.happens(call, "call.started")
    await post.idle()
    for pause_s in (30, 60, 120):
        await post.pass_time(pause_s)
    found = await post.store.get_webhook(post.account_id, webhook.webhook_id)
    assert found is not None
    assert (found[1].unhealthy, found[1].failed_in_row) == (False, 4)
    await post.again()  # what is known of it outlives a start anew
    says(server, 500, 200)
    await post.pass_time(240)
    found = await post.store.get_webhook(post.account_id, webhook.webhook_id)
    assert found is not None
    assert (found[1].unhealthy, found[1].changed) == (True, post.clock.now())
    assert [one.words for one in found[1].failures] == [f"call.started of call {call.call_id}: answered 500"] * 5
    assert [fields["webhook"] for fields in post.logged("webhook.unhealthy")] == [webhook.webhook_id]
    await post.pass_time(480)
    found = await post.store.get_webhook(post.account_id, webhook.webhook_id)
    assert found is not None
    assert (found[1].unhealthy, found[1].failed_in_row, len(found[1].failures)) == (False, 0, 5)
    assert len(post.logged("webhook.normal")) == 1


async def test_what_was_delivered_is_told_again_by_hand(post: Post, server: HandlerServer) -> None:
    webhook = await post.webhook(server.url)
    says(server, 200)
    ids = await post.happens(a_call(), *EVENTS)
    await post.idle()
    says(server, 500, 200)
    again = await post.store.redeliver(webhook.webhook_id, ids[1])
    assert again is not None
    assert (again[0].state, again[0].tries, again[1]) == (DeliveryState.WAITING, 0, START)
    await post.idle()
    await post.pass_time(30)
    assert [event_id(request) for request in server.requests][4:] == [ids[1]] * 2
    assert (await post.states(webhook))[1] == ("call.joined", "delivered", 2)
    assert await post.store.redeliver("another", ids[1]) is None


async def test_after_its_end_nothing_is_taken(post: Post, server: HandlerServer) -> None:
    await post.webhook(server.url)
    await post.deliverer.close()
    await post.happens(a_call(), "call.started")
    await post.idle()
    assert server.requests == []
    assert len(await post.store.waiting_deliveries(None, limit=9)) == 1
