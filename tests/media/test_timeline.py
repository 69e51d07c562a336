import random

from callgate.media.timeline import Timeline

FRAME = b"\1\0" * 160


def at(line: Timeline, until_ms: int) -> list[tuple[int, int]]:
    """Where sound is, in ms: from, to."""
    sound = line.take(until_ms * 8)
    assert len(sound) == 16 * until_ms
    ms = [sound[16 * n : 16 * n + 16] != bytes(16) for n in range(until_ms)] + [False]
    edges = [n for n in range(len(ms)) if ms[n] != (n > 0 and ms[n - 1])]
    return list(zip(edges[::2], edges[1::2], strict=True))


def test_what_is_played_begins_when_it_is_given_and_what_is_heard_was_said_before() -> None:
    for over, expected in ((False, [(100, 120)]), (True, [(80, 100)])):
        line = Timeline(8_000, over=over)
        line.put(100, FRAME)
        assert at(line, 200) == expected


def test_jitter_neither_tears_sound_apart_nor_adds_up() -> None:
    chance = random.Random(5)
    line = Timeline(8_000, over=False)
    line.put(0, FRAME)
    for n in range(1, 3_000):
        line.put(n * 20 + chance.uniform(0, 15), FRAME)
        if n % 50 == 0:
            line.take(n * 160 - 4_000)
    assert 60_000 - 20 <= line.end / 8 <= 60_000 + 20


def test_a_clock_that_is_too_fast_or_slow_is_followed() -> None:
    for factor in (0.999, 1.001):
        line = Timeline(8_000, over=False)
        for n in range(6_000):  # two minutes, in which it would be off by 120 ms
            line.put(n * 20 * factor, FRAME)
            assert abs(line.end / 8 - (n + 1) * 20 * factor) <= 32, n


def test_a_pause_is_silence() -> None:
    line = Timeline(8_000, over=False)
    line.put(0, FRAME)
    line.put(500, FRAME)
    assert at(line, 600) == [(0, 20), (500, 520)]


def test_a_burst_takes_the_place_of_what_was_made_up_for_it() -> None:
    line = Timeline(8_000, over=True)
    for n in range(10):
        line.put((n + 1) * 20, b"\2\0" * 160)
    line.put(200, FRAME * 5)
    assert line.take(800) == b"\2\0" * 800
    assert line.take(1_600) == b"\1\0" * 800


def test_what_comes_after_its_place_was_taken_is_left_out() -> None:
    line = Timeline(8_000, over=True)
    assert line.take(1_600) == bytes(3_200)
    line.put(200, FRAME * 20)  # of 400 ms nothing is left to be placed
    line.put(210, FRAME)
    assert line.take(1_600 + 160) == FRAME
