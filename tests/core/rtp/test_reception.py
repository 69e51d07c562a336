import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rtp.reception import WAIT_S_MAX, Heard, Lost, Reception, Silent

FRAME_S = 0.02


class Source:
    """A sender whose packets a test hands over in any order."""

    def __init__(self, reception: Reception, first: int = 0, timestamp: int = 0, ssrc: int = 7) -> None:
        self.reception = reception
        self.first, self.timestamp, self.ssrc = first, timestamp, ssrc

    def packet(self, number: int, at_s: float | None = None) -> tuple[Heard, ...]:
        return self.reception.push(
            (self.first + number) & 0xFFFF,
            (self.timestamp + 160 * number) & 0xFFFF_FFFF,
            self.ssrc,
            b"%d" % number,
            FRAME_S * number if at_s is None else at_s,
        )

    def packets(self, *numbers: int) -> list[Heard]:
        return [heard for number in numbers for heard in self.packet(number)]


def test_in_order_means_at_once() -> None:
    source = Source(Reception())
    assert [source.packet(number) for number in range(3)] == [(b"0",), (b"1",), (b"2",)]


def test_two_that_swapped_are_heard_in_order_and_counted_as_such() -> None:
    source = Source(Reception())
    assert source.packets(0, 2, 1, 3) == [b"0", b"1", b"2", b"3"]
    assert (source.reception.reordered, source.reception.lost, source.reception.received) == (1, 0, 4)


def test_a_gap_is_waited_for_while_two_packets_come() -> None:
    source = Source(Reception())
    assert source.packets(0, 2) == [b"0"]
    assert source.packet(3) == (Lost(1), b"2", b"3")
    assert source.reception.lost == 1


def test_a_gap_is_waited_for_forty_ms_at_most_when_asked_every_frame() -> None:
    source = Source(Reception())
    source.packets(0, 2)
    assert source.reception.due(0.04 + WAIT_S_MAX - 0.021) == ()
    assert source.reception.due(0.04 + WAIT_S_MAX - 0.019) == (Lost(1), b"2")


def test_what_comes_after_it_was_given_up_is_late_and_what_comes_twice_a_copy() -> None:
    source = Source(Reception())
    source.packets(0, 2, 3, 1, 3, 0)
    assert (source.reception.late, source.reception.duplicate) == (1, 2)
    assert source.packet(4) == (b"4",)


def test_a_sender_that_leaves_silence_out_is_understood() -> None:
    source = Source(Reception())
    source.packets(0, 1, 2)
    assert source.reception.push(3, 160 * 53, 7, b"again", 1.06) == (Silent(1_000.0), b"again")
    assert source.reception.lost == 0


def test_a_wild_timestamp_is_no_hour_of_silence() -> None:
    source = Source(Reception())
    source.packets(0, 1, 2)
    assert source.reception.push(3, 0x7000_0000, 7, b"again", 0.06) == (b"again",)


def test_longer_packets_are_no_pauses() -> None:
    reception = Reception()
    heard = [reception.push(n, 160 * n if n < 5 else 800 + 240 * (n - 5), 7, b"x", 0.02 * n) for n in range(10)]
    assert heard == [(b"x",)] * 10


def test_packets_of_twice_the_length_are_two_pauses_at_most() -> None:
    reception = Reception()
    heard = [reception.push(n, 160 * n if n < 5 else 800 + 320 * (n - 5), 7, b"x", 0.02 * n) for n in range(30)]
    assert sum(Silent(20.0) in items for items in heard) <= 1


def test_a_sender_that_goes_back_a_little_is_heard_at_once() -> None:
    source = Source(Reception(), first=500)
    source.packets(*range(60))
    source.first -= 30
    assert source.packets(60, 61) == [b"60", b"61"]
    assert (source.reception.lost, source.reception.duplicate) == (0, 0)


def test_a_clock_that_begins_anew_is_no_jitter() -> None:
    reception = Reception()
    for number in range(100):
        reception.push(number, 160 * number + (0x1000_0000 if number >= 50 else 0), 7, b"x", FRAME_S * number)
    assert reception.jitter_ticks < 1


