import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rtp.digits import DigitReceiver, DigitSender, Press, digit_payloads


def receive(receiver: DigitReceiver, timestamp: int, payloads: list[bytes]) -> list[tuple[str, int]]:
    return [found for payload in payloads if (found := receiver.push(timestamp, payload))]


@pytest.mark.rfc("4733", "2.5.1.4", "Retransmission of Final Packet")
def test_a_digit_is_told_once_at_its_first_packet() -> None:
    receiver = DigitReceiver()
    first, *others = digit_payloads("5", ms=160)
    assert receiver.push(100, first) == ("5", 20)
    assert receive(receiver, 100, others) == []


def test_the_same_key_twice_is_two_digits() -> None:
    receiver = DigitReceiver()
    assert receive(receiver, 100, digit_payloads("#")) == [("#", 20)]
    assert receive(receiver, 9_000, digit_payloads("#")) == [("#", 20)]


def test_a_digit_whose_beginning_was_lost_counts_all_the_same() -> None:
    assert receive(DigitReceiver(), 100, digit_payloads("1", ms=100)[-1:]) == [("1", 100)]


def test_late_packets_of_the_digit_before_are_no_news() -> None:
    receiver = DigitReceiver()
    one, two = digit_payloads("1"), digit_payloads("2")
    assert receive(receiver, 100, one[:-1]) == [("1", 20)]
    assert receive(receiver, 5_000, two[:1]) == [("2", 20)]
    assert receive(receiver, 100, one[-1:]) == []
    assert receive(receiver, 5_000, two[1:]) == []


@pytest.mark.rfc("4733", "2.5.1.3", "Long-Duration Events")
def test_a_key_held_for_ten_seconds_is_one_digit() -> None:
    receiver = DigitReceiver()
    assert receive(receiver, 0xFFFF_F000, digit_payloads("1", ms=8_200)[:-3]) == [("1", 20)]
    assert receive(receiver, 0xFFFF_F000 + 0xFFFF & 0xFFFF_FFFF, digit_payloads("1", ms=2_000)) == []


@pytest.mark.rfc("4733", "2.3", "Payload Format")
def test_durations_are_in_the_clock_of_the_codec() -> None:
    assert digit_payloads("1", ms=40, clock_hz=48_000)[0][2:] == (960).to_bytes(2)
    assert receive(DigitReceiver(48_000), 7, digit_payloads("1", ms=40, clock_hz=48_000)) == [("1", 20)]


def test_what_is_no_digit_is_refused_by_the_sender_and_ignored_by_the_receiver() -> None:
    with pytest.raises(ValueError, match="not a digit: 'x'"):
        digit_payloads("x")
    with pytest.raises(ValueError, match="not a digit: 'x'"):
        DigitSender().press("1x", 100, 100)
    assert DigitReceiver().push(1, bytes([16, 0x80, 0, 0])) is None  # flash


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=8))))
def test_any_payload_is_taken(packets: list[tuple[int, bytes]]) -> None:
    receiver = DigitReceiver()
    told = [receiver.push(timestamp, payload) for timestamp, payload in packets]
    assert len(told) == len(packets)


def presses(sender: DigitSender) -> list[Press]:
    found = []
    while (press := sender.next(8_000)) is not None:
        found.append(press)
    return found


@pytest.mark.rfc("4733", "2.5.1", "Sender Procedures")
def test_a_key_is_pressed_packet_by_packet_and_sound_is_muted_until_the_pause_is_over() -> None:
    sender = DigitSender()
    sender.press("5", tone_ms=60, gap_ms=100)
    assert sender.busy
    sent = presses(sender)
    assert [press.begins for press in sent] == [True] + [False] * 7
    assert [press.frame for press in sent] == [0, 1, 2, -1, -1, -1, -1, -1]
    durations = [int.from_bytes(press.payload[2:]) for press in sent if press.payload]
    assert durations == [160, 320, 480, 480, 480]
    assert [bool(press.payload[1] & 0x80) for press in sent if press.payload] == [False, False, True, True, True]
    assert len(sent) == 3 + 5  # 60 ms of key, 100 ms of pause, in which the end is told twice more


def test_keys_come_one_after_the_other() -> None:
    sender = DigitSender()
    sender.press("12", tone_ms=40, gap_ms=40)
    events = [press.payload[0] for press in presses(sender) if press.begins]
    assert events == [1, 2]


def test_what_is_pressed_is_received() -> None:
    sender, receiver = DigitSender(), DigitReceiver()
    sender.press("0*#d", tone_ms=100, gap_ms=100)
    timestamp, told = 0, []
    for number, press in enumerate(presses(sender)):
        timestamp = number * 160 if press.begins else timestamp
        if press.payload and (found := receiver.push(timestamp, press.payload)):
            told.append(found[0])
    assert told == ["0", "*", "#", "D"]


@pytest.mark.parametrize(("digits", "tone_ms", "gap_ms"), [("1" * 65, 100, 100), ("1", 20, 100), ("1", 100, 6_000)])
def test_too_much_is_refused(digits: str, tone_ms: int, gap_ms: int) -> None:
    sender = DigitSender()
    with pytest.raises(ValueError, match="expected"):
        sender.press(digits, tone_ms, gap_ms)
    assert not sender.busy
