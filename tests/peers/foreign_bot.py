"""A Pipecat bot in a process of its own (`pipecat_bot`)."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

_BOT = Path(__file__).with_name("pipecat_bot.py")
_PIPECAT = Path(sys.prefix) / "pipecat"
_S_MAX = 20.0


class PipecatBot:
    """Runs for a ``with``.

    Args:
        settings: of its environment.
        log: where its words go.
    """

    def __init__(self, settings: dict[str, str], log: Path) -> None:
        if not (_PIPECAT / "pipecat").is_dir():
            raise FileNotFoundError(f"no Pipecat in {_PIPECAT}; scripts/install_test_peers.sh installs it")
        self._facts: list[dict[str, Any]] = []
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, str(_BOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": str(_PIPECAT), **settings},
            text=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *how: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reading.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    @property
    def url(self) -> str:
        """To connect to."""
        return str(self.told("url")["url"])

    def told(self, name: str, count: int = 1) -> dict[str, Any]:
        """The `count`-th thing it said that has `name`; waits for it."""
        until = time.monotonic() + _S_MAX
        while len(found := [fact for fact in self._facts if name in fact]) < count:
            assert time.monotonic() < until, f"the bot said nothing of {name}: {self._facts}"
            time.sleep(0.02)  # another process speaks when it likes
        return found[count - 1]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._facts.append(json.loads(line))
