"""From `python -m tests.fuzz.TARGET` to a process in which the target is imported instrumented."""

import os
import sys
from typing import NoReturn


def run(target: str) -> NoReturn:
    """Begin anew: what has been imported already cannot be instrumented any more."""
    os.execv(sys.executable, [sys.executable, "-m", "tests.fuzz", target, *sys.argv[1:]])
