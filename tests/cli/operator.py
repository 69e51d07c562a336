"""Who types `callgate` commands: in this process, in one of its own, or at a terminal."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from callgate.cli.main import app
from tests.peers.gate import API_KEY

CALLGATE = [sys.executable, "-c", "import sys; sys.argv[0] = 'callgate'; from callgate.cli.main import main; main()"]
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Typed:
    """What came of a command.

    Attributes:
        code: exit code.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """Standard output as a table: lines of cells, which are two spaces apart."""
        return [re.split(r"\s{2,}", line.strip()) for line in self.out.splitlines() if line.strip()]


class Operator:
    """Asks the node at a URL.

    Args:
        url: of the node.
        key: its key.
    """

    def __init__(self, url: str, key: str = API_KEY) -> None:
        self.environment = {"CALLGATE_URL": url, "CALLGATE_API_KEY": key}

    def types(self, *words: str, stdin: str | None = None, code: int = 0) -> Typed:
        """A command, which is to end with an exit code."""
        done = CliRunner().invoke(app, words, input=stdin, env=self.environment, catch_exceptions=False)
        assert done.exit_code == code, (words, done.exit_code, done.output)
        return Typed(done.exit_code, done.stdout, done.stderr)

    def starts(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        """A command in a process of its own, its output in pipes."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen([*CALLGATE, *words], text=True, env=self._all(), **streams)

    def terminal(self, *words: str, columns: int = 100) -> "Terminal":
        """A command at a terminal."""
        return Terminal([*CALLGATE, *words], {**self._all(), "COLUMNS": str(columns), "TERM": "xterm-256color"})

    def _all(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLGATE_")}
        kept.pop("NO_COLOR", None)
        return {**kept, **self.environment}


class Terminal:
    """A process whose standard streams are a terminal.

    Attributes:
        shown: what it has written so far, with its colours.
    """

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        master, slave = pty.openpty()
        self._master = master
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self.shown = ""

    @property
    def text(self) -> str:
        """The same without colours."""
        return _COLOURS.sub("", self.shown).replace("\r\n", "\n")

    def until(self, words: str, timeout_s: float = 15.0) -> str:
        """Wait until it shows some words; all that it shows."""
        deadline = time.monotonic() + timeout_s
        while words not in self.text:
            assert time.monotonic() < deadline, self.text
            self.read(0.1)
        return self.text

    def type(self, line: str) -> None:
        """Answer a question."""
        os.write(self._master, f"{line}\n".encode())

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(2)

    def wait(self) -> int:
        """Its exit code, once it has shown everything."""
        while self._process.poll() is None:
            self.read(0.1)
        self.read(0.0)
        os.close(self._master)
        return self._process.returncode

    def read(self, timeout_s: float) -> None:
        """Take in what it shows, until it shows nothing for so long."""
        while select.select([self._master], [], [], timeout_s)[0]:
            try:
                found = os.read(self._master, 65_536)
            except OSError:  # the other end is closed
                return
            if not found:
                return
            self.shown += found.decode()


def write(path: Path, value: Any) -> str:
    """A file with JSON; its name."""
    path.write_text(json.dumps(value))
    return str(path)
