"""Recordings: the caller left, the agent right, on one clock; written by a thread of the worker, beside the sound loop.

The sound loop only says what it heard and played, and when. Once a second the thread decodes that, puts it in its
place, and writes. So a process that is killed leaves a file without the last two seconds, and a disk that is slow or
full takes the recording away and never the call.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from callgate.core.audio.codecs import WireCodec
from callgate.core.audio.convert import Converter, converter
from callgate.core.audio.format import SoundFormat
from callgate.media.timeline import Timeline
from callgate.media.wave_file import DATA_BYTES_MAX, WaveFile

# How often the thread writes: what a killed worker loses is this and `_HOLD_BACK_MS`.
BATCH_S: Final = 1.0
# Sound that comes in a burst is still put where it was said, if it was said no longer ago than this.
_HOLD_BACK_MS: Final = 500
# Frames that wait for the thread, both sides: half a minute. More means that the disk does not keep up.
_WAITING_MAX: Final = 3_000
# Frames of one side that come closer together than this are one burst; those that are even to within this, one row.
_EVEN_MS: Final = 5.0
# Written at a time, so that silence of hours takes no memory.
_STRETCH_MS: Final = 2_000
_CLOSE_S_MAX: Final = 10.0  # what the disk may take at the end of the process

BYTES_MAX: Final = 4 * 3_600 * 16_000 * 4
"""Of one recording: four hours of a wideband call, 0.9 GB; eight of a narrowband one."""
FREE_BYTES_MIN: Final = 512 * 1024 * 1024
"""Of the disk: the database and the logs must go on when recordings have to stop."""

_CALLER: Final = 0
_AGENT: Final = 1
_FORMATS: Final = 2
_BEGAN: Final = itemgetter(0)


def recording_path(folder: Path, call_id: str) -> Path:
    """Where the recording of a call is.

    Raises:
        ValueError: the id is no UUID.
    """
    return folder / f"{UUID(call_id)}.wav"


class Recorder:
    """The recording of one call, as its session sees it. Nothing here waits, raises or writes.

    Attributes:
        is_stopped: whether it has come to an end: what else it is given is dropped.
    """

    __slots__ = ("_append", "_items", "_room", "_wake", "is_overrun", "is_stopped")

    def __init__(self, wake: Callable[[], None]) -> None:
        # (side, ms, sound), or (_FORMATS, of the caller, of the agent)
        self._items: deque[tuple[int, Any, Any]] = deque()
        self._append = self._items.append
        self._room = _WAITING_MAX
        self._wake = wake
        self.is_stopped = False
        self.is_overrun = False

    def use(self, caller: SoundFormat | WireCodec, agent: SoundFormat | WireCodec) -> None:
        """What `caller` and `agent` are given from now on; PCM of the recording's own rate before this is called."""
        self._append((_FORMATS, caller, agent))

    def caller(self, sound: bytes, now_ms: float) -> None:
        """A piece of the caller's sound.

        Args:
            sound: of any length; one that is to be decoded (G.722, Opus) a packet at a time.
            now_ms: when it came, since the recording began: it was said before. What is not given is silence.
        """
        if len(self._items) < self._room:
            self._append((_CALLER, now_ms, sound))
        else:
            self.is_overrun = True

    def agent(self, sound: bytes, now_ms: float) -> None:
        """A piece of the agent's sound, sent at `now_ms` since the recording began: it is heard after."""
        if len(self._items) < self._room:
            self._append((_AGENT, now_ms, sound))
        else:
            self.is_overrun = True

    def close(self) -> None:
        """The call is over: what was given is written at once."""
        self.is_stopped = True
        self._wake()

    def end(self) -> None:
        """Take nothing more; for the thread."""
        self.is_stopped = True
        self._room = 0
        self._items.clear()

    def drain(self) -> Iterator[tuple[int, Any, Any]]:
        """What was given since; for the thread."""
        for _ in range(len(self._items)):
            yield self._items.popleft()


