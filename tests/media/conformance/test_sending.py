"""What leaves for the caller."""

import struct

import pytest

from callgate.core.audio.format import PCM_8K, PCMU_8K
from callgate.core.audio.inband_digits import InbandDigits
from callgate.core.audio.tones import tone
from tests.media.conformance.conftest import MakePlace
from tests.media.conformance.engine import DIGITS, FRAME_S, Came, Place

SILENCE = PCMU_8K.silence
LOUD = 0x21  # a loud code of G.711


def frames(count: int, first: int = 0) -> bytes:
    """So many frames of µ-law, each of one code, all different from the next and none silence."""
    return b"".join(bytes([(first + number) % 120]) * 160 for number in range(count))


def steps(came: list[Came]) -> set[tuple[int, int]]:
    """By how much sequence numbers and timestamps grow from packet to packet."""
    pairs = zip(came, came[1:], strict=False)
    return {
        (
            (after.packet.sequence - before.packet.sequence) & 0xFFFF,
            (after.packet.timestamp - before.packet.timestamp) & 0xFFFF_FFFF,
        )
        for before, after in pairs
    }


def gaps_ms(came: list[Came]) -> list[float]:
    """Time from packet to packet."""
    return [1_000 * (after.at_s - before.at_s) for before, after in zip(came, came[1:], strict=False)]


def test_nothing_leaves_before_the_call_is_joined(place: MakePlace) -> None:
    call = place()
    call.bridge.play(frames(10))
    call.run(1.0)
    assert call.peer.came == []
    call.begin().run_frames(10)
    assert call.payloads[0] == frames(1)
    assert call.peer.came[0].at_s - 1_001.0 <= FRAME_S + 0.002


def test_one_packet_a_frame_whatever_there_is_to_say(place: MakePlace) -> None:
    call = place().begin()
    call.run(1.0)
    call.bridge.play(frames(25))
    call.run(1.0)
    assert len(call.peer.came) == 100
    assert steps(call.peer.came) == {(1, 160)}
    assert all(abs(gap - 20) < 0.001 for gap in gaps_ms(call.peer.came))
    assert call.payloads == [SILENCE] * 50 + [frames(1, number) for number in range(25)] + [SILENCE] * 25


def test_thirty_seconds_pushed_at_once_leave_at_the_pace_of_the_wire(place: MakePlace) -> None:
    call = place().begin()
    call.bridge.play(frames(1_500))
    assert call.bridge.queued_ms == 30_000
    call.run(15.0)
    assert call.bridge.played_ms == pytest.approx(15_000, abs=20)
    call.run(15.1)
    assert call.bridge.queued_ms == 0
    assert b"".join(call.payloads[:1_500]) == frames(1_500)
    assert all(abs(gap - 20) < 0.001 for gap in gaps_ms(call.peer.came))


def test_sound_of_any_length_is_cut_into_frames(place: MakePlace) -> None:
    call = place().begin()
    sound = frames(7)
    for at, size in ((0, 1), (1, 159), (160, 333), (493, 627)):
        call.bridge.play(sound[at : at + size])
    call.run_frames(8)
    assert b"".join(call.payloads[:7]) == sound


def test_half_a_sample_is_refused(place: MakePlace) -> None:
    call = place(PCM_8K, PCM_8K)
    with pytest.raises(ValueError, match="expected a multiple of 2"):
        call.bridge.play(bytes(161))


def test_more_than_the_queue_holds_is_refused(place: MakePlace) -> None:
    call = place()
    call.bridge.play(bytes(8_000 * 600))
    with pytest.raises(ValueError, match="expected at most 600 s waiting"):
        call.bridge.play(b"\xff")


def test_a_stall_is_no_burst(place: MakePlace) -> None:
    call = place().begin()
    call.bridge.play(frames(100))
    call.run(0.2)
    before = len(call.peer.came)
    call.stall(0.2)
    call.run(0.2)
    after = call.peer.came[before:]
    # At most the one that is due, and then one a frame.
    assert len(after) <= 12
    assert min(gaps_ms(after)) > 1
    jump = (call.peer.came[before].packet.timestamp - call.peer.came[before - 1].packet.timestamp) & 0xFFFF_FFFF
    assert jump in (160 * 10, 160 * 11)
    assert call.quality.frames_skipped == jump // 160 - 1
    # The numbering of packets and their order go on: nothing is lost but time.
    assert {step for step, _ in steps(call.peer.came)} == {1}
    assert b"".join(call.payloads) == frames(len(call.payloads))


