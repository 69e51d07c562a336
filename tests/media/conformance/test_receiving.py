"""What comes from the caller."""

import struct

import pytest

from callgate.core.audio.format import PCM_8K, PCMA_8K, PCMU_8K
from callgate.core.audio.tones import dtmf, tone
from callgate.core.rtp.digits import digit_payloads
from tests.media.conformance.conftest import MakePlace
from tests.media.conformance.engine import DIGITS, FRAME_S, NOISE, Place, Stranger

SILENCE = PCMU_8K.silence


def said(number: int) -> bytes:
    """A frame that is told from others and is not silent."""
    return bytes([number % 120]) * 160


def power(frame: bytes) -> float:
    """Mean square of a frame of int16."""
    samples = struct.unpack(f"<{len(frame) // 2}h", frame)
    return float(sum(sample * sample for sample in samples) / len(samples))


def test_packets_are_heard_the_moment_they_come(place: MakePlace) -> None:
    call = place().begin()
    for number in range(10):
        call.peer.send(said(number))
        assert call.brain.frames == [said(index) for index in range(number + 1)]


def test_the_brain_hears_nothing_before_the_call_is_joined(place: MakePlace) -> None:
    call = place()
    call.talk([said(number) for number in range(20)])
    assert call.brain.frames == []
    call.begin().talk([said(99)])
    assert call.brain.frames == [said(99)]


def test_what_swapped_on_its_way_is_put_into_order(place: MakePlace) -> None:
    call = place().begin()
    for number in (0, 1, 3, 2, 4, 6, 5, 7, 8):
        call.peer.send(said(number), sequence=number, timestamp=160 * number)
        call.run(FRAME_S)
    assert call.brain.frames == [said(number) for number in range(9)]
    quality = call.quality
    assert (quality.packets_reordered, quality.packets_lost, quality.packets_late) == (2, 0, 0)


def test_a_gap_is_waited_for_by_two_packets_at_most(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(number) for number in range(5)])
    call.peer.sequence, call.peer.timestamp = call.peer.sequence + 1, call.peer.timestamp + 160
    call.run(0.019)  # the sixth packet would have come
    call.peer.send(said(6))
    assert len(call.brain.frames) == 5
    call.run(0.019)
    call.peer.send(said(7))
    assert len(call.brain.frames) == 8
    assert call.brain.frames[7] == said(7)
    # The end of what was made up runs into the beginning of what is real.
    assert call.brain.frames[6][40:] == said(6)[40:]
    assert (call.quality.packets_lost, call.quality.concealed_ms) == (1, 20)


def test_a_gap_is_waited_for_by_two_frames_of_time_at_most(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(number) for number in range(5)])
    call.peer.send(said(6), sequence=call.peer.sequence + 1, timestamp=call.peer.timestamp + 160)
    assert len(call.brain.frames) == 5
    call.run(0.019)
    assert len(call.brain.frames) == 5
    call.run(0.022)
    assert call.brain.frames[6][40:] == said(6)[40:]
    assert call.quality.packets_lost == 1


def test_what_comes_after_its_time_is_counted_and_not_heard(place: MakePlace) -> None:
    call = place().begin()
    for number in (0, 1, 3, 4, 5, 6):
        call.peer.send(said(number), sequence=number, timestamp=160 * number)
        call.run(FRAME_S)
    heard = len(call.brain.frames)
    call.peer.send(said(2), sequence=2, timestamp=320)
    assert len(call.brain.frames) == heard
    assert (call.quality.packets_late, call.quality.packets_lost) == (1, 1)


def test_copies_are_counted_and_not_heard(place: MakePlace) -> None:
    call = place().begin()
    for number in (0, 0, 1, 2, 2, 2, 3):
        call.peer.send(said(number), sequence=number, timestamp=160 * number)
        call.run(0.005)
    assert call.brain.frames == [said(number) for number in range(4)]
    assert call.quality.packets_duplicate == 3
    assert call.quality.packets_received == 4


