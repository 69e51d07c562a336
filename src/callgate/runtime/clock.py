"""The system's clock, as what decides is given it."""

import time
from datetime import UTC, datetime


class SystemClock:
    """`ports.Clock` over the operating system's clocks."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        return time.monotonic()

    def now(self) -> datetime:
        """Wall clock, UTC, aware."""
        return datetime.now(UTC)
