"""Delivers events: at least once, of each call in order, with a queue for each endpoint so that none waits for another.

Everything to be delivered stands in the store, written with its fact. What is kept here is only when each is due; it is
read from the store at the start and from then on told by it. A try is marked in the store after its answer has come, so
whatever a kill interrupts is tried again.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import aiohttp

from callgate.core.webhook.health import after_failure, after_success
from callgate.core.webhook.recipients import callback_of
from callgate.core.webhook.retry import FIRST_PAUSE_S, TRIES_MAX, pause_s
from callgate.entities.call import OutboxEvent
from callgate.entities.webhook import CALLBACK, Delivery, DeliveryState, WebhookHealth
from callgate.ports import Alarm, Alarms, Clock, DeliveryStore, WebhooksInForce
from callgate.runtime.tasks import TaskOwner
from callgate.telemetry import events
from callgate.webhooks.post import post
from callgate.webhooks.queue import EndpointQueue

# Tries at a time, of all endpoints together: half of what `runtime.http` connects, so that none waits for a connection
# within its time. An endpoint that fails has one of them, so it takes a hundred dead ones to delay the living.
_TRYING_MAX: Final = 100
# Deliveries read from the store at a time, at the start: some ms, in which calls wait.
_READ_AT_A_TIME: Final = 250
# Events remembered so that what has just happened is not read back from the store; a few kB each.
_EVENTS_KEPT: Final = 1_000
# A store that cannot be read is locked for a moment, or broken for longer.
_STORE_PAUSE_S: Final = 5.0
# At the end, what is due has this long to leave; the rest leaves after the next start.
_LAST_TRIES_S: Final = 2.0


class Deliverer:
    """Tells endpoints of events.

    Args:
        store: where deliveries stand.
        webhooks: which there are, and where they lead.
        session: from `runtime.http.http_session`, and for this alone.
        clock: time.
        alarms: wake-ups.
        chance: 0 to 1, drawn for each pause.
        log: for what an operator wants to know.
        timeout_s: for one try.
        requests_max: tries at a time for one endpoint that works.
        waiting_max: deliveries that may wait for one endpoint; further ones are given up at once.
        first_pause_s: between the first try and the second.
    """

    def __init__(
        self,
        *,
        store: DeliveryStore,
        webhooks: WebhooksInForce,
        session: aiohttp.ClientSession,
        clock: Clock,
        alarms: Alarms,
        chance: Callable[[], float],
        log: Callable[..., None],
        timeout_s: float,
        requests_max: int,
        waiting_max: int,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._store = store
        self._webhooks = webhooks
        self._session = session
        self._clock = clock
        self._alarms = alarms
        self._chance = chance
        self._log = log
        self._timeout_s = timeout_s
        self._requests_max = requests_max
        self._waiting_max = waiting_max
        self._first_pause_s = first_pause_s
        self._tasks = TaskOwner(lambda name, error: log(events.WEBHOOK_STALLED, task=name, detail=repr(error)))
        self._queues: dict[str, EndpointQueue] = {}
        self._healths: dict[str, WebhookHealth] = {}
        self._events: dict[str, OutboxEvent] = {}
        self._rings: dict[str, Alarm] = {}  # by queue
        self._held_up: dict[str, EndpointQueue] = {}  # by the limit of all together, in order
        self._trying = 0
        self._ready = False
        self._closed = False

    def start(self) -> None:
        """Begin with what an earlier run has left."""
        self._tasks.spawn(self._read_all(), name="read deliveries")

    async def close(self) -> None:
        """Let what is due leave, for a moment, and stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_TRIES_S):
                await self._tasks.finish()
        self._closed = True
        for alarm in self._rings.values():
            alarm.cancel()
        await self._tasks.close()

    def waits(self, delivery: Delivery, event: OutboxEvent | None) -> None:
        """A delivery stands in the store and is to be made.

        Args:
            delivery: which.
            event: what is to be told; ``None``: an owner asks for it by hand, so that no limit holds it up.
        """
        if self._closed:
            return
        queue = self._queue(delivery)
        if event is not None:
            if len(queue) >= self._waiting_max:
                words = f"{self._waiting_max} events wait for the endpoint already"
                given_up = replace(delivery, state=DeliveryState.FAILED, failure=words)
                self._store.delivery_tried(given_up)
                self._fares(given_up)
                self._tell(given_up)
                return
            self._remember(event)
        queue.put(delivery, self._due_s(delivery))
        self._pump(queue)

    # ------------------------------------------------------------------------------------------------------- queueing

    async def _read_all(self) -> None:
        """Queue what stands in the store; nothing is tried before, so that nothing is tried before what it follows."""
        while not self._ready:
            try:
                self._healths |= await self._store.webhook_healths()
                last: Delivery | None = None
                while page := await self._store.waiting_deliveries(last, limit=_READ_AT_A_TIME):
                    for delivery in page:
                        self._queue(delivery).put(delivery, self._due_s(delivery))
                    last = page[-1]
                self._ready = True
            except Exception as error:
                self._log(events.WEBHOOK_STALLED, detail=str(error))
                await asyncio.sleep(_STORE_PAUSE_S)
        for queue in tuple(self._queues.values()):
            self._pump(queue)

    def _queue(self, delivery: Delivery) -> EndpointQueue:
        key = delivery.endpoint
        if key == CALLBACK:  # calls name URLs of their own, but those of one server work or fail together
            key = f"{delivery.account_id} {_origin(delivery.url)}"
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = EndpointQueue(key)
            queue.failing = self._health(delivery).failed_in_row > 0
        return queue

    def _due_s(self, delivery: Delivery) -> float:
        wait_s = (delivery.due - self._clock.now()).total_seconds()
        # A clock that was set back holds nothing up for longer than the longest pause.
        return self._clock.monotonic() + min(max(0.0, wait_s), pause_s(TRIES_MAX - 1, 1.0, self._first_pause_s) or 0.0)

    def _remember(self, event: OutboxEvent) -> None:
        self._events[event.event_id] = event
        if len(self._events) > _EVENTS_KEPT:
            del self._events[next(iter(self._events))]

    def _pump(self, queue: EndpointQueue) -> None:
        """Try what is due, as far as limits allow, and see to it that this is called again when there is more to do."""
        if not self._ready or self._closed:
            return
        ring = self._rings.pop(queue.key, None)
        if ring is not None:
            ring.cancel()
        now_s = self._clock.monotonic()
        while queue.trying < (1 if queue.failing else self._requests_max):
            due_s = queue.due_s()
            if due_s is None:
                break
            if due_s > now_s:
                self._rings[queue.key] = self._alarms.after(due_s - now_s, lambda: self._pump(queue))
                break
            if self._trying >= _TRYING_MAX:
                self._held_up.setdefault(queue.key, queue)
                break
            delivery = queue.take(now_s)
            assert delivery is not None
            self._trying += 1
            self._tasks.spawn(self._try(queue, delivery), name=f"deliver {delivery.event_id}")
        if not len(queue):
            self._queues.pop(queue.key, None)
            self._held_up.pop(queue.key, None)

    # --------------------------------------------------------------------------------------------------------- trying

    async def _try(self, queue: EndpointQueue, delivery: Delivery) -> None:
        """One try, and what follows from it."""
        try:
            tried = await self._once(delivery)
        except Exception as error:  # a store that cannot be read is no try, and loses nothing
            self._log(events.WEBHOOK_STALLED, told=delivery.event_id, detail=str(error))
            queue.again(delivery, self._clock.monotonic() + _STORE_PAUSE_S)
        else:
            self._store.delivery_tried(tried)
            if tried.state is DeliveryState.WAITING:
                queue.again(tried, self._due_s(tried))
            else:
                queue.done(tried)
            if tried.tries > delivery.tries:
                queue.failing = tried.failure != ""
                self._fares(tried)
            self._tell(tried)
        finally:
            self._trying -= 1
            while self._held_up and self._trying < _TRYING_MAX:
                self._pump(self._held_up.pop(next(iter(self._held_up))))
            self._pump(queue)

    async def _once(self, delivery: Delivery) -> Delivery:
        """Tell the endpoint; the delivery as it is then."""
        webhook = self._webhooks.webhooks_of(delivery.account_id).get(delivery.endpoint)
        if webhook is None and delivery.endpoint != CALLBACK:  # as a rule the store has no row of it any more
            return replace(delivery, state=DeliveryState.FAILED, failure=_DELETED)
        event = self._events.get(delivery.event_id) or await self._store.outbox_event(delivery.event_id)
        if event is None:
            return replace(delivery, state=DeliveryState.FAILED, failure="the event is no longer kept")
        url, secrets = callback_of(event) if webhook is None else (webhook.url, webhook.secrets)
        now = self._clock.now()
        failure = await post(self._session, event, url, secrets, now=now, timeout_s=self._timeout_s)
        tried = replace(delivery, tries=delivery.tries + 1, tried=now, failure=failure)
        if not failure:
            return replace(tried, state=DeliveryState.DELIVERED)
        wait_s = pause_s(tried.tries, self._chance(), self._first_pause_s)
        if wait_s is None:
            return replace(tried, state=DeliveryState.FAILED)
        return replace(tried, due=self._clock.now() + timedelta(seconds=wait_s))

    def _tell(self, delivery: Delivery) -> None:
        """Have an operator know what is given up."""
        if delivery.state is DeliveryState.FAILED and delivery.failure != _DELETED:
            self._log(
                events.WEBHOOK_GIVEN_UP,
                webhook=_name(delivery),
                told=delivery.event,
                call=delivery.call_id,
                tries=delivery.tries,
                detail=delivery.failure,
            )

    def _fares(self, delivery: Delivery) -> None:
        """Keep what a try says of its webhook."""
        webhook_id = delivery.endpoint
        if webhook_id not in self._webhooks.webhooks_of(delivery.account_id):  # a callback, or deleted meanwhile
            self._healths.pop(webhook_id, None)
            return
        before, now = self._health(delivery), self._clock.now()
        if delivery.failure:
            words = f"{delivery.event} of call {delivery.call_id}: {delivery.failure}"
            health = after_failure(before, now, words, given_up=delivery.state is DeliveryState.FAILED)
        else:
            health = after_success(before, now)
        if health == before:
            return
        self._healths[webhook_id] = health
        self._store.webhook_fares(webhook_id, health)
        if health.unhealthy != before.unhealthy:
            name = events.WEBHOOK_UNHEALTHY if health.unhealthy else events.WEBHOOK_NORMAL
            self._log(name, webhook=webhook_id, detail=delivery.failure or None)

    def _health(self, delivery: Delivery) -> WebhookHealth:
        return self._healths.get(delivery.endpoint, _UNKNOWN)


_UNKNOWN: Final = WebhookHealth()
_DELETED: Final = "the webhook has been deleted"


def _name(delivery: Delivery) -> str:
    """An endpoint as the log shows it: a URL may hold secrets, its origin does not."""
    return _origin(delivery.url) if delivery.endpoint == CALLBACK else delivery.endpoint


def _origin(url: str) -> str:
    found = re.match(r"[^/]*//[^/?#]*", url)
    return found[0] if found else ""
