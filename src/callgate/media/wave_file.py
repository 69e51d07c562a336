"""WAV files of two channels that can be read at any moment of their growing, and mended after a crash."""

import os
import struct
from pathlib import Path
from typing import Final

HEADER_BYTES: Final = 44
_FRAME_BYTES: Final = 4  # two channels of 16 bits
# The sizes in the header have 32 bits; RIFF counts all but its first eight bytes.
DATA_BYTES_MAX: Final = (1 << 32) - 1 - HEADER_BYTES - _FRAME_BYTES
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM: Final = 1


def header(rate_hz: int, data_bytes: int) -> bytes:
    """The first 44 bytes of a file of 16-bit stereo.

    Args:
        rate_hz: frames a second.
        data_bytes: what follows, at most `DATA_BYTES_MAX`.
    """
    rest = HEADER_BYTES - 8 + data_bytes
    per_second = rate_hz * _FRAME_BYTES
    return _HEADER.pack(
        b"RIFF", rest, b"WAVE", b"fmt ", 16, _PCM, 2, rate_hz, per_second, _FRAME_BYTES, 16, b"data", data_bytes
    )


class WaveFile:
    """A file being written, 16-bit stereo; its header is true after every `append`.

    Args:
        path: must not exist; only this user may read it.
        rate_hz: frames a second.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self.data_bytes = 0
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _write(self._fd, header(rate_hz, 0), 0)
        except OSError:
            self.close()
            raise

    def append(self, data: bytes | bytearray) -> None:
        """Write whole frames, then the sizes: killed in between, the sizes are too small, which `mend` makes good.

        Raises:
            OSError: not everything was written, e.g. the disk is full; what was is in the file and in its header.
        """
        try:
            written = _write(self._fd, data, HEADER_BYTES + self.data_bytes)
        except _Partly as partly:
            self._grown(partly.written)
            raise partly.error from None
        self._grown(written)

    def _grown(self, written: int) -> None:
        self.data_bytes += written // _FRAME_BYTES * _FRAME_BYTES
        _write(self._fd, header(self._rate_hz, self.data_bytes), 0)

    def close(self) -> None:
        """Let go of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _Partly(OSError):
    def __init__(self, error: OSError, written: int) -> None:
        super().__init__(error.errno, error.strerror)
        self.error = error
        self.written = written


def _write(fd: int, data: bytes | bytearray, position: int) -> int:
    view, written = memoryview(data), 0
    while written < len(view):
        try:
            written += os.pwrite(fd, view[written:], position + written)
        except OSError as error:
            raise _Partly(error, written) from error
    return written


def true_header(first: bytes, file_bytes: int) -> bytes | None:
    """What the header of a file of this module ought to be.

    Args:
        first: the first 44 bytes.
        file_bytes: how long the file is.

    Returns:
        ``None`` when the file is none of this module's, or was cut off before its header was whole.
    """
    if len(first) < HEADER_BYTES:
        return None
    found = _HEADER.unpack_from(first)
    rate_hz = found[7]
    data_bytes = min(file_bytes - HEADER_BYTES, DATA_BYTES_MAX) // _FRAME_BYTES * _FRAME_BYTES
    # Whatever stands in the two sizes: the rest must be what `header` writes.
    if rate_hz >= 1 << 30 or header(rate_hz, found[12])[8:] != first[8:HEADER_BYTES] or data_bytes < 0:
        return None
    return header(rate_hz, data_bytes)


def mend(path: Path) -> bool:
    """Put the sizes right in a file that nobody writes any more; half a frame at its end is cut off.

    Returns:
        Whether it can be read now. ``False``: it is no file of this module, or its header never was whole.

    Raises:
        OSError: it cannot be read or written.
    """
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(HEADER_BYTES)
        true = true_header(first, size)
        if true is None:
            return False
        if true != first:
            file.seek(0)
            file.write(true)
        (data_bytes,) = struct.unpack_from("<I", true, HEADER_BYTES - 4)
        if size > HEADER_BYTES + data_bytes:
            file.truncate(HEADER_BYTES + data_bytes)
    return True
