"""RTCP: what both ends tell each other about the sound. RFC 3550 section 6 (RTP Control Protocol -- RTCP).

Every packet begins with the same word; the length counts 32-bit words after it::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|   RC    |      PT       |             length            |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

A sender report goes on with the sender's SSRC, its wall clock (64 bits), the RTP timestamp of that moment, and how many
packets and octets it has sent; a receiver report with the SSRC alone. Both end in report blocks::

    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
    |                 SSRC of the source reported on                |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | fraction lost |       cumulative number of packets lost       |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |           extended highest sequence number received           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                      interarrival jitter                      |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                         last SR (LSR)                         |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                   delay since last SR (DLSR)                  |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

import struct
from typing import Final, NamedTuple

_HEAD: Final = struct.Struct(">BBH")
_SENDER: Final = struct.Struct(">IQIII")
_BLOCK: Final = struct.Struct(">IIIIII")
_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_CNAME: Final = 1
_VERSION: Final = 0x80
_PADDED: Final = 0x20
_COUNT: Final = 0x1F
# Between 1900, where NTP begins to count, and 1970. RFC 3550 section 4 (Byte Order, Alignment, and Time Format).
_NTP_EPOCH_S: Final = 2_208_988_800


class RtcpError(ValueError):
    """What is wrong with a packet."""


class ReportBlock(NamedTuple):
    """What one end says of what it received of the other. RFC 3550 section 6.4.1 (SR: Sender Report RTCP Packet).

    Attributes:
        ssrc: of the source reported on.
        fraction_lost: since the report before, 0 to 255 for 0 to 1.
        lost: since the beginning; negative when copies came.
        highest: sequence number received, with the number of its wraps above it.
        jitter: in ticks of the source's clock.
        last_report: the middle 32 bits of the wall clock in the last sender report; 0 when none came.
        since_last_report: since that one came, in 1/65,536 s.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    since_last_report: int


class Report(NamedTuple):
    """A sender report, or a receiver report.

    Attributes:
        ssrc: of who reports.
        wall_clock: NTP timestamp, 64 bits; 0 in a receiver report.
        timestamp: RTP timestamp of the same moment; 0 likewise.
        packets: sent so far; 0 likewise.
        octets: of payload, likewise.
        blocks: on what it received.
    """

    ssrc: int
    wall_clock: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...]


class Goodbye(NamedTuple):
    """Sources that leave. RFC 3550 section 6.6 (BYE: Goodbye RTCP Packet)."""

    ssrcs: tuple[int, ...]


def wall_clock(unix_s: float) -> int:
    """Seconds since 1970 as an NTP timestamp of 64 bits."""
    return int((unix_s + _NTP_EPOCH_S) * (1 << 32)) & 0xFFFF_FFFF_FFFF_FFFF


def middle(ntp: int) -> int:
    """The middle 32 bits of an NTP timestamp: 1/65,536 s, wrapping every 18 hours."""
    return ntp >> 16 & 0xFFFF_FFFF


def round_trip_s(now: int, block: ReportBlock) -> float | None:
    """The round trip that a block shows. RFC 3550 section 6.4.1, figure 2.

    Args:
        now: our wall clock as it came, NTP.
        block: about us.

    Returns:
        Seconds; ``None`` when the peer has seen no report of ours, or says what cannot be.
    """
    if not block.last_report:
        return None
    ticks = middle(now) - block.last_report - block.since_last_report & 0xFFFF_FFFF
    return ticks / 65_536 if ticks < 0x8000_0000 else None


