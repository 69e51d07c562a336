"""Packets of sound: RTP, RFC 4733 digits and RTCP, one datagram or a stream of them.

The first byte tells which: 0: a datagram taken for RTP, RTCP and an event; otherwise datagrams, each behind a byte that
says how long it is and one that says how much later it came, in ms.
"""

from callgate.core.rtp.digits import DIGITS, DigitReceiver
from callgate.core.rtp.packet import pack, unpack
from callgate.core.rtp.reception import Lost, Reception, Silent
from callgate.core.rtp.rtcp import Goodbye, Report, RtcpError, pack_goodbye, pack_report, parse


def check(data: bytes) -> None:
    """RTP never raises, RTCP nothing but `RtcpError`; what was read and is written reads the same."""
    if not data or data[0] == 0:
        _rtp(data[1:])
        _rtcp(data[1:])
        _digit(data[1:])
    else:
        _stream(data[1:])


def _rtp(data: bytes) -> None:
    packet = unpack(data)
    if packet is None:
        return
    assert len(packet.payload) <= len(data)
    written = pack(*packet)
    assert unpack(written) == packet


def _rtcp(data: bytes) -> None:
    try:
        found = parse(data)
    except RtcpError as error:
        assert str(error)
        return
    for item in found:
        if isinstance(item, Goodbye):
            assert parse(b"".join(pack_goodbye(ssrc) for ssrc in item.ssrcs)) == [Goodbye((one,)) for one in item.ssrcs]
        elif item.packets or not (item.wall_clock or item.timestamp or item.octets):
            assert parse(pack_report(item, "callgate")) == [Report(*item)]


def _digit(data: bytes) -> None:
    receiver = DigitReceiver()
    for at in range(0, len(data), 4):
        heard = receiver.push(at, data[at:])
        assert heard is None or (heard[0] in DIGITS and heard[1] >= 0)
        assert receiver.push(at, data[at:]) is None  # a copy


def _stream(data: bytes) -> None:
    """Whatever comes, no more sound is heard than came, and no more is made up than a pause may be long."""
    reception = Reception()
    now_s, at, heard_bytes, sent_bytes = 1_000.0, 0, 0, 0
    while at + 2 <= len(data):
        length, wait_ms = data[at], data[at + 1]
        packet = unpack(data[at + 2 : at + 2 + length])
        at += 2 + length
        now_s += wait_ms / 1_000
        heard = list(reception.due(now_s))
        if packet is not None:
            sent_bytes += len(packet.payload)
            heard += reception.push(packet.sequence, packet.timestamp, packet.ssrc, packet.payload, now_s)
        for item in heard:
            if isinstance(item, Lost):
                assert 0 < item.packets <= 100
            elif isinstance(item, Silent):
                assert 0 <= item.ms <= 10_000
            else:
                heard_bytes += len(item)
    assert heard_bytes <= sent_bytes
    assert reception.jitter_ticks >= 0
    assert min(reception.received, reception.lost, reception.late, reception.duplicate, reception.reordered) >= 0


if __name__ == "__main__":
    from tests.fuzz.running import run

    run("rtp")
