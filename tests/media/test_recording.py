import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
import wave
from array import array
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from callgate.core.audio.codecs import wire_codec
from callgate.core.audio.format import PCM_16K, PCMA_8K, PCMU_8K
from callgate.media.recording import Recorder, Recordings, recording_path
from callgate.media.recording_folder import RecordingFolder

MS = 8  # samples


def at_once(told: Callable[[str], None], reason: str) -> None:
    told(reason)


def refuse(reason: str) -> None:
    raise AssertionError(reason)


def sides(path: Path) -> "tuple[int, array[int], array[int]]":
    with wave.open(str(path), "rb") as file:
        both = array("h", file.readframes(file.getnframes()))
        return file.getframerate(), both[::2], both[1::2]


def frame(number: int) -> bytes:
    """20 ms that say which they are."""
    return array("h", [number + 1] * 160).tobytes()


def recorded(
    folder: Path, work: Callable[[Recorder], None], *, rate_hz: int = 8_000, bytes_max: int = 1 << 30
) -> "tuple[array[int], array[int], list[str]]":
    """Both sides of what `work` gives a recorder, and why it stopped before its time."""
    told: list[str] = []
    recordings = Recordings(folder, at_once, free_bytes_min=0, bytes_max=bytes_max)
    call_id = str(uuid4())
    recorder = recordings.record(call_id, rate_hz, told.append)
    work(recorder)
    recorder.close()
    recordings.close()
    rate, caller, agent = sides(recording_path(folder, call_id))
    assert rate == rate_hz
    assert len(caller) == len(agent)
    return caller, agent, told


def test_caller_left_and_agent_right_sample_by_sample(tmp_path: Path) -> None:
    def work(recorder: Recorder) -> None:
        for n in range(500):
            recorder.caller(frame(n), 20.0 * (n + 1))
            recorder.agent(frame(1_000 + n), 20.0 * n)

    caller, agent, told = recorded(tmp_path, work)
    assert caller == array("h", (n + 1 for n in range(500) for _ in range(160)))
    assert agent == array("h", (n + 1_001 for n in range(500) for _ in range(160)))
    assert told == []


def test_pauses_of_one_side_or_both_are_silence_and_what_follows_is_in_its_place(tmp_path: Path) -> None:
    def work(recorder: Recorder) -> None:
        for n in range(50):
            recorder.agent(frame(n), 20.0 * n)
        for n in range(500, 550):  # after nine seconds of hold
            recorder.caller(frame(n), 20.0 * (n + 1))
        recorder.agent(frame(30_000), 600_000.0)

    caller, agent, told = recorded(tmp_path, work)
    assert told == []
    assert len(caller) == 600_020 * MS
    assert agent[: 1_000 * MS] == array("h", (n + 1 for n in range(50) for _ in range(160)))
    assert not any(agent[1_000 * MS : 600_000 * MS])
    assert set(agent[600_000 * MS :]) == {30_001}
    assert not any(caller[: 10_000 * MS])
    assert caller[10_000 * MS : 11_000 * MS] == array("h", (n + 1 for n in range(500, 550) for _ in range(160)))


def test_a_burst_after_a_stall_is_put_where_it_was_said(tmp_path: Path) -> None:
    def work(recorder: Recorder) -> None:
        for n in range(10):
            recorder.caller(frame(n), 20.0 * (n + 1))
        for n in range(10, 25):  # 300 ms of a stalled network, all within a millisecond
            recorder.caller(frame(n), 500.0 + n / 100)
        for n in range(25, 40):
            recorder.caller(frame(n), 20.0 * (n + 1))
        for n in range(40):
            recorder.agent(frame(n), 20.0 * n)

    caller, agent, _ = recorded(tmp_path, work)
    assert caller == agent


def test_uneven_arrival_tears_nothing_apart(tmp_path: Path) -> None:
    def work(recorder: Recorder) -> None:
        for n in range(100):
            recorder.caller(frame(n), 20.0 * (n + 1) + (0, 9, 3, 12)[n % 4])

    caller, _, _ = recorded(tmp_path, work)
    assert caller == array("h", (n + 1 for n in range(100) for _ in range(160)))


