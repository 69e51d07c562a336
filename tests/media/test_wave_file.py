import os
import resource
import stat
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.media.wave_file import DATA_BYTES_MAX, HEADER_BYTES, WaveFile, header, mend, true_header


def read(path: Path) -> tuple[int, int, bytes]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        return file.getframerate(), file.getnframes(), file.readframes(file.getnframes())


def test_it_can_be_read_at_every_moment(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    file = WaveFile(path, 16_000)
    assert read(path) == (16_000, 0, b"")
    file.append(b"abcd" * 3)
    assert read(path) == (16_000, 3, b"abcd" * 3)
    file.append(bytearray(b"efgh"))
    file.close()
    assert read(path) == (16_000, 4, b"abcd" * 3 + b"efgh")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        WaveFile(path, 8_000)
    assert path.read_bytes() == b"mine"


def test_a_file_whose_sizes_were_never_written_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(header(8_000, 4) + b"abcdefgh" + b"xyz")
    assert mend(path)
    assert path.stat().st_size == HEADER_BYTES + 8
    assert read(path) == (8_000, 2, b"abcdefgh")
    before = path.stat().st_mtime_ns
    assert mend(path)
    assert path.stat().st_mtime_ns == before  # nothing to be done


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    for content in (b"", header(8_000, 0)[:20], b"RIFF" + bytes(100), b"x" * 200):
        path.write_bytes(content)
        assert not mend(path)
        assert path.read_bytes() == content


@given(st.binary(max_size=80), st.integers(0, 1 << 40))
def test_no_content_makes_it_fail(first: bytes, size: int) -> None:
    true_header(first, size)


@given(st.integers(1, 48_000), st.integers(0, 1 << 30), st.integers(0, 1 << 34))
def test_the_sizes_follow_the_length_of_the_file(rate_hz: int, stale: int, extra: int) -> None:
    true = true_header(header(rate_hz, stale), HEADER_BYTES + extra)
    assert true is not None
    data = int.from_bytes(true[-4:], "little")
    assert data % 4 == 0
    assert data == min(extra, DATA_BYTES_MAX) // 4 * 4
    assert true == header(rate_hz, data)


_LIMITED = """
import resource, signal, sys
from pathlib import Path
from callgate.media.wave_file import WaveFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_001, 1_001))
file = WaveFile(Path(sys.argv[1]), 8_000)
file.append(b"abcd" * 100)
try:
    file.append(b"efgh" * 1_000)
except OSError as error:
    print(error.strerror)
"""


def test_a_file_that_cannot_grow_holds_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    told = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True, check=True, env=environment
    )
    assert told.stdout.strip() == "File too large"
    frames = (1_001 - HEADER_BYTES) // 4
    assert read(path) == (8_000, frames, b"abcd" * 100 + b"efgh" * (frames - 100))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1_001