def test_what_is_missing_is_made_up_and_fades_within_60_ms(place: MakePlace) -> None:
    call = place(PCM_8K, PCM_8K, codec="L16", payload_type=96).begin()
    sound = tone(200, 200)
    network = [struct.pack(">160h", *struct.unpack("<160h", sound[at : at + 320])) for at in range(0, len(sound), 320)]
    call.talk(network, 96)
    loud = power(call.brain.frames[-1])
    heard = len(call.brain.frames)
    call.run(0.4)
    made_up = call.brain.frames[heard:]
    shares = [power(frame) / loud for frame in made_up]
    assert shares[0] > 0.5
    assert 0 < shares[2] < 0.1
    assert set(made_up[3:]) == {bytes(320)}
    assert len(call.brain.frames) == pytest.approx(30, abs=2)


def test_the_brains_clock_stays_true_through_pauses(place: MakePlace) -> None:
    """Silence suppression: the sequence goes on, the timestamp leaps."""
    call = place().begin()
    call.talk([said(number) for number in range(50)])
    call.run(2.0)
    call.peer.timestamp += 160 * 100
    call.talk([said(number) for number in range(50)])
    assert len(call.brain.frames) == pytest.approx(200, abs=2)
    assert call.brain.frames[:50] == [said(number) for number in range(50)]
    assert call.brain.frames[-49:] == [said(number) for number in range(1, 50)]  # the first rises from silence
    assert call.quality.packets_lost == 0


def test_the_brains_clock_stays_true_without_any_packet(place: MakePlace) -> None:
    call = place().begin()
    call.run(10.0)
    assert len(call.brain.frames) == pytest.approx(500, abs=3)
    assert set(call.brain.frames) == {SILENCE}


def test_comfort_noise_is_heard_as_silence(place: MakePlace) -> None:
    call = place(PCM_8K, PCM_8K).begin()
    call.talk([said(5)] * 10)
    call.peer.send(b"\x40", NOISE)
    heard = len(call.brain.frames)
    call.run(1.0)
    call.peer.timestamp += 160 * 49
    call.talk([said(5)] * 10)
    quiet = call.brain.frames[heard : heard + 45]
    assert set(quiet) == {PCM_8K.silence}
    assert call.quality.concealed_ms == 0
    assert call.quality.packets_lost == 0
    assert len(call.brain.frames) == pytest.approx(70, abs=2)


def test_thirty_seconds_that_come_at_once_are_heard_in_order(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(0)])
    call.run(2.0)
    pause = len(call.brain.frames)
    for number in range(1_500):
        call.peer.send(said(number))
    assert call.brain.frames[pause + 1 :] == [said(number) for number in range(1, 1_500)]
    # It is that far ahead of the clock now, and nothing is made up until time has caught up with it.
    call.run(20.0)
    assert len(call.brain.frames) == pause + 1_500
    call.run(20.0)
    assert len(call.brain.frames) == pytest.approx(42.02 * 50, abs=5)


def test_another_source_is_a_new_beginning_and_no_loss(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(number) for number in range(20)])
    call.peer.ssrc, call.peer.sequence, call.peer.timestamp = 8, 40_000, 9
    call.talk([said(number) for number in range(20, 40)])
    assert call.brain.frames == [said(number) for number in range(40)]
    assert call.quality.packets_lost == 0
    assert call.quality.packets_received == 40


def test_sequence_numbers_and_timestamps_wrap(place: MakePlace) -> None:
    call = place().begin()
    call.peer.sequence, call.peer.timestamp = 65_530, 0xFFFF_FFFF - 5 * 160
    call.talk([said(number) for number in range(20)])
    assert call.brain.frames == [said(number) for number in range(20)]
    assert (call.quality.packets_lost, call.quality.packets_reordered) == (0, 0)