def test_swaps_are_counted_across_the_wrap() -> None:
    source = Source(Reception(), first=0xFFFE)
    source.packets(0, 3, 1, 2, 4)
    assert source.reception.reordered == 2


def test_digits_share_the_numbering_and_are_not_heard() -> None:
    reception = Reception()
    assert reception.push(0, 0, 7, b"0", 0.0) == (b"0",)
    assert reception.note(1, 7, 0.02) == ()
    assert reception.push(2, 320, 7, b"2", 0.04) == (b"2",)
    assert reception.lost == 0


@pytest.mark.rfc("3550", "A.1", "RTP Data Header Validity Checks")
def test_another_source_and_a_sender_that_begins_anew_are_no_losses() -> None:
    source = Source(Reception(), first=60_000)
    source.packets(0, 1)
    other = Source(source.reception, first=9, ssrc=8)
    assert other.packets(0, 1) == [b"0", b"1"]
    other.first = 30_000
    assert other.packets(2, 3) == [b"2", b"3"]
    assert source.reception.lost == 0


def test_a_new_beginning_lets_nothing_wait() -> None:
    source = Source(Reception())
    source.packets(0, 2)
    source.first = 30_000
    assert source.packet(3) == (Lost(1), b"2", b"3")


@pytest.mark.rfc("3550", "A.8", "Estimating the Interarrival Jitter")
def test_jitter_is_that_of_the_standard() -> None:
    reception = Reception()
    for number in range(500):  # every other packet 5 ms late: a difference of 40 ticks each time
        reception.push(number, 160 * number, 7, b"x", FRAME_S * number + 0.005 * (number % 2))
    assert abs(reception.jitter_ticks - 40) < 0.1


def test_a_day_is_accounted_for_to_the_packet() -> None:
    """24 hours at one packet a second, through 1 wrap of the sequence and none lost but those left out."""
    source = Source(Reception(), first=65_000, timestamp=0xFFFF_0000)
    random_ = random.Random(1)
    left_out = 0
    for number in range(86_400):
        if number % 100 == 99 and random_.random() < 0.5:
            left_out += 1
            continue
        source.packet(number)
    for number in range(86_400, 86_403):
        source.packet(number)
    reception = source.reception
    assert reception.lost == left_out
    assert reception.received == 86_403 - left_out
    assert reception.highest - reception.first + 1 == 86_403


@pytest.mark.rfc("3550", "A.1", "RTP Data Header Validity Checks")
def test_ten_wraps_of_the_sequence_and_one_of_the_timestamp_are_no_losses() -> None:
    """Four hours of whole frames at 48 kHz."""
    reception, payload = Reception(48_000), b"x"
    heard = 0
    for number in range(720_000):
        heard += len(
            reception.push(number & 0xFFFF, 0xF000_0000 + 960 * number & 0xFFFF_FFFF, 7, payload, FRAME_S * number)
        )
    assert heard == reception.received == reception.highest - reception.first + 1 == 720_000
    assert reception.lost == reception.late == reception.duplicate == reception.reordered == 0
    assert reception.jitter_ticks < 1


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF), st.integers(0, 2)), max_size=200))
def test_whatever_comes_nothing_is_heard_twice(packets: list[tuple[int, int, int]]) -> None:
    reception = Reception()
    heard: Counter[bytes] = Counter()
    now_s = 0.0
    for index, (sequence, timestamp, ssrc) in enumerate(packets):
        now_s += 0.01
        for item in (*reception.push(sequence, timestamp, ssrc, b"%d" % index, now_s), *reception.due(now_s)):
            if isinstance(item, bytes):
                heard[item] += 1
    assert all(count == 1 for count in heard.values())
    assert reception.received + reception.late + reception.duplicate == len(packets)


@given(st.randoms(use_true_random=False), st.integers(0, 0xFFFF))
def test_any_order_within_reach_is_put_right(random_: random.Random, first: int) -> None:
    source = Source(Reception(), first)
    order = list(range(100))
    for index in range(1, 97, 3):  # neighbours swap
        if random_.random() < 0.5:
            order[index], order[index + 1] = order[index + 1], order[index]
    heard = [item for number in order for item in source.packet(number)]
    assert heard == [b"%d" % number for number in range(100)]
