"""SIPp as a caller: one scenario, run as a process of its own."""

import itertools
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SCENARIOS = Path(__file__).parent.parent / "scenarios" / "sipp"
# The last has a connection for each call.
_MODES = {"udp": "u1", "tcp": "t1", "tcp, many": "tn"}
_numbers = itertools.count(1)


class Called(Protocol):
    """Whom SIPp calls: a gate, or an endpoint of a test's own."""

    sip_host: str
    sip_port: int


@dataclass(frozen=True)
class SippRun:
    """What came of a scenario.

    Attributes:
        exit_code: 0: every call went as the scenario says.
        call_id: of the INVITE; of several calls the first.
        messages: every SIP message, as SIPp saw it.
        errors: what SIPp complained of.
    """

    exit_code: int
    call_id: str
    messages: str
    errors: str

    @property
    def ok(self) -> bool:
        """Whether all went as the scenario says; a test that asserts it shows the messages otherwise."""
        return self.exit_code == 0

    def count(self, text: str) -> int:
        """How many messages received begin with `text`, e.g. ``SIP/2.0 200``."""
        return sum(
            1 for part in self.messages.split("message received [")[1:] if part.split("\n\n", 1)[-1].startswith(text)
        )


class Sipp:
    """Runs scenarios against a gate, or what stands before it.

    Args:
        gate: whom to call.
        folder: for its logs.
    """

    def __init__(self, gate: Called, folder: Path) -> None:
        self._gate = gate
        self._folder = folder

    def start(
        self,
        scenario: str,
        *,
        user: str = "demo",
        transport: str = "udp",
        timeout_s: int = 20,
        options: tuple[str, ...] = (),
        source: str = "127.0.0.1",
        target: str = "",
    ) -> "RunningSipp":
        """Begin a scenario from an address of ours; `options` are further ones of the program.

        `target` is another address of the gate's.
        """
        program = shutil.which("sipp")
        assert program is not None, "SIPp is missing; scripts/install_test_peers.sh installs it"
        number = next(_numbers)
        call_id = f"scenario-{number}"
        files = {name: self._folder / f"{scenario}-{number}.{name}" for name in ("messages", "errors")}
        command = [
            program,
            target or f"{self._gate.sip_host}:{self._gate.sip_port}",
            *("-sf", str(SCENARIOS / f"{scenario}.xml")),
            *("-s", user, "-i", source, "-mi", source, "-m", "1", "-nostdin"),
            *("-t", _MODES[transport]),
            *("-cid_str", f"scenario-{number}", "-timeout", f"{timeout_s}s", "-timeout_error"),
            *("-trace_msg", "-message_file", str(files["messages"])),
            *("-trace_err", "-error_file", str(files["errors"])),
            *options,
        ]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder
        )
        return RunningSipp(process, call_id, files["messages"], files["errors"], timeout_s)

    def run(
        self,
        scenario: str,
        *,
        user: str = "demo",
        transport: str = "udp",
        timeout_s: int = 20,
        options: tuple[str, ...] = (),
        source: str = "127.0.0.1",
        target: str = "",
    ) -> SippRun:
        """Run a scenario to its end."""
        return self.start(
            scenario,
            user=user,
            transport=transport,
            timeout_s=timeout_s,
            options=options,
            source=source,
            target=target,
        ).finish()


class RunningSipp:
    """A scenario under way."""

    def __init__(
        self, process: subprocess.Popen[bytes], call_id: str, messages: Path, errors: Path, timeout_s: int
    ) -> None:
        self._process = process
        self._messages = messages
        self._errors = errors
        self._timeout_s = timeout_s
        self.call_id = call_id

    def finish(self) -> SippRun:
        """Wait for its end."""
        try:
            code = self._process.wait(self._timeout_s + 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        read = [file.read_text(errors="replace") if file.exists() else "" for file in (self._messages, self._errors)]
        return SippRun(code, self.call_id, *read)