def pack_report(report: Report, cname: str) -> bytes:
    """A compound packet: the report, and who we are. RFC 3550 section 6.1 (RTCP Packet Format).

    Args:
        report: a sender report when it counts packets, else a receiver report.
        cname: for the SDES that must come along; up to 255 bytes.
    """
    blocks = b"".join(_block_bytes(block) for block in report.blocks[:_COUNT])
    count = min(len(report.blocks), _COUNT)
    if report.packets:
        body = _SENDER.pack(
            report.ssrc,
            report.wall_clock,
            report.timestamp & 0xFFFF_FFFF,
            report.packets & 0xFFFF_FFFF,
            report.octets & 0xFFFF_FFFF,
        )
        first = _packet(_SR, count, body + blocks)
    else:
        first = _packet(_RR, count, report.ssrc.to_bytes(4) + blocks)
    name = cname.encode()[:255]
    chunk = report.ssrc.to_bytes(4) + bytes((_CNAME, len(name))) + name
    # Items end with a zero, and are filled up with zeros to a whole word.
    return first + _packet(_SDES, 1, chunk + bytes(4 - len(chunk) % 4))


def pack_goodbye(ssrc: int) -> bytes:
    """That we leave; to follow a report in one datagram."""
    return _packet(_BYE, 1, ssrc.to_bytes(4))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(_VERSION | count, kind, len(body) // 4) + body


def _block_bytes(block: ReportBlock) -> bytes:
    lost = max(-0x80_0000, min(0x7F_FFFF, block.lost)) & 0xFF_FFFF
    return _BLOCK.pack(
        block.ssrc,
        block.fraction_lost << 24 | lost,
        block.highest & 0xFFFF_FFFF,
        min(block.jitter, 0xFFFF_FFFF),
        block.last_report,
        min(block.since_last_report, 0xFFFF_FFFF),
    )


def parse(data: bytes) -> list[Report | Goodbye]:
    """The reports and goodbyes of a compound packet; other kinds (SDES, APP, XR, feedback) are passed over.

    Raises:
        RtcpError: it is none, or a length within it is wrong.
    """
    found: list[Report | Goodbye] = []
    at = 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise RtcpError(f"an RTCP packet begins with {len(data) - at} bytes; expected at least {_HEAD.size}")
        first, kind, words = _HEAD.unpack_from(data, at)
        if first & 0xC0 != _VERSION:
            raise RtcpError(f"the version of an RTCP packet is {first >> 6}; expected 2")
        start, end = at + _HEAD.size, at + _HEAD.size + 4 * words
        if end > len(data):
            raise RtcpError(f"an RTCP packet says it is {end - at} bytes long; {len(data) - at} came")
        body = data[start:end]
        if first & _PADDED:
            if not body or not 0 < body[-1] <= len(body):
                raise RtcpError("the padding of an RTCP packet is longer than the packet")
            body = body[: len(body) - body[-1]]
        if kind in (_SR, _RR):
            found.append(_report(kind, first & _COUNT, body))
        elif kind == _BYE:
            found.append(_goodbye(first & _COUNT, body))
        at = end
    return found


def _report(kind: int, count: int, body: bytes) -> Report:
    head = _SENDER.size if kind == _SR else 4
    if len(body) < head + count * _BLOCK.size:
        raise RtcpError(
            f"a report of {count} blocks has {len(body)} bytes; expected at least {head + count * _BLOCK.size}"
        )
    ssrc, ntp, timestamp, packets, octets = (
        _SENDER.unpack_from(body) if kind == _SR else (int.from_bytes(body[:4]), 0, 0, 0, 0)
    )
    blocks = []
    for source, losses, highest, jitter, last, since in _BLOCK.iter_unpack(body[head : head + count * _BLOCK.size]):
        lost = losses & 0xFF_FFFF
        blocks.append(
            ReportBlock(
                source, losses >> 24, lost - 0x100_0000 if lost & 0x80_0000 else lost, highest, jitter, last, since
            )
        )
    return Report(ssrc, ntp, timestamp, packets, octets, tuple(blocks))


def _goodbye(count: int, body: bytes) -> Goodbye:
    if len(body) < 4 * count:
        raise RtcpError(f"a goodbye of {count} sources has {len(body)} bytes; expected at least {4 * count}")
    return Goodbye(struct.unpack_from(f">{count}I", body))
