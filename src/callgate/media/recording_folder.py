"""The recordings on the disk, as the API and the daily cleaning see them. Everything here waits for the disk."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callgate.media.recording import recording_path
from callgate.media.wave_file import HEADER_BYTES, mend, true_header

_CHUNK_BYTES: Final = 256 * 1024  # sent at a time: a handful of system calls a megabyte, and no memory to speak of


@dataclass(frozen=True, slots=True)
class Growing:
    """A recording of a call in progress, as it is now.

    Attributes:
        path: of the file.
        header: what its first bytes ought to be.
        size: how many bytes belong to it, the header's among them.
    """

    path: Path
    header: bytes
    size: int

    def chunks(self) -> Iterator[bytes]:
        """All of it; what is written meanwhile is left out."""
        yield self.header
        left = self.size - HEADER_BYTES
        with self.path.open("rb") as file:
            file.seek(HEADER_BYTES)
            while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk


class RecordingFolder:
    """The folder in which workers leave recordings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def finished(self, call_id: str) -> Path | None:
        """The recording of a call that is over, mended when its worker was killed; ``None`` when there is none."""
        path = self._path(call_id)
        with contextlib.suppress(FileNotFoundError):
            if path is not None and mend(path):
                return path
        return None

    def growing(self, call_id: str) -> Growing | None:
        """The recording of a call in progress; ``None`` when there is none."""
        path = self._path(call_id)
        if path is None:
            return None
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            header = true_header(file.read(HEADER_BYTES), path.stat().st_size)
            if header is not None:
                return Growing(path, header, HEADER_BYTES + int.from_bytes(header[-4:], "little"))
        return None

    def delete(self, call_id: str) -> bool:
        """Delete the recording of a call; ``False`` when there was none."""
        path = self._path(call_id)
        with contextlib.suppress(FileNotFoundError):
            if path is not None:
                path.unlink()
                return True
        return False

    def prune(self, before_s: float, files_max: int = 0) -> int:
        """Delete recordings that are old or too many; how many they were.

        Args:
            before_s: seconds since 1970; those to which nothing was added since are old.
            files_max: those beyond the newest so many are too many; 0: none are.
        """
        changed: list[tuple[float, Path]] = []
        for path in self._folder.glob("*.wav"):
            with contextlib.suppress(FileNotFoundError):
                changed.append((path.stat().st_mtime, path))
        changed.sort(reverse=True)
        unwanted = [path for n, (at_s, path) in enumerate(changed) if at_s < before_s or (files_max and n >= files_max)]
        for path in unwanted:
            path.unlink(missing_ok=True)
        return len(unwanted)

    def _path(self, call_id: str) -> Path | None:
        try:
            return recording_path(self._folder, call_id)
        except ValueError:  # no UUID: no call is called so
            return None
