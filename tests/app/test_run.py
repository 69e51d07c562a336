"""A node from its start to its end, as whoever started it sees it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from callgate.phone.phone import place_call
from tests.peers.gate import Gate

CALLGATE = [sys.executable, "-c", "from callgate.cli.main import main; main()"]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Gate]:
    """A node of the test's own, since it is ended."""
    gate = Gate(tmp_path, settings={"CALLGATE_DRAIN_TIMEOUT_S": "20"})
    yield gate
    gate.stop()


def start_talking(node: Gate) -> subprocess.Popen[str]:
    """A phone in a process of its own, once it talks to the demo agent."""
    phone = subprocess.Popen(
        [*CALLGATE, "call", node.uri("demo"), "--duration", "40", "--json"], stdout=subprocess.PIPE, text=True
    )
    node.until(lambda: [call for call in node.calls() if call["joined"]])
    return phone


def is_ready(node: Gate) -> bool:
    try:
        with urllib.request.urlopen(f"{node.url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        with error:
            return error.code != 503


def test_the_first_start_tells_how_to_call_and_what_came_of_calling_itself(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [*CALLGATE, "serve", "--demo", "--sip-bind=127.0.0.1:0", "--http-bind=127.0.0.1:0", f"--data-dir={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("CALLGATE_")},
    )
    assert server.stdout is not None
    lines = []
    for line in server.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("  ended "):
            break
    server.send_signal(signal.SIGINT)
    rest = server.stdout.read()
    server.stdout.close()
    assert server.wait(20) == 0
    assert rest.endswith("Callgate has stopped.\n")
    told = {line[2:16].strip(): line[16:] for line in lines if line.startswith("  ") and len(line) > 16}
    assert told["SIP address"].startswith("sip:127.0.0.1:")
    assert told["API address"].startswith("http://127.0.0.1:")
    assert told["API key"].split()[0] == (tmp_path / "api-key").read_text().strip()
    assert "`^demo$` is found in `demo`" in told["decided"]
    assert told["answered"].startswith("after ")
    assert "s of sound: “This is Callgate's demo agent." in told["heard"]
    assert told["ended"] == "The caller hung up. (caller-hangup)"


def test_ctrl_c_takes_no_new_calls_and_lets_those_in_progress_end(node: Gate) -> None:
    phone = start_talking(node)
    assert is_ready(node)
    node.interrupt()
    node.until(lambda: not is_ready(node))
    report = asyncio.run(place_call(node.uri("demo"), duration_s=1))
    assert report.status == 503
    assert phone.poll() is None
    call_id = node.calls()[0]["callId"]
    node.post(f"/api/calls/{call_id}/send_data_message", {"type": "hang_up"})
    ended = json.loads(phone.communicate(timeout=20)[0])
    assert ended["ended_by"] == "callee"
    assert node.wait() == 0
    assert "api-hangup" in node.log()


def test_a_second_ctrl_c_hangs_up(node: Gate) -> None:
    phone = start_talking(node)
    node.interrupt()
    node.until(lambda: not is_ready(node))
    node.interrupt()
    assert json.loads(phone.communicate(timeout=20)[0])["ended_by"] == "callee"
    assert node.wait() == 0
    assert "drained" in node.log()


def test_a_call_that_a_killed_node_left_open_is_ended_at_the_next_start(tmp_path: Path) -> None:
    first = Gate(tmp_path)
    phone = start_talking(first)
    first.kill()
    phone.kill()
    phone.communicate()
    second = Gate(tmp_path)
    try:
        call = second.calls()[0]
        assert call["endReason"] == "system_error"
        assert call["ended"] is not None
    finally:
        second.stop()
