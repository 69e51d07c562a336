"""Several accounts on one running node, made and unmade beside it by command: domains, limits, what strangers see."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.caller import Caller
from tests.peers.databases import settings_for
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import API_KEY, OPEN_RULES, Gate

DOMAIN = "calls.example"
IN_FORCE_S_MAX = 1.0
# Of that the node's own looks take half; the rest is a slow machine's.
LOOK_EVERY_S = 0.02


class Account:
    """An account of a gate: whom a caller reaches at its domain, and the API with its key."""

    def __init__(self, gate: Gate, slug: str, key: str) -> None:
        self.gate = gate
        self.slug = slug
        self.key = key
        self.sip_host = gate.sip_host
        self.sip_port = gate.sip_port

    def uri(self, user: str) -> str:
        return f"sip:{user}@{self.slug}.{DOMAIN}"

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.gate.url + path,
            None if body is None else json.dumps(body).encode(),
            {"X-API-Key": self.key, "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def calls(self) -> list[str]:
        return [call["callId"] for call in self.ask("GET", "/api/calls?pageSize=100")[1]["results"]]

    def refusals(self) -> list[tuple[str, int]]:
        found = self.ask("GET", "/api/sip/decisions?pageSize=100")[1]["results"]
        return [(one["outcome"], one["status"]) for one in found if one["outcome"]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path, settings={**SETTINGS, "CALLGATE_SIP_DOMAIN": DOMAIN})
    yield gate
    gate.stop()


@pytest.fixture
def command(tmp_path: Path, server: Gate) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        script = "from callgate.cli.main import main; main()"
        line = [sys.executable, "-c", script, "accounts", *arguments, "--data-dir", str(tmp_path / "data"), "--json"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLGATE_")}
        environment = {**kept, **settings_for(tmp_path), "CALLGATE_SIP_DOMAIN": DOMAIN}
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env=environment)

    return run


def soon(look: Callable[[], bool]) -> None:
    """Wait for what a command has changed to be in force, as long as it may take."""
    deadline = time.monotonic() + IN_FORCE_S_MAX
    while not look():
        assert time.monotonic() < deadline, "not in force within a second"
        time.sleep(LOOK_EVERY_S)


def test_accounts_come_change_and_go_beside_a_running_node(
    server: Gate, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    made = json.loads(command("create", "Bee", "--slug", "b").stdout)
    first, bee = Account(server, "default", API_KEY), Account(server, "b", made["apiKey"])
    soon(lambda: bee.ask("GET", "/api/accounts/me")[0] == 200)
    assert bee.ask("GET", "/api/accounts/me")[1]["name"] == "Bee"
    assert bee.ask("GET", "/api/sip")[1]["domain"] == f"b.{DOMAIN}"
    agent_id = bee.ask("POST", "/api/agents", {"name": "Ada", "callTemplate": {}})[1]["agentId"]

    # Strangers are told the same whether an account, its agent or nothing is there.
    told = []
    for account, user in ((bee, f"agent_{agent_id}"), (bee, "nobody"), (Account(server, "no", ""), "demo")):
        with Caller(account, user) as caller:
            told.append((caller.status, _alike(caller)))
    assert told == [(403, told[0][1])] * 3

    assert bee.ask("PATCH", "/api/sip", OPEN_RULES)[0] == 200
    with Caller(bee, f"agent_{agent_id}") as caller:
        assert caller.status == 200
    with Caller(first, "demo") as caller:
        assert caller.status == 200
    with Caller(first, f"agent_{agent_id}") as caller:  # an agent of somebody else is nobody
        assert caller.status == 603
    (of_bee,), (of_first,) = bee.calls(), first.calls()
    assert of_bee != of_first
    assert bee.ask("GET", f"/api/calls/{of_first}")[0] == 404
    assert first.ask("GET", f"/api/calls/{of_bee}")[0] == 404

    _limits(server, bee, first, agent_id, command)
    _deletion(server, bee, first, command)


def _limits(
    server: Gate,
    bee: Account,
    first: Account,
    agent_id: str,
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Of one account and of its agents, towards SIP and towards HTTP; nobody else's."""
    assert command("set", "b", "--agent-calls-max", "1", "--calls-max", "2").returncode == 0
    soon(lambda: bool(bee.ask("GET", "/api/accounts/me")[1]["allowedConcurrentCalls"] == 2))
    other_id = bee.ask("POST", "/api/agents", {"name": "Eve", "callTemplate": {}})[1]["agentId"]
    client = {"medium": {"serverWebSocket": {"inputSampleRate": 8_000}}}
    with Caller(bee, f"agent_{agent_id}") as one, Caller(bee, f"agent_{agent_id}") as busy:
        assert (one.status, busy.status) == (200, 480)
        status, words = bee.ask("POST", f"/api/agents/{agent_id}/calls", client)
        assert (status, words) == (429, {"detail": "the agent has 1 calls of 1"})
        with Caller(bee, f"agent_{other_id}") as two, Caller(bee, f"agent_{other_id}") as full:
            assert (two.status, full.status) == (200, 480)
            assert bee.ask("GET", "/api/accounts/me")[1]["activeCalls"] == 2
            status, words = bee.ask("POST", "/api/calls", client)
            assert (status, words) == (429, {"detail": "the account has 2 calls, as many as it may"})
            with Caller(first, "demo") as free:
                assert free.status == 200
            refused = command("delete", "b", "--yes")
            assert refused.returncode == 1
            assert "2 calls of b are in progress" in refused.stderr
    server.until(lambda: bee.refusals()[:2] == [("account-limit", 480), ("agent-limit", 480)])
    server.until(lambda: bee.ask("GET", "/api/accounts/me")[1]["activeCalls"] == 0)
    assert command("set", "b", "--key-requests-per-s", "1").returncode == 0
    soon(lambda: bee.ask("GET", "/api/sip")[0] == 429)
    assert first.ask("GET", "/api/sip")[0] == 200


def _deletion(
    server: Gate, bee: Account, first: Account, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Nothing of an account is left, and it is gone for the running node too."""
    server.until(lambda: json.loads(command("list").stdout)[1]["activeCalls"] == 0)
    assert command("delete", "b", "--yes").returncode == 0
    soon(lambda: bee.ask("GET", "/api/sip")[0] == 401)
    with Caller(bee, "nobody") as caller:  # the only account that there is has every host
        assert caller.status == 603
    assert [one["slug"] for one in json.loads(command("list").stdout)] == ["default"]
    assert first.ask("GET", "/api/sip")[0] == 200


def _alike(caller: Caller) -> list[str]:
    """The lines of an answer that do not repeat the request."""
    return [line for line in caller.headers.splitlines() if line.split(":")[0] not in ("Via", "To", "From", "Call-ID")]
