"""Reports both ways, the quality record, and what is told of a call that does not sound right."""

import pytest

from callgate.core.rtp.rtcp import Goodbye, Report, ReportBlock, middle, pack_report, parse
from callgate.media.protocol import Measured
from tests.media.conformance.conftest import MakePlace
from tests.media.conformance.engine import FRAME_S, Place, Stranger

VOICE = b"\x10" * 160


def reports(call: Place) -> list[Report]:
    """Ours, as they came to the caller."""
    return [packet for data in call.peer.reports for packet in parse(data) if isinstance(packet, Report)]


def report_back(call: Place, **block: int) -> None:
    """The caller reports on what it got of us."""
    ours = reports(call)[-1]
    values = {
        "ssrc": ours.ssrc,
        "fraction_lost": 0,
        "lost": 0,
        "highest": call.peer.came[-1].packet.sequence,
        "jitter": 0,
        "last_report": middle(ours.wall_clock),
        "since_last_report": 0,
        **block,
    }
    report = Report(call.peer.ssrc, 0, 0, 0, 0, (ReportBlock(**values),))
    call.peer.send_report(pack_report(report, "caller"))


def test_reports_say_what_was_sent_and_what_came(place: MakePlace) -> None:
    call = place().begin()
    call.talk([VOICE] * 200)
    call.peer.sequence += 50  # lost
    call.talk([VOICE] * 250)
    ours = reports(call)
    assert len(ours) == pytest.approx(3, abs=1)
    last = ours[-1]
    assert (last.ssrc, last.wall_clock > 0) == (call.peer.came[0].packet.ssrc, True)
    assert last.packets == pytest.approx(len(call.peer.came), abs=250)
    assert last.octets == 160 * last.packets
    (block,) = last.blocks
    assert (block.ssrc, block.lost) == (call.peer.ssrc, 50)
    assert max(report.blocks[0].fraction_lost for report in ours if report.blocks) > 20


def test_reports_come_every_five_seconds_or_so(place: MakePlace) -> None:
    call = place().begin()
    call.run(100.0)
    assert len(reports(call)) == pytest.approx(20, abs=10)


def test_a_goodbye_is_said(place: MakePlace) -> None:
    call = place().begin()
    call.talk([VOICE] * 10)
    call.close()
    goodbyes = [packet for data in call.peer.reports for packet in parse(data) if isinstance(packet, Goodbye)]
    assert goodbyes == [Goodbye((call.peer.came[0].packet.ssrc,))]


def test_reports_share_the_port_where_that_was_agreed(place: MakePlace) -> None:
    call = place(rtcp_mux=True).begin()
    call.talk([VOICE] * 300)
    assert reports(call)
    assert call.peer.reports_apart == 0
    call.peer.send_report(pack_report(Report(7, 0, 0, 0, 0, ()), "caller"), muxed=True)
    assert call.quality.packets_strange == 0
    assert len(call.brain.frames) == pytest.approx(300, abs=2)


def test_the_record_holds_what_the_caller_reports(place: MakePlace) -> None:
    call = place().begin()
    call.bridge.play(VOICE * 100)
    call.talk([VOICE] * 300)
    report_back(call, fraction_lost=51, jitter=80)
    quality = call.quality
    assert quality.far_lost_fraction == 0.2
    assert quality.far_jitter_ms == 10
    assert quality.round_trip_ms is not None
    assert 0 <= quality.round_trip_ms < 1_000
    assert quality.mos is not None
    assert quality.far_mos is not None
    assert quality.far_mos < 3 < 4.2 < quality.mos
    assert (quality.codec, quality.encrypted, quality.packets_received) == ("PCMU", False, 300)
    assert quality.first_spoken_ms == pytest.approx(0, abs=40)
    assert quality.latched == f"127.0.0.1:{call.peer.port}"


def test_the_record_can_be_asked_for_a_second_into_the_call(place: MakePlace) -> None:
    call = place().begin()
    call.talk([VOICE] * 52)
    measured = [message.quality for message in call.told if isinstance(message, Measured)]
    assert [quality.packets_received for quality in measured] == [pytest.approx(50, abs=2)]
    call.talk([VOICE] * 500)
    assert len([message for message in call.told if isinstance(message, Measured)]) == 3


def test_nonsense_instead_of_reports_is_counted(place: MakePlace) -> None:
    call = place().begin()
    call.talk([VOICE] * 10)
    call.peer.send_report(b"\x80\xc9\xff\xff")
    assert call.quality.packets_strange == 1


def test_a_silent_caller_is_news_and_not_the_end(place: MakePlace) -> None:
    call = place().begin()
    call.talk([VOICE] * 50)
    call.run(2.5)
    assert call.events() == []
    call.run(2.0)
    assert call.events() == ["no_sound_from_caller"]
    assert "muted" in call.words("no_sound_from_caller")
    call.run(20.0)
    assert call.events() == ["no_sound_from_caller"]
    call.talk([VOICE] * 100)
    assert call.events() == ["no_sound_from_caller", "sound_returned"]
    assert call.hang_ups() == []


def test_a_caller_who_was_never_heard(place: MakePlace) -> None:
    call = place().begin()
    call.run(5.0)
    assert "firewall or NAT" in call.words("no_sound_from_caller")
    assert call.facts("no_sound_from_caller")["packetsNotAccepted"] == 0


def test_a_caller_who_sends_what_was_not_agreed(place: MakePlace) -> None:
    call = place().begin()
    call.talk([VOICE] * 250, payload_type=18)
    assert "compare the codecs" in call.words("no_sound_from_caller")


def test_nothing_at_all_for_a_minute_is_the_end(place: MakePlace) -> None:
    call = place().begin()
    call.talk([VOICE] * 50)
    call.run(59.0)
    assert call.hang_ups() == []
    call.run(3.0)
    assert call.hang_ups()[0] == "media-timeout"
    assert "neither sound nor reports" in call.words("media_timeout")


def test_reports_keep_a_muted_call_alive(place: MakePlace) -> None:
    call = place().begin()
    call.talk([VOICE] * 50)
    for _ in range(20):
        call.run(10.0)
        report_back(call)
    assert call.hang_ups() == []


def test_a_held_call_is_never_dead(place: MakePlace) -> None:
    call = place().begin()
    call.talk([VOICE] * 50)
    call.redirect(send=False, receive=False)
    call.run(600.0)
    assert (call.events(), call.hang_ups()) == ([], [])
    call.redirect(send=True, receive=True)
    call.run(2.0)
    assert call.events() == []
    call.run(61.0)
    assert call.hang_ups()[0] == "media-timeout"


def test_sound_from_elsewhere_is_told_and_answered(place: MakePlace) -> None:
    call = place().begin()
    elsewhere = Stranger()
    for _ in range(100):
        call.peer.send(VOICE, source=elsewhere.rtp)
        call.run(FRAME_S)
    assert call.events() == ["sound_from_elsewhere"]
    facts = call.facts("sound_from_elsewhere")
    assert facts["signalled"] == f"127.0.0.1:{call.peer.port}"
    assert facts["source"] != facts["signalled"]
    assert "another port of the same host" in call.words("sound_from_elsewhere")
    assert elsewhere.count() > 90
    elsewhere.close()


def test_a_caller_who_hears_nothing(place: MakePlace) -> None:
    call = place().begin()
    for _ in range(4):
        call.talk([VOICE] * 300)
        report_back(call, highest=5)
    assert call.events() == ["caller_hears_nothing"]
    report_back(call)
    assert call.events() == ["caller_hears_nothing", "caller_hears_again"]
