import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rtp.digits import DigitReceiver, digit_payloads


def receive(receiver: DigitReceiver, timestamp: int, payloads: list[bytes], at: float = 0.0) -> list[tuple[str, int]]:
    found = []
    for payload in payloads:
        found += receiver.push(timestamp, payload, at)
    return found


@pytest.mark.rfc("4733", "2.5.1.4", "Retransmission of Final Packet")
def test_a_digit_is_told_once_however_often_its_end_comes() -> None:
    assert receive(DigitReceiver(), 100, digit_payloads("5", ms=160)) == [("5", 160)]


def test_the_same_key_twice_is_two_digits() -> None:
    receiver = DigitReceiver()
    assert receive(receiver, 100, digit_payloads("#")) == [("#", 160)]
    assert receive(receiver, 9_000, digit_payloads("#")) == [("#", 160)]


def test_a_digit_without_an_end_is_told_when_the_next_begins_or_when_it_falls_silent() -> None:
    receiver = DigitReceiver()
    assert receive(receiver, 100, digit_payloads("1")[:-3], at=1.0) == []
    assert receiver.overdue(1.05) == []
    assert receiver.overdue(1.1) == [("1", 140)]
    assert receive(receiver, 5_000, digit_payloads("2")[:-3], at=2.0) == []
    assert receive(receiver, 6_000, digit_payloads("3"), at=2.05) == [("2", 140), ("3", 160)]


def test_what_is_no_digit_is_refused_by_the_sender_and_ignored_by_the_receiver() -> None:
    with pytest.raises(ValueError, match="not a digit: 'x'"):
        digit_payloads("x")
    assert DigitReceiver().push(1, bytes([16, 0x80, 0, 0]), 0) == []  # flash


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=8))))
def test_any_payload_is_taken(packets: list[tuple[int, bytes]]) -> None:
    receiver = DigitReceiver()
    told = [digit for timestamp, payload in packets for digit in receiver.push(timestamp, payload, 0)]
    assert len(told) <= len(packets)
