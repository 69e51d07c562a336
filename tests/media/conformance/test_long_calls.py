"""A call of a day, in virtual time: every counter wraps, and nothing drifts.

The whole day takes some minutes: `make soak` asks for it by ``CALLGATE_SOAK_HOURS=24``; otherwise it is a quarter of an
hour, begun right before the wraps.
"""

import os
import resource

import pytest

from callgate.core.audio.format import PCMU_8K
from tests.media.conformance.conftest import MakePlace
from tests.media.conformance.engine import FRAME_S

HOURS = float(os.environ.get("CALLGATE_SOAK_HOURS", "0.25"))
TURN = 50  # frames


@pytest.mark.timeout(3_600 if HOURS > 1 else 120)
def test_a_long_call(place: MakePlace) -> None:
    call = place(chances=(5, 0x7FF0, 0xFFFF_0000)).begin()
    call.peer.keeps = call.brain.keeps = False
    call.peer.sequence, call.peer.timestamp = 65_000, 0xFFFF_F000
    turns = round(HOURS * 3_600 / FRAME_S / TURN)
    memory_kb: list[int] = []
    for turn in range(turns):
        # The agent speaks for half a second of each second, the caller all the time.
        call.bridge.play(bytes([turn % 100]) * (PCMU_8K.frame_bytes * TURN // 2))
        call.bridge.mark(str(turn))
        call.talk([b"\x10" * 160] * TURN)
        assert (set(call.events()) - {"turn"}, call.hang_ups()) == (set(), [])
        call.told.clear()
        memory_kb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    quality = call.quality
    frames = turns * TURN
    assert quality.packets_received == frames
    assert (quality.packets_lost, quality.packets_late, quality.packets_duplicate) == (0, 0, 0)
    assert (quality.packets_strange, quality.concealed_ms, quality.frames_skipped) == (0, 0, 0)
    # Not a frame too many or too few, on either side, after all that time.
    assert quality.packets_sent == pytest.approx(frames, abs=1)
    assert call.brain.count == pytest.approx(frames, abs=1)
    assert call.bridge.played_ms == turns * TURN // 2 * 20
    assert call.brain.marks == [str(turn) for turn in range(turns)]
    assert quality.jitter_ms == pytest.approx(0, abs=0.1)
    # What a call needs it has after its first tenth; the list of marks and memory's own steps are some hundred kB.
    assert memory_kb[-1] - memory_kb[len(memory_kb) // 10] < 1_000 + 50 * HOURS * 60