def test_a_clear_is_silence_within_a_frame(place: MakePlace) -> None:
    call = place(PCM_8K, PCM_8K, codec="L16", payload_type=96).begin()
    call.bridge.play(tone(440, 1_000))
    call.run_frames(10)
    sent = len(call.peer.came)
    cleared = call.bridge.clear()
    assert (cleared.played_ms, cleared.dropped_ms) == (20.0 * sent, 1_000 - 20.0 * sent)
    call.run_frames(10)
    first, *rest = call.payloads[sent:]
    samples = struct.unpack(">160h", first)
    assert samples[40:] == (0,) * 120  # 5 ms, faded
    assert abs(samples[39]) < 700
    assert max(map(abs, samples[:40])) > 3_000
    assert set(rest) == {bytes(320)}
    assert call.bridge.played_ms == cleared.played_ms


def test_a_clear_of_nothing(place: MakePlace) -> None:
    call = place().begin()
    call.run_frames(5)
    cleared = call.bridge.clear()
    assert (cleared.played_ms, cleared.dropped_ms) == (0, 0)
    call.run_frames(5)
    assert set(call.payloads) == {SILENCE}


def test_what_comes_after_a_clear_is_heard_in_full(place: MakePlace) -> None:
    call = place().begin()
    call.bridge.play(frames(50))
    call.run_frames(10)
    call.bridge.clear()
    call.bridge.play(frames(3, first=100))
    sent = len(call.peer.came)
    call.run_frames(6)
    assert b"".join(call.payloads[sent + 1 : sent + 4]) == frames(3, first=100)


def test_marks_are_told_when_the_sound_before_them_has_left(place: MakePlace) -> None:
    call = place().begin()
    call.bridge.mark("at once")
    call.bridge.play(frames(5))
    call.bridge.mark("five")
    call.bridge.mark("five too")
    call.bridge.play(frames(5))
    call.bridge.mark("ten")
    told: dict[str, int] = {}
    for _ in range(12):
        call.run_frames(1)
        for name in call.brain.marks:
            told.setdefault(name, sum(payload != SILENCE for payload in call.payloads))
    assert call.brain.marks == ["at once", "five", "five too", "ten"]
    assert told == {"at once": 1, "five": 5, "five too": 5, "ten": 10}


def test_marks_are_dropped_with_the_sound_before_them(place: MakePlace) -> None:
    call = place().begin()
    call.bridge.play(frames(5))
    call.bridge.mark("never")
    call.bridge.clear()
    call.bridge.play(frames(1))
    call.bridge.mark("after")
    call.run_frames(20)
    assert call.brain.marks == ["after"]


def test_an_underrun_is_silence_and_a_new_talkspurt_is_marked(place: MakePlace) -> None:
    call = place().begin()
    call.run_frames(3)
    call.bridge.play(frames(2) + bytes([LOUD]) * 80)
    call.run_frames(10)
    call.bridge.play(frames(1))
    call.run_frames(5)
    marked = [number for number, came in enumerate(call.peer.came) if came.packet.marker]
    assert call.payloads[3:6] == [frames(1), frames(1, 1), bytes([LOUD]) * 80 + b"\xff" * 80]
    assert set(call.payloads[6:13]) == {SILENCE}
    assert marked == [3, 13]
    assert steps(call.peer.came) == {(1, 160)}


def test_sequence_and_timestamp_wrap(place: MakePlace) -> None:
    call = place(chances=(5, 0x7FF0, 0xFFFF_FF00)).begin()
    call.run_frames(0x8100)
    came = call.peer.came
    assert steps(came) == {(1, 160)}
    assert {number.packet.ssrc for number in came} == {5}
    assert came[0].packet.sequence > came[-1].packet.sequence or len(came) > 0x8000
    assert came[0].packet.timestamp > came[5].packet.timestamp


def test_nothing_leaves_while_the_caller_holds(place: MakePlace) -> None:
    call = place().begin()
    call.bridge.play(frames(30))
    call.run_frames(10)
    call.redirect(send=False)
    sent = len(call.peer.came)
    call.run(3.0)
    assert len(call.peer.came) == sent
    assert call.bridge.played_ms == 20 * sent
    call.redirect(send=True)
    call.run_frames(30)
    assert call.brain.holds == [True, False]
    # What was being said goes on where it was, its time moved on.
    assert b"".join(call.payloads[:30]) == frames(30)
    back = call.peer.came[sent]
    assert back.packet.marker
    assert (back.packet.timestamp - call.peer.came[sent - 1].packet.timestamp) & 0xFFFF_FFFF == 160 * 151


