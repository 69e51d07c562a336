import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rtp.rtcp import (
    Goodbye,
    Report,
    ReportBlock,
    RtcpError,
    middle,
    pack_goodbye,
    pack_report,
    parse,
    round_trip_s,
    wall_clock,
)

BLOCK = ReportBlock(0x11223344, 64, -2, 0x1_0005, 40, 0xAABBCCDD, 65_536)
SENDER = Report(7, wall_clock(1_700_000_000.5), 1_600, 10, 1_600, (BLOCK,))


@pytest.mark.rfc("3550", "6.4.1", "SR: Sender Report RTCP Packet")
def test_a_sender_report_goes_there_and_back() -> None:
    assert parse(pack_report(SENDER, "callgate")) == [SENDER]


@pytest.mark.rfc("3550", "6.4.2", "RR: Receiver Report RTCP Packet")
def test_who_has_sent_nothing_reports_as_receiver() -> None:
    report = Report(7, 0, 0, 0, 0, (BLOCK,))
    packed = pack_report(report, "callgate")
    assert packed[1] == 201
    assert parse(packed) == [report]


@pytest.mark.rfc("3550", "6.1", "RTCP Packet Format")
@pytest.mark.parametrize("cname", ["", "a", "ab", "abc", "abcd", "x" * 300])
def test_every_packet_of_a_compound_is_whole_words_and_the_name_ends_in_a_zero(cname: str) -> None:
    packed = pack_report(SENDER, cname)
    assert len(packed) % 4 == 0
    assert packed[-1] == 0
    assert parse(packed) == [SENDER]


@pytest.mark.rfc("3550", "6.6", "BYE: Goodbye RTCP Packet")
def test_a_goodbye_follows_a_report() -> None:
    assert parse(pack_report(SENDER, "x") + pack_goodbye(7)) == [SENDER, Goodbye((7,))]


def test_other_kinds_are_passed_over() -> None:
    unknown = bytes((0x80, 204, 0, 2)) + bytes(8)
    assert parse(unknown + pack_goodbye(9)) == [Goodbye((9,))]


def test_padding_is_taken_off() -> None:
    assert parse(bytes((0xA1, 203, 0, 2)) + (9).to_bytes(4) + bytes((0, 0, 0, 4))) == [Goodbye((9,))]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x80", "begins with 1 bytes; expected at least 4"),
        (b"\x40\xc8\0\0", "the version of an RTCP packet is 1; expected 2"),
        (b"\x80\xc8\0\x06", "says it is 28 bytes long; 4 came"),
        (b"\x81\xc9\0\x01" + bytes(4), "a report of 1 blocks has 4 bytes; expected at least 28"),
        (b"\x82\xcb\0\x01" + bytes(4), "a goodbye of 2 sources has 4 bytes; expected at least 8"),
        (b"\xa0\xcb\0\x01" + b"\0\0\0\x09", "the padding of an RTCP packet is longer"),
    ],
)
def test_what_is_wrong_is_told_in_words(data: bytes, words: str) -> None:
    with pytest.raises(RtcpError, match=words):
        parse(data)


@given(st.binary(max_size=200))
def test_anything_is_read_or_refused(data: bytes) -> None:
    try:
        found = parse(data)
    except RtcpError:
        return
    assert len(found) <= len(data) // 4


@pytest.mark.rfc("3550", "6.4.1", "SR: Sender Report RTCP Packet")
def test_the_round_trip_of_the_standards_own_example() -> None:
    """Figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000, so 6.125 s."""
    block = ReportBlock(1, 0, 0, 0, 0, 0xB705_2000, 0x0005_4000)
    assert round_trip_s(0xB710_8000 << 16, block) == 6.125


def test_no_round_trip_without_a_report_of_ours_nor_from_a_clock_that_cannot_be() -> None:
    assert round_trip_s(1 << 40, ReportBlock(1, 0, 0, 0, 0, 0, 0)) is None
    assert round_trip_s(0, ReportBlock(1, 0, 0, 0, 0, 5, 65_536)) is None


@pytest.mark.rfc("3550", "4", "Byte Order, Alignment, and Time Format")
def test_the_wall_clock_counts_from_1900() -> None:
    assert wall_clock(0.5) == 2_208_988_800 << 32 | 1 << 31
    assert middle(0x1122_3344_5566_7788) == 0x3344_5566