class Recordings:
    """All recordings of a worker, and the thread that writes them.

    Args:
        folder: where; made when the first recording begins.
        tell: has a function called with an argument on the session's loop: `loop.call_soon_threadsafe`.
        bytes_max: of one recording; it stops there.
        free_bytes_min: of the disk; with less, recordings stop.
        batch_s: how often is written.
    """

    def __init__(
        self,
        folder: Path,
        tell: Callable[[Callable[[str], None], str], object],
        *,
        bytes_max: int = BYTES_MAX,
        free_bytes_min: int = FREE_BYTES_MIN,
        batch_s: float = BATCH_S,
    ) -> None:
        self._folder = folder
        self._tell = tell
        self._bytes_max = min(bytes_max, DATA_BYTES_MAX) // 4 * 4
        self._free_bytes_min = free_bytes_min
        self._batch_s = batch_s
        self._new: deque[_Writing] = deque()
        self._woken = threading.Event()
        self._over = False
        self._thread: threading.Thread | None = None

    def record(self, call_id: str, rate_hz: int, stopped: Callable[[str], None]) -> Recorder:
        """Begin a recording; returns at once.

        Args:
            call_id: UUID, names the file.
            rate_hz: of the file: that of the caller's codec, at most 16,000 for speech.
            stopped: told once, in words, when the recording has to end before the call does.
        """
        recorder = Recorder(self._woken.set)

        def told(reason: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._tell(stopped, reason)

        self._new.append(_Writing(recorder, self._folder, call_id, rate_hz, self._bytes_max, told))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
            self._thread.start()
        return recorder

    def close(self) -> None:
        """End all recordings; returns when they are written."""
        self._over = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_S_MAX)

    # --------------------------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        writings: list[_Writing] = []
        while True:
            over = self._over  # before the work: what was given before `close` is written
            self._woken.clear()
            for _ in range(len(self._new)):
                writings.append(self._new.popleft())
            is_short = bool(writings) and self._is_disk_short()
            for writing in writings:
                if is_short:
                    writing.stop(f"less than {self._free_bytes_min // 1_000_000} MB are free on the disk")
                else:
                    writing.write(last=over)
            writings = [writing for writing in writings if not writing.is_over]
            if over:
                return
            self._woken.wait(self._batch_s)

    def _is_disk_short(self) -> bool:
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return False  # not made yet; whatever else is wrong shows when a file is opened
        return disk.f_bavail * disk.f_frsize < self._free_bytes_min


