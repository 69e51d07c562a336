"""How many requests a second the API answers on one core, and whether a PATCH is in force for the very next INVITE.

wrk (Debian package ``wrk``) asks on another core. The third part changes the rules under calls, and after each change
sends the INVITE whose verdict it turns around.

Run as ``python -m benchmarks.api [--seconds N] [--calls-per-s N] [--changes N]``. Exits with 1 when a bound is missed,
an answer was no 2xx, or an INVITE met rules that had been replaced.
"""

import argparse
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.load import CLIENT_CORE, Load, a_gate, processor_s, run_load
from tests.peers.gate import API_KEY, Gate

GETS_MIN: Final = 1_500.0
PATCHES_MIN: Final = 200.0
_CONNECTIONS: Final = 16
# Lifted for the run: they would answer 429, or count the probe among the noisy.
_LIFTED: Final = {
    "CALLGATE_HTTP_KEY_REQUESTS_PER_S": "0",
    "CALLGATE_HTTP_ACCOUNT_REQUESTS_PER_S": "0",
    "CALLGATE_NOISE_REFUSALS_PER_MINUTE": "100000000",
}
_PROBE: Final = "127.0.0.9"  # a source of its own, whose range comes and goes

# Each change differs from the one before, or it would make no version.
_PATCH_SCRIPT: Final = """
local n = 0
request = function()
  n = n + 1
  local network = string.format("10.%d.%d.0/24", math.floor(n / 250) % 250, n % 250)
  local body = '{"allowedCidrRanges": ["127.0.0.0/8", "' .. network .. '"]}'
  return wrk.format("PATCH", nil, {["X-API-Key"] = "KEY", ["Content-Type"] = "application/json"}, body)
end
"""


@dataclass(frozen=True)
class Answers:
    """What wrk says of a run, and what it cost."""

    name: str
    answered: int
    refused: int
    seconds: float
    server_s: float
    latency_ms: str

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    def show(self) -> None:
        """Print it."""
        print(
            f"{self.name:32} {self.rate:7.0f}/s   {self.answered} answers, {self.refused} no 2xx   server "
            f"{self.server_s / self.seconds:4.0%} of a core, {self.server_s / max(1, self.answered) * 1e3:.2f} ms; "
            f"{self.latency_ms}"
        )


def main() -> int:
    """Measure, print, judge."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--calls-per-s", type=int, default=100)
    arguments.add_argument("--changes", type=int, default=200)
    given = arguments.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing; on Debian and Ubuntu: apt install wrk")
    print(f"limits lifted for the run: {', '.join(_LIFTED)}")
    with a_gate(**_LIFTED) as gate:
        gets = ask(gate, "GET /api/sip", given.seconds)
        patches = ask(gate, "PATCH /api/sip", given.seconds, _PATCH_SCRIPT.replace("KEY", API_KEY))
        late, load = change_under_calls(gate, given.calls_per_s, given.changes)
    good = gets.rate >= GETS_MIN and patches.rate >= PATCHES_MIN and not gets.refused + patches.refused
    if not good:
        print(f"expected {GETS_MIN:.0f} GETs and {PATCHES_MIN:.0f} PATCHes a second, each answered with a 2xx")
    print(f"{given.changes} changes under {given.calls_per_s} calls/s: {late} INVITEs met rules that had been replaced")
    return 0 if good and not late and load.clean else 1


def ask(gate: Gate, name: str, seconds: int, script: str | None = None) -> Answers:
    """Have wrk ask as fast as it is answered."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["taskset", "-c", str(CLIENT_CORE), "wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--latency"]
        if script is not None:
            (Path(folder) / "ask.lua").write_text(script)
            command += ["-s", "ask.lua"]
        command += ["-H", f"X-API-Key: {API_KEY}", f"{gate.url}/api/sip"]
        before_s = processor_s(gate.process_id)
        said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
        server_s = processor_s(gate.process_id) - before_s
    total = re.search(r"(\d+) requests in ([\d.]+)s", said)
    assert total is not None, said
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    percentiles = re.findall(r"(50|99)%\s+(\S+)", said)
    answers = Answers(
        name,
        int(total[1]),
        0 if refused is None else int(refused[1]),
        float(total[2]),
        server_s,
        ", ".join(f"p{one} {took}" for one, took in percentiles),
    )
    answers.show()
    return answers


def change_under_calls(gate: Gate, calls_per_s: int, changes: int) -> tuple[int, Load]:
    """Change the rules under calls; how many INVITEs, sent right after a change, were judged by older rules."""
    gate.reset()
    loads: list[Load] = []
    calls = threading.Thread(
        target=lambda: loads.append(run_load(gate, "complete_call", user="demo", rate=calls_per_s, seconds=10))
    )
    calls.start()
    late = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((_PROBE, 0))
        probe.settimeout(5)
        for number in range(changes):
            listed = number % 2 == 0
            ranges = ["127.0.0.1/32", f"{_PROBE}/32"] if listed else ["127.0.0.1/32"]
            gate.patch_sip({"allowedCidrRanges": ranges, "allowAllAgents": listed})
            late += _verdict(gate, probe, number) != (603 if listed else 403)
    calls.join()
    loads[0].show(f"{changes} PATCHes meanwhile")
    return late, loads[0]


def _verdict(gate: Gate, probe: socket.socket, number: int) -> int:
    """The final answer to an INVITE for a user that no rule knows; its ACK is sent."""
    host, port = probe.getsockname()
    call = f"change-{number}"
    lines = [
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call}",
        "Max-Forwards: 70",
        f"From: <sip:probe@{host}>;tag={number}",
        f"To: <sip:nobody@{gate.sip_host}>",
        f"Call-ID: {call}",
        f"Contact: <sip:probe@{host}:{port}>",
        "Content-Length: 0",
    ]
    uri = f"sip:nobody@{gate.sip_host}:{gate.sip_port}"
    where = (gate.sip_host, gate.sip_port)
    probe.sendto("\r\n".join([f"INVITE {uri} SIP/2.0", "CSeq: 1 INVITE", *lines, "", ""]).encode(), where)
    while True:
        answer = probe.recv(65_535).decode()
        status = int(answer.split(" ", 2)[1])
        if status >= 200 and f"Call-ID: {call}\r\n" in answer:
            tag = next(line for line in answer.split("\r\n") if line.lower().startswith("to:"))
            lines[3] = tag
            probe.sendto("\r\n".join([f"ACK {uri} SIP/2.0", "CSeq: 1 ACK", *lines, "", ""]).encode(), where)
            return status


if __name__ == "__main__":
    sys.exit(main())
