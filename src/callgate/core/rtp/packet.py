"""RTP packets. RFC 3550 section 5.1 (RTP Fixed Header Fields).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                           timestamp                           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |           synchronization source (SSRC) identifier            |
    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
    |            contributing source (CSRC) identifiers             |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

import struct
from typing import Final, NamedTuple

HEADER: Final = struct.Struct(">BBHII")
"""First byte, marker and payload type, sequence number, timestamp, SSRC: for who counts microseconds."""
HEADER_BYTES: Final = HEADER.size
PLAIN: Final = 0x80
"""The first byte of nearly every packet: version 2, no padding, no extension, no contributing sources."""


class Packet(NamedTuple):
    """One packet.

    Attributes:
        payload_type: 0 to 127.
        marker: first of a talkspurt, or of a digit.
        sequence: 0 to 65,535.
        timestamp: in samples, 32 bits.
        ssrc: 32 bits.
        payload: without padding.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def pack(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """One packet on the wire; numbers are taken modulo their size."""
    second = payload_type | 0x80 if marker else payload_type
    return HEADER.pack(PLAIN, second, sequence & 0xFFFF, timestamp & 0xFFFF_FFFF, ssrc & 0xFFFF_FFFF) + payload


def unpack(data: bytes) -> Packet | None:
    """A packet from the wire; ``None`` for whatever is none."""
    if len(data) < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first & 0xC0 != PLAIN:
        return None
    start, end = HEADER_BYTES, len(data)
    if first != PLAIN:  # padding, extension, contributing sources: rare
        start += 4 * (first & 0x0F)
        if first & 0x10:
            if start + 4 > end:
                return None
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
        if first & 0x20:
            if not data[-1]:
                return None
            end -= data[-1]
        if start > end:
            return None
    return Packet(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[start:end])
