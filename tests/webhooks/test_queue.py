"""The queue of one endpoint, by itself: whatever happens, of each call one event at a time and in order."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from callgate.entities.webhook import EVENTS, Delivery
from callgate.webhooks.queue import EndpointQueue

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_delivery(call: str, event: str, **more: Any) -> Delivery:
    return Delivery(f"{call} {event}", "endpoint", "account", call, event, NOW, **more)


def test_an_event_waits_for_those_before_it_of_the_same_call_only() -> None:
    queue = EndpointQueue("endpoint")
    started, joined = a_delivery("a", "call.started"), a_delivery("a", "call.joined")
    queue.put(started, 0)
    queue.put(joined, 0)
    other = a_delivery("b", "call.started")
    queue.put(other, 0)
    assert [queue.take(0), queue.take(0), queue.take(0)] == [started, other, None]
    assert (queue.due_s(), queue.trying, len(queue)) == (None, 2, 3)
    queue.again(started, 30)
    assert (queue.due_s(), queue.take(29)) == (30, None)
    assert queue.take(30) == started
    queue.done(started)
    assert queue.take(30) == joined


def test_one_asked_for_by_hand_comes_in_its_place_and_at_once() -> None:
    queue = EndpointQueue("endpoint")
    ended, started = a_delivery("a", "call.ended"), a_delivery("a", "call.started")
    queue.put(ended, 500)
    queue.put(started, 0)  # given up long ago
    assert queue.take(0) == started
    queue.done(started)
    assert queue.take(0) is None
    queue.put(a_delivery("a", "call.ended", tries=3), 1)  # rather now than then
    taken = queue.take(1)
    assert taken is not None
    assert (taken.event, taken.tries, len(queue)) == ("call.ended", 3, 1)
    queue.put(ended, 0)  # is being tried
    assert (len(queue), queue.take(1)) == (1, None)
    queue.done(ended)
    assert (len(queue), queue.trying, queue.due_s()) == (0, 0, None)


@given(
    st.permutations([(call, event) for call in "abc" for event in EVENTS]),
    st.lists(st.booleans(), min_size=400, max_size=400),
)
def test_in_whatever_order_they_come_and_fail_each_calls_events_are_done_in_order(
    coming: list[tuple[str, str]], outcomes: list[bool]
) -> None:
    queue = EndpointQueue("endpoint")
    for call, event in coming:
        queue.put(a_delivery(call, event), 0)
    done: list[str] = []
    now_s, fates = 0.0, iter(outcomes)
    while len(queue):
        delivery = queue.take(now_s)
        if delivery is None:
            now_s += 1
        elif next(fates, True):
            queue.done(delivery)
            done.append(delivery.event_id)
        else:
            queue.again(delivery, now_s + 1)
    for call in "abc":
        assert [name for name in done if name.startswith(call)] == [f"{call} {event}" for event in EVENTS]


class QueueMachine(RuleBasedStateMachine):
    """Anything may happen at any time; a model of sets says what must be true."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = EndpointQueue("endpoint")
        self.waiting: dict[str, float] = {}
        self.trying: dict[str, Delivery] = {}
        self.now_s = 0.0

    @rule(call=st.sampled_from("abc"), event=st.sampled_from(EVENTS), wait_s=st.integers(0, 3))
    def put(self, call: str, event: str, wait_s: int) -> None:
        delivery = a_delivery(call, event)
        self.queue.put(delivery, self.now_s + wait_s)
        if delivery.event_id not in self.trying:
            self.waiting[delivery.event_id] = self.now_s + wait_s

    @rule()
    def take(self) -> None:
        taken = self.queue.take(self.now_s)
        busy = {one.call_id for one in self.trying.values()}
        firsts = [
            next(name for event in EVENTS if (name := f"{call} {event}") in self.waiting)
            for call in "abc"
            if call not in busy and any(name.startswith(call) for name in self.waiting)
        ]
        due = [name for name in firsts if self.waiting[name] <= self.now_s]
        assert (taken is None) == (not due)
        if taken is not None:
            assert taken.event_id in due
            assert self.waiting[taken.event_id] == min(self.waiting[name] for name in due)
            del self.waiting[taken.event_id]
            self.trying[taken.event_id] = taken

    @precondition(lambda self: self.trying)
    @rule(data=st.data(), wait_s=st.none() | st.integers(0, 3))
    def settle(self, data: st.DataObject, wait_s: int | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.trying)))
        delivery = self.trying.pop(name)
        if wait_s is None:
            self.queue.done(delivery)
        else:
            self.queue.again(delivery, self.now_s + wait_s)
            self.waiting[name] = self.now_s + wait_s

    @rule()
    def time_passes(self) -> None:
        self.now_s += 1

    @invariant()
    def counts_agree(self) -> None:
        assert self.queue.trying == len(self.trying)
        assert len(self.queue) == len(self.waiting) + len(self.trying)


TestQueueMachine = QueueMachine.TestCase
