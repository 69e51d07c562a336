"""What a piece of work does, counted: the functions it calls, in order. Twice the same, unlike time."""

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls_of(work: Callable[[], object]) -> list[str]:
    """The Python functions that `work` calls, by name."""
    called: list[str] = []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            called.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    gc.disable()  # what it finds to do is none of the work's
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return called[1:]