def test_packets_of_no_agreed_type_are_counted_and_not_heard(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(1)] * 10)
    call.peer.send(said(2), 18)
    call.peer.send(b"", 0, raw=b"\x80\x00")
    assert set(call.brain.frames) == {said(1)}
    assert call.quality.packets_strange == 2


def test_the_caller_may_change_its_codec(place: MakePlace) -> None:
    call = place(PCMA_8K, PCMA_8K).begin()
    call.talk([bytes([0x21]) * 160] * 5)
    call.redirect(codec="PCMA", payload_type=8)
    call.talk([bytes([0x12]) * 160] * 5, 8)
    first, second = call.brain.frames[0], call.brain.frames[-1]
    assert second == bytes([0x12]) * 160
    assert first == bytes([first[0]]) * 160 != bytes([0x21]) * 160
    assert len(call.brain.frames) == 10


@pytest.mark.parametrize("ms", [10, 30, 40, 60])
def test_packets_of_any_length_make_whole_frames(place: MakePlace, ms: int) -> None:
    call = place().begin()
    sound = b"".join(said(number) for number in range(30))
    size = 8 * ms
    for at in range(0, len(sound), size):
        call.peer.send(sound[at : at + size], timestamp=at)
        call.run(ms / 1_000)
    assert b"".join(call.brain.frames) == sound
    assert {len(frame) for frame in call.brain.frames} == {160}


def test_a_stranger_is_not_heard_once_the_caller_is_known(place: MakePlace) -> None:
    call = place().begin()
    stranger = Stranger()
    call.talk([said(1)] * 10)
    for number in range(20):
        call.peer.send(said(99), sequence=number, timestamp=160 * number, source=stranger.rtp)
        call.talk([said(1)])
    assert set(call.brain.frames) == {said(1)}
    call.run(FRAME_S)
    assert call.peer.came[-1].at_s == pytest.approx(call.loop.now_s, abs=FRAME_S)
    stranger.close()


def test_the_caller_is_followed_to_another_port(place: MakePlace) -> None:
    """As when a NAT forgets a binding: after two silent seconds, four packets in a row prove the new source."""
    call = place().begin()
    call.talk([said(1)] * 10)
    call.run(2.2)
    moved = Stranger()
    for _ in range(8):
        call.peer.send(said(2), source=moved.rtp)
        call.run(FRAME_S)
    assert call.brain.frames[-1] == said(2)
    sent_to = moved.count()
    call.run(0.2)
    assert moved.count() - sent_to == pytest.approx(10, abs=1)
    moved.close()


# ------------------------------------------------------------------------------------------------------------- hold


def test_a_caller_who_holds_is_heard_as_silence(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(1)] * 10)
    call.redirect(send=False)
    call.talk([said(2)] * 100)  # hold music
    call.redirect(send=True)
    call.talk([said(3)] * 10)
    assert call.brain.holds == [True, False]
    assert call.brain.frames[:10] == [said(1)] * 10
    assert call.brain.frames[-10:] == [said(3)] * 10
    assert set(call.brain.frames[10:-10]) == {SILENCE}
    assert len(call.brain.frames) == pytest.approx(120, abs=3)


# ------------------------------------------------------------------------------------------------------------ digits


def press(call: Place, digit: str, *, skip: int = 0, copies: int = 1) -> None:
    """Press a key as phones do; `skip` of its packets are lost."""
    for index, payload in enumerate(digit_payloads(digit, 160)):
        for _ in range(copies):
            sequence = call.peer.sequence
            if index >= skip:
                call.peer.send(payload, DIGITS, marker=index == 0, sequence=sequence, timestamp=call.peer.timestamp)
        call.peer.sequence += 1
        call.run(FRAME_S)
    call.peer.timestamp += 160 * 12


