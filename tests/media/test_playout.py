"""The playout queue."""

import pytest

from callgate.core.audio.format import PCM_8K
from callgate.media.playout import Playout


def test_frames_marks_and_milliseconds_are_exact() -> None:
    marks: list[str] = []
    playout = Playout(marks.append)
    playout.play(b"\1" * 480)
    playout.mark("end")
    assert playout.queued_ms == 30
    assert playout.take() == b"\1" * PCM_8K.frame_bytes
    playout.ring()
    assert (playout.played_ms, marks) == (20, [])
    assert playout.take() == b"\1" * 160 + b"\0" * 160
    playout.ring()
    assert (playout.played_ms, playout.take(), marks) == (30, None, ["end"])


def test_clear_drops_sound_and_marks_at_once() -> None:
    marks: list[str] = []
    playout = Playout(marks.append)
    playout.play(b"\1" * 640)
    playout.mark("never")
    playout.take()
    cleared = playout.clear()
    assert (cleared.played_ms, cleared.dropped_ms) == (20, 20)
    fading = playout.take()
    assert fading is not None
    assert any(fading[:80])
    assert not any(fading[80:])  # 5 ms, then silence
    assert playout.take() is None
    playout.ring()
    playout.play(b"\2" * 320)
    playout.mark("after")
    playout.take()
    playout.ring()
    assert (playout.played_ms, marks) == (40, ["after"])


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        Playout(print).play(b"abc")
