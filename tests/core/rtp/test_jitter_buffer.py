"""A sender and a listener on simulated networks; what is lost, made up and held back is measured."""

import random
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rtp.jitter_buffer import HELD_MS_MAX, SILENCE, WAIT_MS_MAX, JitterBuffer

FRAME_S = 0.02


class Fared(NamedTuple):
    """How a simulated call fared."""

    buffer: JitterBuffer
    played: list[int]
    delays_ms: list[float]
    concealed: int
    silent: int


def simulate(
    frames: int,
    delay_s: Callable[[int], float | None],
    skipped: Callable[[int], bool] = lambda number: False,
    first: int = 65_000,
    timestamp: int = 0xFFFF_0000,
    drift: float = 1.0,
) -> Fared:
    """Send so many frames, each with its delay; ``None``: lost; skipped: never sent, and not counted."""
    arrivals, sequence = [], first
    for number in range(frames):
        if skipped(number):
            continue
        delay = delay_s(number)
        if delay is not None:
            stamp = timestamp + 160 * number & 0xFFFF_FFFF
            arrivals.append((FRAME_S * number * drift + delay, sequence & 0xFFFF, stamp, number))
        sequence += 1
    arrivals.sort()
    buffer, played, delays_ms, concealed, silent, at = JitterBuffer(), [], [], 0, 0, 0
    for tick in range(frames + 15):
        now_s = FRAME_S * tick + 0.007
        while at < len(arrivals) and arrivals[at][0] <= now_s:
            came_s, number_sent, stamp, number = arrivals[at]
            buffer.push(number_sent, stamp, number.to_bytes(4), came_s)
            at += 1
        frame = buffer.pull(now_s)
        if frame is None:
            concealed += 1
        elif frame == SILENCE:
            silent += 1
        else:
            number = int.from_bytes(frame)
            played.append(number)
            delays_ms.append(1_000 * (now_s - FRAME_S * number * drift))
    return Fared(buffer, played, delays_ms, concealed, silent)


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def test_on_an_even_way_all_is_heard_in_order_and_the_wait_becomes_short() -> None:
    fared = simulate(3_000, lambda number: 0.050)
    assert fared.played == sorted(fared.played)
    assert len(fared.played) >= 2_998  # at most two are left out, to play sooner
    assert fared.concealed <= 3  # at the end, before it is known that no more comes
    assert fared.buffer.wait_ms == 20
    assert median(fared.delays_ms[500:]) <= 50 + 20 + 40


@pytest.mark.parametrize(("scatter_s", "lost_max"), [(0.010, 0.01), (0.030, 0.02), (0.045, 0.04)])
def test_the_wait_follows_the_scatter(scatter_s: float, lost_max: float) -> None:
    random_ = random.Random(3)
    fared = simulate(3_000, lambda number: 0.050 + random_.uniform(0, scatter_s))
    assert fared.played == sorted(set(fared.played))
    assert 3_000 - len(fared.played) <= lost_max * 3_000
    assert 1_000 * scatter_s * 0.9 <= fared.buffer.wait_ms <= max(21, 1_000 * scatter_s + 12)
    assert median(fared.delays_ms[500:]) <= 50 + WAIT_MS_MAX + 40


def test_losses_are_made_up_one_by_one() -> None:
    random_ = random.Random(5)
    lost = {number for number in range(100, 3_000) if random_.random() < 0.05}
    fared = simulate(3_000, lambda number: None if number in lost else 0.030)
    assert lost.isdisjoint(fared.played)
    assert len(fared.played) >= 3_000 - len(lost) - 3
    assert abs(fared.concealed - len(lost)) <= 3


def test_silence_left_out_is_silence_and_not_made_up() -> None:
    fared = simulate(1_000, lambda number: 0.030, skipped=lambda number: number % 200 >= 150)
    assert len(fared.played) >= 750 - 3
    assert fared.silent >= 200
    assert fared.concealed <= 3 * 5  # before it is known whether anything comes


def test_a_longer_way_is_followed_within_a_few_frames() -> None:
    fared = simulate(1_000, lambda number: 0.030 if number < 500 else 0.200)
    missing = set(range(500, 990)).difference(fared.played)
    assert len(missing) <= 12


def test_a_shorter_way_is_followed_frame_by_frame() -> None:
    fared = simulate(2_000, lambda number: 0.150 if number < 500 else 0.030)
    assert fared.buffer.dropped >= 4
    assert fared.delays_ms[-1] <= 30 + 20 + 40
    assert len(set(range(2_000 - 20)).difference(fared.played)) <= 10


@pytest.mark.parametrize("drift", [0.9995, 1.0005])
def test_clocks_that_run_apart_cost_single_frames(drift: float) -> None:
    """500 ppm, five times worse than any sound card: in 10 minutes 300 ms, 15 frames."""
    fared = simulate(30_000, lambda number: 0.030, drift=drift)
    assert fared.concealed + fared.buffer.dropped + fared.buffer.late <= 25
    assert max(fared.delays_ms[500:]) <= 30 + WAIT_MS_MAX + 60


def test_a_burst_is_cut_off() -> None:
    buffer = JitterBuffer()
    for number in range(100):
        buffer.push(number, 160 * number, b"x", 1.0)
    heard = [buffer.pull(1.0 + FRAME_S * tick) for tick in range(60)]
    assert sum(frame == b"x" for frame in heard) <= HELD_MS_MAX / 20
    assert buffer.dropped >= 90


def test_copies_are_counted_and_played_once() -> None:
    buffer = JitterBuffer()
    for number in range(50):
        buffer.push(number, 160 * number, b"%d" % number, FRAME_S * number)
        buffer.push(number, 160 * number, b"%d" % number, FRAME_S * number)
        buffer.pull(FRAME_S * number + 0.001)
    assert buffer.duplicate == 50


def test_a_wild_timestamp_is_a_new_beginning() -> None:
    buffer = JitterBuffer()
    heard = []
    for number in range(100):
        stamp = 160 * number + (0x5000_0000 if number >= 50 else 0)
        buffer.push(number, stamp, b"%d" % number, FRAME_S * number)
        heard.append(buffer.pull(FRAME_S * number + 0.001))
    assert heard[-1] not in (None, SILENCE)
    assert sum(frame not in (None, SILENCE) for frame in heard) >= 90


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF), st.floats(0, 0.1)), max_size=100))
def test_whatever_comes_nothing_is_played_twice(packets: list[tuple[int, int, float]]) -> None:
    buffer, now_s, heard = JitterBuffer(), 0.0, []
    for index, (sequence, timestamp, later_s) in enumerate(packets):
        now_s += later_s
        buffer.push(sequence, timestamp, b"%d" % index, now_s)
        heard.append(buffer.pull(now_s))
    sound = [frame for frame in heard if frame]
    assert len(sound) == len(set(sound))