def test_a_digit_counts_once_at_its_first_packet(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(1)] * 10)
    call.peer.send(digit_payloads("7")[0], DIGITS, marker=True, sequence=call.peer.sequence, timestamp=99_999)
    assert call.brain.digits == ["7"]
    call.peer.sequence += 1
    for payload in digit_payloads("7")[1:]:
        call.peer.send(payload, DIGITS, timestamp=99_999)
        call.run(FRAME_S)
    assert call.brain.digits == ["7"]


def test_digits_survive_loss_and_copies(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(1)] * 10)
    press(call, "1", skip=3)
    press(call, "1", skip=9)
    press(call, "#", copies=3)
    assert call.brain.digits == ["1", "1", "#"]


def test_the_brains_clock_stays_true_while_a_key_is_pressed(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(1)] * 20)
    press(call, "4")
    call.talk([said(2)] * 20)
    assert call.brain.digits == ["4"]
    assert call.quality.packets_lost == 0
    assert len(call.brain.frames) == pytest.approx(50, abs=2)


def test_other_ways_to_tell_a_digit_are_ignored_where_events_were_agreed(place: MakePlace) -> None:
    call = place(PCM_8K, PCM_8K, codec="L16", payload_type=96).begin()
    call.session.digit("5", 100)
    hear(call, dtmf("5", 200))
    assert call.brain.digits == []


def hear(call: Place, sound: bytes) -> None:
    """Have the caller send a sound as L16."""
    sound += bytes(-len(sound) % 320)
    call.talk(
        [struct.pack(">160h", *struct.unpack("<160h", sound[at : at + 320])) for at in range(0, len(sound), 320)], 96
    )


def test_a_digit_by_signaling_counts_where_no_events_were_agreed(place: MakePlace) -> None:
    call = place(digits_payload_type=None).begin()
    call.session.digit("5", 100)
    call.session.digit("5", 100)
    assert call.brain.digits == ["5", "5"]


def test_a_digit_in_the_sound_counts_where_no_events_were_agreed(place: MakePlace) -> None:
    call = place(PCM_8K, PCM_8K, codec="L16", payload_type=96, digits_payload_type=None).begin()
    hear(call, bytes(1_600) + dtmf("8", 120) + bytes(3_200) + dtmf("8", 120) + bytes(3_200) + dtmf("0", 120))
    hear(call, bytes(3_200))
    assert call.brain.digits == ["8", "8", "0"]


def test_a_digit_told_in_two_ways_counts_once(place: MakePlace) -> None:
    call = place(PCM_8K, PCM_8K, codec="L16", payload_type=96, digits_payload_type=None).begin()
    hear(call, bytes(1_600) + dtmf("3", 160))
    call.session.digit("3", 160)
    call.run(1.0)
    call.session.digit("3", 160)
    assert call.brain.digits == ["3", "3"]


@pytest.mark.parametrize("packet_ms", [10, 20, 30, 40, 50, 60])
def test_packets_of_every_usual_length_are_heard_whole(place: MakePlace, packet_ms: int) -> None:
    call = place().begin()
    sound = bytes(number % 120 for number in range(8 * 600))
    size = 8 * packet_ms
    for at in range(0, len(sound), size):
        call.run(packet_ms / 1_000)
        call.peer.send(sound[at : at + size], timestamp=call.peer.timestamp + at)
    assert b"".join(call.brain.frames)[-len(sound) :] == sound
    assert (call.quality.packets_lost, call.quality.concealed_ms) == (0, 0)


def test_the_caller_sends_with_our_numbers_and_we_with_its(place: MakePlace) -> None:
    call = place(payload_type=97, digits_payload_type=98, own_payload_types=(0, DIGITS, None)).begin()
    call.talk([said(number) for number in range(5)])
    for payload in digit_payloads("5", 800):
        call.peer.send(payload, DIGITS, timestamp=1)
    assert call.brain.frames[-5:] == [said(number) for number in range(5)]
    assert call.brain.digits == ["5"]
    assert {came.packet.payload_type for came in call.peer.came} == {97}
