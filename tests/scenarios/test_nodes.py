"""Two nodes on one database: real processes, real calls."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from callgate.entities.webhook import EVENTS
from tests.peers.databases import POSTGRESQL, Databases
from tests.peers.gate import Gate
from tests.peers.phone import Phone
from tests.peers.postgres import cluster
from tests.peers.receiver import Receiver

WITHIN_S = 1.0
# Nobody joins it: it ends by itself, or by the death of its node.
CALL = {"medium": {"serverWebSocket": {"inputSampleRate": 8_000}}, "joinTimeout": "600s"}


class Pair:
    """Two nodes, each with a folder of its own.

    Attributes:
        one: that makes the first account.
        two: the other.
    """

    def __init__(self, folder: Path, *, notify: bool) -> None:
        self._databases = Databases(POSTGRESQL)
        self._settings = {
            "CALLGATE_DATABASE_URL": self._databases.url(folder),
            "CALLGATE_DATABASE_NOTIFY": str(notify),
            "CALLGATE_MEDIA_WORKERS": "1",
        }
        self.database = self._databases.name(folder)
        self._folders = [folder / name for name in ("one", "two")]
        for one in self._folders:
            one.mkdir()
        self.one, self.two = (self.start(index) for index in range(2))

    def start(self, index: int) -> Gate:
        """One of them, perhaps again."""
        return Gate(self._folders[index], settings=self._settings)

    def close(self) -> None:
        """Both."""
        self.one.stop()
        self.two.stop()
        self._databases.drop()


@pytest.fixture(scope="module", params=[True, False], ids=["notified", "polling"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """For tests that leave both alive."""
    pair = Pair(tmp_path_factory.mktemp("pair"), notify=request.param)
    yield pair
    pair.close()


def within_a_second(look: Callable[[], object]) -> None:
    """See something within a second from now."""
    begun_s = time.monotonic()
    while not look():
        assert time.monotonic() < begun_s + WITHIN_S
        time.sleep(0.02)


def verdict(gate: Gate, user: str) -> str:
    """What a node would do with a call."""
    attempt = {"sourceAddress": "127.0.0.1", "toUri": f"sip:{user}@callgate.example"}
    found: dict[str, Any] = gate.post("/api/sip/evaluate", {"attempt": attempt})
    return str(found["verdict"])


def test_a_change_made_at_one_node_decides_calls_at_the_other_within_a_second(pair: Pair) -> None:
    one, two = pair.one, pair.two
    phone = Phone(two)
    agent = one.make_agent("Ada")
    within_a_second(lambda: verdict(two, f"agent_{agent}") == "admit")
    assert phone.calls(f"agent_{agent}", duration_s=0.5).ok
    one.patch_sip({"allowAllAgents": False, "allowedAgents": [{"agentId": agent, "toUserPattern": "^ada$"}]})
    within_a_second(lambda: verdict(two, "ada") == "admit")
    assert phone.calls("ada", duration_s=0.5).ok
    assert phone.calls("demo").status == 603
    # … and the other way round, with no wait in between: who changes knows what is in force.
    two.patch_sip({"allowAllAgents": True})
    assert one.patch_sip({})["allowAllAgents"] is True
    one.delete(f"/api/agents/{agent}")
    within_a_second(lambda: verdict(two, "ada") != "admit")
    assert phone.calls("ada").status == 603


def test_what_happens_at_one_node_is_seen_at_the_other(pair: Pair) -> None:
    one, two = pair.one, pair.two
    one.reset()
    assert Phone(one).calls("demo", duration_s=0.5).ok
    call = one.until(lambda: [call for call in one.calls() if call["ended"]])[0]
    assert two.call(call["callId"]) == call
    assert two.messages(call["callId"]) == one.messages(call["callId"])


def test_each_event_is_told_once_by_whoever_has_the_call(pair: Pair) -> None:
    with Receiver() as receiver:
        webhook = pair.one.post("/api/webhooks", {"url": receiver.url, "events": list(EVENTS)})
        within_a_second(lambda: pair.two.get("/api/webhooks")["total"] == 1)
        time.sleep(WITHIN_S)  # the list is read from the database; memory follows within this time
        agent = pair.one.demo_agent_id
        for gate in (pair.one, pair.two) * 3:
            gate.post(f"/api/agents/{agent}/calls", {**CALL, "joinTimeout": "1s"})
        receiver.until(lambda: len(receiver.received) >= 18)
        pair.one.until(lambda: delivered(pair.two, webhook) == 18)
        counts = Counter(one.event_id for one in receiver.received)
        assert set(counts.values()) == {1}
        assert len(counts) == 18
        pair.one.delete(f"/api/webhooks/{webhook['webhookId']}")


def test_what_a_killed_node_left_is_taken_over_by_the_other(tmp_path: Path) -> None:
    pair = Pair(tmp_path, notify=True)
    goes_on = threading.Event()
    try:
        with Receiver() as receiver:
            receiver.answer = lambda received: 204 if goes_on.wait(40) else 500
            webhook = pair.one.post("/api/webhooks", {"url": receiver.url, "events": list(EVENTS)})
            agent = pair.one.demo_agent_id
            theirs = pair.one.post(f"/api/agents/{agent}/calls", CALL)["callId"]
            time.sleep(WITHIN_S)
            own = pair.two.post(f"/api/agents/{agent}/calls", CALL)["callId"]
            receiver.until(lambda: len(receiver.received) == 2)
            pair.one.kill()  # its event has been sent, and not marked
            goes_on.set()
            pair.two.until(lambda: pair.two.call(theirs)["ended"], 40)
            assert pair.two.call(own)["ended"] is None
            pair.two.until(lambda: delivered(pair.two, webhook) == 4)
            told = [one.event for one in receiver.received if one.call["callId"] == theirs]
            assert told == ["call.started", "call.started", "call.ended", "call.billed"]
            pair.one = pair.start(0)
            assert pair.one.call(own)["ended"] is None
    finally:
        goes_on.set()
        pair.close()


def test_a_node_that_starts_again_takes_up_at_once_what_it_left(tmp_path: Path) -> None:
    pair = Pair(tmp_path, notify=True)
    try:
        with pytest.raises(AssertionError, match="another node uses the data folder"):
            pair.start(0)
        agent = pair.one.demo_agent_id
        theirs = pair.two.post(f"/api/agents/{agent}/calls", CALL)["callId"]
        own = pair.one.post(f"/api/agents/{agent}/calls", CALL)["callId"]
        pair.one.kill()
        pair.one = pair.start(0)
        assert pair.one.call(own)["ended"] is not None
        assert pair.one.call(theirs)["ended"] is None
    finally:
        pair.close()


def test_calls_go_on_while_connections_to_the_database_break(tmp_path: Path) -> None:
    pair = Pair(tmp_path, notify=True)
    try:
        stopped = threading.Event()

        def breaking() -> None:
            while not stopped.wait(0.2):
                cluster().say(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{pair.database}'"
                )

        breaker = threading.Thread(target=breaking)
        breaker.start()
        try:
            reports = [Phone(gate).calls("demo", duration_s=1.0) for gate in (pair.one, pair.two) * 2]
        finally:
            stopped.set()
            breaker.join()
        assert all(report.ok for report in reports), reports
        pair.one.until(lambda: [call["endReason"] for call in pair.one.calls()] == ["hangup"] * 4)
    finally:
        pair.close()


def delivered(gate: Gate, webhook: dict[str, Any]) -> int:
    found = gate.get(f"/api/webhooks/{webhook['webhookId']}/deliveries?state=delivered")
    return int(found["total"])
