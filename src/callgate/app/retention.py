"""What is kept for how long: old and superfluous things are removed a little at a time, beside the calls.

Every piece is a short transaction with a pause behind it, so that no fact of a call waits longer than for one of them.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from callgate.config.settings import Settings
from callgate.media.recording_folder import RecordingFolder
from callgate.ports import LiveCalls
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store
from callgate.telemetry import events

_DAY_S: Final = 86_400
# Who asked that a call be deleted when it is over does not wait long; a look for such calls costs a look into an index.
_CALLS_EVERY_S: Final = 10.0
_EVERYTHING_EVERY_S: Final = 600.0
# Looked for at a time, and deleted in one transaction. A call is some thirty rows.
_CALLS_SOUGHT: Final = 1_000
_CALLS_AT_A_TIME: Final = 10
_PIECES_APART_S: Final = 0.02


class Retention:
    """Keeps everything within its days and rows.

    Args:
        store: what is kept.
        settings: how long, and how much.
        recordings: the sound of calls.
        live: the calls in progress.
        log: told when the store cannot be written.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        recordings: RecordingFolder,
        live: LiveCalls,
        log: Callable[..., None],
    ) -> None:
        self._store = store
        self._settings = settings
        self._recordings = recordings
        self._live = live
        self._log = log

    async def run(self) -> None:
        """Do so, for ever."""
        everything_at_s = 0.0
        while True:
            now_s = time.monotonic()
            try:
                if now_s >= everything_at_s:
                    everything_at_s = now_s + _EVERYTHING_EVERY_S
                    await self.remove_unwanted()
                else:
                    await self.delete_calls(rows_max=0)
            except (StoreUnavailable, OSError) as error:  # a full disk, say: then all the more it is tried again
                self._log(events.STORE_FAILED, detail=f"nothing is removed at the moment: {error}")
            await asyncio.sleep(_CALLS_EVERY_S)

    async def remove_unwanted(self) -> None:
        """Remove all that is too old or too much.

        Raises:
            StoreUnavailable: it could not be written; what was removed stays so.
            OSError: likewise a recording.
        """
        store, settings = self._store, self._settings
        await store.prune(
            days=settings.decisions_days,
            rows_max=settings.decisions_rows_max,
            strangers_rows_max=settings.strangers_rows_max,
        )
        await self.delete_calls(rows_max=settings.calls_rows_max)
        await store.prune_call_events(days=settings.events_days, rows_max=settings.events_rows_max)
        await store.prune_deleted_calls(days=settings.deleted_calls_days, rows_max=settings.deleted_calls_rows_max)
        await store.prune_outbox(days=settings.webhook_days, rows_max=settings.webhook_rows_max)
        await store.prune_webhooks(days=settings.webhook_days)
        before_s = time.time() - settings.recordings_days * _DAY_S if settings.recordings_days else 0.0
        await asyncio.to_thread(self._recordings.prune, before_s, settings.recordings_files_max)

    async def delete_calls(self, *, rows_max: int) -> int:
        """Delete calls that need not be kept, and their recordings; how many.

        Args:
            rows_max: of each account; 0: as many as there are.

        Raises:
            StoreUnavailable: likewise.
        """
        deleted = 0
        while True:
            days = self._settings.calls_days
            found = await self._store.calls_to_delete(days=days, rows_max=rows_max, limit=_CALLS_SOUGHT)
            wanted = [call_id for call_id in found if not self._live.is_live(call_id)]  # its last words are spoken
            for first in range(0, len(wanted), _CALLS_AT_A_TIME):
                piece = wanted[first : first + _CALLS_AT_A_TIME]
                # First the sound: when that fails, the call is still there to be deleted again.
                for call_id in piece:
                    await asyncio.to_thread(self._recordings.delete, call_id)
                deleted += await self._store.delete_calls(piece)
                await asyncio.sleep(_PIECES_APART_S)
            if len(found) < _CALLS_SOUGHT or not wanted:
                return deleted
