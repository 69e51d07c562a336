"""A running `callgate serve` as a whole thing: a real process on free ports of 127.0.0.1, spoken to over HTTP."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol

from tests.compatibility.answers import check_answer
from tests.peers.databases import settings_for

API_KEY = "testtest." + "0123456789abcdef" * 2
START_S_MAX = 30.0
STOP_S_MAX = 20.0

# What every scenario begins with.
OPEN_RULES: dict[str, Any] = {"allowedCidrRanges": ["127.0.0.0/8"], "allowAllAgents": True, "fallbackHandler": None}


class Reachable(Protocol):
    """Whom a peer can call: a gate, or a proxy before one."""

    sip_host: str
    sip_port: int

    def uri(self, user: str) -> str:
        """What a phone dials."""
        ...


class Refused(Exception):
    """The API answered with an error."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Gate:
    """One node.

    Attributes:
        sip_host: of its SIP address.
        sip_port: likewise.
        output: the lines it printed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: dict[str, str] | None = None,
        before: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
    ) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLGATE_")}
        environment |= {"CALLGATE_API_KEY": API_KEY, **settings_for(folder), **(settings or {})}
        self._log = (folder / "serve.log").open("w")
        self.log_path = folder / "serve.log"
        self._process = subprocess.Popen(
            [
                *before,
                sys.executable,
                "-c",
                "from callgate.cli.main import main; main()",
                "serve",
                "--demo",
                "--no-self-call",
                "--sip-bind=127.0.0.1:0",
                "--http-bind=127.0.0.1:0",
                f"--data-dir={folder / 'data'}",
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self.output: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        sip, self.url = self._address("SIP"), self._address("API")
        host, _, port = sip.removeprefix("sip:").rpartition(":")
        self.sip_host, self.sip_port = host, int(port)
        self._first_rules = self.get("/api/sip")

    @property
    def process_id(self) -> int:
        """Of the control process."""
        return self._process.pid

    def workers(self) -> list[int]:
        """Process ids of its media workers."""
        children = Path(f"/proc/{self.process_id}/task/{self.process_id}/children").read_text().split()
        return [int(pid) for pid in children if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    @property
    def demo_agent_id(self) -> str:
        """The agent that an empty folder is given."""
        return str(self.get("/api/agents")["results"][-1]["agentId"])

    def port(self, transport: str) -> int:
        """Of the first further listener for a transport."""
        lines = [line for line in self.output if line.startswith(f"  SIP over {transport.upper()} ")]
        found = re.search(r":(\d+)(;|$)", lines[0].rstrip())
        assert found is not None
        return int(found[1])

    def uri(self, user: str) -> str:
        """What a phone dials."""
        return f"sip:{user}@{self.sip_host}:{self.sip_port}"

    # ------------------------------------------------------------------------------------------------------- the API

    def get(self, path: str) -> Any:
        """GET, the JSON of a 200."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        """POST likewise."""
        return self._ask("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        """PUT likewise."""
        return self._ask("PUT", path, body)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH likewise."""
        return self._ask("PATCH", path, body)

    def delete(self, path: str) -> None:
        """DELETE, a 204."""
        self._ask("DELETE", path, None)

    def patch_sip(self, changes: dict[str, Any]) -> Any:
        """Change the rules."""
        return self.patch("/api/sip", changes)

    def reset(self) -> None:
        """Back to the rules of the start: this machine is admitted, `demo` and every agent's id are reachable."""
        self.patch_sip({**OPEN_RULES, "allowedAgents": self._first_rules["allowedAgents"]})
        self.patch("/api/sip/fallback", {"secondUrl": None, "agentOnFailure": None, "breaker": None})

    def decisions(self) -> list[dict[str, Any]]:
        """Decision records, newest first."""
        results: list[dict[str, Any]] = self.get("/api/sip/decisions")["results"]
        return results

    def decision(self, sip_call_id: str) -> dict[str, Any]:
        """The record of one INVITE, once it has been written, with its trace."""
        found = self.until(lambda: [entry for entry in self.decisions() if entry["sipCallId"] == sip_call_id])
        assert len(found) == 1, f"one INVITE, {len(found)} records"
        record: dict[str, Any] = self.get(f"/api/sip/decisions/{found[0]['decisionId']}")
        return record

    def calls(self) -> list[dict[str, Any]]:
        """Calls, newest first."""
        results: list[dict[str, Any]] = self.get("/api/calls?sort=-created&pageSize=100")["results"]
        return results

    def ended_call(self, sip_call_id: str) -> dict[str, Any]:
        """The Call that came of an INVITE, once it has ended."""
        call_id = self.decision(sip_call_id)["callId"]
        assert call_id is not None
        call: dict[str, Any] = self.until(lambda: self._ended(call_id))
        return call

    def call(self, call_id: str) -> dict[str, Any]:
        """One call."""
        call: dict[str, Any] = self.get(f"/api/calls/{call_id}")
        return call

    def messages(self, call_id: str) -> list[dict[str, Any]]:
        """What was said in a call."""
        results: list[dict[str, Any]] = self.get(f"/api/calls/{call_id}/messages")["results"]
        return results

    def events(self, call_id: str) -> list[dict[str, Any]]:
        """What happened in a call, debug included."""
        results: list[dict[str, Any]] = self.get(f"/api/calls/{call_id}/events?minimum_severity=debug")["results"]
        return results

    def make_agent(self, name: str, **template: Any) -> str:
        """A further agent, reachable at ``agent_<id>``; its id."""
        return str(self.post("/api/agents", {"name": name, "callTemplate": template})["agentId"])

    def until(self, look: Any, timeout_s: float = 10.0) -> Any:
        """Look until there is something to see: records are written within 200 ms, ends when sound has been counted."""
        deadline = time.monotonic() + timeout_s
        while True:
            seen = look()
            if seen:
                return seen
            assert time.monotonic() < deadline, f"nothing to see within {timeout_s} s; log:\n{self.log()}"
            time.sleep(0.05)

    def log(self) -> str:
        """The end of what it logged."""
        return self.log_path.read_text()[-3_000:]

    def interrupt(self) -> None:
        """Ctrl-C, as a terminal sends it to the control process."""
        self._process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        return self._process.wait(STOP_S_MAX)

    def kill(self) -> None:
        """End it as a crash would, its workers with it."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.stop()

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        return self._process.returncode

    # ----------------------------------------------------------------------------------------------------- fragments

    def _ended(self, call_id: str) -> dict[str, Any] | None:
        call = self.call(call_id)
        return call if call["ended"] else None

    def _ask(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"X-API-Key": API_KEY, "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, data = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, data = error.code, error.read()
        answered = json.loads(data) if data else None
        check_answer(method, path, status, answered)
        if status >= 400:
            raise Refused(status, answered)
        return answered

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self.output.append(line)
                self._lines.put(line)
        except ValueError:
            pass  # closed by `stop`

    def _address(self, name: str) -> str:
        deadline = time.monotonic() + START_S_MAX
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, min(0.2, deadline - time.monotonic())))
            except queue.Empty:
                if self._process.poll() is None and time.monotonic() < deadline:
                    continue
                said = "".join(self.output) + self.log()
                self.stop()
                raise AssertionError(f"callgate serve did not start:\n{said}") from None
            found = re.match(rf"  {name} address   (\S+)$", line)
            if found:
                return found[1]
