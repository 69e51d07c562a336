import numpy as np
import pytest
from numpy.typing import NDArray

from callgate.brains.both_sides import BothSides, load_converters
from callgate.core.audio.codecs import PCMU
from callgate.core.audio.format import PCM_8K, PCM_24K, PCMU_8K, SoundFormat
from callgate.core.audio.tones import strength, tone

CALLER_HZ, AGENT_HZ = 440, 700


def frames(sound: bytes, form: SoundFormat) -> list[bytes]:
    return [sound[at : at + form.frame_bytes] for at in range(0, len(sound), form.frame_bytes)]


def channels(sound: bytes) -> tuple[bytes, bytes]:
    both: NDArray[np.int16] = np.frombuffer(sound, "<i2").reshape(-1, 2)
    return both[:, 0].tobytes(), both[:, 1].tobytes()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("form", [PCM_8K, PCM_24K, PCMU_8K])
def test_the_caller_is_left_and_the_agent_right(rate_hz: int, form: SoundFormat) -> None:
    load_converters([form], rate_hz)
    encode = PCMU.new_encoder() if form == PCMU_8K else bytes
    sides = BothSides(rate_hz, mixed=False)
    sides.use(form, form, 0.0)
    sides.queued(encode(tone(AGENT_HZ, 1_000, rate_hz=form.rate_hz)))
    said = encode(tone(CALLER_HZ, 1_000, rate_hz=form.rate_hz))
    whole = [sides.frame(frame, 20.0 * (count + 1)) for count, frame in enumerate(frames(said, form))]
    assert {len(frame) for frame in whole} == {2 * 2 * rate_hz // 50}
    left, right = channels(b"".join(whole[5:45]))
    assert strength(left, CALLER_HZ, rate_hz) > 0.95
    assert strength(right, AGENT_HZ, rate_hz) > 0.95
    assert strength(right, CALLER_HZ, rate_hz) < 0.01


def test_both_over_each_other_are_clipped_and_not_wrapped() -> None:
    loud = (30_000).to_bytes(2, "little") * 160
    sides = BothSides(8_000, mixed=True)
    sides.queued(loud * 2)
    sides.frame(loud, 20.0)
    assert sides.frame(loud, 40.0) == (32_767).to_bytes(2, "little") * 160


def agent_side(sides: BothSides, played_ms: float) -> list[int]:
    """The first sample of each ms of the agent's next frame."""
    _, right = channels(sides.frame(PCM_8K.silence, played_ms))
    return [int.from_bytes(right[at : at + 2], "little") for at in range(0, 320, 16)]


def test_only_what_was_played_is_there_and_what_was_cleared_is_not() -> None:
    sides = BothSides(8_000, mixed=False)
    sides.queued(b"".join(count.to_bytes(2, "little") * 160 for count in range(1, 11)))
    assert agent_side(sides, 0.0) == [0] * 20
    assert agent_side(sides, 20.0) == [0] * 20  # a frame behind
    assert agent_side(sides, 40.0) == [1] * 20
    sides.cleared(50.0)
    assert agent_side(sides, 50.0) == [2] * 20
    assert agent_side(sides, 50.0) == [3] * 10 + [0] * 10
    assert agent_side(sides, 50.0) == [0] * 20


def test_frames_that_are_heard_in_bursts_cut_no_holes() -> None:
    sides = BothSides(8_000, mixed=False)
    sides.queued(b"\1\0" * 160 * 50)
    heard = []
    for played_ms in (20, 20, 60, 60, 80, 100, 140, 140, 160):
        heard.append(agent_side(sides, float(played_ms))[0])
    assert heard == [0, 1, 1, 1, 1, 1, 1, 1, 1]


def test_what_nobody_listened_to_is_not_caught_up() -> None:
    sides = BothSides(8_000, mixed=False)
    sides.queued(b"".join(count.to_bytes(2, "little") * 160 for count in range(1, 101)))
    for count in range(50):
        sides.skip(20.0 * count)
    assert agent_side(sides, 1_000.0) == [0] * 20
    assert agent_side(sides, 1_020.0) == [50] * 20


def test_two_that_have_parted_are_a_second_apart_at_most() -> None:
    sides = BothSides(8_000, mixed=False)
    sides.queued(b"".join(count.to_bytes(2, "little") * 160 for count in range(1, 1_001)))
    assert agent_side(sides, 20_000.0) == [0] * 20
    assert agent_side(sides, 20_000.0) == [951] * 20


def test_another_format_drops_what_was_queued() -> None:
    sides = BothSides(8_000, mixed=False)
    sides.queued(b"\1\0" * 160 * 10)
    sides.use(PCM_8K, PCM_24K, 0.0)
    assert agent_side(sides, 20.0) == [0] * 20
    assert agent_side(sides, 40.0) == [0] * 20