def test_what_is_in_the_brains_formats_is_decoded_beside_the_sound_loop(tmp_path: Path) -> None:
    encode = wire_codec("G722", 8_000).new_encoder(16_000)

    def work(recorder: Recorder) -> None:
        recorder.use(PCMU_8K, PCM_16K)
        recorder.caller(b"\x80" * 160, 20.0)  # the loudest positive code of µ-law
        recorder.agent(b"\1\0" * 320, 0.0)
        recorder.use(PCMA_8K, wire_codec("G722", 8_000))
        recorder.caller(b"\xaa" * 160, 40.0)
        recorder.agent(encode(b"\0\0" * 320), 20.0)
        recorder.agent(b"\1", 40.0)

    caller, agent, told = recorded(tmp_path, work, rate_hz=16_000)
    assert told == []
    assert agent[:320] == array("h", [1] * 320)
    assert max(abs(sample) for sample in agent[320:640]) < 50
    assert min(max(caller[:320]), max(caller[320:640])) > 30_000


def test_at_its_limit_it_stops_and_says_so_once(tmp_path: Path) -> None:
    def work(recorder: Recorder) -> None:
        for n in range(100):
            recorder.caller(frame(n), 20.0 * (n + 1))

    told: list[str] = []
    over = threading.Event()

    def stopped(reason: str) -> None:
        told.append(reason)
        over.set()

    recordings = Recordings(tmp_path, at_once, free_bytes_min=0, bytes_max=16_002, batch_s=0.01)
    call_id = str(uuid4())
    recorder = recordings.record(call_id, 8_000, stopped)
    work(recorder)
    assert over.wait(10)
    work(recorder)
    recorder.close()
    recordings.close()
    assert told == ["the recording ends here: it has reached its limit of 0 MB"]
    assert recorder.is_stopped
    _, caller, _ = sides(recording_path(tmp_path, call_id))
    assert caller == array("h", (n + 1 for n in range(25) for _ in range(160)))


def test_without_room_to_spare_nothing_is_recorded(tmp_path: Path) -> None:
    told: list[str] = []
    recordings = Recordings(tmp_path, at_once, free_bytes_min=1 << 60)
    recorder = recordings.record(str(uuid4()), 8_000, told.append)
    recordings.close()
    assert told == [f"the recording ends here: less than {(1 << 60) // 1_000_000} MB are free on the disk"]
    assert recorder.is_stopped


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told: list[str] = []
    recordings = Recordings(tmp_path / "file" / "recordings", at_once, free_bytes_min=0)
    recordings.record(str(uuid4()), 8_000, told.append)
    recordings.record("../../etc/passwd", 8_000, told.append)
    recordings.close()
    assert told == ["the recording ends here: Not a directory"] * 2


def test_a_name_that_is_no_uuid_is_never_a_path(tmp_path: Path) -> None:
    told: list[str] = []
    recordings = Recordings(tmp_path, at_once, free_bytes_min=0)
    recordings.record("../x", 8_000, told.append)
    recordings.close()
    assert len(told) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_does_not_keep_up_stops_it_and_memory_stays_bounded() -> None:
    recorder = Recorder(lambda: None)
    for n in range(10_000):
        recorder.agent(b"", 20.0 * n)
    assert recorder.is_overrun
    assert len(list(recorder.drain())) == 3_000


async def test_the_reason_comes_on_the_loop_of_the_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()
    recordings = Recordings(tmp_path / "file", loop.call_soon_threadsafe, free_bytes_min=0)
    recordings.record(str(uuid4()), 8_000, told.set_result)
    assert "ends here" in await asyncio.wait_for(told, 10)
    recordings.close()


def test_only_its_user_may_read_it(tmp_path: Path) -> None:
    recorded(tmp_path / "recordings", lambda recorder: recorder.agent(frame(0), 0.0))
    (path,) = (tmp_path / "recordings").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


