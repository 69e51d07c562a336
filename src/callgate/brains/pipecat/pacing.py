"""How far a bot speaks ahead of what its caller has heard. Runs in the bot's interpreter: standard library only.

The worker holds the queue that the caller hears; with each 20 ms of the caller's sound it says how many of the bot's
bytes have left that queue. So a pipeline runs at the pace of the telephone, and what it takes for spoken has been
heard but for the last moment.
"""

import asyncio
from collections.abc import Callable
from typing import Final

# Ahead of the caller: as long as an interpreter may be busy with something else (Pipecat's turn detection takes 40 to
# 90 ms at once), and short enough for what the bot believes it has said.
LEAD_MS: Final = 200


class Pacing:
    """That of one call.

    Args:
        send: takes sound, for the caller.
        clear: throws away what waits to be heard.
    """

    def __init__(self, send: Callable[[bytes], None], clear: Callable[[], None]) -> None:
        self._send = send
        self._clear = clear
        self._lead_bytes = 0
        self._sent = 0  # bytes, since the call began
        self._heard = 0  # of them, those that have left the worker's queue
        self._certain = 0  # up to here, what was sent may not be thrown away
        self._interruptions = 0
        self._room = asyncio.Event()
        self.closed = False
        """Whether nobody listens any more."""

    def begin(self, bytes_per_ms: int) -> None:
        """Say how sound is written."""
        self._lead_bytes = LEAD_MS * bytes_per_ms

    async def write(self, sound: bytes, *, interruptible: bool = True) -> bool:
        """Send sound, once the caller has heard enough of what came before.

        Returns:
            Whether it was sent; not, when the caller has interrupted or is gone.
        """
        begun_at = self._interruptions
        while self._sent - self._heard >= self._lead_bytes and not self.closed:
            self._room.clear()
            await self._room.wait()
            if interruptible and self._interruptions != begun_at:
                return False
        if self.closed:
            return False
        self._send(sound)
        self._sent += len(sound)
        if not interruptible:
            self._certain = self._sent
        return True

    def heard(self, heard_bytes: int) -> None:
        """So many bytes have left the queue since the call began."""
        self._heard = max(self._heard, heard_bytes)
        self._room.set()

    def interrupt(self) -> None:
        """The caller interrupts: what waits is thrown away, unless some of it must be heard."""
        self._interruptions += 1
        if self._certain <= self._heard:
            self._clear()
            self._heard = self._sent
        self._room.set()

    def close(self) -> None:
        """Nobody listens any more: whoever waits need not."""
        self.closed = True
        self._room.set()