class _Writing:
    """What the thread has of one recording."""

    def __init__(
        self,
        recorder: Recorder,
        folder: Path,
        call_id: str,
        rate_hz: int,
        bytes_max: int,
        told: Callable[[str], None],
    ) -> None:
        self._recorder = recorder
        self._folder = folder
        self._call_id = call_id
        self._rate_hz = rate_hz
        self._bytes_max = bytes_max
        self._told = told
        self._file: WaveFile | None = None
        self._sides = (Timeline(rate_hz, over=True), Timeline(rate_hz, over=False))
        self._decoders: list[Converter | None] = [None, None]
        self._written = 0  # samples
        self.is_over = False

    def write(self, *, last: bool) -> None:
        """Take what came and write what is settled; everything when it is over."""
        last = last or self._recorder.is_stopped  # before draining: nothing is given after
        try:
            if self._file is None:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = WaveFile(recording_path(self._folder, self._call_id), self._rate_hz)
            hold_back = 0 if last else self._rate_hz * _HOLD_BACK_MS // 1_000
            for began_ms, side, at_ms, sound in sorted(self._rows(), key=_BEGAN):
                # Before a pause of hours is put into memory, it is written.
                self._flush(self._file, int((began_ms - _STRETCH_MS) * self._rate_hz / 1_000))
                self._sides[side].put(at_ms, sound)
            self._flush(self._file, max(side.end for side in self._sides) - hold_back)
        except Exception as error:  # one recording must not take the others with it
            words = error.strerror if isinstance(error, OSError) else None
            self.stop(words or str(error) or type(error).__name__)
            return
        if self._recorder.is_overrun:
            self.stop("the disk does not keep up")
        elif self._file.data_bytes >= self._bytes_max:
            self.stop(f"it has reached its limit of {self._bytes_max // 1_000_000} MB")
        elif last:
            self._end()

    def stop(self, reason: str) -> None:
        """End it before its time."""
        if not self._recorder.is_stopped:
            self._told(f"the recording ends here: {reason}")
        self._end()

    def _end(self) -> None:
        self.is_over = True
        self._recorder.end()
        if self._file is not None:
            self._file.close()

    def _rows(self) -> Iterator[tuple[float, int, float, bytes]]:
        """What came, decoded: when it began, side, when it was put, sound. What came evenly, or in a burst, is one."""
        rows = (_Row(over=True), _Row(over=False))
        per_ms = 2 * self._rate_hz / 1_000
        decoders = self._decoders
        for side, now_ms, sound in self._recorder.drain():
            if side == _FORMATS:
                decoders = self._decoders = [_decoder(now_ms, self._rate_hz), _decoder(sound, self._rate_hz)]
                continue
            decode = decoders[side]
            if decode is not None:
                try:
                    sound = decode(sound)
                except ValueError:
                    continue  # a payload that is none: the session counts those
            row = rows[side]
            if not row.takes(now_ms):
                yield row.began_ms, side, row.at_ms, b"".join(row.sounds)
                row.restart()
            row.add(now_ms, sound, len(sound) / per_ms)
        for side, row in enumerate(rows):
            if row.sounds:
                yield row.began_ms, side, row.at_ms, b"".join(row.sounds)

    def _flush(self, file: WaveFile, until: int) -> None:
        """Write both sides up to the sample `until`, but no more than may be."""
        until = min(until, self._bytes_max // 4)
        while self._written < until:
            part = min(until, self._written + self._rate_hz * _STRETCH_MS // 1_000)
            caller, agent = (side.take(part) for side in self._sides)
            file.append(interleaved(caller, agent))
            self._written = part


class _Row:
    """Frames of one side that belong together: each comes when the one before ends, or all come at once.

    Attributes:
        sounds: what they hold; empty: there is no row yet.
        at_ms: when they are over, for what is heard; when they begin, for what is played.
    """

    __slots__ = ("_last_ms", "_ms", "_next_ms", "_over", "at_ms", "is_burst", "sounds")

    def __init__(self, *, over: bool) -> None:
        self._over = over
        self.restart()

    def restart(self) -> None:
        """Begin anew."""
        self.sounds: list[bytes] = []
        self.is_burst = False
        self.at_ms = self._ms = self._last_ms = self._next_ms = 0.0

    @property
    def began_ms(self) -> float:
        """When what they hold began."""
        return self.at_ms - self._ms if self._over else self.at_ms

    def takes(self, now_ms: float) -> bool:
        """Whether a frame that came at `now_ms` belongs to the row."""
        if not self.sounds:
            return True
        if not self.is_burst and -_EVEN_MS < now_ms - self._next_ms < _EVEN_MS:
            return True
        return (self.is_burst or len(self.sounds) == 1) and 0 <= now_ms - self._last_ms < _EVEN_MS

    def add(self, now_ms: float, sound: bytes, ms: float) -> None:
        """Take a frame of so many ms that the row `takes`."""
        if not self.sounds:
            self.at_ms = self._next_ms = now_ms
        elif now_ms - self._last_ms < _EVEN_MS:
            self.is_burst = True
            if self._over:
                self.at_ms = now_ms
        elif self._over:
            self.at_ms += ms
        self._next_ms += ms
        self._ms += ms
        self._last_ms = now_ms
        self.sounds.append(sound)


def _decoder(source: SoundFormat | WireCodec, rate_hz: int) -> Converter | None:
    """To PCM at a rate; ``None`` where that is what it is."""
    found = converter(source, SoundFormat("pcm16", rate_hz))
    return found if found.is_transcoding else None


def interleaved(left: bytes, right: bytes) -> bytearray:
    """Two channels of 16 bits, of the same length, as one stereo stream."""
    both = bytearray(2 * len(left))
    view = memoryview(both).cast("h")
    view[::2] = memoryview(left).cast("h")
    view[1::2] = memoryview(right).cast("h")
    return both
