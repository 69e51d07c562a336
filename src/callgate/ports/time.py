"""Time and chance, passed in."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, passed in to everything that decides or waits."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        ...

    def now(self) -> datetime:
        """Wall clock, UTC, aware."""
        ...


class Alarm(Protocol):
    """A wake-up that has been asked for."""

    def cancel(self) -> None:
        """Never mind; harmless when it has rung."""
        ...


class Alarms(Protocol):
    """Wake-ups, passed in to whatever waits."""

    def after(self, delay_s: float, ring: Callable[[], None]) -> Alarm:
        """Call `ring` once, on the event loop, `delay_s` seconds from now."""
        ...


class Ids(Protocol):
    """Chance, passed in: names and secrets."""

    def uuid(self) -> str:
        """A random UUID, text."""
        ...

    def sortable(self) -> str:
        """A UUID version 7, text: later ones sort after earlier ones."""
        ...

    def token(self, size: int = 16) -> str:
        """`size` bytes of chance from the system, URL-safe text; fit for tags, branches and secrets."""
        ...

    def number(self, below: int) -> int:
        """A number from 0 up to, but not, `below`; each as likely as the others."""
        ...
