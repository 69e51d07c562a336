"""A node under load: `callgate serve` on one core, SIPp on another, and what both say of it."""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.peers.gate import Gate
from tests.peers.sipp import SCENARIOS

_SERVER_CORE: Final = "0"
CLIENT_CORE: Final = 1
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What came of one run.

    Attributes:
        command: that of SIPp.
        offered: calls.
        succeeded: of them, as the scenario says.
        failed: of them.
        repeated: requests that SIPp had to send again.
        seconds: from the first to the last.
        server_s: processor time that the node's processes took.
        memory_mb: how much more memory the node's processes hold afterwards.
        answer_ms: from INVITE to 200 of each call, in order of size; empty where the scenario has no 200.
        complaints: SIPp's words on calls that failed.
    """

    command: str
    offered: int
    succeeded: int
    failed: int
    repeated: int
    seconds: float
    server_s: float
    memory_mb: float
    answer_ms: tuple[float, ...]
    complaints: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.succeeded / self.seconds

    @property
    def clean(self) -> bool:
        """Whether every call went as the scenario says."""
        return self.failed == 0 and self.succeeded == self.offered

    def show(self, name: str) -> None:
        """Print it."""
        print(f"  $ {self.command}")
        print(
            f"{name:32} {self.rate:7.1f}/s   {self.succeeded} of {self.offered}   {self.failed} failed   "
            f"{self.repeated} sent again   server {self.server_s / self.seconds:4.0%} of a core, "
            f"{self.server_s / max(1, self.succeeded) * 1e3:.2f} ms each, {self.memory_mb:+.0f} MB"
        )
        for line in self.complaints[:5]:
            print(f"  {line}")


@contextmanager
def a_gate(**settings: str) -> Iterator[Gate]:
    """A node pinned to one core, its workers included."""
    for program in ("sipp", "taskset"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing; scripts/install_test_peers.sh installs SIPp, util-linux has taskset")
    with tempfile.TemporaryDirectory() as folder:
        gate = Gate(Path(folder), settings=settings, before=("taskset", "-c", _SERVER_CORE))
        try:
            gate.reset()
            yield gate
        finally:
            gate.stop()


def run_load(gate: Gate, scenario: str, *, user: str, rate: int, seconds: int, talk_ms: int = 0) -> Load:
    """Call at an even rate, and wait until the last call has ended."""
    offered = rate * seconds
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *("taskset", "-c", str(CLIENT_CORE), "sipp", f"{gate.sip_host}:{gate.sip_port}"),
            *("-sf", str(SCENARIOS / f"{scenario}.xml"), "-s", user, "-i", "127.0.0.1", "-mi", "127.0.0.1"),
            *("-r", str(rate), "-m", str(offered), "-l", "10000", "-d", str(talk_ms), "-nostdin"),
            *("-recv_timeout", "10000", "-timeout", f"{seconds + 40}s"),
        ]
        traces = ["-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_rtt", "-rtt_freq", "1"]
        traces += ["-trace_err", "-error_file", "errors"]
        before_s, before_mb = processor_s(gate.process_id), memory_mb(gate.process_id)
        subprocess.run(
            [*command, *traces], cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        server_s = processor_s(gate.process_id) - before_s
        with (Path(folder) / "stat.csv").open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        errors = Path(folder) / "errors"
        complaints = [line for line in errors.read_text().splitlines() if "Abort" in line] if errors.exists() else []
        times = [
            float(line.split(";")[1])
            for trace in Path(folder).glob("*_rtt.csv")
            for line in trace.read_text().splitlines()[1:]
        ]
    shown = " ".join(command).replace(str(SCENARIOS.parent.parent.parent) + "/", "")
    return Load(
        command=shown,
        offered=offered,
        succeeded=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        repeated=int(last["Retransmissions(C)"]),
        seconds=_seconds(last["ElapsedTime(C)"]),
        server_s=server_s,
        memory_mb=memory_mb(gate.process_id) - before_mb,
        answer_ms=tuple(sorted(times)),
        complaints=tuple(complaints),
    )


def _seconds(text: str) -> float:
    """Of SIPp's ``00:00:10:123456``, hours to microseconds, or ``00:00:10`` with the rest after a dot or colon."""
    hours, minutes, seconds, *rest = text.replace(".", ":").split(":")
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds) + (float(f"0.{rest[0]}") if rest else 0.0)


def processor_s(process_id: int) -> float:
    """Processor time of a process and its children that live."""
    total = 0
    for number in _family(process_id):
        stat = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        total += int(stat[11]) + int(stat[12])
    return total / _TICKS_PER_S


def memory_mb(process_id: int) -> float:
    """Resident memory of a process and its children that live."""
    total = 0.0
    for number in _family(process_id):
        lines = Path(f"/proc/{number}/status").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1_024
    return total


def _family(process_id: int) -> list[int]:
    """A process and all that it started."""
    found, todo = [], [process_id]
    while todo:
        number = todo.pop()
        children = Path(f"/proc/{number}/task/{number}/children")
        if children.exists():
            found.append(number)
            todo += [int(child) for child in children.read_text().split()]
    return found
