"""Calls that are recorded, from the phone's microphone to the file that the API hands out."""

import io
import os
import signal
import wave
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from numpy.typing import NDArray

from callgate.core.audio.tones import strength, tone
from callgate.phone.report import CallReport
from callgate.phone.sound import write_wav
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import API_KEY, Gate, Refused
from tests.peers.phone import Phone

RATE = 8_000
SAID_HZ = 440


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """A second and a half in which the agent may speak, then ten seconds of a tone."""
    file = tmp_path / "said.wav"
    write_wav(file, bytes(2 * RATE * 3 // 2) + tone(SAID_HZ, 10_000))
    return file


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    """Where phones talk while the test looks at their calls."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


def recording(gate: Gate, call_id: str) -> tuple[int, NDArray[np.int16]]:
    """The file as the API hands it out: its rate, and its samples, a column a side."""
    request = Request(f"{gate.url}/api/calls/{call_id}/recording", headers={"X-API-Key": API_KEY})
    with urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "audio/wav"
        data = answer.read()
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def joined_call(gate: Gate, from_uri: str) -> str:
    """The id of the call of somebody, once it is joined."""

    def look() -> str | None:
        found = [entry for entry in gate.decisions() if entry["fromUri"] == from_uri and entry["callId"]]
        return found[0]["callId"] if found and gate.call(found[0]["callId"])["joined"] else None

    return str(gate.until(look))


def ended(gate: Gate, call_id: str) -> dict[str, object]:
    """The call, once it has ended."""
    call: dict[str, object] = gate.until(lambda: (found := gate.call(call_id))["ended"] and found)
    return call


def dial(pool: ThreadPoolExecutor, gate: Gate, agent: str, said: Path, name: str, s: float) -> Future[CallReport]:
    """Call an agent, aside."""
    return pool.submit(Phone(gate).calls, f"agent_{agent}", play=said, duration_s=s, from_uri=f"sip:{name}@127.0.0.1")


def recorded_so_far(gate: Gate, call_id: str) -> int:
    """Samples of a side; 0 while nothing has been written."""
    try:
        return len(recording(gate, call_id)[1])
    except HTTPError as error:
        if error.code != 404:
            raise
        return 0


def test_the_caller_is_left_and_the_agent_right(gate: Gate, said: Path, aside: ThreadPoolExecutor) -> None:
    agent = gate.make_agent("recorded", recordingEnabled=True)
    talking = dial(aside, gate, agent, said, "recorded", 4.0)
    call_id = joined_call(gate, "sip:recorded@127.0.0.1")
    assert gate.call(call_id)["recordingEnabled"] is True
    # What there is so far can be had while people still talk. It is written a second at a time.
    so_far = gate.until(lambda: recorded_so_far(gate, call_id))
    report = talking.result()
    assert report.ok, report
    assert ended(gate, call_id)["endReason"] == "hangup"
    rate, sides = recording(gate, call_id)
    assert (rate, len(sides) > so_far) == (RATE, True)
    # Frames on their way when the phone left, and the way of the ACK, are some tens of ms.
    assert len(sides) / rate == pytest.approx(report.talked_ms / 1_000, abs=0.3)
    left, right = (np.ascontiguousarray(sides[:, side]).tobytes() for side in (0, 1))
    assert strength(left[4 * RATE : 6 * RATE], SAID_HZ) > 0.95
    assert strength(right, SAID_HZ) < 0.1
    # The demo agent greets, as long as the phone heard it.
    agent_frames = sides[: len(sides) // 160 * 160, 1].reshape(-1, 160).astype(float)
    loud_ms = 20 * int(np.count_nonzero(np.sqrt((agent_frames**2).mean(axis=1)) > 200))
    assert loud_ms == pytest.approx(report.heard_ms, abs=100)
    assert loud_ms > 300
    gate_deletes(gate, call_id)


def gate_deletes(gate: Gate, call_id: str) -> None:
    """Delete a call: its recording goes with it."""
    files = list(gate.log_path.parent.glob(f"data/recordings/*{call_id}*"))
    assert len(files) == 1
    request = Request(f"{gate.url}/api/calls/{call_id}", headers={"X-API-Key": API_KEY}, method="DELETE")
    with urlopen(request, timeout=10) as answer:
        assert answer.status == 204
    assert not files[0].exists()
    with pytest.raises(Refused) as refused:
        gate.get(f"/api/calls/{call_id}/recording")
    assert refused.value.status == 404


def test_a_call_that_is_not_recorded_says_so(gate: Gate, said: Path, aside: ThreadPoolExecutor) -> None:
    talking = dial(aside, gate, gate.make_agent("unrecorded"), said, "unrecorded", 0.3)
    call_id = joined_call(gate, "sip:unrecorded@127.0.0.1")
    assert talking.result().ok
    ended(gate, call_id)
    with pytest.raises(Refused) as refused:
        gate.get(f"/api/calls/{call_id}/recording")
    assert refused.value.status == 404
    assert "the call has no recording" in str(refused.value.body)


def test_a_worker_that_is_killed_leaves_what_was_said(tmp_path: Path, said: Path, aside: ThreadPoolExecutor) -> None:
    gate = Gate(tmp_path, settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1"})
    try:
        gate.reset()
        agent = gate.make_agent("recorded", recordingEnabled=True)
        talking = dial(aside, gate, agent, said, "cut", 20.0)
        call_id = joined_call(gate, "sip:cut@127.0.0.1")
        gate.until(lambda: len(recording(gate, call_id)[1]) > 3 * RATE)
        pids = gate.workers()
        assert len(pids) == 1
        os.kill(pids[0], signal.SIGKILL)
        report = talking.result(10)
        assert (report.ok, report.ended_by) == (True, "callee")  # a BYE came
        call = ended(gate, call_id)
        assert call["endReason"] == "system_error"
        rate, sides = recording(gate, call_id)
        assert len(sides) > 3 * rate
        assert strength(np.ascontiguousarray(sides[2 * rate : 3 * rate, 0]).tobytes(), SAID_HZ) > 0.95
        # Another worker takes the next call.
        gate.until(lambda: gate.workers() not in ([], pids))
        gate.until(lambda: Phone(gate).calls(f"agent_{agent}", duration_s=0.2).ok)
    finally:
        assert gate.stop() == 0


def test_without_room_on_the_disk_the_call_goes_on(tmp_path: Path, said: Path, aside: ThreadPoolExecutor) -> None:
    gate = Gate(tmp_path, settings=SETTINGS | {"CALLGATE_RECORDINGS_FREE_BYTES_MIN": str(10**15)})
    try:
        gate.reset()
        talking = dial(aside, gate, gate.make_agent("recorded", recordingEnabled=True), said, "full", 2.0)
        call_id = joined_call(gate, "sip:full@127.0.0.1")
        report = talking.result()
        assert (report.ok, report.ended_by, report.heard_ms > 300) == (True, "caller", True)
        assert ended(gate, call_id)["endReason"] == "hangup"
        stops = gate.until(lambda: [one for one in gate.events(call_id) if one["type"] == "recording_stopped"])
        assert len(stops) == 1
    finally:
        assert gate.stop() == 0
