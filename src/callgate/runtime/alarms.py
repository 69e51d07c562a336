"""Wake-ups on the running event loop."""

import asyncio
from collections.abc import Callable

from callgate.ports import Alarm


class LoopAlarms:
    """`ports.Alarms` over `loop.call_later`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def after(self, delay_s: float, ring: Callable[[], None]) -> Alarm:
        """Call `ring` once, `delay_s` seconds from now."""
        return self._loop.call_later(delay_s, ring)