def test_sound_follows_the_callers_address(place: MakePlace) -> None:
    call = place().begin()
    call.run_frames(5)
    other = place()
    sent = len(call.peer.came)
    call.redirect(remote_port=other.peer.port)
    call.run_frames(5)
    other.peer.listen()
    assert len(call.peer.came) == sent
    assert len(other.peer.came) == 5


def test_the_callers_new_codec_is_spoken(place: MakePlace) -> None:
    call = place().begin()
    call.bridge.play(bytes([LOUD]) * 1_600)
    call.run_frames(5)
    call.redirect(codec="PCMA", payload_type=8)
    call.run_frames(4)
    kinds = [came.packet.payload_type for came in call.peer.came]
    assert kinds == [0] * 5 + [8] * 4
    assert call.payloads[4] == bytes([LOUD]) * 160
    assert call.payloads[5] == bytes([call.payloads[5][0]]) * 160 != call.payloads[4]
    assert steps(call.peer.came) == {(1, 160)}


def keys(call: Place) -> list[Came]:
    return [came for came in call.peer.came if came.packet.payload_type == DIGITS]


def test_keys_are_pressed_by_events_and_the_sound_waits(place: MakePlace) -> None:
    call = place().begin()
    call.run_frames(2)
    call.bridge.play(frames(10))
    call.run_frames(4)
    call.bridge.send_digits("5#", tone_ms=100, gap_ms=60)
    call.run_frames(30)
    pressed = keys(call)
    first = [came for came in pressed if came.packet.payload[0] == 5]
    second = [came for came in pressed if came.packet.payload[0] == 11]
    assert pressed == first + second
    for packets in (first, second):
        assert [came.packet.marker for came in packets] == [True] + [False] * 6
        assert len({came.packet.timestamp for came in packets}) == 1
        ends = [bool(came.packet.payload[1] & 0x80) for came in packets]
        assert ends == [False] * 4 + [True] * 3
        durations = [struct.unpack(">H", came.packet.payload[2:])[0] for came in packets]
        assert durations == [160, 320, 480, 640, 800, 800, 800]
    apart = (second[0].packet.timestamp - first[0].packet.timestamp) & 0xFFFF_FFFF
    assert apart == 160 * 8  # 100 ms and the pause of 60
    # Not one frame of the brain's sound leaves between the first packet and the end of the pause, and none is lost.
    between = call.peer.came[call.peer.came.index(first[0]) : call.peer.came.index(second[-1]) + 1]
    assert {came.packet.payload for came in between if came.packet.payload_type == 0} <= {SILENCE}
    assert b"".join(payload for payload in call.payloads if len(payload) == 160 and payload != SILENCE) == frames(10)
    assert {step for step, _ in steps(call.peer.came)} == {1}
    after = call.peer.came[call.peer.came.index(second[-1]) + 1 :]
    resumed = next(came for came in after if came.packet.payload != SILENCE)
    assert resumed.packet.marker


def test_keys_by_the_clock_of_the_codec(place: MakePlace) -> None:
    call = place(PCM_8K, PCM_8K, codec="OPUS", payload_type=111, clock_hz=48_000, digits_clock_hz=48_000).begin()
    call.bridge.send_digits("1", tone_ms=100)
    call.run_frames(10)
    assert struct.unpack(">H", keys(call)[-1].packet.payload[2:]) == (4_800,)


def test_keys_are_tones_where_no_events_were_agreed(place: MakePlace) -> None:
    call = place(PCM_8K, PCM_8K, codec="L16", payload_type=96, digits_payload_type=None).begin()
    call.bridge.send_digits("19*", tone_ms=100, gap_ms=80)
    call.run_frames(50)
    ear = InbandDigits()
    found = []
    for payload in call.payloads:
        found += [digit for digit, _ in ear.push(struct.pack("<160h", *struct.unpack(">160h", payload)))]
    assert found == ["1", "9", "*"]


@pytest.mark.parametrize(("digits", "tone_ms"), [("1x", 100), ("1", 10), ("1" * 65, 100)])
def test_keys_that_cannot_be_pressed_are_refused(place: MakePlace, digits: str, tone_ms: int) -> None:
    call = place(PCMU_8K).begin()
    with pytest.raises(ValueError, match="expected"):
        call.bridge.send_digits(digits, tone_ms=tone_ms)
    call.run_frames(10)
    assert keys(call) == []
