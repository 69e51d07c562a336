"""What an owner's servers hear of real calls."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callgate.entities.webhook import EVENTS
from tests.peers.caller import Caller
from tests.peers.gate import Gate, Refused
from tests.peers.receiver import Received, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


@pytest.fixture
def webhooks(gate: Gate) -> Iterator[Any]:
    """Makes webhooks that go with the test."""
    made: list[str] = []

    def make(url: str, **more: Any) -> dict[str, Any]:
        webhook: dict[str, Any] = gate.post("/api/webhooks", {"url": url, "events": list(EVENTS), **more})
        made.append(webhook["webhookId"])
        return webhook

    yield make
    for webhook_id in made:
        with suppress(Refused):  # it went with its agent
            gate.delete(f"/api/webhooks/{webhook_id}")


def a_call(gate: Gate, user: str = "demo") -> dict[str, Any]:
    """One call, from its INVITE to its BYE, as the API shows it then."""
    with Caller(gate, user) as caller:
        assert caller.status == 200
        gate.until(lambda: [one for one in gate.calls() if one["joined"] and not one["ended"]])
    return gate.ended_call(caller.sip_call_id)


def of_call(receiver: Receiver, call_id: str) -> list[Received]:
    return [one for one in tuple(receiver.received) if one.call["callId"] == call_id]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def deliveries(gate: Gate, webhook: dict[str, Any], state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gate.get(f"/api/webhooks/{webhook['webhookId']}/deliveries?state={state}")["results"]
    return found


def test_a_call_is_told_from_its_start_to_its_bill(gate: Gate, receiver: Receiver, webhooks: Any) -> None:
    webhook = webhooks(receiver.url + "/calls")
    call = a_call(gate)
    receiver.until(lambda: len(receiver.received) >= 4)
    assert receiver.events() == list(EVENTS)
    assert len({one.event_id for one in receiver.received}) == 4
    for one in receiver.received:
        assert one.is_signed_with(webhook["secrets"][0])
        sent = datetime.fromisoformat(one.headers["x-ultravox-webhook-timestamp"])
        assert abs(datetime.now(UTC) - sent) < timedelta(minutes=1)
        assert one.call["callId"] == call["callId"]
    started, joined, ended, billed = (one.call for one in receiver.received)
    assert (started["joined"], started["ended"], started["billedDuration"]) == (None, None, None)
    assert joined["joined"]
    assert ended == billed == gate.call(call["callId"])
    assert (billed["endReason"], billed["billedDuration"], billed["sipDetails"]["billedDuration"]) == (
        "hangup", "0s", "0s",
    )  # fmt: skip
    gate.until(lambda: len(deliveries(gate, webhook, "delivered")) == 4)


def test_a_dead_endpoint_beside_a_living_one(gate: Gate, receiver: Receiver, webhooks: Any) -> None:
    with Receiver() as gone:
        nowhere = gone.url
    dead, living = webhooks(nowhere), webhooks(receiver.url)
    call_id = a_call(gate)["callId"]
    receiver.until(lambda: len(of_call(receiver, call_id)) == 4)
    gate.until(lambda: len(deliveries(gate, living, "delivered")) == 4)
    waiting = gate.until(lambda: deliveries(gate, dead, "waiting"))
    assert [(one["event"], one["tries"]) for one in waiting] == [
        ("call.billed", 0), ("call.ended", 0), ("call.joined", 0), ("call.started", 1),
    ]  # fmt: skip
    assert waiting[-1]["failure"] == "no connection: connection refused"
    shown = gate.get(f"/api/webhooks/{dead['webhookId']}")
    (failure,) = shown["recentFailures"]
    assert failure["failure"] == f"call.started of call {call_id}: no connection: connection refused"
    assert shown["status"] == "normal"  # one failure is no illness


def test_an_endpoint_that_moved_hears_at_once_what_is_asked_for_by_hand(
    gate: Gate, receiver: Receiver, webhooks: Any
) -> None:
    receiver.answer = lambda received: 404 if received.path == "/old" else 200
    webhook = webhooks(receiver.url + "/old")
    a_call(gate)
    path = f"/api/webhooks/{webhook['webhookId']}"
    first = gate.until(lambda: [one for one in deliveries(gate, webhook, "waiting") if one["tries"]])[0]
    gate.patch(path, {"url": receiver.url + "/new"})
    again = gate.post(f"{path}/deliveries/{first['deliveryId']}/redeliver", {})
    assert (again["state"], again["event"]) == ("waiting", "call.started")
    receiver.until(lambda: receiver.events("/new") == list(EVENTS))
    assert receiver.events("/old") == ["call.started"]
    gate.until(lambda: len(deliveries(gate, webhook, "delivered")) == 4)
    told = gate.post(f"{path}/deliveries/{first['deliveryId']}/redeliver", {})
    assert (told["state"], told["tries"]) == ("waiting", 0)
    receiver.until(lambda: receiver.events("/new") == [*EVENTS, "call.started"])
    assert receiver.received[-1].event_id == first["deliveryId"]


def test_of_one_agent_only(gate: Gate, receiver: Receiver, webhooks: Any) -> None:
    agent = gate.make_agent("told of")
    webhooks(receiver.url + "/one", agentId=agent)
    webhooks(receiver.url + "/all", events=["call.ended"])
    a_call(gate)
    mine = a_call(gate, f"agent_{agent}")
    receiver.until(lambda: len(receiver.events("/one")) == 4 and len(receiver.events("/all")) == 2)
    assert {one.call["callId"] for one in receiver.received if one.path == "/one"} == {mine["callId"]}
    gate.delete(f"/api/agents/{agent}")
    assert [one["agentId"] for one in gate.get("/api/webhooks")["results"]] == [None]


def test_the_agent_is_deleted_during_a_call_and_its_webhook_hears_the_end(gate: Gate, receiver: Receiver) -> None:
    agent = gate.make_agent("soon gone")
    gate.post("/api/webhooks", {"url": receiver.url, "events": list(EVENTS), "agentId": agent})
    with Caller(gate, f"agent_{agent}") as caller:
        assert caller.status == 200
        receiver.until(lambda: receiver.events() == ["call.started", "call.joined"])
        gate.delete(f"/api/agents/{agent}")
        assert gate.get("/api/webhooks")["results"] == []
    receiver.until(lambda: receiver.events() == list(EVENTS))


def test_callbacks_of_one_call(gate: Gate, receiver: Receiver) -> None:
    call = gate.post(
        f"/api/agents/{gate.demo_agent_id}/calls",
        {
            "medium": {"serverWebSocket": {"inputSampleRate": 8_000}},
            "joinTimeout": "1s",
            "callbacks": {
                "joined": {"url": receiver.url + "/joined"},
                "ended": {"url": receiver.url + "/ended", "secrets": ["mine"]},
                "billed": {"url": receiver.url + "/billed"},
            },
        },
    )
    receiver.until(lambda: len(receiver.received) == 2)
    ended, billed = receiver.received
    assert (ended.path, ended.event, ended.call["endReason"]) == ("/ended", "call.ended", "unjoined")
    assert ended.is_signed_with("mine")
    assert (billed.path, billed.event, billed.call["callId"]) == ("/billed", "call.billed", call["callId"])
    assert "x-ultravox-webhook-signature" not in billed.headers


def test_the_receiver_of_the_page_takes_what_is_genuine_once(gate: Gate, webhooks: Any, tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "webhooks.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = tmp_path / "receiver.py"
    script.write_text(code.replace("9000", str(port)).replace("the webhook's secret", "mine"))
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen([sys.executable, "-u", str(script)], stdout=said, stderr=subprocess.DEVNULL)
    try:
        gate.until(lambda: listens(port))
        genuine = webhooks(f"http://127.0.0.1:{port}/", secrets=["other", "mine"])
        forged = webhooks(f"http://127.0.0.1:{port}/", secrets=["other"])
        call = a_call(gate)
        told = gate.until(lambda: found if len(found := deliveries(gate, genuine, "delivered")) == 4 else None)
        gate.post(f"/api/webhooks/{genuine['webhookId']}/deliveries/{told[0]['deliveryId']}/redeliver", {})
        gate.until(lambda: len(deliveries(gate, genuine, "delivered")) == 4)  # told twice, printed once
        gate.until(lambda: "answered 403" in str(gate.get(f"/api/webhooks/{forged['webhookId']}")["recentFailures"]))
    finally:
        process.kill()
        process.wait()
    lines = (tmp_path / "said").read_text().splitlines()
    reasons = {"call.started": None, "call.joined": None, "call.ended": "hangup", "call.billed": "hangup"}
    assert lines == [f"{event} {call['callId']} {reason}" for event, reason in reasons.items()]


def test_a_server_that_fails_for_a_moment_is_told_again(tmp_path: Path, receiver: Receiver) -> None:
    gate = Gate(tmp_path, settings={"CALLGATE_WEBHOOK_RETRY_S": "0.2", "CALLGATE_MEDIA_WORKERS": "1"})
    try:
        receiver.answer = lambda received: 503 if len(receiver.received) <= 2 else 200
        webhook = gate.post("/api/webhooks", {"url": receiver.url, "events": list(EVENTS)})
        a_call(gate)
        receiver.until(lambda: receiver.events() == ["call.started"] * 3 + list(EVENTS[1:]))
        assert len({one.event_id for one in receiver.received[:3]}) == 1
        gate.until(lambda: [one["tries"] for one in deliveries(gate, webhook, "delivered")] == [1, 1, 1, 3])
    finally:
        assert gate.stop() == 0