_CHILD = """
import os, sys, time
from pathlib import Path
from callgate.media.recording import Recordings, recording_path
folder, call_id = Path(sys.argv[1]), sys.argv[2]
recorder = Recordings(folder, print, free_bytes_min=0).record(call_id, 8_000, print)
for n in range(500):
    recorder.caller((n + 1).to_bytes(2, "little") * 160, 20.0 * (n + 1))
    recorder.agent((n + 1).to_bytes(2, "little") * 160, 20.0 * n)
path, deadline = recording_path(folder, call_id), time.monotonic() + 20
while not (path.exists() and path.stat().st_size >= 44 + 9_000 * 32) and time.monotonic() < deadline:
    time.sleep(0.01)
print("written", flush=True)
time.sleep(60)
"""


def test_a_killed_worker_leaves_all_but_the_last_two_seconds(tmp_path: Path) -> None:
    call_id = str(uuid4())
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path), call_id], stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "written\n"
        child.send_signal(signal.SIGKILL)
    path = recording_path(tmp_path, call_id)
    sides(path)  # can be read as it is
    with path.open("ab") as file:
        file.write(b"torn")  # and if it had been killed between sound and sizes
        file.write(b"x")
    assert RecordingFolder(tmp_path).finished(call_id) == path
    _, caller, agent = sides(path)
    assert len(caller) >= 8_000 * MS
    assert caller[: 8_000 * MS] == agent[: 8_000 * MS]
    assert caller[: 8_000 * MS] == array("h", (n + 1 for n in range(400) for _ in range(160)))


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A disk of 256 kB, or of nothing where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be mounted by root; the limit of file sizes is tested everywhere")
    return folder


def test_a_full_disk_stops_the_recording_and_leaves_what_there_is(small_disk: Path) -> None:
    told: list[str] = []
    try:
        recordings = Recordings(small_disk, at_once, free_bytes_min=0, batch_s=0.01)
        call_id = str(uuid4())
        over = threading.Event()

        def stopped(reason: str) -> None:
            told.append(reason)
            over.set()

        recorder = recordings.record(call_id, 8_000, stopped)
        for n in range(1_000):
            recorder.agent(frame(n), 20.0 * n)
        assert over.wait(10)
        recorder.agent(frame(0), 20_000.0)  # the call goes on
        recorder.close()
        recordings.close()
        assert told == ["the recording ends here: No space left on device"]
        path = RecordingFolder(small_disk).finished(call_id)
        assert path is not None
        _, caller, agent = sides(path)
        assert len(agent) > 7_000 * MS
        assert agent == array("h", (n + 1 for n in range(1_000) for _ in range(160)))[: len(agent)]
        assert not any(caller)
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


def test_of_too_many_recordings_the_newest_stay(tmp_path: Path) -> None:
    calls = [str(uuid4()) for _ in range(4)]
    recordings = Recordings(tmp_path, at_once, free_bytes_min=0)
    for call_id in calls:
        recordings.record(call_id, 8_000, refuse).agent(frame(0), 0.0)
    recordings.close()
    for n, call_id in enumerate(calls):
        os.utime(recording_path(tmp_path, call_id), (1_000 + n, 1_000 + n))
    folder = RecordingFolder(tmp_path)
    assert folder.prune(0.0, files_max=4) == 0
    assert folder.prune(1_001, files_max=2) == 2
    assert [folder.finished(call_id) is not None for call_id in calls] == [False, False, True, True]


def test_recordings_to_which_nothing_was_added_for_long_are_removed(tmp_path: Path) -> None:
    old, new = str(uuid4()), str(uuid4())
    recordings = Recordings(tmp_path, at_once, free_bytes_min=0)
    for call_id in (old, new):
        recordings.record(call_id, 8_000, refuse).agent(frame(0), 0.0)
    recordings.close()
    other = tmp_path / "notes.txt"
    other.write_text("")
    for path in (recording_path(tmp_path, old), other):
        os.utime(path, (1_000, 1_000))
    folder = RecordingFolder(tmp_path)
    assert folder.prune(2_000) == 1
    assert folder.finished(old) is None
    assert folder.finished(new) is not None
    assert other.exists()
    assert folder.delete(new)
    assert not folder.delete(new)
    assert RecordingFolder(tmp_path / "nowhere").prune(2_000) == 0
    assert folder.finished("../x") is None
    assert folder.growing("../x") is None
    assert folder.growing(new) is None
