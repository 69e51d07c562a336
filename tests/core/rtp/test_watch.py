from typing import Any

from callgate.core.rtp.watch import Verdict, Watch

SDP, PUBLIC = ("10.0.0.5", 4_000), ("203.0.113.9", 61_000)


class Call:
    """A watched call, asked once a second."""

    def __init__(self, **settings: Any) -> None:
        self.watch = Watch(**settings)
        self.watch.begin(0.0)
        self.now_s = 0.0
        self.heard_s: float | None = None
        self.source: tuple[str, int] | None = None
        self.told: list[Verdict] = []

    def passes(self, seconds: int, *, talking: bool = False, reporting: bool = False, strange: int = 0) -> list[str]:
        before = len(self.told)
        for _ in range(seconds):
            self.now_s += 1
            if talking:
                self.heard_s = self.now_s
            if reporting:
                self.watch.reported(self.now_s)
            self.told += self.watch.check(self.now_s, self.heard_s, self.source, SDP, strange)
        return [verdict.slug for verdict in self.told[before:]]


def test_a_call_that_is_heard_is_no_news() -> None:
    assert Call().passes(600, talking=True) == []


def test_a_caller_never_heard_is_told_once_with_the_likely_cause_and_ends_after_a_minute() -> None:
    call = Call()
    assert call.passes(59) == ["no_sound_from_caller"]
    assert "firewall or NAT" in call.told[0].words
    assert "10.0.0.5:4000" in call.told[0].words
    assert call.passes(1) == ["media_timeout"]
    assert call.told[-1].ends


def test_what_comes_and_is_not_understood_is_another_cause() -> None:
    call = Call()
    call.passes(4, strange=150)
    assert "compare the codecs and SRTP" in call.told[0].words


def test_a_muted_caller_whose_phone_reports_stays_for_hours() -> None:
    call = Call()
    call.passes(10, talking=True)
    assert call.passes(3 * 3_600, reporting=True) == ["no_sound_from_caller"]
    assert call.told[0].severity == "info"
    assert "muted" in call.told[0].words


def test_a_caller_who_reports_but_never_sent_sound_is_told_apart() -> None:
    call = Call()
    call.passes(5, reporting=True)
    assert "its reports do come" in call.told[0].words


def test_each_silence_is_told_once_and_so_is_its_end() -> None:
    call = Call()
    call.passes(10, talking=True)
    assert call.passes(10) == ["no_sound_from_caller"]
    assert call.passes(10, talking=True) == ["sound_returned"]
    assert call.passes(10) == ["no_sound_from_caller"]


def test_on_hold_nothing_is_expected_and_time_begins_anew_afterwards() -> None:
    call = Call()
    call.passes(10, talking=True)
    call.watch.hold(True, call.now_s)
    assert call.passes(3_600) == []
    call.watch.hold(False, call.now_s)
    assert call.passes(2) == []
    assert call.passes(58) == ["no_sound_from_caller", "media_timeout"]


def test_where_sound_really_comes_from_is_told_once_with_the_cause() -> None:
    call = Call()
    call.source = PUBLIC
    assert call.passes(10, talking=True) == ["sound_from_elsewhere"]
    assert "behind a NAT" in call.told[0].words
    assert call.told[0].extras == {"source": "203.0.113.9:61000", "signalled": "10.0.0.5:4000"}
    call.source = ("10.0.0.5", 4_002)
    call.passes(5, talking=True)
    assert "another port of the same host" in call.told[-1].words
    call.source = ("10.0.0.77", 4_002)
    call.passes(5, talking=True)
    assert "session border controller" in call.told[-1].words


def test_a_caller_whose_reports_count_nothing_new_hears_nothing() -> None:
    watch = Watch()
    slugs = [verdict.slug for sent in range(250, 2_000, 250) for verdict in watch.received_up_to(17, sent)]
    assert slugs == ["caller_hears_nothing"]
    assert [verdict.slug for verdict in watch.received_up_to(300, 2_250)] == ["caller_hears_again"]


def test_the_timeout_can_be_switched_off() -> None:
    assert Call(timeout_s=0).passes(600) == ["no_sound_from_caller"]
