"""kill -9 at each step of an event's way: whatever had been committed is told at least once, in order."""

import http.client
import threading
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from callgate.entities.webhook import EVENTS
from tests.peers.gate import Gate
from tests.peers.receiver import Received, Receiver

SETTINGS = {"CALLGATE_MEDIA_WORKERS": "1"}
# Nobody joins it: it ends by itself, or by the death of its node.
CALL = {"medium": {"serverWebSocket": {"inputSampleRate": 8_000}}, "joinTimeout": "600s"}


class Killer:
    """Ends the node that runs at the moment, once."""

    def __init__(self) -> None:
        self.gate: Gate | None = None
        self.killed = threading.Event()
        self._lock = threading.Lock()

    def kill(self) -> None:
        with self._lock:
            gate, self.gate = self.gate, None
            if gate is not None:
                gate.kill()
                self.killed.set()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def at_connection(receiver: Receiver, event: str, kill: Callable[[], None]) -> None:
    """It has been picked up; nothing of it has been read."""
    receiver.connected = kill


def at_request(receiver: Receiver, event: str, kill: Callable[[], None]) -> None:
    """It has been read, and not answered."""

    def answer(received: Received) -> int:
        if received.event == event:
            kill()
        return 204

    receiver.answer = answer


def at_answer(receiver: Receiver, event: str, kill: Callable[[], None]) -> None:
    """The answer is on its way, or has come; it has not been marked, or just so."""
    receiver.answered = lambda received: kill() if received.event == event else None


@pytest.mark.parametrize(
    ("step", "event"),
    [
        (at_connection, "call.started"),
        (at_request, "call.started"),
        (at_request, "call.billed"),
        (at_answer, "call.started"),
        (at_answer, "call.ended"),
    ],
)
def test_a_kill_at_this_step_loses_nothing_and_changes_no_order(
    tmp_path: Path, receiver: Receiver, step: Callable[..., None], event: str
) -> None:
    killer = Killer()
    gate = killer.gate = Gate(tmp_path, settings=SETTINGS)
    try:
        webhook = gate.post("/api/webhooks", {"url": receiver.url, "events": list(EVENTS)})
        step(receiver, event, killer.kill)
        agent = gate.demo_agent_id
        with suppress(urllib.error.URLError, http.client.HTTPException, OSError):  # it may die before it answers
            call = gate.post(f"/api/agents/{agent}/calls", {**CALL, "joinTimeout": "1s"})
            assert call["callId"]
        assert killer.killed.wait(20), receiver.events()
        receiver.connected = lambda: None
        gate = Gate(tmp_path, settings=SETTINGS)
        wanted = ["call.started", "call.ended", "call.billed"]
        receiver.until(lambda: set(receiver.events()) == set(wanted))
        gate.until(lambda: delivered(gate, webhook) == 3)
        assert list(dict.fromkeys(receiver.events())) == wanted
        assert len({one.event_id for one in receiver.received}) == 3  # who has seen an id has seen the event
        assert len({one.call["callId"] for one in receiver.received}) == 1
        if step is at_request:
            assert receiver.events().count(event) == 2  # told once, and once more, since no answer had come
    finally:
        gate.stop()


def test_a_kill_after_the_fact_was_written_and_before_it_was_picked_up(tmp_path: Path, receiver: Receiver) -> None:
    gate = Gate(tmp_path, settings={**SETTINGS, "CALLGATE_WEBHOOK_REQUESTS_MAX": "1"})
    goes_on = threading.Event()
    try:
        receiver.answer = lambda received: 204 if goes_on.wait(30) else 500
        webhook = gate.post("/api/webhooks", {"url": receiver.url, "events": list(EVENTS)})
        agent = gate.demo_agent_id
        first, second = (gate.post(f"/api/agents/{agent}/calls", CALL)["callId"] for _ in range(2))
        receiver.until(receiver.events)
        gate.kill()  # the first event is under way, and the second waits for its turn
        assert [one.call["callId"] for one in receiver.received] == [first]
        goes_on.set()
        gate = Gate(tmp_path, settings=SETTINGS)
        gate.until(lambda: delivered(gate, webhook) == 6)
        for call_id in (first, second):
            told = [one.event for one in receiver.received if one.call["callId"] == call_id]
            assert list(dict.fromkeys(told)) == ["call.started", "call.ended", "call.billed"]
    finally:
        goes_on.set()
        gate.stop()


def test_a_kill_after_it_was_marked_repeats_nothing(tmp_path: Path, receiver: Receiver) -> None:
    gate = Gate(tmp_path, settings=SETTINGS)
    try:
        webhook = gate.post("/api/webhooks", {"url": receiver.url, "events": list(EVENTS)})
        gate.post(f"/api/agents/{gate.demo_agent_id}/calls", CALL)
        gate.until(lambda: delivered(gate, webhook) == 1)
        gate.kill()
        gate = Gate(tmp_path, settings=SETTINGS)
        gate.until(lambda: delivered(gate, webhook) == 3)
        assert receiver.events() == ["call.started", "call.ended", "call.billed"]
    finally:
        gate.stop()


def delivered(gate: Gate, webhook: dict[str, Any]) -> int:
    found = gate.get(f"/api/webhooks/{webhook['webhookId']}/deliveries?state=delivered")
    return int(found["total"])
